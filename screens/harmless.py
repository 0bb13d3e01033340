"""Text that does nothing to the terminal but stand there."""

from __future__ import annotations

import re

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

# They would move the terminal's cursor, change its colours, or turn the line around.
UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_UNSEEN_OR_END = re.compile(UNSEEN.pattern[:-1] + r"\n]")


def plain(text: str) -> str:
    """Return a text in which such characters are marks that can be seen."""
    return text if text.isprintable() else UNSEEN.sub("�", text)


class Harmless(LineFilter):
    """Leaves them out of whatever is drawn: file names, what is typed, output, messages.

    They take no room in a line, so that nothing moves when they are gone.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """Return the segments without them."""
        if all(text.isprintable() for text, _, _ in segments):
            return segments
        return [
            Segment(_UNSEEN_OR_END.sub("", text), style, control)
            for text, style, control in segments
        ]
