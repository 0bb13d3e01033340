"""Report: where Harbor is now, what was done, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from harbor_wizard import report
from harbor_wizard.engine.runner import Outcome
from harbor_wizard.files import write_atomically
from harbor_wizard.language import mark, tr
from harbor_wizard.notes import notes
from harbor_wizard.output import human_seconds
from harbor_wizard.plan import Plan
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.speaking import pad
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
            tr("prove it: harbor-wizard verify {name}", name=session.name),
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


class ReportScreen(WizardScreen):
    """The end of a run."""

    STEP = "Report"
    NEXT = mark("Sessions")
    HELP = mark(
        "What was done, where Harbor is, and what to do next. A report of a real run is kept in "
        "the session's folder. Ctrl+N goes to the sessions, Esc back to the preview."
    )

    def body(self) -> ComposeResult:
        """Lay it out."""
        with VerticalScroll(can_focus=True, id="report"):
            control = self.wizard.control
            if control is not None and control.outcome is not None:
                text = told(control.session, control.plan, control.outcome,
                            rehearsal=control.rehearsal)  # fmt: skip
            elif control is not None and control.error:
                text = "✗ " + tr("The run did not begin, or broke off: {why}", why=control.error)
            else:
                text = tr("Nothing has run yet.")
            yield Static(text, markup=False)

    def on_mount(self) -> None:
        """Let the arrows scroll."""
        self.query_one("#report").focus()
