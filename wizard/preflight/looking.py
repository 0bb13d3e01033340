"""Looks at all hosts at once, and gathers what was found."""

from __future__ import annotations

import concurrent.futures
import json
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field, replace

from harbor_wizard.engine.runner import Connect
from harbor_wizard.errors import HarborWizardError, SecretsError
from harbor_wizard.language import tr, trn
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.preflight.check import Seen
from harbor_wizard.preflight.checks import CHECKS, TITLES
from harbor_wizard.preflight.facts import Facts, script
from harbor_wizard.preflight.finding import Finding, Level
from harbor_wizard.transport.base import Call, Phase

_ANSWER_WITHIN = 45.0  # seconds: a host with a dead NFS mount answers `df` never

OnHost = Callable[[str, str], None]


@dataclass(frozen=True)
class Preflight:
    """What was found on all hosts, at `time` (seconds since the epoch)."""

    hosts: tuple[str, ...]
    findings: tuple[Finding, ...]
    time: float = field(default_factory=time.time)

    def of(self, level: Level) -> tuple[Finding, ...]:
        """Return the findings of a level, in the order of the checks."""
        return tuple(one for one in self.findings if one.level is level)

    @property
    def well(self) -> bool:
        """Say whether nothing failed."""
        return not self.of(Level.FAILED) and not self.of(Level.UNKNOWN)

    @property
    def rows(self) -> tuple[str, ...]:
        """The names of the checks that some host has an answer to."""
        found = {one.check for one in self.findings}
        return tuple(name for name in TITLES if name in found)

    def at(self, check: str, host: str) -> Finding | None:
        """Return what a check found on a host; None where it does not apply there."""
        for one in self.findings:
            if one.check == check and one.host == host:
                return one
        return None

    def headline(self) -> str:
        """Say in one line how it went."""
        failed, warned = len(self.of(Level.FAILED)), len(self.of(Level.WARNING))
        unknown = len(self.of(Level.UNKNOWN))
        number, hosts = len(self.findings), len(self.hosts)
        parts = [tr("{number} looks at {hosts} hosts", number=number, hosts=hosts)]
        parts.append(tr("{number} failed", number=failed))
        parts.append(trn("{number} warning", "{number} warnings", warned))
        if unknown:
            parts.append(tr("{number} not known", number=unknown))
        return ", ".join(parts)

    def as_json(self) -> str:
        """Return it for other programs."""
        return json.dumps(
            {"time": self.time, "well": self.well,
             "findings": [{**asdict(one), "level": one.level.value} for one in self.findings]},
            indent=2, ensure_ascii=False,
        )  # fmt: skip

    def as_text(self) -> str:
        """Return it for people: what is not well, the same on several hosts once; then the sum."""
        lines: list[str] = []
        for name in self.rows:
            same: dict[Finding, list[str]] = {}
            for one in self.findings:
                if one.check == name and one.level is not Level.OK:
                    same.setdefault(replace(one, host=""), []).append(one.host)
            for one, hosts in same.items():
                lines += told(one, ", ".join(hosts))
        return "\n".join([*lines, self.headline()])


def told(finding: Finding, hosts: str) -> list[str]:
    """Return a finding in full: where, seen, wanted and why, and what to do."""
    title = tr(TITLES[finding.check])
    lines = [f"{finding.level.symbol} {title} ({hosts}): {finding.seen}"]
    if finding.wanted:
        lines.append("    " + tr("wanted: {wanted} ({source})", wanted=finding.wanted,
                                 source=finding.source))  # fmt: skip
    if finding.cure:
        lines.append("    " + tr("what to do: {cure}", cure=finding.cure))
    return lines


def look(
    cluster: Cluster, connect: Connect, *, on_host: OnHost | None = None,
    only: Collection[str] | None = None, hosts: tuple[Host, ...] | None = None,
) -> Preflight:  # fmt: skip
    """Look at all hosts at once, or at some of them; nothing is changed there.

    `only` names the checks that are wanted. `on_host` is called by threads, with a host's name and
    how it stands. A host that cannot be looked at is a finding of its own; nothing is raised.
    """
    looked = hosts if hosts is not None else cluster.hosts
    told_by = on_host or _nothing
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(len(looked), 1)) as pool:
        answers = dict(zip(
            [host.name for host in looked],
            pool.map(lambda host: _ask(cluster, host, connect, told_by), looked),
            strict=True,
        ))  # fmt: skip
    return judge(cluster, looked, answers, only)


def judge(
    cluster: Cluster, looked: tuple[Host, ...], answers: dict[str, Facts | Finding],
    only: Collection[str] | None = None,
) -> Preflight:  # fmt: skip
    """Return what the hosts' facts mean for the cluster."""
    facts = {name: one for name, one in answers.items() if isinstance(one, Facts)}
    findings: list[Finding] = []
    for host in looked:
        answer = answers[host.name]
        if isinstance(answer, Finding):
            findings.append(answer)
            continue
        findings.append(Finding("login", host.name, Level.OK, host.address, tr("yes")))
        seen = Seen(cluster, host, answer, facts)
        for check in CHECKS:
            if only is None or check.name in only:
                found = check.finding(seen)
                if found is not None:
                    findings.append(found)
    return Preflight(tuple(host.name for host in looked), tuple(findings))


def _nothing(_host: str, _state: str) -> None:
    pass


def _ask(cluster: Cluster, host: Host, connect: Connect, on_host: OnHost) -> Facts | Finding:
    """Return what a host says, or why it says nothing."""
    transport = None
    try:
        on_host(host.name, "connecting")
        transport = connect(host)
        transport.connect()
        on_host(host.name, "looking")
        call = Call("preflight", Phase.LOOK, script(cluster, host), timeout=_ANSWER_WITHIN)
        before = time.time()
        answer = transport.run(call, lambda _: None)
        facts = Facts(answer.out, _clock_off(answer.out, before, time.time()))
        if not facts:
            return _not_reached(host, tr("it answers nothing that can be read"))
    except SecretsError as error:
        return _not_reached(host, str(error))
    except HarborWizardError as error:
        return _not_reached(host, str(error).removeprefix(f"{host.name}: "))
    except Exception as error:  # the table has to say something, whatever went wrong
        return _not_reached(host, tr("{error} while it was looked at", error=type(error).__name__))
    finally:
        if transport is not None:
            transport.close()
        on_host(host.name, "")
    return facts


def _clock_off(answer: str, before: float, after: float) -> float | None:
    """Return how far a host's clock is from ours; it was asked between `before` and `after`."""
    said = Facts(answer).one("clock")
    try:
        theirs = float(said)
    except ValueError:
        return None
    if before <= theirs <= after:
        return 0.0
    return theirs - (before if theirs < before else after)


def _not_reached(host: Host, why: str) -> Finding:
    return Finding("login", host.name, Level.FAILED, why, tr("no"), host.address,
                   tr("all that follows is done over it"),
                   tr("mend it in Access, and try the hosts there"))  # fmt: skip
