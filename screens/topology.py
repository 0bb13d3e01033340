"""Topology: the public name, the virtual address, and the hosts."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Static

from harbor_wizard import questions
from harbor_wizard.language import mark, tr
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.diagram import diagram
from harbor_wizard.screens.dialogs import ConfirmDialog, HostDialog, PasteDialog
from harbor_wizard.screens.widgets import Form, cell, say


def roles(host: dict[str, Any]) -> list[str]:
    """Return a host's roles."""
    listed = host.get("roles")
    return [str(one) for one in listed] if isinstance(listed, list) else []


def parts(data: dict[str, Any]) -> list[str]:
    """Return for each host what it is in the solution, in one word or two."""
    solution, masters = data.get("solution"), 0
    told = []
    for host in data.get("hosts") or []:
        named = roles(host) if isinstance(host, dict) else []
        if "harbor" in named and solution in ("master-slave", "master-master"):
            slave = masters and solution == "master-slave"
            part = tr("replica") if slave else tr("master")
            named = [part if one == "harbor" else one for one in named]
            masters += 1
        told.append(", ".join(named) or "?")
    return told


class HostTable(DataTable[Any]):
    """The hosts; its keys work while the cursor is in it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "screen.add", mark("Add"), show=False),
        Binding("e", "screen.edit", mark("Edit"), show=False),
        Binding("d", "screen.delete", mark("Delete"), show=False),
        Binding("u", "screen.up", mark("Up"), show=False),
        Binding("p", "screen.paste", mark("Paste"), show=False),
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
    HELP = mark(
        "The public name is what clients write in “docker login”; it has to resolve to the "
        "virtual address, where there is one, else to the first Harbor. The router id has to be "
        "free on that network segment.\n"
        "In the table of hosts: a adds one, e or Enter edits it, d deletes it, u moves it up, p "
        "takes many pasted lines at once. Ctrl+O goes to the table. Of balancers, the first one "
        "holds the virtual address; of Harbors, the first one is the master, where there is one.\n"
        "Active-standby takes two Harbors and no balancer; before a master and its replicas, or "
        "before two masters, balancers can stand, but need not."
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+o", "hosts", mark("Hosts"))]

    def __init__(self) -> None:
        super().__init__()
        self._own = False
        self._rows: list[list[str]] = []

    def body(self) -> ComposeResult:
        """Lay it out."""
        asked = tuple(q for q in questions.QUESTIONS if q.section == "topology")
        with VerticalScroll(can_focus=False, id="topology-form"):
            yield Form(self.work, asked)
        yield Static(
            tr("Hosts: a add, e edit, d delete, u up, p paste many"), markup=False, classes="title"
        )
        yield HostTable(cursor_type="row", id="hosts")
        yield Static("", markup=False, id="diagram")

    def on_mount(self) -> None:
        """Fill the table."""
        table = self.query_one(HostTable)
        own = self.work.data.get("solution") in ("master-slave", "master-master")
        titles = [tr("name"), tr("role"), tr("address"), *([tr("own name")] if own else []),
                  tr("interface"), tr("system")]  # fmt: skip
        table.add_columns(*map(cell, titles))
        self._own = own
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
        wrong, told = self._wrong(), parts({**self.work.data, "hosts": self._hosts})
        rows = []
        for index, host in enumerate(self._hosts):
            own = [str(host.get("public_name", "-"))] if self._own else []
            rows.append([
                f"{'✗ ' if index in wrong else ''}{host.get('name', '?')}", told[index],
                str(host.get("address", "?")), *own, str(host.get("interface", "-")),
                str(host.get("platform") or tr("find out")),
            ])  # fmt: skip
        self._draw()
        if rows == self._rows:
            return
        self._rows = rows
        table.clear()
        for row in rows:
            table.add_row(*map(cell, row))
        if self._hosts:
            table.move_cursor(row=min(at, len(self._hosts) - 1))

    def _draw(self) -> None:
        lines = diagram(self.work.data, self._wrong())
        say(self.query_one("#diagram", Static), "\n".join(lines))

    def answers_changed(self) -> None:
        """Draw the hosts and the diagram, too: both follow from the answers."""
        super().answers_changed()
        self._fill()

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
        self.work.keep_hosts(hosts)
        self.query_one(Form).follow()
        self.answers_changed()
        self.query_one(HostTable).focus()

    def action_add(self) -> None:
        """Add a host."""
        hosts, data = self._hosts, self.work.data
        active, standby = (data.get("solution") == one for one in ("active-active",
                                                                   "active-standby"))  # fmt: skip
        existing = questions.get(data, "balancer.type") == "existing"
        balancers = sum("balancer" in roles(host) for host in hosts)
        kind = "balancer" if active and not existing and balancers < 2 else "harbor"
        word = "lb" if kind == "balancer" else "harbor"
        names = {host.get("name") for host in hosts}
        number = next(n for n in range(1, len(hosts) + 2) if f"{word}-{n}" not in names)
        new: dict[str, Any] = {"name": f"{word}-{number}", "roles": [kind]}
        systems = [host["platform"] for host in hosts if host.get("platform")]
        if systems:
            new["platform"] = systems[-1]  # mostly they are all the same
        if kind == "balancer" or standby:
            new["interface"] = "eth0"
        self._edit(new, len(hosts))

    def action_up(self) -> None:
        """Move the host under the cursor up: the first of its role comes first in many ways."""
        hosts, at = self._hosts, self.query_one(HostTable).cursor_row
        if 0 < at < len(hosts):
            hosts[at - 1], hosts[at] = hosts[at], hosts[at - 1]
            self._keep(hosts)
            self.query_one(HostTable).move_cursor(row=at - 1)

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
            ConfirmDialog(tr("Take {host} out of the cluster?", host=hosts[at].get("name", "?"))),
            sure,
        )

    def action_paste(self) -> None:
        """Take many hosts from pasted lines."""

        def pasted(text: str | None) -> None:
            if text:
                solution = str(self.work.data.get("solution"))
                existing = questions.get(self.work.data, "balancer.type") == "existing"
                self._keep(self._hosts + questions.pasted_hosts(text, solution, existing=existing))

        self.app.push_screen(PasteDialog(str(self.work.data.get("solution"))), pasted)
