"""Sessions: what installations there are, and how far each came."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Static

from harbor_wizard import session as sessions
from harbor_wizard.errors import HarborWizardError
from harbor_wizard.language import mark, tr
from harbor_wizard.screens.speaking import SpeakingScreen
from harbor_wizard.screens.widgets import cell
from harbor_wizard.session import Session

if TYPE_CHECKING:
    from harbor_wizard.screens.app import WizardApp

HELP = mark(
    "A session is a folder that holds one installation: its answers, its secrets (encrypted), "
    "what was done on which host, and the logs. It can be left and taken up again at any moment.\n"
    "Enter opens the one under the cursor, n makes a new one, t shows how its hosts stand, d "
    "deletes one (its hosts are left as they are), q leaves."
)


_DAYS, _HOURS, _MINUTES = mark("{number} d ago"), mark("{number} h ago"), mark("{number} min ago")


def ago(seconds: float) -> str:
    """Return how long ago something was, in words."""
    for size, words in ((86400, _DAYS), (3600, _HOURS), (60, _MINUTES)):
        if seconds >= size:
            return tr(words, number=int(seconds // size))
    return tr("just now")


def row(session: Session) -> tuple[str, ...]:
    """Return a session's row: name, solution, steps, state, last used."""
    used = ago(time.time() - sessions.last_used(session))
    if "harbor_wizard.screens.state" not in sys.modules:  # the app fills it again then
        return session.name, "…", "", "", used
    from harbor_wizard.screens.state import Work  # noqa: PLC0415 - slow to import

    try:
        work = Work.open(session)
    except HarborWizardError as error:
        return session.name, "?", "?", f"✗ {error}", used
    done, total = len(work.summary.done), work.total()
    if work.summary.unknown:
        state = tr("? unknown, will be checked")
    elif work.summary.failed:
        state = "✗ " + tr("{number} failed", number=len(work.summary.failed))
    elif total is not None and done >= total:
        state = tr("✓ done")
    elif done:
        state = tr("! stopped")
    else:
        state = tr("· ready to run") if total is not None else tr("· being answered")
    solution = str(work.data.get("solution") or tr("not chosen"))
    return session.name, solution, f"{done}/{total if total is not None else '?'}", state, used


class SessionsScreen(SpeakingScreen[None]):
    """All sessions."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", mark("New")),
        Binding("t", "status", mark("Status")),
        Binding("d", "delete", mark("Delete")),
        Binding("f1", "help", mark("Help")),
        Binding("q,ctrl+q", "app.quit", mark("Leave")),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._names: list[str] = []

    @property
    def wizard(self) -> WizardApp:
        """The app, as what it is."""
        from harbor_wizard.screens.app import WizardApp  # noqa: PLC0415 - each imports the other

        assert isinstance(self.app, WizardApp)  # noqa: S101 - for the type checker
        return self.app

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield Static(tr("harbor-wizard · sessions"), markup=False, id="head")
        yield Static("", markup=False, id="empty")
        yield DataTable(cursor_type="row", id="sessions")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Fill the table."""
        self.query_one(DataTable).add_columns(
            *map(cell, (tr("name"), tr("solution"), tr("steps"), tr("state"), tr("last used")))
        )
        self.fill()

    def on_screen_resume(self) -> None:
        """Fill it again."""
        self.fill()

    def fill(self) -> None:
        """Show the sessions as they are now."""
        table = self.query_one(DataTable)
        table.clear()
        self._names = []
        for one in sessions.all_sessions():
            self._names.append(one.name)
            table.add_row(*(cell(text) for text in row(one)))
        empty = self.query_one("#empty", Static)
        empty.display = not self._names
        table.display = bool(self._names)
        empty.update(
            tr(
                "There is no session yet. A session is one installation of Harbor.\n\n"
                "Press n to make one, F1 for help, q to leave."
            )
        )
        if self._names:
            table.focus()

    @property
    def _chosen(self) -> str | None:
        at = self.query_one(DataTable).cursor_row
        return self._names[at] if 0 <= at < len(self._names) else None

    @on(DataTable.RowSelected)
    def _open(self) -> None:
        if self._chosen is not None:
            self.wizard.open_session(self._chosen)

    def action_new(self) -> None:
        """Ask for a name, and make a session of it."""
        from harbor_wizard.screens.dialogs import AskDialog  # noqa: PLC0415 - slow to import

        def check(name: str) -> str | None:
            if name in [one.name for one in sessions.all_sessions()]:
                return tr("there is a session of that name already")
            try:
                sessions.create(name, Path.cwd())
            except HarborWizardError as error:
                return str(error)
            return None

        def made(name: str | None) -> None:
            if name is not None:
                self.wizard.open_session(name)

        self.app.push_screen(
            AskDialog(tr("The new session's name, for example prod-eu"), check, hint="prod-eu"),
            made,
        )

    def action_status(self) -> None:
        """Show how the hosts of a session stand."""
        if self._chosen is not None:
            self.wizard.show_status(self._chosen)

    def action_delete(self) -> None:
        """Delete a session, once that was confirmed."""
        from harbor_wizard.screens.dialogs import ConfirmDialog  # noqa: PLC0415 - slow to import

        name = self._chosen
        if name is None:
            return

        def sure(yes: bool | None) -> None:
            if yes:
                sessions.delete(sessions.find(name))
                self.fill()

        self.app.push_screen(
            ConfirmDialog(
                tr("Delete the session {name}, with its answers, secrets and logs?\n\n"
                   "The hosts are left as they are.", name=name),
                tr("Delete it"), tr("Keep it"),
            ),
            sure,
        )  # fmt: skip

    def action_help(self) -> None:
        """Show the help of this screen."""
        from harbor_wizard.screens.base import KEYS  # noqa: PLC0415 - slow to import
        from harbor_wizard.screens.dialogs import HelpDialog  # noqa: PLC0415 - slow to import

        self.app.push_screen(HelpDialog(tr("Sessions"), f"{tr(HELP)}\n\n{tr(KEYS)}"))
