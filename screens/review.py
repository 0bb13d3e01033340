"""Review: all answers on one page."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.widgets import DataTable, Static

from harbor_wizard import questions
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.state import Work
from harbor_wizard.screens.widgets import cell, say


def rows(work: Work) -> list[tuple[str, str, str, str, str]]:
    """Return for each answer its screen, path, label, value and where it came from."""
    found = []
    for section in questions.SECTIONS:
        for one in questions.asked(work.data, section):
            value, origin = answer(work, one)
            found.append((section.capitalize(), one.path, one.label, value, origin))
        if section == "topology":
            hosts = work.data.get("hosts")
            for index, host in enumerate(hosts if isinstance(hosts, list) else []):
                found.append(
                    ("Topology", f"hosts[{index}]", str(host.get("name", "?")), told(host), "typed")
                )
    return found


def told(host: dict[str, Any]) -> str:
    """Return a host in one line."""
    roles = ", ".join(map(str, host.get("roles") or []))
    parts = (roles, host.get("address"), host.get("interface"), host.get("platform"))
    return " ".join(str(part) for part in parts if part)


def answer(work: Work, question: questions.Question) -> tuple[str, str]:
    """Return the value to show, and where it came from."""
    if question.kind == "secret":
        name = question.secret_name(work.data)
        if name in work.secrets:
            return "••••••", "typed"
        if question.path == "admin_password":
            return "drawn, or kept", "default"
        return "asked before the run", "default"
    value = question.answer(work.data)
    if not value:
        return question.default or "-", "default"
    return value, "default" if value == question.default else "typed"


class ReviewScreen(WizardScreen):
    """Everything on one page; Enter goes where it is answered."""

    STEP = "Review"
    HELP = (
        "All answers, and where each came from. Enter goes to where the one under the cursor is "
        "answered; Ctrl+N there comes back here. Nothing has been changed on any host yet."
    )

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield DataTable(cursor_type="row", id="review")

    def on_mount(self) -> None:
        """Fill the table."""
        self._rows = rows(self.work)
        table = self.query_one(DataTable)
        table.add_columns("field", "value", "from")
        wrong = {one.path for one in self.work.problems}
        for _, path, label, value, origin in self._rows:
            bad = any(one == path or one.startswith(f"{path}.") for one in wrong)
            table.add_row(cell(f"{'✗ ' if bad else ''}{label}"), cell(value), cell(origin))
        table.focus()
        say(self.query_one("#about", Static), "Enter goes to where it is answered, and back here")

    def closed(self) -> str | None:
        """All has to be right before the plan is made."""
        found = self.work.problems
        return found[0].sentence(self.work.data) if found else None

    @on(DataTable.RowSelected)
    def _go(self, event: DataTable.RowSelected) -> None:
        step, path, *_ = self._rows[event.cursor_row]
        self.wizard.go(step, path, back_to="Review")
