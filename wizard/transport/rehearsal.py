"""Rehearsal: every host is simulated, nothing is touched.

A simulated host remembers which steps were applied, on disk, so that a rehearsal can be stopped
and taken up again like a run. It says so in every line that it prints.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from pathlib import Path

from harbor_wizard.errors import Interrupted, NotForwarded
from harbor_wizard.files import write_atomically
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Host
from harbor_wizard.transport.base import Call, OnLines, OnProgress, Phase, Result

_SHORT_SECONDS = 0.05
_LONG_SECONDS = 2.0
_UPLOAD_SECONDS = 3.0


class SimulatedHost:
    """What a simulated host has: the steps that were applied to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._applied: set[str] = set()
        if path.exists():
            self._applied = set(json.loads(path.read_text(encoding="utf-8")))

    def has(self, step: str) -> bool:
        """Say whether a step was applied."""
        return step in self._applied

    def apply(self, step: str) -> None:
        """Remember that a step was applied."""
        self._applied.add(step)
        write_atomically(self._path, json.dumps(sorted(self._applied)))


class RehearsalTransport:
    """A simulated host. See `Transport`. `speed` makes it faster: 10 is ten times."""

    def __init__(self, host: Host, folder: Path, speed: float = 1.0) -> None:
        self._host = host
        self._folder = folder
        self._speed = speed
        self._state: SimulatedHost | None = None

    @property
    def _simulated(self) -> SimulatedHost:
        if self._state is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._state = SimulatedHost(self._folder / f"{self._host.name}.json")
        return self._state

    def connect(self) -> None:
        """Pretend to log in."""
        self._pause(_SHORT_SECONDS)

    def _pause(self, seconds: float) -> None:
        time.sleep(seconds / self._speed)

    def run(self, call: Call, on_lines: OnLines) -> Result:
        """Answer a check by what was applied; pretend to do the rest."""
        if call.phase is Phase.CHECK or call.phase is Phase.VERIFY:
            return Result(0 if self._simulated.has(call.step) else 1, "", "")
        if call.phase is Phase.APPLY:
            self._pause(_SHORT_SECONDS)
            self._simulated.apply(call.step)
        return Result(0, "", "")

    def detach(self, call: Call, unit: str, on_lines: OnLines, stop: threading.Event) -> Result:
        """Pretend to run a long step, with a few lines of output."""
        lines = 8
        # The same step takes the same time in each rehearsal, different ones different times.
        share = hashlib.sha256(call.step.encode()).digest()[0] / 255
        for number in range(lines):
            if stop.wait(_LONG_SECONDS * (0.5 + share) / lines / self._speed):
                raise Interrupted(tr("{host}: the rehearsal was stopped", host=self._host.name))
            on_lines([tr("(rehearsal) {step}: simulated output {number} of {lines}",
                         step=call.step, number=number + 1, lines=lines)])  # fmt: skip
        self._simulated.apply(call.step)
        return Result(0, "", "")

    def attach(self, unit: str, on_lines: OnLines, stop: threading.Event) -> Result | None:
        """Nothing runs on a simulated host after its rehearsal was stopped."""
        return None

    def end(self, unit: str) -> None:
        """Nothing runs on a simulated host after its rehearsal was stopped."""

    def upload(
        self, step: str, source: Path, path: str, sha256: str, progress: OnProgress,
        stop: threading.Event,
    ) -> None:  # fmt: skip
        """Pretend to send a file."""
        total = source.stat().st_size if source.is_file() else 700_000_000
        for percent in range(0, 101, 4):
            progress(total * percent // 100, total)
            if stop.wait(_UPLOAD_SECONDS / 26 / self._speed):
                raise Interrupted(tr("{host}: the rehearsal was stopped", host=self._host.name))
        self._simulated.apply(step)

    def dial(self, address: str, port: int, timeout: float) -> socket.socket:
        """Reach nothing: a simulated host has no network. Raises `NotForwarded`."""
        raise NotForwarded(
            tr("{host}: it is simulated, so nothing is reached from it", host=self._host.name)
        )

    def close(self) -> None:
        """Nothing to close."""
