"""Undo: what a session did is read from its journal, and taken back newest first.

The journal holds the scripts, so that neither the present plan nor the present cluster file can
change what is taken back; of the latter only the hosts and how they are reached are used. What may
hold somebody's data is taken back on request only, and last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from harbor_wizard.engine.events import Sink
from harbor_wizard.engine.runner import Connect, Outcome, Settings
from harbor_wizard.engine.undoer import UndoRunner, UndoStep
from harbor_wizard.errors import InputError, SecretsError
from harbor_wizard.journal import Journal, Record
from harbor_wizard.language import tr
from harbor_wizard.lock import Lock
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.plan import Plan
from harbor_wizard.run import Ask
from harbor_wizard.secrets import PASSPHRASE, SecretValues, missing
from harbor_wizard.session import Session
from harbor_wizard.step import Command
from harbor_wizard.text import Text

_PARTS = ("undo", "undo_data")


@dataclass(frozen=True)
class Item:
    """Something that a session did and that can be taken back. `at` is its place in the journal."""

    step: str
    host: str
    title: str
    how: str
    part: str
    command: Command
    at: int

    @property
    def is_data(self) -> bool:
        """Say whether it may hold somebody's data."""
        return self.part == "undo_data"

    @property
    def text(self) -> str:
        """A digest of what will be done."""
        return _digest(self.command)


@dataclass(frozen=True)
class Stays:
    """Something that a session did and that is left as it is."""

    step: str
    title: str
    why: str


@dataclass
class Found:
    """What a journal tells: what can be taken back, newest first, and what cannot."""

    items: list[Item] = field(default_factory=list)
    stays: list[Stays] = field(default_factory=list)
    needs: dict[str, set[str]] = field(default_factory=dict)

    def chosen(self, *, data: bool) -> list[Item]:
        """Return what is taken back, in its order on each host.

        What holds data goes last, when nothing uses it any more; but what is elsewhere (it reads
        secrets) goes in its place, for the programs that reach it go later.
        """
        wanted = [one for one in self.items if data or not one.is_data]
        return sorted(wanted, key=lambda one: one.is_data and one.command.input is None)

    @property
    def data(self) -> list[Item]:
        """What holds data."""
        return [one for one in self.items if one.is_data]


def read(records: list[Record]) -> Found:
    """Return what is to be taken back of a session."""
    items: dict[tuple[str, str, str], Item] = {}
    stays: dict[str, Stays] = {}
    old: set[str] = set()
    found = Found()
    for at, record in enumerate(records):
        step = record.data.get("step")
        if not isinstance(step, str):
            continue
        found.needs.setdefault(step, set()).update(record.data.get("needs", ()))
        if record.kind == "undone":
            items.pop((step, str(record.data.get("part")), str(record.data.get("text"))), None)
        elif record.kind == "begun" and "undo" not in record.data:
            # What it would put back was not kept.
            old.add(step)
            why = tr("an earlier harbor-wizard did it, which did not keep what was there before")
            stays[step] = Stays(step, step, why)
        elif record.kind == "begun" and step not in old:
            for part in _PARTS:
                item = _item(step, part, record, at)
                if item is not None:
                    # Where a step was done twice, its first time says what was built upon it.
                    items.setdefault((step, part, item.text), item)
            if all(record.data.get(part) is None for part in _PARTS):
                title, why = str(record.data["title"]), str(record.data["undone"])
                stays[step] = Stays(step, title, why or tr("there is no way back from it"))
    found.items = sorted(items.values(), key=lambda one: one.at, reverse=True)
    found.stays = list(stays.values())
    return found


def _item(step: str, part: str, record: Record, at: int) -> Item | None:
    data = record.data
    kept: dict[str, Any] | None = data.get(part)
    if kept is None:
        return None
    command = Command(
        Text.of(str(kept["script"])),
        input=Text.of(str(kept["input"])) if kept["input"] is not None else None,
        detached=bool(kept["detached"]), timeout=float(kept["timeout"]),
    )  # fmt: skip
    return Item(step, str(data["host"]), str(data["title"]), str(data["undone"]), part, command, at)


def _digest(command: Command) -> str:
    return hashlib.sha256(command.masked().encode()).hexdigest()[:16]


def make_plan(cluster: Cluster, found: Found, *, data: bool) -> tuple[Plan, list[Item]]:
    """Return the plan that takes back, and what is on hosts that the cluster has no more."""
    known = {host.name for host in cluster.hosts}
    chosen = found.chosen(data=data)
    here = [one for one in chosen if one.host in known]
    identities = _identities(here)
    waits = _waits(found, here)
    steps = [
        UndoStep(
            id=identities[number], host=item.host,
            title=tr("take back: {title}", title=item.title),
            why=item.how, check=item.command, apply=item.command,
            needs=frozenset(identities[other] for other in waits[number]),
            of=item.step, part=item.part, text=item.text,
        )
        for number, item in enumerate(here)
    ]  # fmt: skip
    return Plan(cluster, tuple(steps)), [one for one in chosen if one.host not in known]


def _identities(items: list[Item]) -> list[str]:
    """Return a name of its own for each: the step's id, with a word where that is taken."""
    taken: set[str] = set()
    names = []
    for item in items:
        name = f"{item.step}/data" if item.is_data else item.step
        number, plain = 1, name
        while name in taken:
            number += 1
            name = f"{plain}/{number}"
        taken.add(name)
        names.append(name)
    return names


def _waits(found: Found, items: list[Item]) -> list[set[int]]:
    """Return for each which ones of other hosts go before it: those that needed its step.

    Only later ones are waited for, so that no two can wait for each other, whatever plans the
    journal has seen.
    """
    at: dict[str, list[int]] = {}
    for number, item in enumerate(items):
        at.setdefault(item.step, []).append(number)
    waits: list[set[int]] = [set() for _ in items]
    for number, item in enumerate(items):
        for step in _reached(found.needs, item.step, at):
            for other in at[step]:
                needed = items[other]
                if (needed.host != item.host and needed.at < item.at
                        and not item.is_data):  # fmt: skip
                    waits[other].add(number)
    return waits


def _reached(needs: Mapping[str, set[str]], step: str, wanted: Mapping[str, Any]) -> set[str]:
    """Return the next steps before a step that are wanted, through others that are not."""
    seen, found, left = {step}, set(), list(needs.get(step, ()))
    while left:
        one = left.pop()
        if one in seen:
            continue
        seen.add(one)
        if one in wanted:
            found.add(one)
        else:
            left += needs.get(one, ())
    return found


def as_text(found: Found, *, data: bool) -> str:
    """Return what would be undone, newest first on each host, with the scripts."""
    lines = []
    chosen = found.chosen(data=data)
    for host in dict.fromkeys(one.host for one in chosen):
        lines += [f"== {host}", ""]
        here = [one for one in chosen if one.host == host]
        for number, item in enumerate(here, 1):
            lines += [f"{number:>3} {item.title} ({item.step})", f"      {item.how}"]
            lines += [f"      $ {line}" for line in item.command.masked().splitlines() if line]
            lines.append("")
    return "\n".join([*lines, *_left_out(found, data=data)])


def _left_out(found: Found, *, data: bool) -> list[str]:
    lines = [
        tr("stays: {step}: {why}", step=one.step, why=one.why) for one in found.stays
    ]
    if found.data and not data:
        hosts = ", ".join(sorted({one.host for one in found.data}))
        lines.append(tr("data stay on {hosts}; they are removed with --data only", hosts=hosts))
    return lines


def secrets_for(
    session: Session, plan: Plan, given: Mapping[str, str], ask: Ask
) -> SecretValues:
    """Return the secrets that this needs: for logins, and for what is dropped in a database.

    Raises `SecretsError` that names what is missing.
    """
    names: dict[str, None] = {}
    for host in plan.hosts:
        access = plan.cluster.reached_by(host)
        for reference in (access.password, access.sudo_password):
            if reference is not None:
                names[reference.removeprefix("secret:")] = None
    for step in plan.steps:
        if isinstance(step.apply, Command) and step.apply.input is not None:
            names.update({hole.name: None for hole in step.apply.input.holes})
    values = dict(given)
    if any(name not in values for name in names) and session.store.exists:
        if PASSPHRASE not in values:
            if ask is None:
                raise SecretsError(missing([PASSPHRASE]))
            values[PASSPHRASE] = ask(PASSPHRASE)
        values = {**session.store.read(values[PASSPHRASE]), **values}
    lacking = [name for name in names if name not in values]
    if lacking and ask is None:
        raise SecretsError(missing(lacking))
    for name in lacking:
        values[name] = ask(name) if ask else ""
    return SecretValues(values, {})


@contextmanager
def runner(
    session: Session, found: Found, plan: Plan, values: SecretValues, connect: Connect, sink: Sink,
    settings: Settings,
) -> Iterator[UndoRunner]:  # fmt: skip
    """Yield what takes back, with the session's lock held and its journal open.

    Raises `LockedError` where a run of the session is under way, and `InputError` where one was
    since the journal was read.
    """
    session.logs.mkdir(exist_ok=True)
    with Lock(session.lock_file), Journal(session.journal_file) as journal:
        if read(journal.records()).items != found.items:
            raise InputError(
                tr("the session was run meanwhile; nothing was changed, undo it again")
            )
        yield UndoRunner(
            plan, session.id, values, values.masker(), connect, journal, session.logs,
            session.local, sink, settings,
        )  # fmt: skip


def closing(
    session: Session, plan: Plan, outcome: Outcome, left: list[tuple[str, str]],
    gone: list[Item], *, data: bool,
) -> str:  # fmt: skip
    """Return the last lines, as the operator reads them: what was undone, what stays and why."""
    took = f"{int(outcome.seconds) // 60}:{int(outcome.seconds) % 60:02d}"
    total = len(plan.steps)
    lines = [
        tr("{host} could not be worked on: {reason}", host=host, reason=error)
        for host, error in outcome.unreached.items()
    ]
    lines += [f"  {tr('{host}: stays: {what}', host=host, what=what)}" for host, what in left]
    for host in dict.fromkeys(one.host for one in gone):
        number = sum(one.host == host for one in gone)
        lines.append(tr("{host} is not in the cluster file any more: {number} steps stay there",
                        host=host, number=number))  # fmt: skip
    lines += [f"  {one}" for one in _left_out(read(Journal(session.journal_file).records()),
                                              data=data)]  # fmt: skip
    if not outcome.left:
        lines.append(tr("undone in {took}: {number} steps", took=took, number=total))
    else:
        lines.append(tr("not finished: {done} of {total} steps undone, {failed} failed",
                        done=total - len(outcome.left), total=total,
                        failed=len(outcome.failed)))  # fmt: skip
        lines.append(tr("full output: {folder}", folder=session.logs))
        again = f"harbor-wizard undo {session.name}" + (" --data" if data else "")
        lines.append(tr("go on with: {command}", command=again))
    return "\n".join(lines)
