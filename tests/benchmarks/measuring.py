"""Measures the wizard in a real terminal: answers to keys, memory, the time until it is there."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .flood import MARK
from .terminal import Terminal

KEYS = 38


@dataclass(frozen=True)
class Echoes:
    """How many seconds answers to keys took, and how late the event loop was meanwhile."""

    keys: list[float]
    late: list[float]
    lines: float

    @property
    def median(self) -> float:
        return statistics.median(self.keys)

    @property
    def worst(self) -> float:
        return max(self.keys)

    def late_of(self, share: float) -> float:
        """Return the lateness that so large a share of all looks did not exceed."""
        return sorted(self.late)[min(int(len(self.late) * share), len(self.late) - 1)]


def rows(folder: Path) -> list[dict[str, object]]:
    path = folder / "seen.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def begin(terminal: Terminal, folder: Path, *options: str) -> None:
    """Start the flood, and wait for the run's screen."""
    terminal.start([sys.executable, "-m", "tests.benchmarks.flood", str(folder), *options], {})
    terminal.wait("▸ [0-9]+ Preview", 60)
    time.sleep(1)
    terminal.press("r")
    terminal.wait("▸ [0-9]+ Run", 60)


def end(terminal: Terminal) -> None:
    terminal.press("C-q")
    shown = terminal.wait("ended [0-9]|Leave", 30)
    if "ended" not in shown:
        terminal.press("y")
    terminal.wait("ended [0-9]", 30)


def key_echo(folder: Path, *options: str) -> Echoes:
    """Return how long the answers to keys take while hosts print, as `flood` is told."""
    folder.mkdir(parents=True)
    terminal = Terminal()
    try:
        begin(terminal, folder, *options)
        terminal.wait("╭─ lb-1 ─")
        time.sleep(4)  # all hosts are under way then
        names = ["lb-1", "lb-2", *(f"harbor-{number}" for number in range(1, 19))]
        before, begun, keys = rows(folder), time.time(), []
        way = [("Down", name) for name in names[1:]] + [("Up", name) for name in names[-2::-1]]
        for key, name in way[:KEYS]:
            keys.append(terminal.echo(key, f"╭─ {re.escape(name)} ─"))
            time.sleep(0.15)
        time.sleep(1)
        after, took = rows(folder), time.time() - begun
        end(terminal)
    finally:
        terminal.close()
    new = after[len(before) :]
    printed = new[-1]["lines"] - before[-1]["lines"]  # type: ignore[operator]
    between = new[-1]["time"] - before[-1]["time"]  # type: ignore[operator]
    assert took > 0
    return Echoes(keys, [one for row in new for one in row["late"]], printed / between)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Memory:
    """Resident sizes in MB by how many lines had been read, and what was on disk in the end."""

    sizes: list[tuple[int, float]]
    peak: float
    on_disk: int
    seconds: float
    late: float
    bytes_on_disk: int


def _megabytes(pid: object, key: str) -> float:
    found = re.search(rf"{key}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def memory(folder: Path, lines: int, *options: str, seconds: float = 3000) -> Memory:
    """Return what the wizard needs while so many lines go through it, as fast as they go."""
    folder.mkdir(parents=True)
    terminal = Terminal()
    sizes: list[tuple[int, float]] = []
    try:
        begin(terminal, folder, "--rate", "0", "--lines", str(lines), *options)
        begun = time.monotonic()
        while "Report" not in "".join(re.findall("▸.*", terminal.screen())):
            assert time.monotonic() < begun + seconds, terminal.screen()
            seen = rows(folder)
            if seen:
                read = seen[-1]["lines"]
                assert isinstance(read, int)
                sizes.append((read, _megabytes(seen[-1]["pid"], "VmRSS")))
            time.sleep(0.25)
        took = time.monotonic() - begun
        time.sleep(1)
        seen = rows(folder)
        sizes.append((lines, _megabytes(seen[-1]["pid"], "VmRSS")))
        peak = _megabytes(seen[-1]["pid"], "VmHWM")
        end(terminal)
    finally:
        terminal.close()
    logs = list(Path((folder / "logs").read_text()).glob("*.log"))
    written = sum(_count(path) for path in logs)
    late = max(one for row in seen for one in row["late"])  # type: ignore[attr-defined]
    return Memory(sizes, peak, written, took, late, sum(path.stat().st_size for path in logs))


def _count(path: Path) -> int:
    """Return how many lines of the flood are in a log."""
    found = subprocess.run(["grep", "-c", MARK, str(path)], capture_output=True, text=True)
    return int(found.stdout)


def first_paint(folder: Path, times: int = 7) -> list[float]:
    """Return how many seconds after its start the wizard's first screen stood there."""
    folder.mkdir(parents=True)
    took = []
    terminal = Terminal()
    try:
        for _ in range(times + 1):
            begun = time.perf_counter()
            terminal.start([sys.executable, "-m", "harbor_wizard"],
                           {"HARBOR_WIZARD_HOME": str(folder)})  # fmt: skip
            terminal.wait("There is no session yet", 60, every=0.01)
            took.append(time.perf_counter() - begun)
            time.sleep(0.7)
            end(terminal)
    finally:
        terminal.close()
    return took[1:]  # the first one warmed the cache


def timed(*command: str, times: int = 7) -> list[float]:
    """Return how many seconds a command took, once it was warm."""
    took = []
    for _ in range(times + 1):
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        took.append(time.perf_counter() - begun)
    return took[1:]
