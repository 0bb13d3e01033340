"""A run as the screens see it: a thread that does it, and what is known of each host."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field

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
from harbor_wizard.engine.runner import Connect, Outcome, Runner, Settings
from harbor_wizard.errors import HarborWizardError
from harbor_wizard.output import human_rate, human_seconds
from harbor_wizard.plan import Plan
from harbor_wizard.secrets import SecretValues
from harbor_wizard.session import Session

_LINES = 5000


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
    begun: float = 0.0
    until: float = 0.0
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES))
    printed: int = 0

    @property
    def symbol(self) -> str:
        """The state's symbol."""
        return {"waiting": "·", "done": "✓", "failed": "✗", "lost": "!", "blocked": "·"}.get(
            self.state, "▶"
        )

    def seconds(self, now: float) -> float:
        """How long the host has been worked on."""
        return (self.until or now) - self.begun if self.begun else 0.0

    def say(self, line: str) -> None:
        """Add a line to what it printed."""
        self.lines.append(line or " ")
        self.printed += 1


class RunView:
    """What is known of a run from its events. Used by the screens' thread only."""

    def __init__(self, plan: Plan, durations: dict[str, float]) -> None:
        self._plan = plan
        self._durations = durations
        self._took: list[float] = []
        self.hosts = {one.name: HostView(one.name, len(plan.on(one.name))) for one in plan.hosts}
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

    def take(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case StepChanged():
                self._step(event)
            case Output():
                for line in event.lines:
                    self.hosts[event.host].say(line)
            case Progress():
                share = 100 * event.done // max(event.total, 1)
                left = (event.total - event.done) / event.rate if event.rate else 0
                self.hosts[
                    event.host
                ].now = f"↑ {share}% {human_rate(event.rate)} {human_seconds(left)} left"
            case HostChanged():
                self._host(event)
            case RunEnded():
                self.ended = event
                self.until = event.time

    def _step(self, event: StepChanged) -> None:
        host = self.hosts[event.host]
        before, self.states[event.step] = self.states[event.step], event.state
        if event.state.ended:
            host.ended = sum(self.states[step.id].good for step in self._plan.on(host.name))
        if event.state is State.BLOCKED:
            if host.state not in ("failed", "lost"):
                host.state, host.now = "blocked", "stopped before its next step"
            return
        if not host.begun:
            host.begun = event.time
        if event.state is State.FAILED:
            host.state, host.failed = "failed", event.step
            host.detail, host.cause = event.detail, event.cause
            host.now = event.title
            host.until = event.time
            host.say(f"✗ {event.title}: failed")
            for line in event.detail.splitlines():
                host.say(f"  {line}")
        elif event.state.ended:
            if before is State.FAILED or host.failed == event.step:
                host.failed = host.detail = host.cause = ""
            if event.state is State.DONE:
                self._took.append(event.seconds)
                self._durations.setdefault(event.step, event.seconds)
            host.say(f"{'=' if event.state is State.ALREADY else '✓'} {event.title}: {event.state}")
            last = host.ended == host.total
            host.state = "done" if last else "waiting"
            host.now = "" if last else self._waits(host.name)
            host.until = event.time if last else 0.0
        else:
            host.state, host.now, host.until = event.state.value, event.title, 0.0
            host.failed = host.detail = host.cause = ""
            if event.state is State.RUNNING:
                host.say(f"▶ {event.title}")

    def _waits(self, host: str) -> str:
        for step in self._plan.on(host):
            if self.states[step.id] is State.WAITING:
                others = {
                    one.split("/")[0] for one in step.needs
                    if not self.states[one].good and not one.startswith(f"{host}/")
                }  # fmt: skip
                return f"after {', '.join(sorted(others))}" if others else ""
        return ""

    def _host(self, event: HostChanged) -> None:
        host = self.hosts[event.host]
        if event.state == "failed":
            host.state, host.detail, host.now = "failed", event.detail, "not reached"
            host.failed = ""
            host.until = event.time
            host.begun = host.begun or event.time
        elif event.state == "lost":
            host.state, host.now = "lost", "connection lost, trying again"
        elif event.state in ("connecting", "connected"):
            host.begun = host.begun or event.time
            host.now = event.state if event.state == "connecting" else ""
        host.say(f"connection {event.state}{': ' + event.detail if event.detail else ''}")

    def left(self) -> float | None:
        """Return how many seconds are left, as far as that is known: the slowest host's."""
        if not self._took and not self._durations:
            return None
        known = list(self._durations.values())
        mean = sum(self._took) / len(self._took) if self._took else sum(known) / max(len(known), 1)
        return max(
            sum(self._durations.get(step.id, mean) for step in self._plan.on(name)
                if not self.states[step.id].ended)
            for name in self.hosts
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
        self._values = values
        self._connect = connect
        self._runner: Runner | None = None
        self._thread = threading.Thread(target=self._go, daemon=True, name="run")

    @property
    def mark(self) -> str:
        """What stands in the header while it runs."""
        if self.rehearsal:
            return "REHEARSAL"
        return "PAUSED" if self.paused else "RUNNING"

    @property
    def active(self) -> bool:
        """Say whether it is still under way."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait for its end, but no longer than this."""
        if self.active:
            self._thread.join(seconds)

    def _go(self) -> None:
        settings = Settings(interactive=True, rehearsal=self.rehearsal)
        try:
            with run.runner(
                self.session, self.plan, self._values, self._connect, self.events.append, settings
            ) as runner:
                self._runner = runner
                if self.stopping:
                    runner.stop()
                self.outcome = runner.run()
        except HarborWizardError as error:
            self.error = str(error)
        except Exception as error:  # told on the screen: nobody sees a thread's traceback
            self.error = f"the run ended with an error of the program's own: {type(error).__name__}"

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
        """Say what becomes of a host's failed step; say whether there is one."""
        step = self.view.hosts[host].failed
        if not step or self._runner is None:
            return False
        self._runner.decide(step, decision)
        return True
