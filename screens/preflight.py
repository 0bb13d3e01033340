"""Preflight: all checks on all hosts at once, before anything is done."""

from __future__ import annotations

import threading
import time
from typing import Any, ClassVar

from textual import on
from textual import work as in_worker
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.coordinate import Coordinate
from textual.message import Message
from textual.widgets import DataTable, Static

from harbor_wizard import preflight, run
from harbor_wizard.errors import HarborWizardError
from harbor_wizard.language import mark, tr
from harbor_wizard.preflight import Finding, Level, Preflight
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.sessions import ago
from harbor_wizard.screens.speaking import cut
from harbor_wizard.screens.widgets import cell, say, tone

_TONES = {Level.FAILED: "error", Level.WARNING: "warning", Level.UNKNOWN: "warning"}
_FIRST, _LEAST, _MOST = 15, 12, 22  # cells of a column: four hosts fit at 80 columns
_BESIDE = 17  # cells of what stands beside the table: the rail, and the edges
_STATES = {"connecting": mark("▶ connecting"), "looking": mark("▶ looking"), "": mark("▶ seen")}


class PreflightScreen(WizardScreen):
    """A table of checks by hosts, with the one under the cursor told in full."""

    STEP = "Preflight"
    HELP = mark(
        "r looks at all hosts at once; nothing is changed there, but for one file that each node "
        "writes to a shared image store and removes again. Each row is a check, each column "
        "a host: ✓ is well, ! is a warning, ✗ would make a run fail, · does not apply. Below is "
        "told what was seen under the cursor, what is wanted and why, and what to do; f goes to "
        "the next one that is not well.\n"
        "a accepts a warning: that is kept in the session, and it is not counted any more. Hosts "
        "that are not there yet need not be looked at for a preview or a rehearsal."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "look", mark("Look")),
        Binding("f", "find_next", mark("Next bad")),
        Binding("a", "accept", mark("Accept")),
    ]

    class HostState(Message):
        """A host is being looked at."""

        def __init__(self, host: str, state: str) -> None:
            super().__init__()
            self.host = host
            self.state = state

    class Looked(Message):
        """All hosts were looked at; `error` says why they could not be."""

        def __init__(self, found: Preflight | None, error: str = "") -> None:
            super().__init__()
            self.found = found
            self.error = error

    def __init__(self) -> None:
        super().__init__()
        self._looking: dict[str, str] = {}
        self._error = ""

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Static("", markup=False, classes="title", id="looked")
        yield DataTable(cursor_type="cell", id="checks", fixed_columns=1, cell_padding=0)
        with VerticalScroll(id="finding", can_focus=False):
            yield Static("", markup=False, id="found")

    def on_mount(self) -> None:
        """Show what was found the last time."""
        self.query_one(DataTable).focus()
        self._fill()

    @property
    def _found(self) -> Preflight | None:
        return self.work.looked_before

    # The table.

    def _fill(self) -> None:
        table: DataTable[Any] = self.query_one(DataTable)
        at = table.cursor_coordinate
        table.clear(columns=True)
        found = self._found
        table.display = found is not None
        if found is not None:
            width = self._width()
            table.add_column(cell(tr("check")), key="check", width=_FIRST)
            for host in found.hosts:
                table.add_column(cell(cut(host, width - 1)), key=host, width=width)
            for name in found.rows:
                cells = [self._cell(found.at(name, host)) for host in found.hosts]
                title = cut(tr(preflight.TITLES[name]), _FIRST - 1)
                table.add_row(cell(title), *cells, key=name)
            failed = [one for one in self._bad() if self._at(one).level is Level.FAILED]
            first = (failed or self._bad() or [Coordinate(0, 1)])[0]
            self.call_after_refresh(self._go_to, first if at.row == 0 else at)
        self._tell_state()
        self._tell()

    def _width(self) -> int:
        """Return how many cells a host's column gets."""
        room = self.app.size.width - _BESIDE - _FIRST
        hosts = len(self._found.hosts) if self._found is not None else 1
        return max(_LEAST, min(room // max(hosts, 1), _MOST))

    def _cell(self, one: Finding | None) -> Any:
        if one is None:
            return cell("·", "dim")
        accepted = self._is_accepted(one)
        symbol = "✓" if accepted else one.level.symbol
        text = cut(f"{symbol} {one.figure}", self._width() - 1)
        plain = accepted or one.level is Level.OK
        return cell(text, "" if plain else tone(self.app, _TONES[one.level]))

    def _tell_state(self) -> None:
        found = self._found
        if self._looking:
            states = ", ".join(f"{host} {tr(_STATES.get(state, state))}"
                               for host, state in self._looking.items())  # fmt: skip
            text = tr("Looking: {states}", states=states)
        elif self._error:
            text = f"✗ {self._error}"
        elif found is None:
            text = tr("The hosts were not looked at yet: r looks at all, and changes nothing.")
        else:
            text = f"{found.headline()} · {ago(time.time() - found.time)}"
            if not self.work.look_is_fresh:
                text += " · " + tr("answers changed since: r looks again")
        say(self.query_one("#looked", Static), text)

    def _at(self, at: Coordinate) -> Finding:
        found = self._found
        assert found is not None  # noqa: S101 - there is no place without it
        one = found.at(found.rows[at.row], found.hosts[at.column - 1])
        assert one is not None  # noqa: S101 - only places with a finding are asked for
        return one

    def _under_cursor(self) -> Finding | None:
        found = self._found
        if found is None:
            return None
        at = self.query_one(DataTable).cursor_coordinate
        if not (0 <= at.row < len(found.rows) and 1 <= at.column <= len(found.hosts)):
            return None
        return found.at(found.rows[at.row], found.hosts[at.column - 1])

    @on(DataTable.CellHighlighted)
    def _tell(self) -> None:
        one = self._under_cursor()
        lines = []
        if one is not None:
            title = tr(preflight.TITLES[one.check])
            lines.append(f"{one.level.symbol} {one.host}, {title}: {one.seen}")
            if self._is_accepted(one):
                lines.append(tr("accepted: it is not counted any more"))
            if one.wanted:
                lines.append(tr("wanted: {wanted} ({source})", wanted=one.wanted,
                                source=one.source))  # fmt: skip
            if one.cure and one.level is not Level.OK:
                lines.append(tr("what to do: {cure}", cure=one.cure))
        say(self.query_one("#found", Static), "\n".join(lines))

    def _bad(self) -> list[Coordinate]:
        found = self._found
        if found is None:
            return []
        return [
            Coordinate(row, column)
            for row, name in enumerate(found.rows)
            for column, host in enumerate(found.hosts, 1)
            if (one := found.at(name, host)) and one.level is not Level.OK
            and not self._is_accepted(one)
        ]  # fmt: skip

    def _go_to(self, at: Coordinate) -> None:
        self.query_one(DataTable).move_cursor(row=at.row, column=at.column)
        self._tell()

    def action_find_next(self) -> None:
        """Go to the next one that is not well."""
        bad = self._bad()
        if bad:
            now = self.query_one(DataTable).cursor_coordinate
            self._go_to(next((one for one in bad if one > now), bad[0]))
        else:
            self.notify(tr("nothing is left that is not well"), markup=False)

    # Warnings that were accepted.

    def _is_accepted(self, one: Finding) -> bool:
        return one.level is Level.WARNING and self.work.accepted.get(_key(one)) == one.seen

    def action_accept(self) -> None:
        """Accept the warning under the cursor; what it said is kept with it."""
        one, found = self._under_cursor(), self._found
        if one is None or found is None:
            return
        if one.level is not Level.WARNING:
            self.notify(tr("only a warning can be accepted"), markup=False)
            return
        if self._is_accepted(one):
            self.work.accepted.pop(_key(one), None)
        else:
            self.work.accepted[_key(one)] = one.seen
        self._keep(found)
        table = self.query_one(DataTable)
        table.update_cell(one.check, one.host, self._cell(one))
        self._tell()
        self.refresh_frame()

    def _keep(self, found: Preflight) -> None:
        try:
            self.work.keep_look(found)
        except OSError as error:
            said = tr("what was found cannot be kept ({why})", why=error.strerror)
            self.notify(said, severity="error", markup=False)

    # Looking.

    def action_look(self) -> None:
        """Look at all hosts."""
        if not self._looking:
            self._look()

    @in_worker(group="look")
    async def _look(self) -> None:
        try:
            plan = self.work.plan()
        except HarborWizardError as error:
            self._error = str(error).splitlines()[0]
            self._tell_state()
            return
        values = await self.wizard.values_for_looking(plan)
        if values is None:
            return
        cluster = plan.cluster
        connect = run.ssh_connector(self.work.session, cluster, values, self.wizard.accept_host_key)
        self._error = ""
        self._looking = dict.fromkeys((host.name for host in cluster.hosts), "connecting")
        self._tell_state()
        self.refresh_frame()

        def on_host(host: str, state: str) -> None:
            self.post_message(self.HostState(host, state))

        def look() -> None:
            try:
                found = preflight.look(cluster, connect, on_host=on_host, values=values,
                                       folder=self.work.session.folder)  # fmt: skip
            except Exception as error:  # said on the screen: nobody sees a thread's traceback
                self.post_message(self.Looked(None, type(error).__name__))
            else:
                self.post_message(self.Looked(found))

        threading.Thread(target=look, daemon=True, name="preflight").start()

    def on_preflight_screen_host_state(self, event: HostState) -> None:
        """Show which hosts answer."""
        if event.host in self._looking:
            self._looking[event.host] = event.state
            self._tell_state()

    def on_preflight_screen_looked(self, event: Looked) -> None:
        """Show what was found."""
        self._looking = {}
        self._error = event.error
        if event.found is not None:
            self._keep(event.found)
        self.query_one(DataTable).cursor_coordinate = Coordinate(0, 0)
        self._fill()
        self.refresh_frame()

    def refresh_frame(self) -> None:
        """Say beside Next what a run would stumble over."""
        super().refresh_frame()
        found = self._found
        bad = [] if found is None else found.of(Level.FAILED)
        hint = ""
        if self._looking:
            hint = tr("looking; Next need not wait for it")
        elif found is None:
            hint = tr("a preview or a rehearsal needs no look at the hosts")
        elif bad:
            hint = "✗ " + tr("{host}, {check}: a run would fail here", host=bad[0].host,
                             check=tr(preflight.TITLES[bad[0].check]))  # fmt: skip
        say(self.query_one("#reason", Static), hint)


def _key(one: Finding) -> str:
    return f"{one.check} {one.host}"
