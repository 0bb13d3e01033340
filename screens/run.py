"""Run: the whole, a row per host, and the last lines of one of them."""

from __future__ import annotations

import time
from typing import ClassVar

from rich.cells import cell_len, chop_cells
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import DataTable, Log, Static

from harbor_wizard.language import mark, tr, trn
from harbor_wizard.output import human_seconds
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.dialogs import ConfirmDialog
from harbor_wizard.screens.left import LeftRun, left_run
from harbor_wizard.screens.running import HostView, RunControl
from harbor_wizard.screens.widgets import cell, say, tone

_BAR = 12
_BESIDE = 56  # cells that the other columns and the rail take
_TONES = {"failed": "error", "lost": "warning", "unknown": "warning", "done": "success"}


def bar(done: int, total: int, width: int = _BAR) -> str:
    """Return a bar of text."""
    full = width * done // max(total, 1)
    return "━" * full + "╌" * (width - full)


def overall(control: RunControl | LeftRun, now: float) -> str:
    """Return the first line: how far, how long, how long still."""
    view = control.view
    done = view.done
    share = 100 * done // max(view.total, 1)
    gone = human_seconds((view.until or now) - view.begun)
    if isinstance(control, LeftRun):
        gone = ""
    first = f"{tr('REHEARSAL')} " if control.rehearsal else ""
    return (
        f"{first}{done}/{view.total} {bar(done, view.total)} {share}%  "
        f"{_time(control, gone)}"
    )


def _time(control: RunControl | LeftRun, gone: str) -> str:
    if isinstance(control, LeftRun):
        if control.unknown:
            return tr("stopped, {number} unknown: will be checked", number=control.unknown)
        return tr("stopped")
    if control.over:
        return tr("{gone} gone, ended", gone=gone)
    if control.stopping:
        return tr("{gone} gone, stopping…", gone=gone)
    if control.paused:
        return tr("{gone} gone, paused", gone=gone)
    left = control.view.left()
    if left is None:
        return tr("{gone} gone, ~? left", gone=gone)
    return tr("{gone} gone, ~{left} left", gone=gone, left=human_seconds(left))


def end_of(text: str, cells: int) -> str:
    """Return the end of a text that takes so many cells at the most."""
    return text if cell_len(text) <= cells else chop_cells(text[::-1], cells)[0][::-1]


def half_done(control: RunControl) -> list[str]:
    """Return what stands half done: the steps that were begun and have not ended."""
    return [
        step.id for step in control.plan.steps
        if control.view.states[step.id].value in ("running", "verifying", "failed")
    ]  # fmt: skip


class RunScreen(WizardScreen):
    """A run under way. The run itself is the app's; this only shows it."""

    STEP = "Run"
    NEXT = mark("Report")
    HELP = mark(
        "A run that was left shows what is known of it, with the past output: g takes it up again. "
        "What runs long went on on the hosts meanwhile, and is followed again; where nobody saw a "
        "step's end, its check decides.\n"
        "A row per host; Up and Down choose whose last lines are shown. p pauses: steps under way "
        "are finished, none is begun; p again goes on. Where a step failed: r tries it again, s "
        "skips it (what needs it goes on as if it were done); a host that was not reached is tried "
        "again by r, too. x ends the run, after a question. All that hosts print is in the "
        "session's logs, here are the last lines of it.\n"
        "Esc leaves this screen without ending the run. Ctrl+Q leaves the program: what runs long "
        "goes on on the hosts, and “harbor-wizard resume NAME” takes it up again."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "go_on", mark("Go on")),
        Binding("p", "pause", mark("Pause")),
        Binding("r", "retry", mark("Retry")),
        Binding("s", "skip", mark("Skip")),
        Binding("x", "abort", mark("Abort")),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._shown_host = ""
        self._shown_lines = 0
        self._left: LeftRun | None = None
        self._laid_out = False

    @property
    def _control(self) -> RunControl | LeftRun | None:
        return self.wizard.control or self._left

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
        self._laid_out = True
        table = self.query_one(DataTable)
        for key, title in (("host", tr("host")), ("state", tr("state")), ("step", tr("step")),
                           ("now", tr("now")), ("time", tr("time"))):  # fmt: skip
            room = max(24, min(self.app.size.width - _BESIDE, 80))
            width = {"now": room, "state": 11, "step": 5}.get(key)
            table.add_column(cell(title), key=key, width=width)
        if self.wizard.control is None:
            self._left = left_run(self.work)
        control = self._control
        if control is None:
            self.query_one("#overall", Static).update(
                tr("Nothing runs. Go back to the preview to rehearse or to run.")
            )
            table.display = self.query_one(Log).display = False
            return
        for host in control.view.hosts.values():
            table.add_row(*self._row(host, time.time()), key=host.name)
        table.focus()
        self.draw()

    def _row(self, host: HostView, now: float) -> tuple[object, ...]:
        took = human_seconds(host.seconds(now)) if host.begun else ""
        style = tone(self.app, _TONES[host.state]) if host.state in _TONES else ""
        return (
            cell(host.name), cell(f"{host.symbol} {tr(host.state)}", style),
            cell(f"{host.ended}/{host.total}"), cell(host.now), cell(took),
        )  # fmt: skip

    def closed(self) -> str | None:
        """The report is there when the run has ended."""
        if self._left is not None:
            return tr("the run was left: g takes it up again")
        if self.wizard.outcome is None and self._control is None:
            return tr("nothing has run yet")
        return tr("the run is under way") if self._control and not self._control.over else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Only what can be done now is offered."""
        if action == "go_on":
            return self._left is not None
        if action in ("pause", "retry", "skip", "abort"):
            return isinstance(self._control, RunControl)
        return True

    def action_go_on(self) -> None:
        """Take up a run that was left."""
        if self._left is not None:
            self.wizard.begin(rehearsal=self._left.rehearsal)

    def draw(self) -> None:
        """Show what is known now. Called by the app's timer."""
        control = self._control
        if control is None or not self._laid_out:
            return
        if not (self.query("#overall") and self.query(DataTable) and self.query(Log)):
            return  # the program ends, and its parts went before its timer
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

    def _draw_log(self, control: RunControl | LeftRun) -> None:
        names = list(control.view.hosts)
        at = self.query_one(DataTable).cursor_row
        host = control.view.hosts[names[at if 0 <= at < len(names) else 0]]
        log = self.query_one(Log)
        if host.name != self._shown_host:
            log.clear()
            self._shown_host, self._shown_lines = host.name, 0
            log.border_title = Content(host.name)
        lines, missed, self._shown_lines = host.tail.since(self._shown_lines)
        if missed:
            lines.insert(0, trn("⋯ {number} line is in the log only",
                                "⋯ {number} lines are in the log only", missed))  # fmt: skip
        if lines:
            log.write_lines(lines)

    def _draw_failure(self, control: RunControl | LeftRun) -> None:
        chosen = control.view.hosts.get(self._shown_host)
        failed = [host for host in control.view.hosts.values() if host.state == "failed"]
        host = chosen if chosen in failed else (failed[0] if failed else None)
        shown = self.query_one("#failure", Static)
        text = control.error
        if host is not None:
            detail = " ".join(host.detail.split()).removeprefix(f"{host.name}: ")
            text = f"{host.name} [{host.ended + 1}/{host.total}] {end_of(detail, 180)}"
            text += "\n  " + tr("likely: {cause}", cause=host.cause) if host.cause else ""
            if not control.over and host.failed:
                text += "\n  " + tr("mend it, then: r Retry, s Skip, x Abort")
            elif not control.over and host.unreached:
                text += "\n  " + tr("mend it, then: r Retry, x Abort")
        say(shown, f"✗ {text}" if text else "")
        shown.display = bool(text)

    @on(DataTable.RowHighlighted)
    def _chosen(self) -> None:
        self.draw()

    def action_pause(self) -> None:
        """Pause, or go on."""
        control = self._control
        if isinstance(control, RunControl) and control.active:
            control.pause()
            self.refresh_frame()
            self.draw()

    def _decide(self, decision: str) -> None:
        control = self._control
        if control is None or not control.active:
            return
        names = [self._shown_host, *control.view.hosts]
        if not any(control.decide(name, decision) for name in names if name in control.view.hosts):
            self.notify(tr("no step has failed"), markup=False)

    def action_retry(self) -> None:
        """Try the failed step again."""
        self._decide("retry")

    def action_skip(self) -> None:
        """Leave the failed step out."""
        self._decide("skip")

    def action_abort(self) -> None:
        """End the run, once that was confirmed."""
        control = self._control
        if not isinstance(control, RunControl) or not control.active:
            return
        half = half_done(control)
        stands = "\n".join(f"  {one}" for one in half[:6]) or "  " + tr("nothing")
        again = "rehearse" if control.rehearsal else "resume"

        def sure(yes: bool | None) -> None:
            if yes:
                control.abort()
                self.draw()

        self.app.push_screen(
            ConfirmDialog(
                tr("End the run? What stands half done:\n{steps}\n\n"
                   "Steps that are done stay done; nothing is taken back. Go on later with:\n"
                   "  {command}", steps=stands,
                   command=f"harbor-wizard {again} {self.work.session.name}"),
                tr("Abort"), tr("Go on"),
            ),
            sure,
        )  # fmt: skip
