"""What every way to reach a host offers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class Phase(StrEnum):
    """Why something is run on a host."""

    LOOK = "look"
    CHECK = "check"
    APPLY = "apply"
    VERIFY = "verify"
    HOUSEKEEPING = "housekeeping"


@dataclass(frozen=True, repr=False)
class Call:
    """A script for a host, written out raw: it holds secrets, so it has no representation."""

    step: str
    phase: Phase
    script: str
    input: bytes | None = None
    timeout: float = 60.0


@dataclass(frozen=True)
class Result:
    """How a script ended: its exit code, and the last of what it printed (unmasked)."""

    exit: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        """Say whether it ended with exit code 0."""
        return self.exit == 0


# Output comes in batches: a host may print faster than anything could be done line by line.
OnLines = Callable[[Sequence[str]], None]
OnProgress = Callable[[int, int], None]


class Transport(Protocol):
    """One host, reached in one way. Used by one thread at a time."""

    def connect(self) -> None:
        """Reach the host, as root. Raises `TransportError`."""
        ...

    def run(self, call: Call, on_lines: OnLines) -> Result:
        """Run a script to its end; batches of its lines are given as they come.

        Lines are raw; a very long one comes in parts (see `transport.lines.Part`).

        Raises `ConnectionLost` where the end was not seen, `StepFailed` after the timeout.
        """
        ...

    def detach(self, call: Call, unit: str, on_lines: OnLines, stop: threading.Event) -> Result:
        """Run a script as a unit of its own, and follow it to its end.

        Raises `ConnectionLost`, or `Interrupted` where `stop` is set: the unit goes on.
        """
        ...

    def attach(self, unit: str, on_lines: OnLines, stop: threading.Event) -> Result | None:
        """Follow a unit that is still running to its end; None where it is not running."""
        ...

    def end(self, unit: str) -> None:
        """Stop a unit with everything that it started."""
        ...

    def upload(
        self, step: str, source: Path, path: str, sha256: str, progress: OnProgress,
        stop: threading.Event,
    ) -> None:  # fmt: skip
        """Bring a large file to the host: resumed, verified, put in place by rename."""
        ...

    def dial(self, address: str, port: int, timeout: float) -> socket.socket:
        """Return a socket to what listens at a name or address, as the host sees it.

        It goes through the connection to the host: nothing runs there, and what is said through it
        is seen by nobody on the way but who answers. Several threads may call this at once.
        `timeout` is in seconds. Raises `NotForwarded` where the host opens no connections for
        others, `NotAnswering` where nothing answers, and `ConnectionLost`.
        """
        ...

    def close(self) -> None:
        """Give the connection back; what is detached goes on."""
        ...
