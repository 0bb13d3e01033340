"""Report: where Harbor is now, what was done, and what to do next."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static

from harbor_wizard import report
from harbor_wizard.engine.runner import Outcome
from harbor_wizard.files import write_atomically
from harbor_wizard.inspection.verify import verify
from harbor_wizard.language import mark, tr
from harbor_wizard.notes import notes
from harbor_wizard.output import human_seconds
from harbor_wizard.plan import Plan
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.speaking import pad
from harbor_wizard.screens.widgets import say
from harbor_wizard.session import Session

if TYPE_CHECKING:
    from harbor_wizard.screens.running import RunControl


def told(session: Session, plan: Plan, outcome: Outcome, *, rehearsal: bool) -> str:
    """Return the report as the screen shows it."""
    lines = []
    if rehearsal:
        lines += [tr("REHEARSAL: every host was simulated, nothing was changed."), ""]
    all_done = tr("✓ All steps are done.") if not outcome.left else tr("! Not all steps are done.")
    figures = tr(
        "{time} min; {changed} changed, {already} already so, {failed} failed, {left} left",
        time=human_seconds(outcome.seconds), changed=len(outcome.changed),
        already=len(outcome.already), failed=len(outcome.failed), left=len(outcome.left),
    )  # fmt: skip
    lines += [f"{all_done} {figures}", ""]
    for step, error in outcome.failed.items():
        lines.append(f"✗ {step}: {error}")
    for host, error in outcome.unreached.items():
        why = str(error).removeprefix(f"{host}: ")
        lines.append("✗ " + tr("{host} was not worked on: {why}", host=host, why=why))
    if outcome.failed or outcome.unreached:
        lines.append("")
    if not outcome.left:
        lines += [*report.first_use(session, plan.cluster, rehearsal=rehearsal), ""]
        seen = [step for step in plan.steps if step.apply is None and step.wait]
        if seen and not rehearsal:
            lines += [tr("Seen at the end"), *(f"  ✓ {one.host}: {one.title}" for one in seen), ""]
    said = notes(plan.cluster)
    if said:
        lines += [tr("To know"), *(f"  ! {one}" for one in said), ""]
    lines += [f"{pad(tr('Logs'), 10)} {session.logs}", ""]
    if rehearsal:
        todo = [tr("go back to the preview (Esc) and run it for real")]
    elif outcome.left:
        todo = [tr("mend what failed, then run it again (Esc goes back), or:"),
                f"harbor-wizard resume {session.name}"]  # fmt: skip
    else:
        lines += [f"{pad(tr('Report'), 10)} {session.report_file}", ""]
        todo = [
            tr("prove it: v here, or harbor-wizard verify {name}", name=session.name),
            tr("keep a copy of {path} and its passphrase", path=session.store.path),
            tr("change the admin's password in Harbor"),
            tr("back up the database and the image store: they are shared, not redundant here")
            if plan.cluster.shares_state else
            tr("back up each Harbor's data volume: a deletion is replicated as fast as a push"),
        ]  # fmt: skip
    return "\n".join([*lines, tr("Next"), *(f"  {one}" for one in todo)])


def write(control: RunControl) -> str | None:
    """Write the report to the session's folder; return why it could not be written."""
    outcome, session = control.outcome, control.session
    if outcome is None:
        return None
    try:
        if control.rehearsal:
            text = told(session, control.plan, outcome, rehearsal=True)
            path = session.path / "rehearsal.md"
            write_atomically(path, f"# {session.name}\n\n```\n{text}\n```\n", mode=0o600)
        else:
            report.write_report(session, control.plan, outcome)
    except OSError as error:
        return tr("the report cannot be written ({why}); make room, then run again",
                  why=error.strerror)  # fmt: skip
    return None


def verified(control: RunControl) -> Iterator[str]:
    """Yield what is seen of an installed cluster, a line each. Asks its hosts; takes seconds."""
    cluster, connect = control.plan.cluster, control.connect
    for check in verify(control.session, cluster, control.values, connect):
        yield f"{'✓' if check.good else '✗'} {check.what}: {check.seen}"


class ReportScreen(WizardScreen):
    """The end of a run."""

    STEP = "Report"
    NEXT = mark("Sessions")
    HELP = mark(
        "What was done, where Harbor is, and what to do next. A report of a real run is kept in "
        "the session's folder. Ctrl+N goes to the sessions, Esc back to the preview.\n"
        "v verifies what was installed: who holds the virtual address, a login, a push and a pull "
        "as clients do them, what the nodes share, and what is replicated. t shows how the hosts "
        "stand, again and again."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "verify", mark("Verify")),
        Binding("t", "status", mark("Status")),
    ]

    class Seen(Message):
        """A look of the verification; an empty one is the end."""

        def __init__(self, line: str) -> None:
            super().__init__()
            self.line = line

    def __init__(self) -> None:
        super().__init__()
        self._seen: list[str] = []
        self._verifying = False

    def body(self) -> ComposeResult:
        """Lay it out."""
        with VerticalScroll(can_focus=True, id="report"):
            yield Static("", markup=False, id="verified")
            control = self.wizard.control
            if control is not None and control.outcome is not None:
                text = told(control.session, control.plan, control.outcome,
                            rehearsal=control.rehearsal)  # fmt: skip
            elif control is not None and control.error:
                text = "✗ " + tr("The run did not begin, or broke off: {why}", why=control.error)
            else:
                text = tr("Nothing has run yet.")
            yield Static(text, markup=False, id="told-report")

    def on_mount(self) -> None:
        """Let the arrows scroll."""
        self.query_one("#verified").display = False
        self.query_one("#report").focus()

    def _installed(self) -> RunControl | None:
        """Return the run, where it was a real one that did all."""
        control = self.wizard.control
        done = control is not None and control.outcome is not None and not control.outcome.left
        return control if control is not None and done and not control.rehearsal else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Only what was installed can be verified."""
        return self._installed() is not None if action in ("verify", "status") else True

    def action_verify(self) -> None:
        """Verify what was installed, and tell what is seen as it is seen."""
        control = self._installed()
        if control is None or self._verifying:
            return
        self._verifying, self._seen = True, [tr("Verifying…")]
        self._tell()
        threading.Thread(target=self._verify, args=(control,), daemon=True, name="verify").start()

    def action_status(self) -> None:
        """Show how the hosts stand."""
        control = self._installed()
        if control is not None:
            self.wizard.show_status(control.session.name)

    def _verify(self, control: RunControl) -> None:
        """Look, in a thread; what is seen comes as messages."""
        cluster = control.plan.cluster
        try:
            for line in verified(control):
                self.post_message(self.Seen(line))
        except Exception as error:  # said on the screen: nobody sees a thread's traceback
            self.post_message(self.Seen(f"✗ {cluster.name}: {type(error).__name__}"))
        self.post_message(self.Seen(""))

    def on_report_screen_seen(self, event: Seen) -> None:
        """Show what was seen."""
        if event.line:
            self._seen.append(event.line)
        else:
            self._verifying = False
            well = not any(line.startswith("✗") for line in self._seen)
            self._seen[0] = tr("✓ Verified: all is well.") if well else tr("✗ Not all is well.")
        self._tell()

    def _tell(self) -> None:
        shown = self.query_one("#verified", Static)
        shown.display = True
        say(shown, "\n".join([*self._seen, ""]))
