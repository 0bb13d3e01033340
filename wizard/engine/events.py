"""What happens in a run, as small frozen facts: for the screen, the terminal, JSON and logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """Where a step stands."""

    WAITING = "waiting"
    CHECKING = "checking"
    RUNNING = "running"
    VERIFYING = "verifying"
    DONE = "done"
    ALREADY = "already so"
    FAILED = "failed"
    SKIPPED = "skipped"
    BLOCKED = "blocked"

    @property
    def ended(self) -> bool:
        """Say whether nothing more comes of it by itself."""
        return self in _ENDED

    @property
    def good(self) -> bool:
        """Say whether what waits for it may go on."""
        return self in (State.DONE, State.ALREADY, State.SKIPPED)


_ENDED = (State.DONE, State.ALREADY, State.FAILED, State.SKIPPED, State.BLOCKED)


@dataclass(frozen=True)
class Event:
    """Something happened, at `time` (seconds since the epoch)."""

    time: float


@dataclass(frozen=True)
class RunStarted(Event):
    """A run began."""

    cluster: str
    steps: int
    rehearsal: bool


@dataclass(frozen=True)
class StepChanged(Event):
    """A step came to another state. `detail` is the reason of a failure, in a sentence."""

    step: str
    host: str
    title: str
    state: State
    detail: str = ""
    seconds: float = 0.0
    cause: str = ""


@dataclass(frozen=True)
class Output(Event):
    """A host printed lines; they are masked and safe for a terminal."""

    host: str
    step: str
    lines: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Progress(Event):
    """An upload is at `done` of `total` bytes, at `rate` bytes a second."""

    host: str
    step: str
    done: int
    total: int
    rate: float


@dataclass(frozen=True)
class HostChanged(Event):
    """A connection to a host was made, lost or refused."""

    host: str
    state: str
    detail: str = ""


@dataclass(frozen=True)
class RunEnded(Event):
    """A run ended. `changed` counts steps that did something, `failed` names those that failed."""

    changed: int
    already: int
    failed: tuple[str, ...]
    left: int
    seconds: float
    interrupted: bool


Sink = Callable[[Event], None]
