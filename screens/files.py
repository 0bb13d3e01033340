"""Choosing a file of this machine."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import DirectoryTree, Static

from harbor_wizard.language import mark, tr
from harbor_wizard.screens.dialogs import Dialog


class FileDialog(Dialog[str | None]):
    """A tree of folders; Enter takes the file under the cursor.

    The answer is relative to `folder` where the file is below it, as a cluster file has it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("backspace", "up", mark("Up"))]

    def __init__(self, folder: Path, present: str = "") -> None:
        super().__init__()
        self._folder = folder
        self._start = folder
        with suppress(OSError, RuntimeError):  # no system takes a path that is too long, or ~nobody
            start = (folder / Path(present).expanduser()).parent if present else folder
            self._start = start if start.is_dir() else folder

    def compose(self) -> ComposeResult:
        """Lay it out."""
        with Vertical(classes="box wide"):
            yield Static(tr("Choose a file"), markup=False, classes="title")
            yield Static("", markup=False, id="where", classes="dim")
            yield DirectoryTree(self._start, id="files")
            yield Static(tr("Enter takes a file, Backspace goes up, Esc leaves"), markup=False,
                         classes="dim")  # fmt: skip

    def on_mount(self) -> None:
        """Begin in the tree."""
        self._tell()
        self.query_one(DirectoryTree).focus()

    def _tell(self) -> None:
        where = str(self.query_one(DirectoryTree).path)
        self.query_one("#where", Static).update(Content(where))

    def action_up(self) -> None:
        """Show the folder above."""
        tree = self.query_one(DirectoryTree)
        tree.path = Path(tree.path).absolute().parent
        self._tell()

    @on(DirectoryTree.FileSelected)
    def _taken(self, event: DirectoryTree.FileSelected) -> None:
        path = event.path.absolute()
        below = path.is_relative_to(self._folder)
        self.dismiss(str(path.relative_to(self._folder) if below else path))
