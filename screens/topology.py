"""Topology: the public name, the virtual address, and the hosts."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Static

from harbor_wizard import questions
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.dialogs import ConfirmDialog, HostDialog, PasteDialog
from harbor_wizard.screens.widgets import Form, cell, say


def diagram(data: dict[str, Any], wrong: frozenset[int] = frozenset()) -> list[str]:
    """Return the cluster as lines of text: `?` where nothing is yet, ✗ where it is wrong."""
    hosts = [host for host in data.get("hosts") or [] if isinstance(host, dict)]
    columns: dict[str, list[str]] = {"balancer": [], "harbor": []}
    for index, host in enumerate(hosts):
        name = str(host.get("name") or "?")[:14]
        mark = " ✗" if index in wrong else ""
        for role, column in columns.items():
            if role in (host.get("roles") or []):
                column.append(f"{name}{mark}")
    left, right = columns["balancer"] or ["?"], columns["harbor"] or ["?"]
    virtual = str(questions.get(data, "virtual_address.address") or "?").partition("/")[0][:39]
    width = max(map(len, left))
    start = f"clients ─▶ {virtual} ─▶ "
    rows = max(len(left), len(right))
    lines = []
    for at in range(rows):
        balancer = left[at] if at < len(left) else ""
        node = right[at] if at < len(right) else ""
        if rows == 1:
            joint = "─"
        else:
            joint = "┬" if at == 0 else "┴" if at == rows - 1 else "┼" if balancer else "├"
        link = f"{'─' if balancer else ' '}{joint}{'─▶' if node else '  '}"
        lines.append(
            f"{start if at == 0 else ' ' * len(start)}{balancer:<{width}} {link} {node}".rstrip()
        )
    return lines


class HostTable(DataTable[Any]):
    """The hosts; its keys work while the cursor is in it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "screen.add", "Add", show=False),
        Binding("e", "screen.edit", "Edit", show=False),
        Binding("d", "screen.delete", "Delete", show=False),
        Binding("p", "screen.paste", "Paste", show=False),
    ]

    def action_cursor_up(self) -> None:
        """Leave upwards from the first row."""
        if self.cursor_row <= 0:
            self.app.action_focus_previous()
        else:
            super().action_cursor_up()


class TopologyScreen(WizardScreen):
    """The hosts and the address before them."""

    STEP = "Topology"
    HELP = (
        "The public name is what clients write in “docker login”; it has to resolve to the "
        "virtual address, which one of the balancers holds. The router id has to be free on "
        "that network segment.\n"
        "In the table of hosts: a adds one, e or Enter edits it, d deletes it, p takes many "
        "pasted lines at once. Ctrl+O goes to the table."
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+o", "hosts", "Hosts")]

    def body(self) -> ComposeResult:
        """Lay it out."""
        asked = tuple(q for q in questions.QUESTIONS if q.section == "topology")
        yield Form(self.work, asked)
        yield Static("Hosts: a add, e edit, d delete, p paste many", markup=False, classes="title")
        yield HostTable(cursor_type="row", id="hosts")
        yield Static("", markup=False, id="diagram")

    def on_mount(self) -> None:
        """Fill the table."""
        table = self.query_one(HostTable)
        table.add_columns("name", "roles", "address", "interface", "system")
        self._fill()

    @property
    def _hosts(self) -> list[dict[str, Any]]:
        hosts = self.work.data.get("hosts")
        return [h for h in hosts if isinstance(h, dict)] if isinstance(hosts, list) else []

    def _wrong(self) -> frozenset[int]:
        return frozenset(
            index for index in range(len(self._hosts))
            if any(one.path.startswith(f"hosts[{index}]") and one.section == "topology"
                   for one in self.work.problems)
        )  # fmt: skip

    def _fill(self) -> None:
        table = self.query_one(HostTable)
        at = table.cursor_row
        table.clear()
        wrong = self._wrong()
        for index, host in enumerate(self._hosts):
            mark = "✗ " if index in wrong else ""
            table.add_row(
                cell(f"{mark}{host.get('name', '?')}"),
                cell(", ".join(map(str, host.get("roles") or [])) or "?"),
                cell(str(host.get("address", "?"))),
                cell(str(host.get("interface", "-"))),
                cell(str(host.get("platform", "find out"))),
            )
        if self._hosts:
            table.move_cursor(row=min(at, len(self._hosts) - 1))
        self._draw()

    def _draw(self) -> None:
        lines = diagram(self.work.data, self._wrong())
        say(self.query_one("#diagram", Static), "\n".join(lines))

    def answers_changed(self) -> None:
        """Draw the diagram, too."""
        super().answers_changed()
        self._draw()

    def enter(self, path: str) -> None:
        """Put the cursor into a field or into the table."""
        if path.startswith("hosts"):
            self.query_one(HostTable).focus()
        else:
            super().enter(path)

    def action_hosts(self) -> None:
        """Go to the table."""
        self.query_one(HostTable).focus()

    def on_data_table_row_selected(self) -> None:
        """Edit what Enter was pressed on."""
        self.action_edit()

    def _keep(self, hosts: list[dict[str, Any]]) -> None:
        self.work.data["hosts"] = hosts
        self.work.changed()
        self.answers_changed()
        self._fill()
        self.query_one(HostTable).focus()

    def action_add(self) -> None:
        """Add a host."""
        hosts = self._hosts
        balancers = sum("balancer" in (host.get("roles") or []) for host in hosts)
        kind = "balancer" if balancers < 2 else "harbor"
        number = sum(kind in (host.get("roles") or []) for host in hosts) + 1
        new: dict[str, Any] = {
            "name": f"{'lb' if kind == 'balancer' else 'harbor'}-{number}", "roles": [kind],
        }  # fmt: skip
        if kind == "balancer":
            new["interface"] = "eth0"
        self._edit(new, len(hosts))

    def action_edit(self) -> None:
        """Edit the host under the cursor."""
        hosts, at = self._hosts, self.query_one(HostTable).cursor_row
        if 0 <= at < len(hosts):
            self._edit(hosts[at], at)
        else:
            self.action_add()

    def _edit(self, host: dict[str, Any], index: int) -> None:
        def edited(result: dict[str, Any] | None) -> None:
            if result is not None:
                hosts = self._hosts
                hosts[index : index + 1] = [result]
                self._keep(hosts)
                self.query_one(HostTable).move_cursor(row=index)

        self.app.push_screen(HostDialog(host, index, self.work.data), edited)

    def action_delete(self) -> None:
        """Delete the host under the cursor, once that was confirmed."""
        hosts, at = self._hosts, self.query_one(HostTable).cursor_row
        if not 0 <= at < len(hosts):
            return

        def sure(yes: bool | None) -> None:
            if yes:
                self._keep(hosts[:at] + hosts[at + 1 :])

        self.app.push_screen(
            ConfirmDialog(f"Take {hosts[at].get('name', 'this host')} out of the cluster?"), sure
        )

    def action_paste(self) -> None:
        """Take many hosts from pasted lines."""

        def pasted(text: str | None) -> None:
            if text:
                solution = str(self.work.data.get("solution"))
                self._keep(self._hosts + questions.pasted_hosts(text, solution))

        self.app.push_screen(PasteDialog(), pasted)
