"""Prints a run: plain lines, lines with a live status below them on a terminal, or JSON."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
import time
import unicodedata
from typing import TextIO

from harbor_wizard.engine.events import (
    Event,
    HostChanged,
    Output,
    Progress,
    RunEnded,
    RunStarted,
    State,
    StepChanged,
)
from harbor_wizard.language import tr

_SYMBOLS = {
    State.DONE: "✓", State.ALREADY: "=", State.FAILED: "✗", State.SKIPPED: "-",
    State.RUNNING: "▶", State.BLOCKED: "·",
}  # fmt: skip


def human_rate(rate: float) -> str:
    """Return a rate in bytes a second as people say it."""
    return f"{rate / 1e6:.0f} MB/s" if rate >= 1e6 else f"{rate / 1e3:.0f} kB/s"


def human_seconds(seconds: float) -> str:
    """Return a time as minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def fitting(text: str, columns: int) -> str:
    """Return as much of a text as fits into a terminal's columns; Chinese takes two of them."""
    taken = 0
    for index, one in enumerate(text):
        taken += 2 if unicodedata.east_asian_width(one) in ("W", "F") else 1
        if taken > columns:
            return text[:index]
    return text


def _connection(event: HostChanged) -> str:
    state = tr(event.state)
    if not event.detail:
        return tr("connection {state}", state=state)
    return tr("connection {state}: {detail}", state=state, detail=event.detail)


def write(stream: TextIO, text: str) -> None:
    """Print; where nobody reads any more (a closed terminal, a pipe), go on without."""
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        # What is left in its buffer has to go somewhere when the program ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class JsonPrinter:
    """One JSON object per event and line."""

    def __init__(self, stream: TextIO | None = None, mark: str = "") -> None:
        self._stream = stream or sys.stdout
        self._mark = mark

    def __call__(self, event: Event) -> None:
        """Print an event."""
        data = {"event": type(event).__name__, **dataclasses.asdict(event)}
        if self._mark:
            data["rehearsal"] = True
        write(self._stream, json.dumps(data, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Nothing is left open."""


class LinePrinter:
    """A line per thing that happened; on a terminal, what is under way stands below them."""

    def __init__(self, stream: TextIO | None = None, mark: str = "", verbose: bool = False) -> None:
        self._stream = stream or sys.stdout
        self._mark = f"{mark} " if mark else ""
        self._verbose = verbose
        self._live = self._stream.isatty()
        self._total = 0
        self._ended = 0
        self._now: dict[str, str] = {}
        self._drawn = 0.0

    def __call__(self, event: Event) -> None:
        """Print an event."""
        match event:
            case RunStarted():
                self._total = event.steps
            case StepChanged():
                self._step(event)
            case Progress():
                share = 100 * event.done // max(event.total, 1)
                left = (event.total - event.done) / event.rate if event.rate else 0
                self._now[event.host] = tr(
                    "{step} {share}% {rate} {time} left", step=event.step.rpartition("/")[2],
                    share=share, rate=human_rate(event.rate), time=human_seconds(left),
                )  # fmt: skip
            case Output():
                if self._verbose:
                    for line in event.lines:
                        self._print(event.host, f"│ {line}")
            case HostChanged():
                if event.state in ("failed", "lost") or self._verbose:
                    self._print(event.host, f"! {_connection(event)}")
            case RunEnded():
                self._now.clear()
        self._status()

    def _step(self, event: StepChanged) -> None:
        if event.state.ended:
            self._ended += 1
            self._now.pop(event.host, None)
        if event.state is State.RUNNING:
            self._now[event.host] = event.title
        if event.state not in _SYMBOLS or (event.state is State.BLOCKED and not self._verbose):
            return
        took = f" ({event.seconds:.1f} s)" if event.state is State.DONE else ""
        number = f"[{self._ended}/{self._total}]" if event.state.ended else ""
        said = tr("{title}: {state}", title=event.title, state=tr(event.state.value))
        self._print(event.host, f"{_SYMBOLS[event.state]} {said}{took} {number}".rstrip())
        if event.detail:
            for line in event.detail.splitlines():
                self._print(event.host, f"  {line}")
        if event.cause:
            self._print(event.host, f"  {tr('likely: {cause}', cause=event.cause)}")

    def _print(self, host: str, text: str) -> None:
        self._clear()
        stamp = time.strftime("%H:%M:%S")
        write(self._stream, f"{stamp} {self._mark}{host:<10} {text}\n")

    def _status(self) -> None:
        now = time.monotonic()
        if not self._live or now - self._drawn < 0.1:
            return
        self._drawn = now
        width = shutil.get_terminal_size().columns - 1
        doing = " · ".join(f"{host} {what}" for host, what in sorted(self._now.items()))
        line = fitting(f"{self._mark}{self._ended}/{self._total} {doing}", width)
        write(self._stream, f"\r\x1b[K{line}")

    def _clear(self) -> None:
        if self._live:
            write(self._stream, "\r\x1b[K")

    def close(self) -> None:
        """Take the status line away."""
        self._clear()
