"""What changed in a plan since its steps were done: noticed by the fingerprints in the journal."""

from __future__ import annotations

from dataclasses import dataclass

from harbor_wizard.journal import Summary
from harbor_wizard.language import tr, trn
from harbor_wizard.plan import Plan

_NAMED = 6


@dataclass(frozen=True)
class Changes:
    """Ids of steps: `changed` were done with other contents, `new` never, `gone` are in no plan."""

    changed: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def told(self) -> tuple[str, ...]:
        """Return what an operator has to know of it, a sentence each."""
        found = []
        if self.changed:
            found.append(trn(
                "{number} step is another one than was done, and will be done again: {steps}",
                "{number} steps are others than were done, and will be done again: {steps}",
                len(self.changed), steps=_some(self.changed),
            ))  # fmt: skip
        if self.new:
            found.append(trn(
                "{number} step is new since the last run: {steps}",
                "{number} steps are new since the last run: {steps}",
                len(self.new), steps=_some(self.new),
            ))  # fmt: skip
        if self.gone:
            found.append(trn(
                "{number} step of an earlier run is in this plan no more, and what it did stays: "
                "{steps}",
                "{number} steps of an earlier run are in this plan no more, and what they did "
                "stays: {steps}", len(self.gone), steps=_some(self.gone),
            ))  # fmt: skip
        return tuple(found)


def changes(plan: Plan, summary: Summary) -> Changes:
    """Compare a plan with what was done. Where nothing was done, nothing changed."""
    if not summary.done:
        return Changes()
    ids = [step.id for step in plan.steps]
    changed = tuple(
        step.id for step in plan.steps
        if step.id in summary.done and summary.inputs.get(step.id, step.fingerprint)
        != step.fingerprint
    )  # fmt: skip
    known = summary.done | summary.unknown | summary.failed
    # A run that was stopped leaves steps that were never begun: they are not new.
    new = tuple(one for one in ids if one not in known) if summary.whole else ()
    return Changes(changed, new, tuple(sorted(known - set(ids))))


def _some(steps: tuple[str, ...]) -> str:
    more = len(steps) - _NAMED
    named = ", ".join(steps[:_NAMED])
    return tr("{steps} and {number} more", steps=named, number=more) if more > 0 else named
