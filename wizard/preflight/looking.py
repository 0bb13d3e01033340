"""Looks at all hosts at once, and gathers what was found."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import secrets as random
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from harbor_wizard.engine.runner import Connect
from harbor_wizard.errors import HarborWizardError, SecretsError
from harbor_wizard.language import tr, trn
from harbor_wizard.model.cluster import Cluster, Host, Role
from harbor_wizard.preflight import fetching, objects, postgres, resp, segment, store, supplies
from harbor_wizard.preflight.check import Seen
from harbor_wizard.preflight.checks import CHECKS, LISTENING_CHECKS, TITLES
from harbor_wizard.preflight.facts import Facts, script, shared_folders
from harbor_wizard.preflight.finding import Finding, Level
from harbor_wizard.secrets import SecretValues
from harbor_wizard.transport.base import Call, Phase, Transport

_LATE = 20.0  # seconds that a slow host may take to begin
_ANSWER_WITHIN = 45.0  # seconds: a host with a dead NFS mount answers `df` never

OnHost = Callable[[str, str], None]
_Ask = Callable[[Cluster, Transport, SecretValues], str]


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
    values: SecretValues | None = None, folder: Path | None = None,
) -> Preflight:  # fmt: skip
    """Look at all hosts at once, or at some of them.

    Nothing is changed there, but for one file of each node in a shared image store, which is
    removed again (see `store`). `only` names the checks that are wanted. `on_host` is called by
    threads, with a host's name and how it stands. `values` are the secrets that are here: what
    needs another one is not looked at, and says so. `folder` is where relative paths of the
    cluster file start from. A host that cannot be looked at is a finding of its own; nothing is
    raised.
    """
    looked = hosts if hosts is not None else cluster.hosts
    wanted = {one.name for one in CHECKS} if only is None else set(only)
    secrets = values or SecretValues({}, {})
    visits = [Visit(cluster, host, connect, on_host or _nothing, wanted, secrets)
              for host in looked]  # fmt: skip
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(visits) + 1) as pool:
        here = pool.submit(supplies.here, cluster, folder, wanted)
        try:
            list(pool.map(Visit.look, visits))
            tokens = {one.name: one.token for one in visits if one.wrote}
            if len(tokens) > 1:
                list(pool.map(lambda one: one.look_for(tokens), visits))
            # What hosts say to each other is heard by those that listen at that moment.
            if not LISTENING_CHECKS.isdisjoint(wanted):
                token = random.token_hex(8)
                list(pool.map(lambda one: one.listen(token), visits))
        finally:
            # Also when the look ends badly: what was written is removed by who wrote it.
            list(pool.map(Visit.end, visits))
    return judge(cluster, looked, {one.name: one.answer(here.result()) for one in visits}, only)


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


class Visit:
    """One host, looked at over one connection."""

    def __init__(
        self, cluster: Cluster, host: Host, connect: Connect, on_host: OnHost,
        wanted: Collection[str], values: SecretValues,
    ) -> None:  # fmt: skip
        self._cluster, self._host, self._connect = cluster, host, connect
        self._on_host, self._wanted, self._values = on_host, wanted, values
        self._transport: Transport | None = None
        self._text = ""
        self._clock_off: float | None = None
        self._why = ""  # it could not be looked at
        self.token = store.new_token(host.name)
        self.wrote = False

    @property
    def name(self) -> str:
        """The host's name."""
        return self._host.name

    def look(self) -> None:
        """Ask all that is asked of a host alone, and write to the image store."""
        try:
            self._on_host(self.name, "connecting")
            self._transport = self._connect(self._host)
            self._transport.connect()
            self._on_host(self.name, "looking")
            self._ask(self._transport)
        except SecretsError as error:
            self._why = str(error)
        except HarborWizardError as error:
            self._why = str(error).removeprefix(f"{self.name}: ")
        except Exception as error:  # the table has to say something, whatever went wrong
            self._why = tr("{error} while it was looked at", error=type(error).__name__)

    def _ask(self, transport: Transport) -> None:
        node = Role.HARBOR in self._host.roles
        asked = [(word, one) for word, names, one in _SERVICES
                 if node and names & set(self._wanted)]  # fmt: skip
        # What is said through channels of their own does not wait for the shell.
        with concurrent.futures.ThreadPoolExecutor(max_workers=len(_SERVICES) + 1) as pool:
            said = [pool.submit(self._ask_service, word, one, transport) for word, one in asked]
            if {"installer", "packages"} & set(self._wanted):
                said.append(pool.submit(fetching.ask, self._cluster, self._host, transport))
            before = time.time()
            answer = self._run(script(self._cluster, self._host))
            if not Facts(answer):
                self._why = tr("it answers nothing that can be read")
                return
            self._clock_off = _clock_off(answer, before, time.time())
            self._text += answer
            tries = supplies.script(self._cluster, self._host, self._wanted)
            self._text += self._run(tries) if tries else ""
            if node and "store-shared" in self._wanted and shared_folders(self._cluster):
                self.wrote = True
                self._text += self._run(store.write(self._cluster, self.token))
            self._text += "".join(one.result() for one in said)

    def _ask_service(self, word: str, ask: _Ask, transport: Transport) -> str:
        try:
            return ask(self._cluster, transport, self._values)
        except Exception as error:  # what is known of the host is told nevertheless
            return f"{word}_unlooked\tbroken {type(error).__name__}\n"

    def _run(self, text: str, timeout: float = _ANSWER_WITHIN) -> str:
        if self._transport is None:
            return ""
        call = Call("preflight", Phase.LOOK, text, timeout=timeout)
        # The last line comes without its end.
        return f"{self._transport.run(call, lambda _: None).out}\n"

    def look_for(self, tokens: dict[str, str]) -> None:
        """Look for what the other nodes wrote."""
        others = {name: token for name, token in tokens.items() if name != self.name}
        if not self.wrote or self._why:
            return
        try:
            self._text += self._run(store.read(self._cluster, others))
        except Exception as error:  # as above
            self._why = tr("{error} while it was looked at", error=type(error).__name__)

    def listen(self, token: str) -> None:
        """Let the host speak to its peers, and add what it hears; nothing where it did not answer.

        What goes wrong is told by the look at what was heard: nothing was.
        """
        if self._why or not segment.needs_listening(self._cluster, self._host):
            return
        text = segment.listening(self._cluster, self._host, token)
        with contextlib.suppress(Exception):  # a host that is lost by now is told of
            self._text += self._run(text, timeout=segment.LISTENS + _LATE)

    def end(self) -> None:
        """Remove what was written, and give the connection back."""
        try:
            if self.wrote:
                self._text += self._run(store.remove(self._cluster, self.token))
        except Exception:  # what waits for that on the host removes it, and it is told
            self._text += f"store_left\t{self.token}\n"
        finally:
            if self._transport is not None:
                self._transport.close()
            self._on_host(self.name, "")

    def answer(self, here: str) -> Facts | Finding:
        """Return what the host said, with what is so on this machine; or why it said nothing."""
        if self._why:
            return _not_reached(self._host, self._why)
        return Facts(self._text + here, self._clock_off)


# What is asked of services, with the first word of its facts, and for which looks.
_SERVICES: tuple[tuple[str, set[str], _Ask], ...] = (
    ("db", {"database-login", "database-version", "database-encoding", "database-rights",
            "database-tables"}, postgres.ask),
    ("redis", {"redis-login", "redis-master", "redis-memory", "redis-keys", "sentinel"}, resp.ask),
    ("store", {"object-store", "nfs"}, objects.ask),
)  # fmt: skip


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
