"""Runs a plan: one worker and one connection per host, side by side, as far as what each waits for
allows.

On a failure the hosts that do not depend on it finish what can be finished. With someone there to
decide (`interactive`), a failed step waits for retry, skip or abort, and a host that was not
reached for retry or abort.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harbor_wizard import crash
from harbor_wizard.causes import likely
from harbor_wizard.engine import hostlock
from harbor_wizard.engine.events import (
    Event,
    HostChanged,
    Output,
    Progress,
    RunEnded,
    RunStarted,
    Sink,
    State,
    StepChanged,
)
from harbor_wizard.engine.executor import Executor, Reporter
from harbor_wizard.engine.hostlog import Cleaner, HostLog, cut
from harbor_wizard.errors import (
    ConnectionLost,
    HarborWizardError,
    Interrupted,
    LockedError,
    PreflightFailed,
    TransportError,
)
from harbor_wizard.journal import Journal
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Host
from harbor_wizard.plan import Plan
from harbor_wizard.step import Command, Step
from harbor_wizard.text import Masker, Values, printable
from harbor_wizard.transport.base import OnLines, OnProgress, Transport
from harbor_wizard.transport.detached import unit_name

Connect = Callable[[Host], Transport]

# A rebooting host is back within minutes; after that the operator has to look.
_RECONNECT_FOR = 300.0
_BACK_OFF = (1.0, 2.0, 4.0, 8.0, 15.0)
_PROGRESS_EVERY = 0.2


@dataclass(frozen=True)
class Settings:
    """How a run goes. `reconnect_for` is in seconds."""

    interactive: bool = False
    rehearsal: bool = False
    break_lock: bool = False
    reconnect_for: float = _RECONNECT_FOR


@dataclass
class Outcome:
    """How a run ended."""

    changed: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    failed: dict[str, HarborWizardError] = field(default_factory=dict)
    unreached: dict[str, HarborWizardError] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    interrupted: bool = False
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """The exit code for the command line."""
        problems = [*self.failed.values(), *self.unreached.values()]
        if self.interrupted:
            return 130
        for kind in (LockedError, PreflightFailed):
            if any(isinstance(problem, kind) for problem in problems):
                return kind.exit_code
        if problems:
            return max(problem.exit_code for problem in problems)
        return 1 if self.left else 0


class Runner:
    """One run of a plan."""

    _kind = "run"
    _executor_type: type[Executor] = Executor

    def __init__(
        self, plan: Plan, session: str, values: Values, masker: Masker, connect: Connect,
        journal: Journal, logs: Path, locate: Callable[[str], Path], sink: Sink,
        settings: Settings | None = None,
    ) -> None:  # fmt: skip
        """`session` is the session's id; `sink` is called by many threads, one at a time."""
        self._plan = plan
        self._session = session
        self._masker = masker
        self._connect = connect
        self._journal = journal
        self._logs = logs
        self._sink = sink
        self._settings = settings or Settings()
        self._states = dict.fromkeys(plan.graph(), State.WAITING)
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._abort = threading.Event()
        self._unpaused = threading.Event()
        self._unpaused.set()
        self._decisions: dict[str, str] = {}
        self._outcome = Outcome()
        self._logs_of: dict[str, HostLog] = {}
        self._told: dict[str, float] = {}
        self._telling = threading.Lock()
        self._printing = threading.Lock()
        self._complained: set[str] = set()
        self._executor = self._executor_type(
            plan.cluster.name, values, journal, threading.Lock(), locate, self._stop,
            Reporter(self._set_state, self._lines, self._progress),
        )  # fmt: skip

    # What the operator decides, from any thread.

    def pause(self) -> None:
        """Begin no more steps; those under way are finished."""
        self._unpaused.clear()

    def unpause(self) -> None:
        """Go on."""
        self._unpaused.set()

    def stop(self) -> None:
        """End the run soon: short steps are finished, what is detached goes on on the hosts."""
        self._stop.set()
        self._unpaused.set()
        with self._changed:
            self._changed.notify_all()

    def abort(self) -> None:
        """End the run, and what is detached on the hosts too."""
        self._abort.set()
        self.stop()

    def decide(self, about: str, decision: str) -> None:
        """Say what becomes of a failed step: `retry` or `skip`; or of a host by name: `retry`."""
        with self._changed:
            self._decisions[about] = decision
            self._changed.notify_all()

    # The run.

    def run(self) -> Outcome:
        """Run until all is done, or nothing more can be."""
        begun = time.monotonic()
        self._journal.write(self._kind, rehearsal=self._settings.rehearsal, steps=len(self._states))
        self._tell(RunStarted(time.time(), self._plan.cluster.name, len(self._states),
                              self._settings.rehearsal))  # fmt: skip
        with contextlib.ExitStack() as open_files:
            for host in self._plan.hosts:
                log = HostLog(self._logs / f"{host.name}.log")
                self._logs_of[host.name] = open_files.enter_context(contextlib.closing(log))
                log.write("-", [self._begins()])
            self._work_all()
        outcome = self._outcome
        outcome.seconds = time.monotonic() - begun
        outcome.left = [one for one, state in self._states.items() if not state.good]
        outcome.interrupted = self._stop.is_set() and bool(outcome.left)
        self._tell(RunEnded(time.time(), len(outcome.changed), len(outcome.already),
                            tuple(outcome.failed), len(outcome.left), outcome.seconds,
                            outcome.interrupted))  # fmt: skip
        return outcome

    def _begins(self) -> str:
        if self._settings.rehearsal:
            return tr("— a rehearsal begins —")
        return tr("— a run begins —")

    def _work_all(self) -> None:
        workers = [
            threading.Thread(target=self._work, args=(host,), name=f"host-{host.name}", daemon=True)
            for host in self._plan.hosts
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            while worker.is_alive():
                worker.join(0.5)  # in slices, so that Ctrl+C is heard

    def _work(self, host: Host) -> None:
        transport = self._connect(host)
        over = threading.Event()
        try:
            if self._reached(host, transport):
                if not self._settings.rehearsal:
                    self._keep_alive(host, transport, over)
                self._do_steps(host, transport)
                self._leave(transport)
        except HarborWizardError as error:
            self._not_reached(host, error)
        except Exception as error:  # a bug of ours ends this host's work only, and is told of
            self._not_reached(host, crash.report(error))
        finally:
            over.set()
            transport.close()
            self._block(host)

    def _do_steps(self, host: Host, transport: Transport) -> None:
        for step in self._plan.on(host.name):
            if not self._may_begin(step) or not self._see_through(step, host, transport):
                break

    def _reached(self, host: Host, transport: Transport) -> bool:
        """Reach a host, again if the operator says so; False where that was left."""
        while True:
            try:
                self._reach(host, transport)
            except HarborWizardError as error:
                self._not_reached(host, error)
                if self._decision(host.name) != "retry":
                    return False
                with self._changed:
                    self._outcome.unreached.pop(host.name, None)
            else:
                return True

    def _not_reached(self, host: Host, error: HarborWizardError) -> None:
        detail = self._known(error)
        with self._changed:
            self._outcome.unreached[host.name] = error
            self._decisions.pop(host.name, None)  # it was said of something earlier
        self._logs_of[host.name].write("-", cut(detail.splitlines()))
        self._tell(HostChanged(time.time(), host.name, "failed", detail))

    def _keep_alive(self, host: Host, transport: Transport, over: threading.Event) -> None:
        def beat() -> None:
            while not over.wait(hostlock.BEAT_EVERY):
                with contextlib.suppress(HarborWizardError):  # the worker finds out by itself
                    hostlock.beat(transport)

        threading.Thread(target=beat, daemon=True, name=f"beat-{host.name}").start()

    def _reach(self, host: Host, transport: Transport) -> None:
        self._tell(HostChanged(time.time(), host.name, "connecting"))
        transport.connect()
        if not self._settings.rehearsal:
            hostlock.take(transport, host.name, self._session,
                          break_it=self._settings.break_lock)  # fmt: skip
        self._tell(HostChanged(time.time(), host.name, "connected"))

    def _leave(self, transport: Transport) -> None:
        if self._settings.rehearsal:
            return
        try:
            if self._abort.is_set():
                self._end_units(transport)
            hostlock.release(transport, self._session)
        except TransportError:
            pass  # the host is gone; the lock there is this session's and will be taken over

    def _end_units(self, transport: Transport) -> None:
        with self._changed:
            open_steps = [one for one, state in self._states.items() if state is State.FAILED]
        for identity in open_steps:
            step = self._plan.step(identity)
            if isinstance(step.apply, Command) and step.apply.detached:
                transport.end(unit_name(self._plan.cluster.name, step.id))

    def _may_begin(self, step: Step) -> bool:
        """Wait until what a step needs is done; False where that can no longer be."""
        with self._changed:
            while not self._stop.is_set():
                needed = [self._states[one] for one in step.needs]
                if all(state.good for state in needed):
                    break
                hopeless = (State.BLOCKED,) if self._settings.interactive else (
                    State.BLOCKED, State.FAILED)  # fmt: skip
                if any(state in hopeless for state in needed):
                    return False
                self._changed.wait(1.0)
        self._unpaused.wait()
        return not self._stop.is_set()

    def _see_through(self, step: Step, host: Host, transport: Transport) -> bool:
        """Do a step, again if the operator says so; False where the host's work ends here."""
        while True:
            begun = time.monotonic()
            try:
                state = self._perform(step, host, transport)
            except Interrupted as error:
                self._end(step, State.FAILED, begun, error, keep=False)
                return False
            except Exception as error:  # a bug of ours fails its step: other hosts may wait for it
                known = error if isinstance(error, HarborWizardError) else crash.report(error)
                self._end(step, State.FAILED, begun, known)
                decision = self._decision(step.id)
                if decision == "retry":
                    with self._changed:
                        self._outcome.failed.pop(step.id, None)
                    continue
                if decision == "skip":
                    self._end(step, State.SKIPPED, begun)
                    return True
                return False
            self._end(step, state, begun)
            return True

    def _perform(self, step: Step, host: Host, transport: Transport) -> State:
        """Do a step; where the connection breaks, reconnect and let its check decide."""
        while True:
            try:
                return self._executor.perform(step, transport)
            except ConnectionLost as error:
                self._tell(HostChanged(time.time(), host.name, "lost", str(error)))
                self._reconnect(host, transport)

    def _reconnect(self, host: Host, transport: Transport) -> None:
        deadline = time.monotonic() + self._settings.reconnect_for
        attempt = 0
        while True:
            if self._stop.wait(_BACK_OFF[min(attempt, len(_BACK_OFF) - 1)]):
                raise Interrupted(
                    tr("{host}: stopped while the connection was lost", host=host.name)
                )
            attempt += 1
            try:
                self._reach(host, transport)
            except TransportError as error:
                # A refused login or a changed key does not get better by trying.
                if time.monotonic() > deadline or type(error) not in (
                    TransportError,
                    ConnectionLost,
                ):
                    raise
            else:
                return

    def _decision(self, about: str) -> str:
        """Wait for what the operator says of a step or a host that failed."""
        if not self._settings.interactive:
            return "leave"
        with self._changed:
            while not self._stop.is_set() and about not in self._decisions:
                self._changed.wait(1.0)
            return "leave" if self._stop.is_set() else self._decisions.pop(about)

    def _block(self, host: Host) -> None:
        with self._changed:
            blocked = [
                step for step in self._plan.on(host.name)
                if self._states[step.id] is State.WAITING
            ]  # fmt: skip
        for step in blocked:
            self._set_state(step, State.BLOCKED)

    # What is told.

    def _end(
        self, step: Step, state: State, begun: float, error: HarborWizardError | None = None,
        *, keep: bool = True,
    ) -> None:  # fmt: skip
        seconds = time.monotonic() - begun
        detail = self._known(error) if error else ""
        with self._changed:
            self._decisions.pop(step.id, None)  # it was said of something earlier
            if state is State.DONE and step.apply is not None:
                self._outcome.changed.append(step.id)
            elif state in (State.ALREADY, State.DONE):
                self._outcome.already.append(step.id)
            elif state is State.SKIPPED:
                self._outcome.failed.pop(step.id, None)
            elif error is not None and keep:
                self._outcome.failed[step.id] = error
        if detail:
            self._logs_of[step.host].write(step.id, cut(detail.splitlines()))
        self._set_state(step, state, detail, seconds, likely(detail) if keep else "")

    def _set_state(
        self, step: Step, state: State, detail: str = "", seconds: float = 0.0, cause: str = ""
    ) -> None:
        with self._changed:
            self._states[step.id] = state
            self._changed.notify_all()
        self._logs_of[step.host].write(step.id, [f"[{state}]"])
        self._tell(StepChanged(time.time(), step.id, step.host, step.title, state, detail,
                               seconds, cause))  # fmt: skip

    def _lines(self, step: Step) -> OnLines:
        clean, log = Cleaner(self._masker), self._logs_of[step.host]

        def lines(batch: Sequence[str]) -> None:
            # One at a time: more threads would only wait for the interpreter, and with them the
            # screen's, for as long as each may keep it.
            with self._printing:
                safe = clean(batch)
                log.write(step.id, safe)
            if log.error and log.error not in self._complained:
                self._complained.add(log.error)
                said = tr("! the log cannot be written: {reason}; make room", reason=log.error)
                safe.append(said)
            if safe:
                self._tell(Output(time.time(), step.host, step.id, tuple(safe)))

        return lines

    def _progress(self, step: Step) -> OnProgress:
        first: list[tuple[float, int]] = []

        def progress(done: int, total: int) -> None:
            now = time.monotonic()
            if not first:
                first.append((now, done))
            last = self._told.get(step.id, 0.0)
            if now - last < _PROGRESS_EVERY and done < total:
                return
            self._told[step.id] = now
            began, at = first[0]
            rate = (done - at) / (now - began) if now > began else 0.0
            self._tell(Progress(time.time(), step.host, step.id, done, total, rate))

        return progress

    def _known(self, error: HarborWizardError) -> str:
        """Return what an error says without secrets; it says nothing else from now on."""
        detail = self._masker(printable_lines(str(error)))
        error.args = (detail,)
        return detail

    def _tell(self, event: Event) -> None:
        with self._telling:
            self._sink(event)


def printable_lines(text: str) -> str:
    """Return a text of several lines made safe for a terminal."""
    return "\n".join(printable(line) for line in text.splitlines())
