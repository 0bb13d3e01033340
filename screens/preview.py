"""Preview: every step of every host, exactly as it will be sent, secrets masked."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static, TextArea, Tree
from textual.widgets.tree import TreeNode

from harbor_wizard import show
from harbor_wizard.errors import HarborWizardError
from harbor_wizard.files import write_atomically
from harbor_wizard.notes import notes
from harbor_wizard.plan import Plan
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.dialogs import AskDialog, HelpDialog
from harbor_wizard.screens.widgets import cell, say
from harbor_wizard.step import Step


def shown(step: Step) -> str:
    """Return the exact text of a step, secrets masked."""
    if step.file is not None:
        return step.file.content.masked()
    if step.apply is None:
        return step.check.masked()
    return f"{step.apply.masked()}\n# checks first:\n{step.check.masked()}"


def headline(step: Step) -> str:
    """Return what a step writes or does, in one line."""
    if step.file is not None:
        return f"{step.file.path}  {step.file.owner}  {step.file.mode:04o}"
    return step.title


def matches(step: Step, wanted: str) -> bool:
    """Say whether a step's words or text hold what is looked for."""
    text = f"{step.host} {step.title} {step.id} {step.why} {shown(step)}"
    return wanted.lower() in text.lower()


class PreviewScreen(WizardScreen):
    """The plan: hosts and steps on the left, the exact text on the right."""

    STEP = "Preview"
    NEXT = "Run…"
    HELP = (
        "Every step, in the order of each host: $ a command, + a file, ↑ an upload, ? a check. On "
        "the right is exactly what is sent, with secrets as bullets, and why the step is there. "
        "Each step looks first whether it is so already, and is left out then.\n"
        "r rehearses all of it with simulated hosts: nothing is touched. Ctrl+N runs it, after "
        "the cluster's name was typed. / finds, f finds the next one, e writes the plan to a file "
        "in the session's folder, n shows what to know of the cluster. Tab goes to the text, "
        "where the arrows scroll."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "rehearse", "Rehearse"),
        Binding("e", "export", "Export"),
        Binding("slash", "find", "Find"),
        Binding("f", "find_next", "Next", show=False),
        Binding("n", "notes", "To know", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._wanted = ""
        self._error = ""
        self._leaves: list[TreeNode[Step]] = []

    def _plan(self) -> Plan | None:
        try:
            return self.work.plan()
        except HarborWizardError as error:
            self._error = str(error)
            return None

    def body(self) -> ComposeResult:
        """Lay it out."""
        plan = self._plan()
        yield Static(
            show.counts(plan) if plan else f"✗ {self._error}", markup=False, classes="title"
        )
        with Horizontal():
            tree: Tree[Step] = Tree(cell("hosts"), id="steps")
            tree.show_root = False
            tree.guide_depth = 2
            yield tree
            with Vertical(id="shown"):
                yield Static("", markup=False, id="headline")
                yield TextArea(read_only=True, soft_wrap=False, compact=True, id="text",
                               show_cursor=False, highlight_cursor_line=False)  # fmt: skip
                yield Static("", markup=False, id="step-why")

    def on_mount(self) -> None:
        """Fill the tree."""
        plan = self._plan()
        if plan is None:
            return
        tree: Tree[Step] = self.query_one("#steps", Tree)
        for host in plan.hosts:
            branch = tree.root.add(cell(f"{host.name} {host.address}"), expand=True)
            for step in plan.on(host.name):
                name = step.file.path.rpartition("/")[2] if step.file else step.title
                self._leaves.append(branch.add_leaf(cell(f"{step.kind} {name}"), step))
        tree.focus()
        self.call_after_refresh(tree.move_cursor, self._leaves[0])
        buttons = self.query_one("#next", Button)
        buttons.label = Content(f"Run {len(plan.steps)} steps…")
        self.refresh_frame()

    def refresh_frame(self) -> None:
        """Keep the hint beside Next."""
        super().refresh_frame()
        plan = self._plan()
        if plan is not None:
            hint = "r rehearses it: no host is touched"
            known = len(notes(plan.cluster))
            say(self.query_one("#reason", Static),
                f"{hint}\nn shows {known} to know" if known else hint)  # fmt: skip

    def closed(self) -> str | None:
        """There is no run without a plan."""
        return None if self._plan() is not None else self._error.splitlines()[0]

    @on(Tree.NodeHighlighted)
    def _show(self, event: Tree.NodeHighlighted[Step]) -> None:
        step = event.node.data
        if step is None:
            return
        self.query_one("#headline", Static).update(Content(headline(step)))
        self.query_one("#text", TextArea).load_text(shown(step))
        waits = sorted(one for one in step.needs if not one.startswith(f"{step.host}/"))
        after = f"\nafter: {', '.join(waits)}" if waits else ""
        self.query_one("#step-why", Static).update(Content(f"why: {step.why}{after}"))

    def action_next(self) -> None:
        """Run it for real, after questions."""
        if self.closed() is None:
            self.wizard.begin(rehearsal=False)

    def action_rehearse(self) -> None:
        """Run it with simulated hosts."""
        if self.closed() is None:
            self.wizard.begin(rehearsal=True)

    def action_notes(self) -> None:
        """Show what to know of the cluster."""
        plan = self._plan()
        if plan is not None:
            said = "\n".join(f"! {one}" for one in notes(plan.cluster))
            self.app.push_screen(HelpDialog("To know", said or "There is nothing to know of it."))

    def action_export(self) -> None:
        """Write the plan to a file."""
        plan = self._plan()
        if plan is None:
            return
        path = self.work.session.path / "plan.txt"
        text = show.as_text(plan, [host.name for host in plan.hosts])
        try:
            write_atomically(path, text + "\n", mode=0o600)
        except OSError as error:
            self.notify(f"{path} cannot be written: {error.strerror}", severity="error",
                        markup=False)  # fmt: skip
        else:
            self.notify(f"written to {path}", markup=False, timeout=10)

    def action_find(self) -> None:
        """Ask for words, and go to the next step that has them."""

        def check(text: str) -> str | None:
            plan = self._plan()
            if plan and any(matches(step, text) for step in plan.steps):
                return None
            return "is in no step"

        def found(text: str | None) -> None:
            if text:
                self._wanted = text
                self.action_find_next()

        self.app.push_screen(
            AskDialog("Find in titles, files and commands (f: next)", check, value=self._wanted),
            found,
        )

    def action_find_next(self) -> None:
        """Go to the next step that has the words."""
        if not self._wanted:
            return
        tree: Tree[Step] = self.query_one("#steps", Tree)
        at = self._leaves.index(tree.cursor_node) if tree.cursor_node in self._leaves else -1
        for node in self._leaves[at + 1 :] + self._leaves[: at + 1]:
            if node.data is not None and matches(node.data, self._wanted):
                tree.move_cursor(node)
                tree.scroll_to_node(node)
                return
