"""The terminal's own cursor goes where the highlight is.

Screen readers and braille displays follow that cursor; colours and bars say nothing to them.
"""

from __future__ import annotations

from textual.geometry import Offset
from textual.widget import Widget
from textual.widgets import Button, DataTable, Input, OptionList, TextArea, Tree

from harbor_wizard.screens.widgets import Choice


def place(widget: Widget | None) -> Offset | None:
    """Return where the cursor belongs for what has the focus; None where it sees to that itself."""
    if widget is None or isinstance(widget, Input | TextArea):
        return None
    inside = widget.content_region
    row = 0
    if isinstance(widget, DataTable):
        row = widget.cursor_row + (widget.header_height if widget.show_header else 0)
    elif isinstance(widget, OptionList):
        row = widget.highlighted or 0
    elif isinstance(widget, Tree):
        row = widget.cursor_line
    elif isinstance(widget, Choice):
        return Offset(inside.x + widget.chosen_at(), inside.y)
    elif isinstance(widget, Button):
        return Offset(inside.x, inside.y)
    row = max(0, min(row - round(widget.scroll_offset.y), inside.height - 1))
    return Offset(inside.x, inside.y + row)
