"""Takes steps back: each host its own, newest first, side by side.

A failure keeps what the failed one stands on, and nothing else: a container that could not be
removed keeps its Docker, but not the other host's, nor a balancer beside it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from harbor_wizard.engine import hostlock
from harbor_wizard.engine.events import State
from harbor_wizard.engine.executor import Executor, tail
from harbor_wizard.engine.runner import Runner
from harbor_wizard.errors import Interrupted, StepFailed, TransportError
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Host
from harbor_wizard.step import Command, Step
from harbor_wizard.transport.base import Call, Phase, Transport
from harbor_wizard.transport.detached import unit_name

# What prints a line that is told to the operator, though nothing failed.
_LEFT = "left: "

# What a component stands on, on its host: these are not taken back before it is.
_STANDS_ON = {
    "harbor": {"docker", "storage", "trust", "nfs"},
    "services": {"docker", "harbor"},
    "storage": {"nfs"},
    "database": {"postgresql-client", "mariadb-client"},
}


@dataclass(frozen=True)
class UndoStep(Step):
    """The taking back of a step: `apply` does it.

    `of` is the step's id, `part` says whether it is of data (`undo_data`) or not (`undo`), `text`
    is the digest of what is done.
    """

    of: str = ""
    part: str = "undo"
    text: str = ""

    @property
    def component(self) -> str:
        """The component of the step that is taken back."""
        return self.of.split("/")[1]

    @property
    def unit(self) -> str:
        """The step's name for its unit, which is not that of what is taken back."""
        return f"{self.id}/{self.part}"


class Undoer(Executor):
    """Takes single steps back, and keeps in the journal that it did."""

    left: list[tuple[str, str]]

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.left = []

    def perform(self, step: Step, transport: Transport) -> State:
        """Take a step back. Raises `HarborWizardError`; it can be called again after any."""
        if not isinstance(step, UndoStep) or not isinstance(step.apply, Command):
            raise TypeError(step.id)
        begun = time.monotonic()
        unit = unit_name(self._cluster, step.unit)
        if step.apply.detached:
            transport.attach(unit, self._report.lines(step), self._stop)
        if self._stop.is_set():
            raise Interrupted(tr("{host}: stopped before {step}", host=step.host, step=step.id))
        self._report.state(step, State.RUNNING)
        call = self._call(step, step.apply, Phase.APPLY)
        if step.apply.detached:
            result = transport.detach(call, unit, self._report.lines(step), self._stop)
        else:
            result = transport.run(call, self._report.lines(step))
        if not result.ok:
            said = "\n".join(part for part in (result.out, result.err) if part.strip())
            ended = tr("exit code {number}", number=result.exit)
            raise StepFailed(f"{step.host}: {step.title}: {ended}{tail(said)}")
        with self._write:
            self.left += [
                (step.host, line.removeprefix(_LEFT))
                for line in result.out.splitlines() if line.startswith(_LEFT)
            ]  # fmt: skip
            self._journal.write(
                "undone", step=step.of, state="undone", part=step.part, text=step.text,
                seconds=round(time.monotonic() - begun, 3),
            )  # fmt: skip
        return State.DONE


class UndoRunner(Runner):
    """One run that takes back. Its plan's steps are `UndoStep`s."""

    _kind = "undo"
    _executor_type = Undoer

    @property
    def left(self) -> list[tuple[str, str]]:
        """What stays on a host, in a sentence each."""
        assert isinstance(self._executor, Undoer)  # noqa: S101 - made by _executor_type
        return self._executor.left

    def _begins(self) -> str:
        return tr("— an undo begins —")

    def _do_steps(self, host: Host, transport: Transport) -> None:
        kept: set[str] = set()
        for step in self._plan.on(host.name):
            if not self._others_ended(step):
                break
            good = step.component not in kept and self._see_through(step, host, transport)
            if isinstance(self._outcome.failed.get(step.id), TransportError):
                break  # nothing more can be done there
            if not good:
                kept |= {step.component} | _STANDS_ON.get(step.component, set())
                if self._states[step.id] is State.WAITING:
                    self._set_state(step, State.BLOCKED)

    def _others_ended(self, step: Step) -> bool:
        """Wait for the other hosts that needed a step; how it went there is not asked.

        A host that is gone for good is to keep nothing on the others.
        """
        with self._changed:
            while not self._stop.is_set():
                if all(self._states[one].ended for one in step.needs):
                    return True
                self._changed.wait(1.0)
        return False

    def _leave(self, transport: Transport) -> None:
        try:
            if self._abort.is_set():
                for step in self._plan.steps:
                    if isinstance(step, UndoStep) and self._states[step.id] is State.FAILED:
                        transport.end(unit_name(self._plan.cluster.name, step.unit))
            else:
                self._clean(transport)
            hostlock.release(transport, self._session)
            # The last thing: nothing but what is still needed keeps this folder.
            transport.run(Call("", Phase.HOUSEKEEPING, _REST), lambda _: None)
        except TransportError:
            pass  # the host is gone; the lock there is this session's and will be taken over

    def _clean(self, transport: Transport) -> None:
        """Take away the folders of ended units of this cluster, and empty ones."""
        units = f"/var/lib/harbor-wizard/run/harbor-wizard-{self._plan.cluster.name}-*"
        script = f"""
for one in {units}; do
  [ -d "$one" ] || continue
  if [ -f "$one/exit" ] || {{ [ ! -f "$one/group" ] &&
    ! systemctl is-active --quiet "$(cat "$one/unit").service"; }}; then
    rm -rf "$one"
  fi
done
"""
        transport.run(Call("", Phase.HOUSEKEEPING, script), lambda _: None)


_REST = """
cd /var/lib/harbor-wizard 2>/dev/null || exit 0
rmdir run upload tls storage bundle/upload bundle kept changed 2>/dev/null
cd /
rmdir /var/lib/harbor-wizard 2>/dev/null || true
"""
