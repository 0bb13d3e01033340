"""Solution: which of the four ways Harbor stays up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual import work as in_worker
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from harbor_wizard.language import mark, tr
from harbor_wizard.model.cluster import Solution
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.dialogs import ConfirmDialog
from harbor_wizard.screens.speaking import pad
from harbor_wizard.screens.widgets import say


@dataclass(frozen=True)
class About:
    """What is told of a solution."""

    title: str
    line: str
    diagram: str
    survives: str
    lost: str
    needs: str


ABOUT: dict[Solution, About] = {
    Solution.ACTIVE_ACTIVE: About(
        mark("Active-active"), mark("n nodes behind two balancers, shared state"),
        mark("clients ─▶ VIP ─▶ lb-1 ─┬─▶ harbor-1 ─┐\n"
             "            ┊     lb-2 ─┴─▶ harbor-2 ─┴─▶ pg · redis · images"),
        mark("any one balancer of two, any Harbor node but the last"),
        mark("the database, Redis, the storage: yours to protect"),
        mark("2 nodes or more; 2 balancers with 1 virtual address, or a "
             "balancer of yours; PostgreSQL, Redis, storage"),
    ),
    Solution.ACTIVE_STANDBY: About(
        mark("Active-standby"), mark("two nodes, one address, shared state"),
        mark("clients ─▶ VIP ─┬─▶ harbor-1 (active)  ─┐\n"
             "                └┄▶ harbor-2 (standby) ─┴─▶ pg · redis · images"),
        mark("either node, after a short pause"),
        mark("the database, Redis, the storage: yours to protect"),
        mark("2 hosts, 1 virtual address, PostgreSQL, Redis, storage"),
    ),
    Solution.MASTER_SLAVE: About(
        mark("Master-slave"), mark("one takes pushes, replicas serve pulls"),
        mark("pushes ─▶ master ═╦═▶ replica-1 ◀─ pulls\n"
             "                  ╚═▶ replica-2 ◀─ pulls"),
        mark("any replica; pulls survive the master"),
        mark("pushes while the master is down; what is not replicated yet; "
             "users and settings, which each Harbor has of its own"),
        mark("2 hosts or more, nothing shared; 1 or 2 balancers if one name "
             "shall serve pushes and pulls; Harbor 2.2 or later"),
    ),
    Solution.MASTER_MASTER: About(
        mark("Master-master"), mark("two full nodes that replicate both ways"),
        mark("clients ─▶ harbor-1 ⇄ harbor-2 ◀─ clients"),
        mark("either node, also a whole site"),
        mark("what is not replicated yet; one tag pushed on both sides at "
             "once; users and settings, which each Harbor has of its own"),
        mark("2 hosts, nothing shared; 1 or 2 balancers if one name shall "
             "lead to both; Harbor 2.2 or later"),
    ),
}  # fmt: skip

SHARED = mark("Is there a PostgreSQL, a Redis and a shared image store that you keep available?")
PAUSE = mark("Must pushes and pulls go on without a pause when one machine dies?")
BOTH = mark("Do people push at more than one place (two sites, for example)?")


def recommend(shared: bool, pause: bool, both: bool) -> tuple[Solution, str]:
    """Return the solution that fits, and why."""
    if shared and pause:
        return Solution.ACTIVE_ACTIVE, tr("the state is shared, and all nodes serve at once")
    if shared:
        return Solution.ACTIVE_STANDBY, tr("the state is shared, and a short pause is accepted")
    if both:
        return Solution.MASTER_MASTER, tr("nothing is shared, and both sides take pushes")
    return Solution.MASTER_SLAVE, tr("nothing is shared, and one place takes the pushes")


_TOLD = ((mark("Survives"), "survives"), (mark("Not"), "lost"), (mark("Needs"), "needs"))


class SolutionScreen(WizardScreen):
    """Choose the solution."""

    STEP = "Solution"
    HELP = mark(
        "Choose how Harbor stays up. Up and Down show what each solution survives, what it does "
        "not, and what it needs; Enter chooses it. “?” asks a few questions and recommends one.\n"
        "Another one can be chosen later: what goes with both is kept, and what went with the "
        "first only comes back with it, as long as the wizard stays open."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "choose", mark("Help me choose")),
    ]

    def body(self) -> ComposeResult:
        """Lay it out."""
        yield Static(tr("Choose how Harbor stays up"), markup=False, classes="title")
        options = []
        for solution, about in ABOUT.items():
            line = f"{pad(tr(about.title), 15)} {tr(about.line)}"
            options.append(Option(Content(line), id=solution.value))
        yield OptionList(*options, id="solutions", markup=False)
        with VerticalScroll(can_focus=False):
            yield Static("", markup=False, id="told")
            for word, key in _TOLD:
                with Horizontal(classes="told"):
                    yield Static(tr(word), markup=False, classes="word")
                    yield Static("", markup=False, id=f"told-{key}")

    def on_mount(self) -> None:
        """Go to the one that is chosen."""
        chosen = str(self.work.data.get("solution") or "")
        names = [solution.value for solution in ABOUT]
        listed = self.query_one(OptionList)
        listed.highlighted = names.index(chosen) if chosen in names else 0
        listed.focus()

    def enter(self, path: str) -> None:  # noqa: ARG002 - there is one place only
        """Put the cursor into the list."""
        self.query_one(OptionList).focus()

    @on(OptionList.OptionHighlighted)
    def _tell(self, event: OptionList.OptionHighlighted) -> None:
        solution = Solution(str(event.option_id))
        about = ABOUT[solution]
        chosen = self.work.data.get("solution") == solution.value
        mark_of = tr("✓ chosen") if chosen else tr("Enter chooses it")
        say(self.query_one("#told", Static),
            f"{tr(about.title)}: {mark_of}\n\n{tr(about.diagram)}\n")  # fmt: skip
        for _, key in _TOLD:
            say(self.query_one(f"#told-{key}", Static), tr(getattr(about, key)))

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.choose(Solution(str(event.option_id)))
        self.action_next()

    def choose(self, solution: Solution) -> None:
        """Take a solution."""
        if self.work.data.get("solution") != solution.value:
            self.work.choose(solution.value)
            self.answers_changed()

    @in_worker
    async def action_choose(self) -> None:
        """Ask a few questions, and recommend a solution with the reason."""
        shared = await self.app.push_screen_wait(ConfirmDialog(tr(SHARED)))
        if shared is None:
            return
        second = await self.app.push_screen_wait(ConfirmDialog(tr(PAUSE if shared else BOTH)))
        if second is None:
            return
        solution, reason = recommend(shared, second, second)
        listed = self.query_one(OptionList)
        listed.highlighted = list(ABOUT).index(solution)
        said = tr("{solution} fits: {reason}.", solution=tr(ABOUT[solution].title), reason=reason)
        if await self.app.push_screen_wait(
            ConfirmDialog(said, tr("Choose it"), tr("Not now"))
        ):
            self.choose(solution)
            listed.highlighted = None
            listed.highlighted = list(ABOUT).index(solution)
