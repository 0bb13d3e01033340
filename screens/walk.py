"""The order of the screens, and how the rail shows where each stands."""

from __future__ import annotations

from textual.content import Content

from harbor_wizard.language import mark, tr
from harbor_wizard.questions import SECTIONS, Section
from harbor_wizard.screens.speaking import pad
from harbor_wizard.screens.state import Work

STEPS = (
    mark("Solution"), mark("Topology"), mark("Access"), mark("Services"), mark("Preflight"),
    mark("Review"), mark("Preview"), mark("Run"), mark("Report"),
)  # fmt: skip


def section_of(step: str) -> Section | None:
    """Return the section of questions that a screen asks, or None."""
    return next((one for one in SECTIONS if one == step.lower()), None)


def state_of(work: Work, step: str, here: str) -> str:
    """Return a step's symbol: ✓ done, ▸ here, ! needs another look, a blank where not reached."""
    if step == here:
        return "▸"
    section = section_of(step)
    if section is not None:
        if step not in work.seen and not work.touched(section):
            return " "
        return "!" if work.problems_of(section) else "✓"
    if step == "Preflight":
        found = work.looked_before
        if found is None or not work.look_is_fresh:
            return "!" if found is not None else " "
        return "✓" if found.well else "!"
    if step not in work.seen:
        return " "
    return "✓" if work.seen[step] == work.data else "!"


def rail(work: Work, here: str) -> Content:
    """Return the rail."""
    styles = {"▸": "bold reverse", "!": "bold", " ": "dim", "✓": ""}
    lines = []
    for number, step in enumerate(STEPS, 1):
        symbol = state_of(work, step, here)
        lines.append(Content.styled(f"{symbol} {number} {pad(tr(step), 9)}", styles[symbol]))
    return Content("\n").join(lines)


def first_open(work: Work) -> str:
    """Return the screen that an opened session begins at: the first that needs an answer.

    Where a run was left, that is the run.
    """
    for section in SECTIONS:
        if work.problems_of(section):
            return section.capitalize()
    if work.stopped:
        return "Run"
    return "Review"
