"""What a host said is so there.

The answer is lines `name<TAB>value`; a name may come more than once. It comes from a host that is
not known yet, so nothing in it is trusted: each value is made printable, and parsed with care.
"""

from __future__ import annotations

from collections import defaultdict

from harbor_wizard.text import printable

_LONGEST = 500  # characters of a value that are of interest


class Facts:
    """What one host said. `clock_off` is its clock less ours in seconds, None where not known."""

    def __init__(self, answer: str, clock_off: float | None = None) -> None:
        self._found: dict[str, list[str]] = defaultdict(list)
        self.clock_off = clock_off
        self.add(answer)

    def add(self, answer: str) -> None:
        """Take in what it said later, too."""
        for line in answer.split("\n"):
            name, tab, value = line.partition("\t")
            if tab:
                self._found[name].append(printable(value)[:_LONGEST].strip())

    def __bool__(self) -> bool:
        return bool(self._found)

    def one(self, name: str) -> str:
        """Return a value, or an empty text where the host did not say it."""
        values = self._found.get(name)
        return values[0] if values else ""

    def all(self, name: str) -> list[str]:
        """Return all values of a name."""
        return list(self._found.get(name, ()))

    def number(self, name: str) -> int | None:
        """Return a value that is a number; None where it is none."""
        value = self.one(name)
        return int(value) if value.isascii() and value.isdigit() else None
