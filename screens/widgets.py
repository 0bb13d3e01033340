"""Widgets that more than one screen uses. None of them reads text of the operator's as markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Paste
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input, Static

from harbor_wizard.language import mark, tr
from harbor_wizard.screens.harmless import UNSEEN, plain

if TYPE_CHECKING:  # slow to import, and the first screen is made of widgets
    from harbor_wizard.questions import Question
    from harbor_wizard.screens.state import Work


def say(static: Static, content: str | Content) -> None:
    """Show a text, unless it is what is shown already: drawing anew costs a layout."""
    made = Content(plain(content)) if isinstance(content, str) else content
    shown = static.content
    if not isinstance(shown, Content) or shown != made:
        static.update(made)


# The answers that are lists: several lines that are pasted are several words of it.
_LISTS = ("replication.projects", "tls.clients", "redis.sentinel.nodes")

# Words of the cluster file are shown as they are; these are words of everybody's.
_EVERYDAY = (mark("yes"), mark("no"), mark("find out"), mark("one host"))


def shown(word: str) -> str:
    """Return how a word that can be chosen is shown."""
    return tr(word) if word in _EVERYDAY else word


class Line(Input):
    """One line of text. Enter, Up and Down move between fields."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "leave", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, value: str = "", placeholder: str = "", *, password: bool = False,
                 submits: bool = False, id: str | None = None) -> None:  # fmt: skip  # noqa: A002
        super().__init__(
            value, placeholder, password=password, id=id, compact=True, select_on_focus=False
        )
        self._submits = submits
        self.joins = False  # whether several lines that are pasted are the words of a list

    def _on_paste(self, event: Paste) -> None:
        """Take what was pasted; what does not fit into one line is not left out in silence."""
        event.prevent_default()
        event.stop()
        lines = [line for line in event.text.splitlines() if line.strip()]
        if not lines and event.text.strip(" "):
            return
        text = lines[0] if lines else event.text
        if self.joins:
            text = ", ".join(line.strip().rstrip(",") for line in lines)
        elif text != event.text and not self.password:  # around a whole line, blanks are nothing
            text = text.strip()
        clean = UNSEEN.sub("", text.replace("\t", " "))
        said = []
        if len(lines) > 1 and not self.joins:
            said.append(tr("{number} lines were pasted; this field takes one: only the first "
                           "line is in it", number=len(lines)))  # fmt: skip
        if len(clean) != len(text):
            said.append(tr("characters that cannot be seen were left out of what was pasted"))
        if said:
            self.notify("\n".join(said), severity="warning", timeout=10, markup=False)
            self.app.bell()
        self.replace(clean, *self.selection)

    async def action_leave(self) -> None:
        """Go on: to the next field, or out of a question that is answered by Enter."""
        if self._submits:
            await self.action_submit()
        else:
            self.app.action_focus_next()


class PathLine(Line):
    """A line for the path of a file of this machine, which can be chosen, too."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+o", "choose", mark("Choose a file"))]

    class Wanted(Message):
        """A file is to be chosen."""

        def __init__(self, line: PathLine) -> None:
            super().__init__()
            self.line = line

    def action_choose(self) -> None:
        """Ask for a file; the screen knows the folders."""
        self.post_message(self.Wanted(self))


class SecretLine(Line):
    """A line for a secret: shown as bullets, and never copied to the clipboard."""

    def __init__(self, value: str = "", placeholder: str = "", *, submits: bool = False,
                 id: str | None = None) -> None:  # fmt: skip  # noqa: A002
        super().__init__(value, placeholder, password=True, submits=submits, id=id)

    def action_copy(self) -> None:
        """Copy nothing: the clipboard is everybody's."""

    def action_cut(self) -> None:
        """Cut nothing: the clipboard is everybody's."""


class Choice(Static, can_focus=True):
    """One of a few words, in one line; Left, Right and Space change it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", show=False),
        Binding("right,space", "step(1)", mark("Change")),
        Binding("enter,down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    value: reactive[str] = reactive("", init=False)

    class Changed(Message):
        """Another word was chosen."""

        def __init__(self, choice: Choice, value: str) -> None:
            super().__init__()
            self.choice = choice
            self.value = value

        @property
        def control(self) -> Choice:
            """The widget."""
            return self.choice

    def __init__(self, choices: tuple[str, ...], value: str, id: str | None = None) -> None:  # noqa: A002
        super().__init__(markup=False, id=id)
        self.choices = choices
        self.set_reactive(Choice.value, value)

    def render(self) -> Content:
        """Return the words, the chosen one marked."""
        gap = self._gap()
        if gap is None:
            at = self.choices.index(self.value) + 1 if self.value in self.choices else 0
            place = tr("{at} of {number}", at=at, number=len(self.choices))
            return Content(f"‹ {shown(self.value)} ›  {place}")
        words = [
            Content.styled(f"● {shown(one)}", "bold") if one == self.value
            else Content(f"○ {shown(one)}")
            for one in self.choices
        ]  # fmt: skip
        return Content(gap).join(words)

    def _gap(self) -> str | None:
        """Return what is between the words, or None where there is no room for all of them."""
        room = self.size.width or 48
        length = sum(cell_len(shown(one)) + 2 for one in self.choices)
        gaps = len(self.choices) - 1
        if length + gaps > room:
            return None
        return "  " if length + 2 * gaps <= room else " "

    def chosen_at(self) -> int:
        """Return the cell at which the chosen word stands."""
        gap, at = self._gap(), 0
        if gap is None or self.value not in self.choices:
            return 0
        for one in self.choices[: self.choices.index(self.value)]:
            at += cell_len(shown(one)) + 2 + len(gap)
        return at

    def watch_value(self, value: str) -> None:
        """Draw it again, and tell."""
        self.refresh()
        self.post_message(self.Changed(self, value))

    def action_step(self, by: int) -> None:
        """Choose the next or the one before."""
        try:
            at = self.choices.index(self.value)
        except ValueError:
            at = -1 if by > 0 else 0
        self.value = self.choices[(at + by) % len(self.choices)]


class Field(Vertical):
    """A question with its answer in one row, and below it what is wrong with the answer."""

    class Changed(Message):
        """The answer changed."""

        def __init__(self, field: Field, text: str) -> None:
            super().__init__()
            self.field = field
            self.text = text

    def __init__(self, question: Question, value: str, name_of_secret: str = "") -> None:
        super().__init__(id=f"field-{question.key}")
        self.question = question
        self._initial = value
        self._reason: str | None = None
        self._secret = name_of_secret

    def compose(self) -> ComposeResult:
        """Lay it out."""
        question = self.question
        with Horizontal(classes="row"):
            yield Static(tr(question.label), markup=False, classes="label")
            if question.choices:
                yield Choice(question.choices, self._initial or question.default)
            elif question.kind == "secret":
                drawn = question.path == "admin_password"
                hint = (tr("drawn if left empty") if drawn
                        else tr("asked before the run if left empty"))  # fmt: skip
                yield SecretLine(self._initial, hint)
            else:
                hint = question.default
                if not hint and question.example:
                    hint = tr("e.g. {example}", example=tr(question.example))
                kind = PathLine if question.kind == "path" else Line
                line = kind(self._initial, hint)
                line.joins = question.path in _LISTS
                yield line
        yield Static("", markup=False, classes="why")

    @property
    def text(self) -> str:
        """The answer as it stands in the field."""
        if not self.children:  # it is being laid out
            return self._initial
        if self.question.choices:
            return self.query_one(Choice).value
        return self.query_one(Line).value

    def set(self, text: str) -> None:
        """Put an answer into the field."""
        if not self.children:
            self._initial = text
        elif self.question.choices:
            self.query_one(Choice).value = text or self.question.default
        else:
            self.query_one(Line).value = text

    def follow(self, answer: str) -> None:
        """Show an answer that was changed from elsewhere."""
        shown = self.text.strip()
        if self.question.choices:
            answer = answer or self.question.default
        if shown != answer:
            self.set(answer)

    @on(Input.Changed)
    @on(Choice.Changed)
    def _typed(self, event: Input.Changed | Choice.Changed) -> None:
        event.stop()
        self.complain(None)
        self.post_message(self.Changed(self, event.value))

    def complain(self, reason: str | None) -> None:
        """Show what is wrong, or take that away."""
        if reason == self._reason or not self.children:
            return
        self._reason = reason
        why = self.query_one(".why", Static)
        say(why, f"✗ {reason}" if reason else "")
        why.display = bool(reason)

    def enter(self) -> None:
        """Put the cursor here."""
        if not self.children:
            self.call_after_refresh(self.enter)
            return
        control: Widget = self.query_one(Choice if self.question.choices else Line)
        control.focus()


class Form(Vertical):
    """The questions of a section; every change goes into the answers at once."""

    class Changed(Message):
        """An answer changed; it is in the work's data or secrets already."""

        def __init__(self, question: Question) -> None:
            super().__init__()
            self.question = question

    def __init__(self, work: Work, asked: tuple[Question, ...], id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._work = work
        self._asked = asked

    def compose(self) -> ComposeResult:
        """Lay out a field per question that is asked: the others come when they are."""
        for one in self._asked:
            if one.when(self._work.data):
                yield self._field(one)

    def _field(self, question: Question) -> Field:
        work = self._work
        if question.kind == "secret":
            return Field(question, work.secrets.get(question.secret_name(work.data), ""))
        return Field(question, question.answer(work.data))

    @on(Field.Changed)
    def _answered(self, event: Field.Changed) -> None:
        event.stop()
        question, work = event.field.question, self._work
        if question.kind == "secret":
            name = question.secret_name(work.data)
            if event.text:
                work.secrets[name] = event.text
            else:
                work.secrets.pop(name, None)
        elif question.answer(work.data) != event.text.strip():
            work.take(question, event.text)
            self.follow(besides=event.field)
        self.post_message(self.Changed(question))

    def follow(self, besides: Field | None = None) -> None:
        """Show the questions that are asked now, with the answers as they are now."""
        data, before = self._work.data, None
        fields = {field.question.key: field for field in self.query(Field)}
        for question in self._asked:
            asked, field = question.when(data), fields.get(question.key)
            if field is None and asked:
                field = self._field(question)
                self.mount(field, before=0 if before is None else None, after=before)
            elif field is not None:
                if asked and field is not besides and question.kind != "secret":
                    field.follow(question.answer(data))
                if field.display != asked:
                    field.display = asked
            before = field or before

    def on_descendant_blur(self) -> None:
        """Check what was left."""
        self.check(only_typed=True)

    def check(self, *, only_typed: bool) -> None:
        """Show what is wrong at each field; empty fields only when all is asked for."""
        from harbor_wizard import questions  # noqa: PLC0415 - slow to import

        data, folder = self._work.data, self._work.session.folder
        found = self._work.problems
        for field in self.query(Field):
            if not field.display:
                continue
            question, text = field.question, field.text
            if question.kind == "secret":
                reason = questions.check(question, text, data, folder)
            elif not only_typed or (text.strip() and question.path != "redis"):
                exact = [one for one in found if one.path == question.path]
                below = questions.reason_at(question.path, found) if "." in question.path else None
                reason = exact[0].reason if exact else below
            else:
                reason = None
            field.complain(reason)

    def enter(self, path: str) -> bool:
        """Put the cursor into the field of a path; say whether there is one."""
        for field in self.query(Field):
            if field.display and field.question.path == path:
                field.enter()
                return True
        return False


def cell(text: str, style: str | Style = "") -> Text:
    """Return a text for a table or a tree, never read as markup."""
    return Text(plain(text), style=style, no_wrap=True)


def tone(app: App[object], name: str) -> Style:
    """Return the style of `error`, `warning` or `success` in the theme that is chosen."""
    color = Color.parse(app.theme_variables[f"text-{name}"])
    return Style(color=color.rich_color, bold=name != "success")
