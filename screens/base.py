"""What all screens of the walk have: the header, the rail, the keys, and the way on and back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import DescendantFocus
from textual.widgets import Button, Footer, Static

from harbor_wizard.language import mark, tr
from harbor_wizard.screens import walk
from harbor_wizard.screens.dialogs import HelpDialog
from harbor_wizard.screens.files import FileDialog
from harbor_wizard.screens.speaking import SpeakingScreen
from harbor_wizard.screens.state import Work
from harbor_wizard.screens.widgets import Field, Form, PathLine, say

if TYPE_CHECKING:
    from harbor_wizard.screens.app import WizardApp

KEYS = mark(
    "Keys everywhere: Tab, Shift+Tab and the arrows move, Enter takes, Ctrl+N goes on, Esc goes "
    "back, Ctrl+P lists the commands, F2 changes the colours, Ctrl+Q leaves. All answers are saved "
    "as you type; “harbor-wizard resume NAME” comes back to them."
)


class WizardScreen(SpeakingScreen[None]):
    """A screen of the walk. `STEP` is its place in the rail, `HELP` what F1 shows."""

    STEP: ClassVar[str]
    HELP: ClassVar[str] = ""
    NEXT: ClassVar[str] = mark("Next")

    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (110, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (32, "-high")]  # noqa: RUF012

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "next", mark("Next")),
        Binding("escape", "back", mark("Back")),
        Binding("f1", "help", mark("Help")),
        Binding("ctrl+q", "app.quit", mark("Leave")),
    ]

    @property
    def wizard(self) -> WizardApp:
        """The app, as what it is."""
        from harbor_wizard.screens.app import WizardApp  # noqa: PLC0415 - each imports the other

        assert isinstance(self.app, WizardApp)  # noqa: S101 - for the type checker
        return self.app

    @property
    def work(self) -> Work:
        """The open session."""
        work = self.wizard.work
        assert work is not None  # noqa: S101 - no screen of the walk is shown without one
        return work

    def body(self) -> ComposeResult:
        """Lay out what is this screen's own."""
        yield from ()

    def compose(self) -> ComposeResult:
        """Lay it out."""
        with Horizontal(id="head"):
            yield Static("", markup=False, id="head-left")
            yield Static("", markup=False, id="head-right")
        with Horizontal(id="middle"):
            yield Static("", markup=False, id="rail")
            with Vertical(id="body"):
                yield from self.body()
        yield Static("", markup=False, id="about")
        with Horizontal(id="nav"):
            yield Static("", markup=False, id="reason")
            yield Button(Content(tr("Back")), id="back", compact=True)
            yield Button(Content(tr(self.NEXT)), id="next", compact=True)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Draw what follows from the answers."""
        self.refresh_frame()
        if self.wizard.go_to is not None:
            path, self.wizard.go_to = self.wizard.go_to, None
            self.call_after_refresh(self.enter, path)

    def enter(self, path: str) -> None:
        """Put the cursor where an answer is given."""
        for form in self.query(Form):
            if form.enter(path):
                return

    def closed(self) -> str | None:
        """Return why the next screen is closed, or None."""
        section = walk.section_of(self.STEP)
        if section is None:
            return None
        found = self.work.problems_of(section)
        return and_more([one.sentence(self.work.data) for one in found]) if found else None

    def refresh_frame(self) -> None:
        """Draw the header, the rail, and what is beside Next."""
        work = self.work
        say(
            self.query_one("#head-left", Static),
            f"harbor-wizard · {work.session.name} · {self.wizard.standing()}",
        )
        saved = ""
        if work.saved_at:
            at = time.strftime("%H:%M", time.localtime(work.saved_at))
            saved = tr("saved {time}", time=at)
        if work.save_error:
            saved = tr("✗ NOT SAVED")
            self.notify(work.save_error, severity="error", markup=False)
        say(self.query_one("#head-right", Static), saved)
        say(self.query_one("#rail", Static), walk.rail(work, self.STEP))
        reason = self.closed()
        say(self.query_one("#reason", Static), f"! {reason}" if reason else "")
        self.query_one("#next", Button).disabled = reason is not None

    @on(PathLine.Wanted)
    def _choose_file(self, event: PathLine.Wanted) -> None:
        line = event.line

        def chosen(path: str | None) -> None:
            if path is not None:
                line.value = path

        self.app.push_screen(FileDialog(self.work.session.folder, line.value), chosen)

    @on(Form.Changed)
    def _answered(self, _: Form.Changed) -> None:
        self.answers_changed()

    def answers_changed(self) -> None:
        """Save, and draw what follows."""
        self.wizard.save_soon()
        self.refresh_frame()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Say what the field is about that the cursor is in."""
        about = ""
        for one in event.widget.ancestors:
            if isinstance(one, Field):
                question = one.question
                about = tr(question.help)
                if question.example and not question.choices:
                    example = tr(" (e.g. {example})", example=tr(question.example))
                    if cell_len(about + example) < self.app.size.width - 2:
                        about += example
        say(self.query_one("#about", Static), about)

    @on(Button.Pressed, "#next")
    def _next(self) -> None:
        self.action_next()

    @on(Button.Pressed, "#back")
    def _back(self) -> None:
        self.action_back()

    def action_next(self) -> None:
        """Go on, unless something is wrong here; then say what, and go there."""
        if self.closed() is not None:
            section = walk.section_of(self.STEP)
            for form in self.query(Form):
                form.check(only_typed=False)
            if section is not None:
                self.enter(self.work.problems_of(section)[0].path)
            self.app.bell()
            return
        self.work.pass_by(self.STEP)
        self.wizard.leave_forwards(self.STEP)

    def action_back(self) -> None:
        """Go back; all answers are kept."""
        self.wizard.leave_backwards(self.STEP)

    def action_help(self) -> None:
        """Show the help of this screen."""
        self.app.push_screen(HelpDialog(tr(self.STEP), f"{tr(self.HELP)}\n\n{tr(KEYS)}"))


def and_more(sentences: list[str]) -> str:
    """Return the first of some sentences, and how many more there are."""
    if len(sentences) == 1:
        return sentences[0]
    return tr("{first} (and {number} more)", first=sentences[0], number=len(sentences) - 1)
