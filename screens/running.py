"""A run as the screens see it: a thread that does it, and what is known of each host."""

from __future__ import annotations

import gc
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from harbor_wizard import run
from harbor_wizard.engine.events import (
    Event,
    HostChanged,
    Output,
    Progress,
    RunEnded,
    State,
    StepChanged,
)
from harbor_wizard.engine.hostlog import CUT, tail
from harbor_wizard.engine.runner import Connect, Outcome, Runner, Settings
from harbor_wizard.errors import HarborWizardError
from harbor_wizard.language import mark, tr
from harbor_wizard.output import human_rate, human_seconds
from harbor_wizard.plan import Plan
from harbor_wizard.secrets import SecretValues
from harbor_wizard.session import Session

# What a screen keeps of a host, whatever it prints; all of it is in the log.
_LINES = 2000
_LONGEST = 500
# What is shown of what was printed before this run.
_PAST = 500

# The states of hosts and steps, as they are shown; in the journal they are English.
STATES = (
    mark("waiting"), mark("checking"), mark("running"), mark("verifying"), mark("done"),
    mark("already so"), mark("failed"), mark("skipped"), mark("blocked"), mark("lost"),
)  # fmt: skip
_CONNECTIONS = {
    "connecting": mark("connection connecting"), "connected": mark("connection connected"),
    "lost": mark("connection lost"), "failed": mark("connection failed"),
}  # fmt: skip


_SYMBOLS = {"waiting": "·", "done": "✓", "failed": "✗", "lost": "!", "blocked": "·", "unknown": "?"}


class Tail:
    """The last lines of a host: the run's threads add to it, the screens' one reads it."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._lock = threading.Lock()
        self._printed = 0

    def add(self, lines: Sequence[str]) -> None:
        """Add lines; the oldest ones go."""
        fitting = [
            (one or " ") if len(one) <= _LONGEST else f"{one[:_LONGEST]}{CUT}"
            for one in lines[-_LINES:]
        ]
        with self._lock:
            self._lines.extend(fitting)
            self._printed += len(lines)

    def since(self, seen: int) -> tuple[list[str], int, int]:
        """Return the lines after the first `seen`, how many of them went, and how many there were.

        The number of all lines is what `seen` is the next time.
        """
        with self._lock:
            new = self._printed - seen
            kept = min(new, len(self._lines))
            last = list(islice(self._lines, len(self._lines) - kept, None))
            return last, new - kept, self._printed


@dataclass
class HostView:
    """One host: where it stands, and the last lines that it printed."""

    name: str
    total: int
    ended: int = 0
    state: str = "waiting"
    now: str = ""
    failed: str = ""
    detail: str = ""
    cause: str = ""
    unreached: bool = False
    begun: float = 0.0
    until: float = 0.0
    tail: Tail = field(default_factory=Tail)

    @property
    def symbol(self) -> str:
        """The state's symbol."""
        return _SYMBOLS.get(self.state, "▶")

    def seconds(self, now: float) -> float:
        """How long the host has been worked on."""
        return (self.until or now) - self.begun if self.begun else 0.0


def said(event: Event) -> list[str]:
    """Return what an event adds to the lines of its host."""
    match event:
        case Output():
            return list(event.lines)
        case HostChanged():
            word = tr(_CONNECTIONS.get(event.state, event.state))
            return [f"{word}{': ' + event.detail if event.detail else ''}"]
        case StepChanged(state=State.FAILED):
            return [
                tr("✗ {title}: failed", title=event.title),
                *(f"  {line}" for line in event.detail.splitlines()),
            ]
        case StepChanged(state=State.RUNNING):
            return [f"▶ {event.title}"]
        case StepChanged(state=state) if state.ended and state is not State.BLOCKED:
            symbol = "=" if state is State.ALREADY else "✓"
            return [f"{symbol} {event.title}: {tr(state.value)}"]
    return []


class RunView:
    """What is known of a run from its events. Used by the screens' thread, but for `hear`."""

    def __init__(self, plan: Plan, durations: dict[str, float]) -> None:
        self._plan = plan
        self._durations = durations
        self._took: list[float] = []
        self._steps = {host.name: plan.on(host.name) for host in plan.hosts}
        self.hosts = {name: HostView(name, len(steps)) for name, steps in self._steps.items()}
        self.states: dict[str, State] = dict.fromkeys(plan.graph(), State.WAITING)
        self.begun = time.time()
        self.until = 0.0
        self.ended: RunEnded | None = None

    @property
    def done(self) -> int:
        """How many steps have ended well."""
        return sum(state.good for state in self.states.values())

    @property
    def total(self) -> int:
        """How many steps there are."""
        return len(self.states)

    def hear(self, event: Event) -> None:
        """Keep what an event prints. Called by the run's threads, in the order of the events."""
        lines = said(event)
        if lines:
            assert isinstance(event, Output | HostChanged | StepChanged)  # noqa: S101 - others say nothing
            self.hosts[event.host].tail.add(lines)

    def take(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case StepChanged():
                self._step(event)
            case Progress():
                left = (event.total - event.done) / event.rate if event.rate else 0
                self.hosts[event.host].now = tr(
                    "↑ {share}% {rate} {left} left", share=100 * event.done // max(event.total, 1),
                    rate=human_rate(event.rate), left=human_seconds(left),
                )  # fmt: skip
            case HostChanged():
                self._host(event)
            case RunEnded():
                self.ended = event
                self.until = event.time

    def _step(self, event: StepChanged) -> None:
        host = self.hosts[event.host]
        before, self.states[event.step] = self.states[event.step], event.state
        if event.state.ended:
            host.ended = sum(self.states[step.id].good for step in self._steps[host.name])
        if event.state is State.BLOCKED:
            if host.state not in ("failed", "lost"):
                host.state, host.now = "blocked", tr("stopped before its next step")
            return
        if not host.begun:
            host.begun = event.time
        if event.state is State.FAILED:
            host.state, host.failed = "failed", event.step
            host.detail, host.cause = event.detail, event.cause
            host.now = event.title
            host.until = event.time
        elif event.state.ended:
            if before is State.FAILED or host.failed == event.step:
                host.failed = host.detail = host.cause = ""
            if event.state is State.DONE:
                self._took.append(event.seconds)
                self._durations.setdefault(event.step, event.seconds)
            last = host.ended == host.total
            host.state = "done" if last else "waiting"
            host.now = "" if last else self._waits(host.name)
            host.until = event.time if last else 0.0
        else:
            host.state, host.now, host.until = event.state.value, event.title, 0.0
            host.failed = host.detail = host.cause = ""

    def _waits(self, host: str) -> str:
        for step in self._steps[host]:
            if self.states[step.id] is State.WAITING:
                others = {
                    one.split("/")[0] for one in step.needs
                    if not self.states[one].good and not one.startswith(f"{host}/")
                }  # fmt: skip
                return tr("after {hosts}", hosts=", ".join(sorted(others))) if others else ""
        return ""

    def _host(self, event: HostChanged) -> None:
        host = self.hosts[event.host]
        if event.state == "failed":
            host.state, host.detail, host.now = "failed", event.detail, tr("not reached")
            host.failed, host.unreached = "", True
            host.until = event.time
            host.begun = host.begun or event.time
        elif event.state == "lost":
            host.state, host.now = "lost", tr("connection lost, trying again")
        elif event.state in ("connecting", "connected"):
            if host.unreached:  # it is tried again
                host.state, host.detail, host.until, host.unreached = "waiting", "", 0.0, False
            host.begun = host.begun or event.time
            host.now = tr("connecting") if event.state == "connecting" else ""

    def left(self) -> float | None:
        """Return how many seconds are left, as far as that is known: the slowest host's."""
        if not self._took and not self._durations:
            return None
        known = list(self._durations.values())
        mean = sum(self._took) / len(self._took) if self._took else sum(known) / max(len(known), 1)
        return max(
            sum(self._durations.get(step.id, mean) for step in steps
                if not self.states[step.id].ended)
            for steps in self._steps.values()
        )  # fmt: skip


class RunControl:
    """A run in a thread of its own, which ends with the program at the latest."""

    def __init__(
        self, session: Session, plan: Plan, values: SecretValues, connect: Connect, *,
        rehearsal: bool, durations: dict[str, float],
    ) -> None:  # fmt: skip
        self.session = session
        self.plan = plan
        self.rehearsal = rehearsal
        self.view = RunView(plan, durations)
        self.events: deque[Event] = deque()
        self.outcome: Outcome | None = None
        self.error = ""
        self.paused = False
        self.stopping = False
        self.values = values
        self.connect = connect
        self._runner: Runner | None = None
        self._thread = threading.Thread(target=self._go, daemon=True, name="run")

    @property
    def mark(self) -> str:
        """What stands in the header while it runs."""
        if self.rehearsal:
            return tr("REHEARSAL")
        return tr("PAUSED") if self.paused else tr("RUNNING")

    @property
    def active(self) -> bool:
        """Say whether it is still under way."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        # A full collection goes through all that the program is made of: 0.2 s without an answer.
        gc.freeze()
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait for its end, but no longer than this."""
        if self.active:
            self._thread.join(seconds)

    def _hear(self, event: Event) -> None:
        """Take note of an event: what it prints is kept bounded, the rest waits for the screens."""
        self.view.hear(event)
        if not isinstance(event, Output):
            self.events.append(event)

    def _look_back(self) -> None:
        """Show what the hosts printed before this run: it may have gone on when we were away."""
        for name, host in self.view.hosts.items():
            past = tail(self.session.logs / f"{name}.log", _PAST)
            if past:
                host.tail.add([*past, tr("— earlier output above, this run below —")])

    def _go(self) -> None:
        settings = Settings(interactive=True, rehearsal=self.rehearsal)
        self._look_back()
        try:
            with run.runner(
                self.session, self.plan, self.values, self.connect, self._hear, settings
            ) as runner:
                self._runner = runner
                if self.stopping:
                    runner.stop()
                self.outcome = runner.run()
        except HarborWizardError as error:
            self.error = str(error)
        except Exception as error:  # told on the screen: nobody sees a thread's traceback
            from harbor_wizard import crash  # noqa: PLC0415 - seldom needed

            self.error = str(crash.report(error))
        finally:
            gc.unfreeze()

    def drain(self) -> bool:
        """Take what happened since the last time into the view; say whether there was anything."""
        seen = False
        for _ in range(min(len(self.events), 5000)):
            self.view.take(self.events.popleft())
            seen = True
        return seen

    @property
    def over(self) -> bool:
        """Say whether it has ended and all of it has been taken in."""
        return not self.active and not self.events

    # What the operator decides.

    def pause(self) -> None:
        """Begin no more steps, or go on."""
        if self._runner is None:
            return
        self.paused = not self.paused
        if self.paused:
            self._runner.pause()
        else:
            self._runner.unpause()

    def stop(self) -> None:
        """End it soon."""
        self.stopping = True
        if self._runner is not None:
            self._runner.stop()

    def abort(self) -> None:
        """End it, and what is detached on the hosts too."""
        self.stopping = True
        if self._runner is not None:
            self._runner.abort()

    def decide(self, host: str, decision: str) -> bool:
        """Say what becomes of a host that failed: its step, or the way to it; say if it did.

        What is to be done on a host that was not reached cannot be skipped, only tried again.
        """
        view = self.view.hosts[host]
        about = view.failed or (host if view.unreached and decision == "retry" else "")
        if not about or self._runner is None:
            return False
        self._runner.decide(about, decision)
        return True
