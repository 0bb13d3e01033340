"""Review: all answers on one page."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Static

from harbor_wizard import questions
from harbor_wizard.language import mark, tr
from harbor_wizard.screens.base import WizardScreen, and_more
from harbor_wizard.screens.speaking import cut
from harbor_wizard.screens.state import Work
from harbor_wizard.screens.widgets import cell, say, shown


def rows(work: Work) -> list[tuple[str, str, str, str, str]]:
    """Return for each answer its screen, path, label, value and where it came from."""
    found = []
    for section in questions.SECTIONS:
        for one in questions.asked(work.data, section):
            value, origin = answer(work, one)
            found.append((section.capitalize(), one.path, tr(one.label), value, origin))
        if section == "topology":
            hosts = work.data.get("hosts")
            for index, host in enumerate(hosts if isinstance(hosts, list) else []):
                name = str(host.get("name", "?"))
                found.append(("Topology", f"hosts[{index}]", name, told(host), tr("typed")))
    return found


def told(host: dict[str, Any]) -> str:
    """Return a host in one line."""
    listed = host.get("roles")
    roles = ", ".join(map(str, listed)) if isinstance(listed, list) else ""
    parts = (roles, host.get("address"), host.get("public_name"), host.get("interface"),
             host.get("platform"))  # fmt: skip
    return " ".join(str(part) for part in parts if part)


def answer(work: Work, question: questions.Question) -> tuple[str, str]:
    """Return the value to show, and where it came from."""
    if question.kind == "secret":
        name = question.secret_name(work.data)
        if name in work.secrets:
            return "••••••", tr("typed")
        if question.path == "admin_password":
            return tr("drawn, or kept"), tr("default")
        return tr("asked before the run"), tr("default")
    value = question.answer(work.data)
    if not value:
        return shown(question.default or "-"), tr("default")
    return shown(value), tr("default") if value == question.default else tr("typed")


class ReviewScreen(WizardScreen):
    """Everything on one page; Enter goes where it is answered."""

    STEP = "Review"
    HELP = mark(
        "All answers, and where each came from. Enter goes to where the one under the cursor is "
        "answered; Ctrl+N there comes back here. Nothing has been changed on any host yet.\n"
        "Below are lines to know before a run: ! is a warning or a limit of what was chosen, ✗ is "
        "what no run can go on with. Tab goes there, and the arrows scroll."
    )

    def __init__(self) -> None:
        super().__init__()
        self._wrong: list[str] = []

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield DataTable(cursor_type="row", id="review")
        with VerticalScroll(id="notes"):
            yield Static("", markup=False, id="noted")

    def on_mount(self) -> None:
        """Fill the table."""
        self._rows = rows(self.work)
        table = self.query_one(DataTable)
        table.add_columns(*map(cell, (tr("field"), tr("value"), tr("from"))))
        wrong = {one.path for one in self.work.problems}
        room = max(20, self.app.size.width - 47)  # so that where it came from is seen, too
        for _, path, label, value, origin in self._rows:
            bad = any(one == path or one.startswith(f"{path}.") for one in wrong)
            mark_of = "✗ " if bad else ""
            table.add_row(cell(f"{mark_of}{label}"), cell(cut(value, room)), cell(origin))
        table.focus()
        self._tell()

    def _tell(self) -> None:
        """Show what is wrong with the files, and what to know of the cluster."""
        wrong, warnings = self.work.looked_at()
        self._wrong = wrong
        lines = [f"✗ {one}" for one in wrong]
        lines += [f"! {one}" for one in (*warnings, *self.work.notes())]
        say(self.query_one("#noted", Static), "\n".join(lines))
        self.query_one("#notes").display = bool(lines)
        about = tr("Enter goes to where it is answered, and back here")
        say(self.query_one("#about", Static),
            tr("{about}; Tab goes to what to know", about=about) if lines else about)  # fmt: skip
        self.refresh_frame()

    def closed(self) -> str | None:
        """All has to be right before the plan is made."""
        found = self.work.problems
        if found:
            return found[0].sentence(self.work.data)
        return and_more(self._wrong) if self._wrong else None

    @on(DataTable.RowSelected)
    def _go(self, event: DataTable.RowSelected) -> None:
        step, path, *_ = self._rows[event.cursor_row]
        self.wizard.go(step, path, back_to="Review")
