"""Bytes of a host's output, as they come, into batches of lines."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Sequence

# A line without an end is given in parts of about this many characters.
LONGEST = 64 * 1024
# So much of it is kept back then, so that no end marker of ours is ever cut.
_KEPT_BACK = 64
# What is kept of a script's output, whatever it prints; all of it is told as it comes.
_KEPT_CHARACTERS = 1024 * 1024


class Part(str):
    """A part of a line that is very long: the next one that comes goes on with it."""

    __slots__ = ()


class Lines:
    """Splits at newlines only: what else ends a line for Python is a character like others."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that are whole now; at most the last one is a `Part`."""
        *lines, self._rest = (self._rest + self._decode(data)).split("\n")
        if len(self._rest) > LONGEST + _KEPT_BACK:
            lines.append(Part(self._rest[:-_KEPT_BACK]))
            self._rest = self._rest[-_KEPT_BACK:]
        return lines

    def end(self) -> list[str]:
        """Return the last line, if it had no end."""
        rest = self._rest + self._decode(b"", final=True)
        self._rest = ""
        return [rest] if rest else []


class Kept:
    """The last of what a script printed, bounded in lines and in characters."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lines: deque[str] = deque()
        self._characters = 0

    def add(self, lines: Sequence[str]) -> None:
        """Keep these, too; the oldest ones go."""
        kept = self._lines
        kept.extend(lines)
        self._characters += sum(map(len, lines))
        while len(kept) > self._most or (self._characters > _KEPT_CHARACTERS and len(kept) > 1):
            self._characters -= len(kept.popleft())

    @property
    def text(self) -> str:
        """All that is kept, as it was printed."""
        text = "".join(one if isinstance(one, Part) else f"{one}\n" for one in self._lines)
        return text.removesuffix("\n")
