"""What is shown in the operator's language, takes the room that it takes, and can be followed."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from rich.cells import cell_len, set_cell_size
from textual import on
from textual.binding import ActiveBinding
from textual.events import DescendantFocus, ScreenResume
from textual.geometry import Region
from textual.screen import Screen
from textual.widgets import DataTable, OptionList, Tree

from harbor_wizard.language import tr
from harbor_wizard.screens import cursor
from harbor_wizard.screens.widgets import Choice

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

    @on(DescendantFocus)
    @on(ScreenResume)
    @on(DataTable.RowHighlighted)
    @on(DataTable.CellHighlighted)
    @on(OptionList.OptionHighlighted)
    @on(Tree.NodeHighlighted)
    @on(Choice.Changed)
    def move_cursor(self) -> None:
        """Have the terminal's cursor follow the highlight, for those who read by it."""
        self.call_after_refresh(self._move_cursor)

    def _move_cursor(self) -> None:
        where = cursor.place(self.focused)
        if where is not None and self.is_current and where != self.app.cursor_position:
            self.app.cursor_position = where
            # It goes out with what is drawn next: one cell is enough.
            self.refresh(Region(0, 0, 1, 1))
