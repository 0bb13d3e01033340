"""Status: how an installed cluster stands, looked at again and again while it is shown."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual import work as in_worker
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import DataTable, Footer, Static

from harbor_wizard import run
from harbor_wizard.inspection.status import ClusterStatus, HostStatus, Looker, roles_told
from harbor_wizard.language import mark, tr
from harbor_wizard.plan import Plan
from harbor_wizard.screens import asking
from harbor_wizard.screens.base import KEYS
from harbor_wizard.screens.dialogs import HelpDialog
from harbor_wizard.screens.speaking import SpeakingScreen, cut
from harbor_wizard.screens.state import Work
from harbor_wizard.screens.widgets import cell, say, tone

if TYPE_CHECKING:
    from harbor_wizard.screens.app import WizardApp

# Seconds from the end of a look to the next one.
EVERY = 5.0
# Files are compared with each look of so many: that is many small questions.
_FILES_EVERY = 12

_HELP = mark(
    "How the cluster stands now. All hosts are looked at every few seconds, over one connection "
    "each, and nothing is changed there. ✓ is well, ✗ is not: below is told what was seen under "
    "the cursor. The first row is what no single host has: who holds the address, certificates, "
    "replication.\n"
    "r looks at once, and tries hosts again that were not reached or refused the login. d shows "
    "how files differ from what the plan would write; they are compared once a minute. Tab goes to "
    "the text, where the arrows scroll. Esc goes back, and closes all connections."
)

_CLUSTER = ""  # the key of the first row


class StatusScreen(SpeakingScreen[None]):
    """A table of the hosts, with the one under the cursor told in full."""

    VERTICAL_BREAKPOINTS = [(0, "-low"), (32, "-high")]  # noqa: RUF012

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "look", mark("Look now")),
        Binding("d", "differences", mark("Differences")),
        Binding("escape", "leave", mark("Back")),
        Binding("f1", "help", mark("Help")),
        Binding("ctrl+q", "app.quit", mark("Leave")),
    ]

    class HostSeen(Message):
        """A host was looked at."""

        def __init__(self, status: HostStatus) -> None:
            super().__init__()
            self.status = status

    class Looked(Message):
        """All hosts were looked at; `error` says why they could not be."""

        def __init__(self, status: ClusterStatus | None, error: str = "") -> None:
            super().__init__()
            self.status = status
            self.error = error

    def __init__(self, work: Work, plan: Plan) -> None:
        super().__init__()
        self._work, self._plan = work, plan
        self._looker: Looker | None = None
        self._left = False
        self._looks = 0
        self._again = False
        self._waiting: set[str] = set()  # the hosts whose answer the look under way waits for
        self._hosts: dict[str, HostStatus] = {}
        self._seen: ClusterStatus | None = None
        self._at = ""
        self._error = ""

    @property
    def wizard(self) -> WizardApp:
        """The app, as what it is."""
        from harbor_wizard.screens.app import WizardApp  # noqa: PLC0415 - each imports the other

        assert isinstance(self.app, WizardApp)  # noqa: S101 - for the type checker
        return self.app

    def compose(self) -> ComposeResult:
        """Lay it out."""
        name = self._work.session.name
        with Horizontal(id="head"):
            yield Static(f"harbor-wizard · {name} · {tr('status')}", markup=False, id="head-left")
            yield Static("", markup=False, id="head-right")
        yield Static("", markup=False, classes="title", id="status-headline")
        yield DataTable(cursor_type="row", id="status-rows")
        with VerticalScroll(can_focus=True, id="status-shown"):
            yield Static("", markup=False, id="status-told")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Make a row for each host, and begin to look."""
        table: DataTable[Any] = self.query_one(DataTable)
        table.add_column(cell(tr("host")), key="host")
        table.add_column(cell(tr("state")), key="state")
        table.add_column(cell(tr("what is not well")), key="ill")
        for key, name in ((_CLUSTER, self._plan.cluster.name),
                          *((one.name, one.name) for one in self._plan.cluster.hosts)):  # fmt: skip
            table.add_row(cell(name), cell(tr("· not seen yet")), cell(""), key=key)
        table.focus()
        self._begin()

    @in_worker(group="status")
    async def _begin(self) -> None:
        values = await asking.values_for_looking(self.wizard, self._work, self._plan)
        if values is None:
            self.action_leave()
            return
        accept = self.wizard.accept_host_key
        connect = run.ssh_connector(self._work.session, self._plan.cluster, values, accept)
        self._looker = Looker(self._plan.cluster, connect, plan=self._plan, values=values,
                              session=self._work.session)  # fmt: skip
        self._look()

    # Looking.

    def _look(self) -> None:
        looker = self._looker
        if looker is None or self._left or self._waiting:
            return
        files = self._looks % _FILES_EVERY == 0
        self._looks += 1
        self._waiting = {host.name for host in self._plan.cluster.hosts}
        self._tell_state()

        def look() -> None:
            try:
                seen = looker.look(lambda one: self._post(self.HostSeen(one)), files=files)
            except Exception as error:  # said on the screen: nobody sees a thread's traceback
                self._post(self.Looked(None, type(error).__name__))
            else:
                self._post(self.Looked(seen))

        threading.Thread(target=look, daemon=True, name="status").start()

    def _post(self, message: Message) -> None:
        if not self._left:
            self.post_message(message)

    def on_status_screen_host_seen(self, event: HostSeen) -> None:
        """Show one host; the others may take longer."""
        host = event.status
        self._waiting.discard(host.name)
        self._hosts[host.name] = host
        self._row(host.name, host.well, host.summary, host.ill)
        self._tell_state()
        self._tell()

    def on_status_screen_looked(self, event: Looked) -> None:
        """Show what is known of all, and look again in a while."""
        self._waiting = set()
        self._at = time.strftime("%H:%M:%S", time.localtime())
        self._error = event.error
        if event.status is not None:
            self._seen = event.status
            ill = [line.removeprefix("✗ ") for line in event.status.beyond_hosts()
                   if line.startswith("✗")]  # fmt: skip
            self._row(_CLUSTER, not ill, tr("not well") if ill else tr("well"), tuple(ill))
        self._tell_state()
        self._tell()
        if self._again:
            self._again = False
            self._look()
        elif not self._left:
            self.set_timer(EVERY, self._look)

    def _row(self, key: str, well: bool, summary: str, ill: tuple[str, ...]) -> None:
        table: DataTable[Any] = self.query_one(DataTable)
        style = "" if well else tone(self.app, "error")
        # What stands there already is left: a table that is drawn anew jumps.
        said = cut(", ".join(ill), max(self.app.size.width - 34, 20))
        for column, text in (("state", f"{'✓' if well else '✗'} {summary}"), ("ill", said)):
            made = cell(text, style)
            if table.get_cell(key, column) != made:
                table.update_cell(key, column, made, update_width=True)

    # What is shown.

    def _tell_state(self) -> None:
        at = tr("looked at {time}", time=self._at) if self._at else ""
        if self._waiting:
            waiting = ", ".join(sorted(self._waiting))
            at = tr("looking: {hosts}", hosts=cut(waiting, 36))
        say(self.query_one("#head-right", Static), at)
        if self._error:
            headline = f"✗ {self._error}"
        elif self._seen is not None:
            headline = f"{'✓' if self._seen.well else '✗'} {self._seen.headline()}"
        else:
            headline = tr("The hosts are being looked at…")
        say(self.query_one("#status-headline", Static), headline)

    @property
    def _under_cursor(self) -> str:
        table: DataTable[Any] = self.query_one(DataTable)
        hosts = [_CLUSTER, *(host.name for host in self._plan.cluster.hosts)]
        return hosts[table.cursor_row] if 0 <= table.cursor_row < len(hosts) else _CLUSTER

    @on(DataTable.RowHighlighted)
    def _tell(self) -> None:
        key = self._under_cursor
        lines: list[str] = []
        if key == _CLUSTER and self._seen is not None:
            lines = list(self._seen.beyond_hosts()) or [tr("nothing is beyond the hosts")]
        elif key in self._hosts:
            host = self._hosts[key]
            lines = [f"{host.name} {host.address} ({roles_told(host)})", *host.lines()]
        say(self.query_one("#status-told", Static), "\n".join(lines))

    def action_look(self) -> None:
        """Look at once, also where nobody was reached."""
        if self._looker is not None:
            self._looker.insist()
            self._looks = 0  # files, too
            if self._waiting:
                self._again = True
            else:
                self._look()

    def action_differences(self) -> None:
        """Show how the files under the cursor differ from the plan."""
        key = self._under_cursor
        hosts = self._hosts.values() if key == _CLUSTER else [self._hosts.get(key)]
        found = [f"{host.name}\n{one.diff}" for host in hosts if host for one in host.drift]
        said = "\n\n".join(found) or tr("No file that was compared differs from the plan.")
        self.app.push_screen(HelpDialog(tr("Differences"), said))

    def action_help(self) -> None:
        """Show the help of this screen."""
        self.app.push_screen(HelpDialog(tr("status"), f"{tr(_HELP)}\n\n{tr(KEYS)}"))

    def action_leave(self) -> None:
        """Go back."""
        if not self._left:
            self._stop()
            self.dismiss(None)

    def on_unmount(self) -> None:
        """Close the connections, however the screen was left."""
        self._stop()

    def _stop(self) -> None:
        self._left = True
        looker, self._looker = self._looker, None
        if looker is not None:
            threading.Thread(target=looker.close, daemon=True, name="status-close").start()
