"""What a host prints: made fit for screens and logs, kept in a file, and read from there again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from harbor_wizard.text import printable
from harbor_wizard.transport.lines import Part

# Longer lines stand in pieces of this many characters, each but the last one with a mark.
PIECE = 8 * 1024
CUT = "…"
# The longest line of a secret: a private key in JSON is one.
_LONGEST_SECRET = 4 * 1024
_MOST_HELD = 1024 * 1024


class Cleaner:
    """Makes a step's output safe for a terminal, masks it, and cuts what is too long.

    A batch is masked at once; since no secret that is masked has a newline in it, that is the
    same as line by line.
    """

    def __init__(self, masker: Callable[[str], str]) -> None:
        self._masker = masker
        self._held = ""

    def __call__(self, lines: Sequence[str]) -> list[str]:
        """Return what can be told by now; at most the last line is a `Part`."""
        if not lines:
            return []
        goes_on = isinstance(lines[-1], Part)
        # What is printable for Python has neither control characters nor escape sequences.
        clean = [line if line.isprintable() else printable(line) for line in lines]
        if self._held:
            clean[0] = self._held + clean[0]
            self._held = ""
        begun = clean.pop() if goes_on else None
        told = cut(self._masker("\n".join(clean)).split("\n")) if clean else []
        if begun is not None:
            told += [f"{piece}{CUT}" for piece in pieces(self._begun(begun))]
        return told

    def _begun(self, text: str) -> str:
        """Return what can be told of a line that goes on; its end may be a secret's beginning."""
        tail = text[-_LONGEST_SECRET:]
        whole, end = self._masker(text), self._masker(tail)
        if whole.endswith(end):
            self._held = tail
            return whole.removesuffix(end)
        if len(text) < _MOST_HELD:  # a secret lies across: all of it waits for the rest
            self._held = text
            return ""
        return whole


def pieces(line: str) -> list[str]:
    """Return a line in pieces; none where it is empty."""
    return [line[at : at + PIECE] for at in range(0, len(line), PIECE)]


def cut(lines: list[str]) -> list[str]:
    """Return the lines, with those that are too long in pieces."""
    if max(map(len, lines), default=0) <= PIECE:
        return lines
    found: list[str] = []
    for line in lines:
        *first, last = pieces(line) or [""]
        found += [f"{piece}{CUT}" for piece in first]
        found.append(last)
    return found


class HostLog:
    """The full log of a host: a line has the time, the step, and what was printed."""

    def __init__(self, path: Path) -> None:
        """Open the file. A batch is written at once: a kill loses nothing that was told."""
        self._path = path
        self._file = path.open("ab", buffering=0)
        self.error = ""

    def write(self, step: str, lines: Sequence[str]) -> None:
        """Write lines of a step; what the disk refuses is left out, and `error` says so."""
        if not lines:
            return
        mark = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {step} "
        try:
            self._file.write((mark + f"\n{mark}".join(lines) + "\n").encode("utf-8", "replace"))
        except OSError as error:
            self.error = f"{self._path}: {error.strerror}"

    def close(self) -> None:
        """Close the file."""
        self._file.close()


_LINE = re.compile(r"\d{4}-\d\d-\d\d (\d\d:\d\d:\d\d) (\S+) (.*)", re.DOTALL)
# A log line of ours is seldom longer than this; what is read of a file is bounded by it.
_BYTES_A_LINE = 512


def tail(path: Path, most: int) -> list[str]:
    """Return the last lines of a host's log, without what nobody reads twice: date and step.

    Only the end of the file is read, whatever its size. No file is no line.
    """
    room = most * _BYTES_A_LINE
    try:
        with path.open("rb") as stream:
            start = max(stream.seek(0, 2) - room, 0)
            stream.seek(start)
            data = stream.read(room)
    except OSError:
        return []
    lines = data.decode("utf-8", "replace").split("\n")
    if start:
        lines = lines[1:]  # cut somewhere
    if lines and not lines[-1]:
        lines.pop()
    return [_told(line) for line in lines[-most:]]


def _told(line: str) -> str:
    found = _LINE.fullmatch(line)
    if found is None:
        return printable(line)
    stamp, step, text = found.groups()
    # A state alone says nothing without its step.
    said = f"{step}: {text[1:-1]}" if re.fullmatch(r"\[[a-z ]+\]", text) else text
    return f"{stamp} {printable(said)}"
