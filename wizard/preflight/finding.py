"""What a check found on a host."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How good it is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def symbol(self) -> str:
        """The symbol that stands for it."""
        return {"ok": "✓", "warning": "!", "failed": "✗", "unknown": "?"}[self.value]


@dataclass(frozen=True)
class Finding:
    """One check's answer for one host.

    `figure` is the short form of `seen`, for a table; `wanted` is what was looked for, `source`
    where that comes from, and `cure` what to do where it is not so.
    """

    check: str
    host: str
    level: Level
    seen: str
    figure: str = ""
    wanted: str = ""
    source: str = ""
    cure: str = ""
