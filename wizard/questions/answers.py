"""The answers: the plain data of the cluster file, and how it is got at."""

from __future__ import annotations

from typing import Any, Literal

Data = dict[str, Any]
Section = Literal["solution", "topology", "access", "services"]
Kind = Literal["text", "choice", "path", "secret", "bool"]

SECTIONS: tuple[Section, ...] = ("solution", "topology", "access", "services")


def get(data: Data, path: str) -> Any:
    """Return what stands at a path such as `database.host`, or None."""
    value: Any = data
    for part in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def put(data: Data, path: str, value: Any) -> None:
    """Put a value at a path; None or an empty text takes it away."""
    *parents, last = path.split(".")
    holder = data
    for part in parents:
        inside = holder.get(part)
        if not isinstance(inside, dict):
            if value in (None, ""):
                return
            inside = holder[part] = {}
        holder = inside
    if value in (None, ""):
        holder.pop(last, None)
    else:
        holder[last] = value


class SecretAnswers(dict[str, str]):
    """Secrets that were typed, held in memory only; their values are in no representation."""

    def __repr__(self) -> str:
        return f"SecretAnswers({', '.join(sorted(self))})"


def is_number(text: str) -> bool:
    """Say whether a text is a number that a field can hold."""
    return text.isascii() and text.isdigit() and len(text) < 10
