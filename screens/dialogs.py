"""Small questions that stand over a screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static, TextArea

from harbor_wizard import questions
from harbor_wizard.language import mark, tr
from harbor_wizard.screens.speaking import SpeakingScreen
from harbor_wizard.screens.widgets import Field, Line, SecretLine

Check = Callable[[str], str | None]


T = TypeVar("T")


class Dialog(SpeakingScreen[T], ModalScreen[T]):
    """A box in the middle; Esc leaves it without an answer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", mark("Cancel")),
        Binding("ctrl+q", "app.quit", show=False),
        Binding("ctrl+z", "app.suspend_process", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def action_cancel(self) -> None:
        """Leave without an answer."""
        self.dismiss(None)


class HelpDialog(Dialog[None]):
    """The help of a screen, in its own words."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f1,enter,q", "cancel", show=False)]

    def __init__(self, title: str, words: str) -> None:
        super().__init__()
        self._title = title
        self._words = words

    def compose(self) -> ComposeResult:
        """Lay it out."""
        with Vertical(classes="box wide"):
            yield Static(self._title, markup=False, classes="title")
            with VerticalScroll(can_focus=True):
                yield Static(self._words, markup=False)
            yield Static(tr("Esc closes this"), markup=False, classes="dim")


class ConfirmDialog(Dialog[bool]):
    """A question for yes or no; no has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", show=False),
        Binding("n", "answer(False)", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, question: str, yes: str = "", no: str = "") -> None:
        super().__init__()
        self._question = question
        self._yes = yes or tr("Yes")
        self._no = no or tr("No")

    def compose(self) -> ComposeResult:
        """Lay it out."""
        with Vertical(classes="box"):
            with VerticalScroll(can_focus=False, classes="words"):
                yield Static(self._question, markup=False)
            with Horizontal(classes="buttons"):
                yield Button(Content(f"{self._no} (n)"), id="no", compact=True)
                yield Button(Content(f"{self._yes} (y)"), id="yes", compact=True)

    def on_mount(self) -> None:
        """Begin at no."""
        self.query_one("#no").focus()

    def action_answer(self, answer: bool) -> None:
        """Answer by a key."""
        self.dismiss(answer)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")


class AskDialog(Dialog[str | None]):
    """A question for one line; Enter answers, what is wrong is shown."""

    def __init__(self, question: str, check: Check, *, value: str = "", hint: str = "") -> None:
        super().__init__()
        self._question = question
        self._check = check
        self._value = value
        self._hint = hint

    def compose(self) -> ComposeResult:
        """Lay it out."""
        with Vertical(classes="box"):
            yield Static(self._question, markup=False)
            yield Line(self._value, self._hint, submits=True)
            yield Static("", markup=False, classes="why")
            yield Static(tr("Enter goes on, Esc leaves"), markup=False, classes="dim")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        answer(self, self._check, event.value.strip())


def answer(dialog: Dialog[str | None], check: Check, text: str) -> None:
    """Close a dialog with its answer, or say what is wrong with it."""
    reason = check(text)
    why = dialog.query_one(".why", Static)
    why.display = bool(reason)
    if reason is None:
        dialog.dismiss(text)
    else:
        why.update(Content(f"✗ {reason}"))


class PasteDialog(Dialog[str | None]):
    """A box to paste many lines into."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+n", "done", mark("Add them"))]

    def __init__(self, solution: str = "") -> None:
        super().__init__()
        self._solution = solution

    def compose(self) -> ComposeResult:
        """Lay it out."""
        roles = tr("Names that begin with lb, bal or proxy become balancers.")
        if self._solution == "active-standby":
            roles = tr("All of them become Harbor nodes.")
        elif self._solution == "master-slave":
            roles += tr(" The first other one is the master.")
        with Vertical(classes="box wide"):
            yield Static(
                tr("Paste addresses, one host a line: “name address”, or just the address.")
                + f"\n{roles}",
                markup=False,
            )
            yield TextArea(tab_behavior="focus")
            with Horizontal(classes="buttons"):
                yield Button(Content(tr("Cancel (Esc)")), id="cancel", compact=True)
                yield Button(Content(tr("Add them (Ctrl+N)")), id="add", compact=True)

    def action_done(self) -> None:
        """Answer with the text."""
        self.dismiss(self.query_one(TextArea).text)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "add":
            self.action_done()
        else:
            self.dismiss(None)


class HostDialog(Dialog[questions.Data | None]):
    """The form of one host."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+n", "done", mark("Keep it"))]

    def __init__(self, host: questions.Data, index: int, data: questions.Data) -> None:
        super().__init__()
        self._host = dict(host)
        self._index = index
        self._data = data

    def compose(self) -> ComposeResult:
        """Lay it out."""
        with Vertical(classes="box wide"):
            yield Static(tr("A host"), markup=False, classes="title")
            with VerticalScroll(can_focus=False):
                for one in questions.host_questions(self._data):
                    field = Field(one, one.answer(self._host))
                    field.display = one.when(self._host)
                    yield field
            yield Static(tr("Tab moves, ← and → change what has ●, Ctrl+N keeps it"),
                         markup=False, classes="dim")  # fmt: skip
            with Horizontal(classes="buttons"):
                yield Button(Content(tr("Cancel (Esc)")), id="cancel", compact=True)
                yield Button(Content(tr("Keep it (Ctrl+N)")), id="keep", compact=True)

    @on(Field.Changed)
    def _typed(self, event: Field.Changed) -> None:
        event.field.question.store(self._host, event.text)
        for field in self.query(Field):
            field.display = field.question.when(self._host)

    def on_descendant_blur(self) -> None:
        """Say what is wrong with what was typed."""
        self._complain(only_typed=True)

    def _complain(self, *, only_typed: bool) -> bool:
        reasons = questions.host_reasons(self._host, self._index, self._data)
        found = False
        for field in self.query(Field):
            reason = reasons.get(field.question.path) if field.display else None
            if only_typed and not field.text.strip():
                reason = None
            field.complain(reason)
            if reason and not found:
                found = True
                if not only_typed:
                    field.enter()
        return found

    def action_done(self) -> None:
        """Keep the host, unless something is wrong with it."""
        for field in self.query(Field):
            if field.display:
                field.question.store(self._host, field.text)
        if not self._complain(only_typed=False):
            self.dismiss(self._host)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "keep":
            self.action_done()
        else:
            self.dismiss(None)


_NAMES = {
    "passphrase": mark("passphrase"), "ssh_password": mark("ssh password"),
    "sudo_password": mark("sudo password"), "database_password": mark("database password"),
    "redis_password": mark("redis password"),
    "harbor_admin_password": mark("harbor admin password"),
}  # fmt: skip


def named(secret: str) -> str:
    """Return a secret's name in words."""
    return tr(_NAMES[secret]) if secret in _NAMES else secret.replace("_", " ")


class SecretsDialog(Dialog[dict[str, str] | None]):
    """Asks for secrets that are missing, all at once."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+n", "done", mark("Go on"))]

    def __init__(self, title: str, names: list[str], error: str = "") -> None:
        super().__init__()
        self._title = title
        self._names = names
        self._error = error

    def compose(self) -> ComposeResult:
        """Lay it out."""
        with Vertical(classes="box wide"):
            yield Static(self._title, markup=False)
            with VerticalScroll(can_focus=False):
                for number, name in enumerate(self._names):
                    with Horizontal(classes="row"):
                        yield Static(named(name), markup=False, classes="label")
                        yield SecretLine(submits=True, id=f"secret-{number}")
            why = Static(f"✗ {self._error}" if self._error else "", markup=False, classes="why")
            why.display = bool(self._error)
            yield why
            with Horizontal(classes="buttons"):
                yield Button(Content(tr("Cancel (Esc)")), id="cancel", compact=True)
                yield Button(Content(tr("Go on (Ctrl+N)")), id="go", compact=True)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if event.input.id == f"secret-{len(self._names) - 1}":
            self.action_done()
        else:
            self.focus_next()

    def action_done(self) -> None:
        """Answer, unless one is empty or too short."""
        given = {}
        why = self.query_one(".why", Static)
        for number, name in enumerate(self._names):
            line = self.query_one(f"#secret-{number}", SecretLine)
            reason = questions.secret_reason(name, line.value) if line.value else tr("is empty")
            if reason:
                why.update(Content(f"✗ {named(name)}: {reason}"))
                why.display = True
                line.focus()
                return
            given[name] = line.value
        self.dismiss(given)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "go":
            self.action_done()
        else:
            self.dismiss(None)
