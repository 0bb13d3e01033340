"""What a question is, and how one is made from a field of the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harbor_wizard.model.cluster import Part
from harbor_wizard.questions.answers import Data, Kind, Section, get, is_number, put


def always(_: Data) -> bool:
    """Return True, whatever the answers are."""
    return True


@dataclass(frozen=True)
class Question:
    """One question. `when` says whether it is asked, given the other answers.

    `read` and `write` turn the cluster file's data into the text of the answer and back, where
    it is more than a text at `path`. A secret's answer is not in the data: `path` is where its
    reference stands.
    """

    path: str
    section: Section
    label: str
    help: str
    kind: Kind = "text"
    default: str = ""
    example: str = ""
    choices: tuple[str, ...] = ()
    when: Callable[[Data], bool] = always
    number: bool = False
    read: Callable[[Data], str] | None = None
    write: Callable[[Data, str], None] | None = None
    variant: str = ""

    @property
    def key(self) -> str:
        """A name that no other question has; `variant` tells two for one path apart."""
        words = [self.kind, self.path.replace(".", "-").replace("_", "-"), self.variant]
        return "-".join(word for word in words if word)

    def answer(self, data: Data) -> str:
        """Return the present answer as text; empty where there is none."""
        if self.read is not None:
            return self.read(data)
        value = get(data, self.path)
        return "" if value is None else str(value)

    def store(self, data: Data, text: str) -> None:
        """Put an answer into the data."""
        text = text.strip()
        if self.write is not None:
            self.write(data, text)
        else:
            put(data, self.path, int(text) if self.number and is_number(text) else text)

    def secret_name(self, data: Data) -> str:
        """Return the name of the secret that is asked for."""
        reference = get(data, self.path)
        return str(reference or self.default).removeprefix("secret:")


def of(
    model: type[Part], path: str, section: Section, label: str, kind: Kind = "text", **more: Any
) -> Question:
    """Return the question for a field of the model, in the model's own words."""
    field = model.model_fields[path.rpartition(".")[2]]
    if "default" not in more and isinstance(field.default, str | int):
        more["default"] = str(field.default)
    example = field.examples[0] if field.examples else ""
    if "example" not in more and isinstance(example, str | int):
        more["example"] = str(example)
    more.setdefault("help", field.description or "")
    return Question(path, section, label, kind=kind, **more)


def flag(
    path: str, section: Section, label: str, about: str, *, yes: Any, no: Any = None,
    when: Callable[[Data], bool] = always,
) -> Question:  # fmt: skip
    """Return a question for yes or no; None for one of them leaves the key out."""

    def read(data: Data) -> str:
        value = get(data, path)
        if no is None:
            return "no" if value in (None, False) else "yes"
        return "no" if value == no else "yes"

    def write(data: Data, text: str) -> None:
        if text != read(data):
            put(data, path, yes if text == "yes" else no)

    default = "no" if no is None else "yes"
    return Question(path, section, label, about, "bool", default, choices=("no", "yes"), when=when,
                    read=read, write=write)  # fmt: skip
