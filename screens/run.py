"""Run: the whole, a row per host, and the last lines of one of them."""

from __future__ import annotations

import time
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import DataTable, Log, Static

from harbor_wizard.output import human_seconds
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.dialogs import ConfirmDialog
from harbor_wizard.screens.running import HostView, RunControl
from harbor_wizard.screens.widgets import cell, say

_BAR = 12


def bar(done: int, total: int, width: int = _BAR) -> str:
    """Return a bar of text."""
    full = width * done // max(total, 1)
    return "━" * full + "╌" * (width - full)


def overall(control: RunControl, now: float) -> str:
    """Return the first line: how far, how long, how long still."""
    view = control.view
    share = 100 * view.done // max(view.total, 1)
    gone = human_seconds((view.until or now) - view.begun)
    mark = "REHEARSAL " if control.rehearsal else ""
    text = f"{mark}{view.done}/{view.total} {bar(view.done, view.total)} {share}%  {gone} gone"
    if control.over:
        return f"{text}, ended"
    if control.stopping:
        return f"{text}, stopping…"
    if control.paused:
        return f"{text}, paused"
    left = view.left()
    return f"{text}, ~{human_seconds(left)} left" if left is not None else f"{text}, ~? left"


def half_done(control: RunControl) -> list[str]:
    """Return what stands half done: the steps that were begun and have not ended."""
    return [
        step.id for step in control.plan.steps
        if control.view.states[step.id].value in ("running", "verifying", "failed")
    ]  # fmt: skip


class RunScreen(WizardScreen):
    """A run under way. The run itself is the app's; this only shows it."""

    STEP = "Run"
    NEXT = "Report"
    HELP = (
        "A row per host; Up and Down choose whose last lines are shown. p pauses: steps under way "
        "are finished, none is begun; p again goes on. Where a step failed: r tries it again, s "
        "skips it (what needs it goes on as if it were done). x ends the run, after a question.\n"
        "Esc leaves this screen without ending the run. Ctrl+Q leaves the program: what runs long "
        "goes on on the hosts, and “harbor-wizard resume NAME” takes it up again."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause"),
        Binding("r", "retry", "Retry"),
        Binding("s", "skip", "Skip"),
        Binding("x", "abort", "Abort"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._shown_host = ""
        self._shown_lines = 0

    @property
    def _control(self) -> RunControl | None:
        return self.wizard.control

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Static("", markup=False, id="overall")
        yield DataTable(cursor_type="row", id="hosts-run")
        log = Log(max_lines=5000, id="log")
        log.can_focus = True
        yield log
        yield Static("", markup=False, id="failure")

    def on_mount(self) -> None:
        """Fill the table, and follow the run."""
        table = self.query_one(DataTable)
        for title in ("host", "state", "step", "now", "time"):
            table.add_column(title, key=title, width={"now": 24, "state": 11, "step": 5}.get(title))
        control = self._control
        if control is None:
            self.query_one("#overall", Static).update(
                "Nothing runs. Go back to the preview to rehearse or to run."
            )
            return
        for host in control.view.hosts.values():
            table.add_row(*self._row(host, time.time()), key=host.name)
        table.focus()
        self.draw()

    def _row(self, host: HostView, now: float) -> tuple[object, ...]:
        took = human_seconds(host.seconds(now)) if host.begun else ""
        style = {"failed": "bold red", "lost": "bold yellow", "done": "green"}.get(host.state, "")
        return (
            cell(host.name), cell(f"{host.symbol} {host.state}", style),
            cell(f"{host.ended}/{host.total}"), cell(host.now), cell(took),
        )  # fmt: skip

    def closed(self) -> str | None:
        """The report is there when the run has ended."""
        if self.wizard.outcome is None and self._control is None:
            return "nothing has run yet"
        return "the run is under way" if self._control and not self._control.over else None

    def draw(self) -> None:
        """Show what is known now. Called by the app's timer."""
        control = self._control
        if control is None or not self.is_mounted:
            return
        now = time.time()
        say(self.query_one("#overall", Static), overall(control, now))
        table = self.query_one(DataTable)
        for host in control.view.hosts.values():
            row = table.get_row(host.name)
            for key, old, new in zip(("host", "state", "step", "now", "time"), row,
                                     self._row(host, now), strict=True):  # fmt: skip
                if old != new:
                    table.update_cell(host.name, key, new)
        self._draw_log(control)
        self._draw_failure(control)

    def _draw_log(self, control: RunControl) -> None:
        names = list(control.view.hosts)
        at = self.query_one(DataTable).cursor_row
        host = control.view.hosts[names[at if 0 <= at < len(names) else 0]]
        log = self.query_one(Log)
        if host.name != self._shown_host:
            log.clear()
            self._shown_host, self._shown_lines = host.name, 0
            log.border_title = Content(host.name)
        new = min(host.printed - self._shown_lines, len(host.lines))
        if new > 0:
            log.write_lines(list(host.lines)[-new:])
            self._shown_lines = host.printed

    def _draw_failure(self, control: RunControl) -> None:
        chosen = control.view.hosts.get(self._shown_host)
        failed = [host for host in control.view.hosts.values() if host.state == "failed"]
        host = chosen if chosen in failed else (failed[0] if failed else None)
        shown = self.query_one("#failure", Static)
        text = control.error
        if host is not None:
            detail = " ".join(host.detail.split())
            text = f"{host.name} [{host.ended + 1}/{host.total}] {detail[-180:]}"
            text += f"\n  likely: {host.cause}" if host.cause else ""
            if not control.over and host.failed:
                text += "\n  mend it, then: r Retry, s Skip, x Abort"
        say(shown, f"✗ {text}" if text else "")
        shown.display = bool(text)

    @on(DataTable.RowHighlighted)
    def _chosen(self) -> None:
        self.draw()

    def action_pause(self) -> None:
        """Pause, or go on."""
        if self._control is not None and self._control.active:
            self._control.pause()
            self.refresh_frame()
            self.draw()

    def _decide(self, decision: str) -> None:
        control = self._control
        if control is None or not control.active:
            return
        names = [self._shown_host, *control.view.hosts]
        if not any(control.decide(name, decision) for name in names if name in control.view.hosts):
            self.notify("no step has failed", markup=False)

    def action_retry(self) -> None:
        """Try the failed step again."""
        self._decide("retry")

    def action_skip(self) -> None:
        """Leave the failed step out."""
        self._decide("skip")

    def action_abort(self) -> None:
        """End the run, once that was confirmed."""
        control = self._control
        if control is None or not control.active:
            return
        half = half_done(control)
        stands = "\n".join(f"  {one}" for one in half[:6]) or "  nothing"
        again = "rehearse" if control.rehearsal else "resume"

        def sure(yes: bool | None) -> None:
            if yes:
                control.abort()
                self.draw()

        self.app.push_screen(
            ConfirmDialog(
                f"End the run? What stands half done:\n{stands}\n\n"
                "Steps that are done stay done; nothing is taken back. Go on later with:\n"
                f"  harbor-wizard {again} {self.work.session.name}", "Abort", "Go on",
            ),
            sure,
        )  # fmt: skip
