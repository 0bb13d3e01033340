"""What is shown in the operator's language, and takes the room that it takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from rich.cells import cell_len, set_cell_size
from textual.binding import ActiveBinding
from textual.screen import Screen

from harbor_wizard.language import tr

T = TypeVar("T")


def pad(text: str, cells: int) -> str:
    """Return a text that takes so many cells at the least; a Chinese character takes two."""
    return text + " " * max(0, cells - cell_len(text))


def cut(text: str, cells: int) -> str:
    """Return a text that takes so many cells at the most, with `…` where it was longer."""
    return text if cell_len(text) <= cells else set_cell_size(text, max(cells - 1, 0)) + "…"


class SpeakingScreen(Screen[T]):
    """A screen whose keys are told in the operator's language, in the footer and the palette."""

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys that do something now."""
        return {
            key: active._replace(
                binding=replace(active.binding, description=tr(active.binding.description))
            )
            for key, active in super().active_bindings.items()
        }
