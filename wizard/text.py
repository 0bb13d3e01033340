"""Text with holes: one object, written out twice.

A command or a file is a `Text`: literal pieces and holes. A hole stands for something that is
not in the plan: a secret, or the contents of a file of the operator's. The same object is
written out raw (for the host) and masked (for everyone else), so that what is shown cannot
drift from what is done.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

MASK = "••••••"

# JSON is YAML, but for these, which YAML takes only as escapes.
_NOT_IN_YAML = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")


def yaml_quoted(value: str) -> str:
    """Return `value` as a double-quoted YAML scalar, whatever characters it has."""
    quoted = json.dumps(value, ensure_ascii=False)
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def compose_quoted(value: str) -> str:
    """Return `value` as a YAML scalar of a compose file, which puts variables in for dollars."""
    return yaml_quoted(value.replace("$", "$$"))


_ENCODERS: dict[str, Callable[[str], str]] = {
    "plain": lambda value: value,
    "yaml": yaml_quoted,
    "compose": compose_quoted,
    "shell": shlex.quote,
}


class Values(Protocol):
    """Gives the values of holes; see `harbor_wizard.secrets`."""

    def value(self, name: str) -> str:
        """Return the value of the hole, or raise `SecretsError`."""
        ...


@dataclass(frozen=True)
class Hole:
    """A place whose value is known only when it is sent.

    `name` is a secret's name, or a file's role; `shown` is what everyone else sees; `encoding`
    says how the value is quoted where it stands: plain, yaml (a double-quoted scalar), compose
    (one in a compose file) or shell.
    """

    name: str
    shown: str = MASK
    encoding: str = "plain"

    def encoded(self, encoding: str) -> Hole:
        """Return the same hole, quoted in another way."""
        if encoding not in _ENCODERS:
            raise ValueError(f"unknown encoding {encoding!r}")
        return Hole(self.name, self.shown, encoding)

    def __str__(self) -> str:
        """Return a marker that survives a template; `Text.of` finds it again."""
        return f"\x02{self.name}\x1f{self.shown}\x1f{self.encoding}\x03"


_MARKER = re.compile("\x02([^\x1f\x03]*)\x1f([^\x1f\x03]*)\x1f([^\x1f\x03]*)\x03")


@dataclass(frozen=True)
class Text:
    """Literal pieces and holes, in order."""

    parts: tuple[str | Hole, ...]

    @classmethod
    def of(cls, rendered: str) -> Text:
        """Return the text whose holes are marked in `rendered` (see `Hole.__str__`)."""
        return cls(tuple(_split(rendered)))

    @property
    def holes(self) -> tuple[Hole, ...]:
        """The holes, in order."""
        return tuple(part for part in self.parts if isinstance(part, Hole))

    def raw(self, values: Values) -> str:
        """Write the text out for a host. Raises `SecretsError` where a value is missing."""
        return "".join(
            part if isinstance(part, str) else _ENCODERS[part.encoding](values.value(part.name))
            for part in self.parts
        )

    def masked(self) -> str:
        """Write the text out for everyone else."""
        return "".join(part if isinstance(part, str) else part.shown for part in self.parts)

    def marked(self) -> str:
        """Write the text out with its holes marked, for `Text.of` to read again."""
        return "".join(part if isinstance(part, str) else str(part) for part in self.parts)

    def __str__(self) -> str:
        return self.masked()


def _split(rendered: str) -> Iterator[str | Hole]:
    position = 0
    for found in _MARKER.finditer(rendered):
        if found.start() > position:
            yield rendered[position : found.start()]
        yield Hole(*found.groups())
        position = found.end()
    if position < len(rendered):
        yield rendered[position:]


class Masker:
    """Replaces every known secret in a text by bullets, whatever way it got there.

    Values shorter than four characters are left: masking them would garble everything and they
    are refused as secrets anyway.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        found: set[str] = set()
        for secret in secrets:
            quoted = (json.dumps(secret)[1:-1], yaml_quoted(secret)[1:-1],
                      compose_quoted(secret)[1:-1], shlex.quote(secret))  # fmt: skip
            for form in (secret, *quoted):
                # As it is, and as it is once it was made fit for a terminal.
                lines = [shown for line in form.splitlines() for shown in (line, printable(line))]
                found.update(line for line in lines if len(line) >= 4)
        ordered = sorted(found, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        """Return `text` with all secrets masked."""
        return self._pattern.sub(MASK, text) if self._pattern else text


_known: set[str] = set()


def remember(secrets: Iterable[str]) -> None:
    """Remember secrets that this process has seen: its crash reports are masked with them."""
    _known.update(secret for secret in secrets if len(secret) >= 4)


def known() -> frozenset[str]:
    """Return every secret that was remembered."""
    return frozenset(_known)


class FixedValues:
    """Values from a mapping, for previews and tests."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def value(self, name: str) -> str:
        """Return the value of the hole; raises `KeyError`."""
        return self._values[name]


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


def printable(text: str) -> str:
    """Return output of a host made safe for a terminal: no escape sequence, no control character.

    A carriage return keeps only what the terminal would show last; tabs become spaces.
    """
    plain = _ESCAPES.sub("", text.replace("\t", "    "))
    plain = plain.rstrip("\r").rsplit("\r", 1)[-1]
    return _CONTROL.sub("�", plain)
