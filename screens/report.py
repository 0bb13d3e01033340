"""Report: where Harbor is now, what was done, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from harbor_wizard import report
from harbor_wizard.engine.runner import Outcome
from harbor_wizard.files import write_atomically
from harbor_wizard.notes import notes
from harbor_wizard.output import human_seconds
from harbor_wizard.plan import Plan
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.session import Session

if TYPE_CHECKING:
    from harbor_wizard.screens.running import RunControl


def told(session: Session, plan: Plan, outcome: Outcome, *, rehearsal: bool) -> str:
    """Return the report as the screen shows it."""
    took = human_seconds(outcome.seconds)
    well = len(outcome.changed), len(outcome.already), len(outcome.failed)
    lines = []
    if rehearsal:
        lines += ["REHEARSAL: every host was simulated, nothing was changed.", ""]
    lines += [
        ("✓ All steps are done." if not outcome.left else "! Not all steps are done.")
        + f" {took} min; {well[0]} changed, {well[1]} already so, {well[2]} failed, "
        f"{len(outcome.left)} left",
        "",
    ]
    for step, error in outcome.failed.items():
        lines.append(f"✗ {step}: {error}")
    for host, error in outcome.unreached.items():
        lines.append(f"✗ {host} was not worked on: {str(error).removeprefix(f'{host}: ')}")
    if outcome.failed or outcome.unreached:
        lines.append("")
    if not outcome.left:
        would = "would be" if rehearsal else "is"
        first, *others = report.first_use(session, plan.cluster)
        lines += [first.replace(" is at ", f" {would} at "), *others, ""]
    said = notes(plan.cluster)
    if said:
        lines += ["To know", *(f"  ! {one}" for one in said), ""]
    lines += [f"Logs       {session.logs}", ""]
    if rehearsal:
        lines += ["Next", "  go back to the preview (Esc) and run it for real"]
    elif outcome.left:
        lines += ["Next", "  mend what failed, then run it again (Esc goes back), or:",
                  f"  harbor-wizard resume {session.name}"]  # fmt: skip
    else:
        lines += [
            f"Report     {session.report_file}", "", "Next",
            f"  prove it: harbor-wizard verify {session.name}",
            f"  keep a copy of {session.store.path} and its passphrase",
            "  change the admin's password in Harbor",
            "  back up the database and the image store: they are shared, not redundant here"
            if plan.cluster.shares_state
            else "  back up each Harbor's data volume: a deletion is replicated as fast as a push",
        ]  # fmt: skip
    return "\n".join(lines)


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
        return f"the report cannot be written ({error.strerror}); make room, then run again"
    return None


class ReportScreen(WizardScreen):
    """The end of a run."""

    STEP = "Report"
    NEXT = "Sessions"
    HELP = (
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
                text = f"✗ The run did not begin, or broke off: {control.error}"
            else:
                text = "Nothing has run yet."
            yield Static(text, markup=False)

    def on_mount(self) -> None:
        """Let the arrows scroll."""
        self.query_one("#report").focus()
