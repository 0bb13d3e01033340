"""A real terminal of 80x24, on a tmux server of its own."""

from __future__ import annotations

import re
import shlex
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Terminal:
    """Programs run in it one after the other; what it shows is read as text."""

    def __init__(self) -> None:
        self._name = f"hw-{uuid.uuid4().hex[:8]}"
        self.tmux("new-session", "-d", "-s", "keep", "-x", "80", "-y", "24", "sleep 3600",
                  ";", "set", "-g", "status", "off")  # fmt: skip

    def tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._name, "-f", "/dev/null", *arguments],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        return done.stdout

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a program; when it has ended, the screen says so with its exit code."""
        given = shlex.join(f"{name}={value}" for name, value in environment.items())
        # The server's own environment would say that colours may be left out, or more.
        line = f"env {given} {shlex.join(command)}; echo ended $?; exec sleep 3600"
        self.tmux("new-window", "-t", "keep", "-c", str(ROOT), line)

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def wait(self, pattern: str, seconds: float = 30, every: float = 0.05) -> str:
        deadline = time.monotonic() + seconds
        while True:
            shown = self.screen()
            if re.search(pattern, shown):
                return shown
            assert time.monotonic() < deadline, f"no {pattern!r} on:\n{shown}"
            time.sleep(every)

    def press(self, key: str) -> None:
        self.tmux("send-keys", key)

    def echo(self, key: str, pattern: str, seconds: float = 30) -> float:
        """Press a key; return after how many seconds its answer was seen."""
        begun = time.perf_counter()
        self.press(key)
        self.wait(pattern, seconds, every=0.002)
        return time.perf_counter() - begun

    def close(self) -> None:
        self.tmux("kill-server")
