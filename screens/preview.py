"""Preview: every step of every host, exactly as it will be sent, secrets masked."""

from __future__ import annotations

import threading
from typing import ClassVar

from rich.text import Text
from textual import on
from textual import work as in_worker
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static, TextArea, Tree
from textual.widgets.tree import TreeNode

from harbor_wizard import run, show
from harbor_wizard.changes import Changes, changes
from harbor_wizard.errors import HarborWizardError
from harbor_wizard.files import write_atomically
from harbor_wizard.inspection.compare import Compared, Standing, compare, difference
from harbor_wizard.language import mark, tr, trn
from harbor_wizard.notes import notes
from harbor_wizard.plan import Plan
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.dialogs import AskDialog, HelpDialog
from harbor_wizard.screens.widgets import cell, say
from harbor_wizard.step import Step

STANDINGS: dict[Standing, str] = {
    Standing.SO: mark("is so already"),
    Standing.CREATE: mark("is not there yet"),
    Standing.CHANGE: mark("will be changed"),
    Standing.DO: mark("will be done"),
    Standing.UNKNOWN: mark("cannot be said yet"),
}


def shown(step: Step) -> str:
    """Return the exact text of a step, secrets masked."""
    if step.file is not None:
        return step.file.content.masked()
    if step.apply is None:
        return step.check.masked()
    first = tr("checks first:")
    return f"{step.apply.masked()}\n# {first}\n{step.check.masked()}"


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
    NEXT = mark("Run…")
    HELP = mark(
        "Every step, in the order of each host: $ a command, + a file, ↑ an upload, ? a check. On "
        "the right is exactly what is sent, with secrets as bullets, and why the step is there. "
        "Each step looks first whether it is so already, and is left out then.\n"
        "c compares all of it with the hosts as they are now, and changes nothing there: = is so "
        "already, + is created, ~ is changed, with the difference on the right. * is a step that "
        "is new, or is another one than was done before.\n"
        "r rehearses all of it with simulated hosts: nothing is touched. Ctrl+N runs it, after "
        "the cluster's name was typed. / finds, f finds the next one, e writes the plan to a file "
        "in the session's folder, n shows what to know of the cluster. Tab goes to the text, "
        "where the arrows scroll."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "rehearse", mark("Rehearse")),
        Binding("c", "compare", mark("Compare")),
        Binding("e", "export", mark("Export")),
        Binding("slash", "find", mark("Find")),
        Binding("f", "find_next", mark("Next"), show=False),
        Binding("n", "notes", mark("To know"), show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._wanted = ""
        self._error = ""
        self._leaves: list[TreeNode[Step]] = []
        self._branches: dict[str, TreeNode[Step]] = {}
        self._compared: dict[str, Compared] = {}
        self._asking: set[str] = set()
        self._since = Changes()

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
            show.counts(plan) if plan else f"✗ {self._error}", markup=False, classes="title",
            id="counts",
        )
        with Horizontal():
            tree: Tree[Step] = Tree(cell(tr("hosts")), id="steps")
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
        self._since = changes(plan, self.work.summary)
        tree: Tree[Step] = self.query_one("#steps", Tree)
        for host in plan.hosts:
            branch = tree.root.add(cell(f"{host.name} {host.address}"), expand=True)
            self._branches[host.name] = branch
            for step in plan.on(host.name):
                self._leaves.append(branch.add_leaf(self._label(step), step))
        tree.focus()
        self.call_after_refresh(tree.move_cursor, self._leaves[0])
        self.query_one("#next", Button).label = Content(
            trn("Run {number} step…", "Run {number} steps…", len(plan.steps))
        )
        self.refresh_frame()

    def refresh_frame(self) -> None:
        """Keep the hint beside Next."""
        super().refresh_frame()
        plan = self._plan()
        if plan is not None:
            hint = tr("r rehearses it: no host is touched")
            if self.wizard.control is not None and not self.wizard.control.over:
                hint = tr("{what} is under way: Ctrl+N goes back to it",
                          what=self.wizard.control.mark)  # fmt: skip
            if self._asking:
                hint = tr("comparing with {hosts}…", hosts=", ".join(sorted(self._asking)))
            known = len(self._to_know(plan))
            more = "\n" + tr("n shows {number} to know", number=known) if known else ""
            say(self.query_one("#reason", Static), f"{hint}{more}")

    def closed(self) -> str | None:
        """There is no run without a plan."""
        return None if self._plan() is not None else self._error.splitlines()[0]

    @on(Tree.NodeHighlighted)
    def _show(self, event: Tree.NodeHighlighted[Step]) -> None:
        step = event.node.data
        if step is None:
            return
        self._show_step(step)

    def _show_step(self, step: Step) -> None:
        compared = self._compared.get(step.id)
        words = [headline(step)]
        if step.id in self._since.changed:
            words.append(tr("another one than was done: will be done again"))
        elif step.id in self._since.new:
            words.append(tr("new since the last run"))
        text = shown(step)
        if compared is not None:
            words.append(tr(STANDINGS[compared.standing]) + (
                f" ({compared.why})" if compared.why else ""))  # fmt: skip
            if step.file is not None:
                text = difference(step, compared)
        self.query_one("#headline", Static).update(Content(" · ".join(words)))
        self.query_one("#text", TextArea).load_text(text)
        waits = sorted(one for one in step.needs if not one.startswith(f"{step.host}/"))
        why = tr("why: {why}", why=step.why)
        after = "\n" + tr("after: {steps}", steps=", ".join(waits)) if waits else ""
        back = "".join(f"\n{line}" for line in show.taken_back(step))
        self.query_one("#step-why", Static).update(Content(f"{why}{after}{back}"))

    def _label(self, step: Step) -> Text:
        compared = self._compared.get(step.id)
        symbol = str(compared.standing if compared is not None else step.kind)
        name = step.file.path.rpartition("/")[2] if step.file else step.title
        since = "*" if step.id in (*self._since.changed, *self._since.new) else ""
        return cell(f"{symbol}{since} {name}")

    class HostCompared(Message):
        """A host was compared with the plan; `error` says why it could not be, or not wholly."""

        def __init__(self, host: str, found: dict[str, Compared], error: str) -> None:
            super().__init__()
            self.host = host
            self.found = found
            self.error = error

    def action_compare(self) -> None:
        """Compare the plan with the hosts as they are."""
        plan = self._plan()
        if plan is not None and not self._asking:
            self._compare(plan)

    @in_worker(group="compare")
    async def _compare(self, plan: Plan) -> None:
        values = await self.wizard.values_for_looking(plan)
        if values is None:
            return
        connect = run.ssh_connector(
            self.work.session, plan.cluster, values, self.wizard.accept_host_key
        )
        self._asking = {host.name for host in plan.hosts}
        self.refresh_frame()

        def told(host: str, found: dict[str, Compared], error: str) -> None:
            self.post_message(self.HostCompared(host, found, error))

        threading.Thread(
            target=compare, args=(plan, values, connect, told), daemon=True, name="compare"
        ).start()

    def on_preview_screen_host_compared(self, event: HostCompared) -> None:
        """Show how a host's steps stand."""
        self._asking.discard(event.host)
        self._compared.update(event.found)
        tree: Tree[Step] = self.query_one("#steps", Tree)
        for node in self._leaves:
            if node.data is not None and node.data.id in event.found:
                node.set_label(self._label(node.data))
        if event.error:
            branch = self._branches[event.host]
            branch.set_label(cell(f"✗ {event.host}: {tr('not compared')}"))
            self.notify(event.error, severity="warning", timeout=12, markup=False)
        at = tree.cursor_node
        if at is not None and at.data is not None:
            self._show_step(at.data)
        self._count()
        self.refresh_frame()

    def _count(self) -> None:
        plan = self._plan()
        if plan is not None:
            states = [one.standing for one in self._compared.values()]
            so, all_of = states.count(Standing.SO), len(plan.steps)
            say(self.query_one("#counts", Static),
                f"{show.counts(plan)}; " + tr("{so} of {number} are so already", so=so,
                                              number=all_of))  # fmt: skip

    def action_next(self) -> None:
        """Run it for real, after questions; or go back to what is under way."""
        if self.wizard.back_to_run():
            return
        if self.closed() is None:
            self.wizard.begin(rehearsal=False)

    def action_rehearse(self) -> None:
        """Run it with simulated hosts."""
        if self.closed() is None:
            self.wizard.begin(rehearsal=True)

    def _to_know(self, plan: Plan) -> tuple[str, ...]:
        return (*self._since.told(), *notes(plan.cluster))

    def action_notes(self) -> None:
        """Show what to know of the cluster."""
        plan = self._plan()
        if plan is not None:
            said = "\n".join(f"! {one}" for one in self._to_know(plan))
            said = said or tr("There is nothing to know of it.")
            self.app.push_screen(HelpDialog(tr("To know"), said))

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
            said = tr("{path} cannot be written: {why}", path=path, why=error.strerror)
            self.notify(said, severity="error", markup=False)
        else:
            self.notify(tr("written to {path}", path=path), markup=False, timeout=10)

    def action_find(self) -> None:
        """Ask for words, and go to the next step that has them."""

        def check(text: str) -> str | None:
            plan = self._plan()
            if plan and any(matches(step, text) for step in plan.steps):
                return None
            return tr("is in no step")

        def found(text: str | None) -> None:
            if text:
                self._wanted = text
                self.action_find_next()

        self.app.push_screen(
            AskDialog(tr("Find in titles, files and commands (f: next)"), check,
                      value=self._wanted),
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
