"""Does one step on one host: check, apply, verify."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harbor_wizard.engine.events import State
from harbor_wizard.errors import InputError, Interrupted, PreflightFailed, StepFailed
from harbor_wizard.journal import Journal
from harbor_wizard.language import tr
from harbor_wizard.step import Command, Step, Upload
from harbor_wizard.text import Values
from harbor_wizard.transport.base import Call, OnLines, OnProgress, Phase, Transport
from harbor_wizard.transport.detached import unit_name

_AGAIN_SECONDS = 2.0


@dataclass(frozen=True)
class Reporter:
    """Where a step's doings are told."""

    state: Callable[[Step, State], None]
    lines: Callable[[Step], OnLines]
    progress: Callable[[Step], OnProgress]


class Executor:
    """Does steps; one object for a run, used by the workers of all hosts."""

    def __init__(
        self, cluster: str, values: Values, journal: Journal, write: threading.Lock,
        locate: Callable[[str], Path], stop: threading.Event, report: Reporter,
    ) -> None:  # fmt: skip
        """`locate` gives the path of a local file; `write` guards the journal."""
        self._cluster = cluster
        self._values = values
        self._journal = journal
        self._write = write
        self._locate = locate
        self._stop = stop
        self._report = report
        self._sums: dict[Path, str] = {}
        self._summing = threading.Lock()

    def perform(self, step: Step, transport: Transport) -> State:
        """Make sure that a step is done. Raises `HarborWizardError`; says how it ended.

        It can be called again after any failure: the check decides what is left to do.
        """
        begun = time.monotonic()
        self._attach(step, transport)
        self._report.state(step, State.CHECKING)
        if step.apply is None:
            self._wait_for(step, step.check, Phase.LOOK, transport)
            self._ended(step, State.DONE, begun)
            return State.DONE
        if self._is_so(step, step.check, Phase.CHECK, transport)[0]:
            self._ended(step, State.ALREADY, begun)
            return State.ALREADY
        if self._stop.is_set():
            raise Interrupted(tr("{host}: stopped before {step}", host=step.host, step=step.id))
        with self._write:
            self._journal.write("begun", step=step.id, inputs=step.fingerprint,
                                **undo_record(step))  # fmt: skip
        self._remember(step, transport)
        self._report.state(step, State.RUNNING)
        self._apply(step, transport)
        self._report.state(step, State.VERIFYING)
        if not isinstance(step.apply, Upload):
            self._wait_for(step, step.verify or step.check, Phase.VERIFY, transport)
        self._ended(step, State.DONE, begun)
        return State.DONE

    def _ended(self, step: Step, state: State, begun: float) -> None:
        seconds = round(time.monotonic() - begun, 3)
        with self._write:
            self._journal.write("ended", step=step.id, state=state.value, seconds=seconds,
                                inputs=step.fingerprint, needs=sorted(step.needs))  # fmt: skip

    def _remember(self, step: Step, transport: Transport) -> None:
        """Have the host keep what is there before the step changes it."""
        if step.remember is None:
            return
        call = self._call(step, step.remember, Phase.HOUSEKEEPING)
        result = transport.run(call, _nothing)
        if not result.ok:
            said = tr("what is there before could not be kept, so nothing was changed")
            raise StepFailed(f"{step.host}: {step.title}: {said}{tail(result.err)}")

    def _attach(self, step: Step, transport: Transport) -> None:
        """Where an earlier run left this step's unit running, see it through to its end."""
        if isinstance(step.apply, Command) and step.apply.detached:
            unit = unit_name(self._cluster, step.id)
            transport.attach(unit, self._report.lines(step), self._stop)

    def _call(self, step: Step, command: Command, phase: Phase) -> Call:
        given = command.input.raw(self._values).encode() if command.input is not None else None
        script = command.script.raw(self._values)
        return Call(step.id, phase, script, given, command.timeout)

    def _is_so(
        self, step: Step, command: Command, phase: Phase, transport: Transport
    ) -> tuple[bool, str]:
        result = transport.run(self._call(step, command, phase), _nothing)
        said = "\n".join(part for part in (result.out.strip(), result.err.strip()) if part)
        if isinstance(step.apply, Upload) and result.ok and result.out:
            return result.out.split()[0] == self._sum(step.apply), said
        return result.ok, said

    def _wait_for(self, step: Step, command: Command, phase: Phase, transport: Transport) -> None:
        deadline = time.monotonic() + step.wait
        while True:
            so, said = self._is_so(step, command, phase, transport)
            if so:
                return
            if time.monotonic() >= deadline:
                break
            if self._stop.wait(_AGAIN_SECONDS):
                raise Interrupted(
                    tr("{host}: stopped while waiting: {title}", host=step.host, title=step.title)
                )
        error = PreflightFailed if step.component == "preflight" else StepFailed
        waited = tr(" after {seconds} s", seconds=f"{step.wait:.0f}") if step.wait else ""
        what = tr("not so") if step.apply is None else tr("applied, but not seen to be so")
        raise error(f"{step.host}: {step.title}: {what}{waited}{tail(said)}")

    def _apply(self, step: Step, transport: Transport) -> None:
        if isinstance(step.apply, Upload):
            source = self._locate(step.apply.source)
            transport.upload(step.id, source, step.apply.path, self._sum(step.apply),
                             self._report.progress(step), self._stop)  # fmt: skip
            return
        if step.apply is None:
            return
        call = self._call(step, step.apply, Phase.APPLY)
        if step.apply.detached:
            unit = unit_name(self._cluster, step.id)
            result = transport.detach(call, unit, self._report.lines(step), self._stop)
        else:
            result = transport.run(call, self._report.lines(step))
        if not result.ok:
            said = "\n".join(part for part in (result.out, result.err) if part.strip())
            ended = tr("exit code {number}", number=result.exit)
            raise StepFailed(f"{step.host}: {step.title}: {ended}{tail(said)}")

    def _sum(self, upload: Upload) -> str:
        """Return the local file's SHA-256, computed once. Raises `InputError` if not as said."""
        path = self._locate(upload.source)
        with self._summing:
            if path not in self._sums:
                try:
                    with path.open("rb") as stream:
                        self._sums[path] = hashlib.file_digest(stream, "sha256").hexdigest()
                except OSError as error:
                    raise InputError(
                        tr(
                            "{path} cannot be read ({reason}); check installer.file, or "
                            "packages.bundle", path=path, reason=error.strerror,
                        )
                    ) from None  # fmt: skip
        found = self._sums[path]
        if upload.sha256 and upload.sha256 != found:
            raise InputError(
                tr(
                    "{path} has the SHA-256 {found}, the cluster file says {wanted}; the file is "
                    "damaged or another one: fetch it again",
                    path=path, found=found, wanted=upload.sha256,
                )
            )  # fmt: skip
        return found


def undo_record(step: Step) -> dict[str, Any]:
    """Return what the journal keeps of a step, so that it can be undone without the plan.

    Of what is sent as input there are only the names of secrets, as marks.
    """
    return {
        "host": step.host, "title": step.title, "needs": sorted(step.needs),
        "undo": _kept(step.undo), "undo_data": _kept(step.undo_data), "undone": step.undone,
    }  # fmt: skip


def _kept(command: Command | None) -> dict[str, Any] | None:
    if command is None:
        return None
    return {
        "script": command.script.marked(), "detached": command.detached,
        "input": command.input.marked() if command.input is not None else None,
        "timeout": command.timeout,
    }  # fmt: skip


def tail(said: str, lines: int = 6) -> str:
    """Return the last lines that a host said, to stand below a sentence."""
    last = [line for line in said.splitlines() if line.strip()][-lines:]
    return ":\n  " + "\n  ".join(last) if last else ""


def _nothing(_: Sequence[str]) -> None:
    pass
