"""A run that was left: what its journal and its logs tell, until it is taken up again."""

from __future__ import annotations

from harbor_wizard import run
from harbor_wizard.engine.events import State
from harbor_wizard.engine.hostlog import tail
from harbor_wizard.errors import HarborWizardError
from harbor_wizard.journal import Journal, Summary, summarise
from harbor_wizard.language import mark
from harbor_wizard.plan import Plan
from harbor_wizard.screens.running import RunView
from harbor_wizard.screens.state import Work

_PAST = 500  # lines of a host's log

# Not a state of a step under way: it was begun, and nobody saw its end.
UNKNOWN = mark("unknown")


class LeftRun:
    """What stands of a run that nobody looked at to its end. It is shown as a run is."""

    over, active, stopping, paused = True, False, False, False
    error = ""

    def __init__(self, work: Work, plan: Plan, summary: Summary, *, rehearsal: bool) -> None:
        self.session = work.session
        self.plan = plan
        self.rehearsal = rehearsal
        self.unknown = len(summary.unknown & set(plan.graph()))
        self.view = RunView(plan, {})
        for step in plan.steps:
            if step.id in summary.done:
                self.view.states[step.id] = State.DONE
        for host in self.view.hosts.values():
            steps = plan.on(host.name)
            host.ended = sum(step.id in summary.done for step in steps)
            here = next((step for step in steps if step.id in summary.unknown), None)
            host.state = "done" if host.ended == host.total else "waiting"
            if here is not None:
                host.state, host.now = UNKNOWN, here.title
            host.tail.add(tail(work.session.logs / f"{host.name}.log", _PAST))

    def decide(self, host: str, decision: str) -> bool:  # noqa: ARG002 - as a run's
        """Nothing can be decided of a run that is not under way."""
        return False


def left_run(work: Work) -> LeftRun | None:
    """Return the run, or else the rehearsal, of a session that is begun and not done."""
    try:
        plan = work.plan()
    except HarborWizardError:
        return None
    for rehearsal in (False, True):
        try:
            path = run.journal_file(work.session, rehearsal=rehearsal)
            summary = summarise(Journal(path).records())
        except HarborWizardError:
            continue
        begun = summary.done | summary.unknown | summary.failed
        if begun and not set(plan.graph()) <= summary.done:
            return LeftRun(work, plan, summary, rehearsal=rehearsal)
    return None
