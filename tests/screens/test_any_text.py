"""Any text in any field, and any text from a host: shown as it is, and nothing around it changes."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Button, DataTable, Static, TextArea

from harbor_wizard import preflight, questions, run
from harbor_wizard import session as sessions
from harbor_wizard.preflight import Finding, Level, Preflight
from harbor_wizard.screens.app import WizardApp
from harbor_wizard.screens.dialogs import (
    AskDialog,
    ConfirmDialog,
    HostDialog,
    PasteDialog,
    SecretsDialog,
)
from harbor_wizard.screens.files import FileDialog
from harbor_wizard.screens.preflight import PreflightScreen
from harbor_wizard.screens.widgets import Choice, Field, Line, SecretLine
from harbor_wizard.session import Session
from harbor_wizard.transport.base import Call, OnLines, Result
from harbor_wizard.transport.rehearsal import RehearsalTransport

from .test_walk import SIZE, until

EXAMPLES = Path(__file__).parents[2] / "examples"
SOLUTIONS = ("active-active", "active-standby", "master-slave", "master-master")
HOSTS = {"active-active": 4, "active-standby": 2, "master-slave": 3, "master-master": 3}

TEXTS = {
    "a closing tag": "[/b]", "a colour": "[red]x[/red]", "a variable": "$HOME",
    "a variable in brackets": "[$HOME]", "a link": "[@click=app.quit]x[/]",
    "long": "x" * 200, "long and wide": "名" * 200, "Arabic": "\u0645\u0631\u062d\u0628\u0627",
    "Hebrew": "\u05e9\u05dc\u05d5\u05dd", "turned around": "abc\u202egpj.exe", "wide": "中文",
    "a family": "\U0001f468\u200d\U0001f469\u200d\U0001f467", "a lone joiner": "a\u200d\u0301",
    "tabs": "a\tb\tc", "an escape": "\x1b[31mred\x1b]0;x\x07", "control": "a\x00b\x08c\x7fd\x9be",
    "a home": "~nobody-of-that-name/x", "quotes": "'\"`$(id)\\", "yaml": "- a: {b: [c",
    "percent": "%s {0} {name}", "a null": "\0",
}  # fmt: skip
# No system takes these as paths.
NO_PATHS = [TEXTS[one] for one in ("long and wide", "a home")]
# What a field keeps as it is, and shows as it is.
MARKUP = [TEXTS[one] for one in ("a closing tag", "a colour", "a variable",
                                 "a variable in brackets", "a link")]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answers(solution: str = "active-active", hosts: int = 0) -> dict[str, Any]:
    """Return answers with which all is well."""
    named = []
    number = hosts or HOSTS[solution]
    balancers = {"active-active": 2, "master-master": 1}.get(solution, 0)
    for at in range(1, number + 1):
        name = f"lb-{at}" if at <= balancers else f"harbor-{at - balancers}"
        lines = f"{name} 10.0.{at}.{at}"
        (host,) = questions.pasted_hosts(lines, solution)
        named.append({**host, "platform": "debian-12"})
    data: dict[str, Any] = {
        **questions.fresh("prod-eu"), "public_name": "registry.example.com", "hosts": named,
    }  # fmt: skip
    choose = next(one for one in questions.QUESTIONS if one.path == "solution")
    questions.take(choose, data, solution, {})
    questions.fit(data, {})
    data["installer"] = {"url": "https://example.com/h.tgz", "sha256": "0" * 64}
    data["tls"] = {"mode": "none"}
    if solution.startswith("active"):
        data.update(virtual_address={"address": "10.0.0.10/16", "router_id": 7},
                    database={"host": "10.0.0.31"}, redis={"host": "10.0.0.31"},
                    storage={"type": "filesystem", "path": "/mnt/harbor"})  # fmt: skip
    return data


def saved(folder: Path, data: dict[str, Any]) -> Session:
    session = sessions.create("prod-eu", folder)
    session.save_answers(data)
    return session


@asynccontextmanager
async def opened(start: str = "", size: tuple[int, int] = SIZE,
                 name: str | None = "prod-eu") -> AsyncIterator[Pilot[int]]:  # fmt: skip
    app = WizardApp(name if start else None, start or None, rehearsal_speed=500)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        if start:
            await until(pilot, start.capitalize())
        yield pilot


async def show(pilot: Pilot[int], step: str) -> None:
    assert isinstance(pilot.app, WizardApp)
    pilot.app.open_session("prod-eu", step)
    await until(pilot, step.capitalize())


def lines(pilot: Pilot[int]) -> list[str]:
    return [strip.text for strip in pilot.app.screen._compositor.render_strips()]


def styles(pilot: Pilot[int]) -> list[list[str]]:
    """Return the style of each cell."""
    found = []
    for strip in pilot.app.screen._compositor.render_strips():
        row: list[str] = []
        for segment in strip:
            row += [str(segment.style)] * cell_len(segment.text)
        found.append(row)
    return found


def safe(pilot: Pilot[int], about: object = "") -> None:
    """See that nothing on the screen does something to the terminal."""
    width, height = pilot.app.size
    shown = lines(pilot)
    assert len(shown) <= height
    for line in shown:
        bad = [one for one in line if unicodedata.category(one) == "Cc"
               or unicodedata.bidirectional(one) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI",
                                                     "RLI", "FSI", "PDI")]  # fmt: skip
        assert not bad, f"{bad!r} in {line!r} ({about!r})"
        assert cell_len(line) <= width, f"{line!r} ({about!r})"
    assert pilot.app._exception is None, about


async def paste(pilot: Pilot[int], text: str) -> None:
    pilot.app.post_message(Paste(text))
    await pilot.pause()


async def fields(pilot: Pilot[int], texts: Sequence[str], seen: set[str]) -> None:
    """Put texts into each field that is shown now, or comes when a choice is made."""
    def here() -> list[Field]:
        return [one for one in pilot.app.screen.query(Field) if one.display]

    async def fill() -> None:
        new = [one for one in here()
               if not one.question.choices and one.question.key not in seen]  # fmt: skip
        seen.update(one.question.key for one in new)
        before = [one.text for one in new]
        for turn in range(len(texts) if new else 0):  # each field has had each text at the end
            for at, one in enumerate(new):
                text = texts[(at + turn) % len(texts)]
                one.set(text)
            await pilot.pause()
            for one in new:
                one.complain(f"it is {one.text}")
            await pilot.pause()
            safe(pilot, (turn, [one.question.key for one in new]))
        for one, text in zip(new, before, strict=True):
            one.set(text)
        await pilot.pause()

    await fill()
    for one in here():
        if one.question.choices and one.question.path != "solution":
            seen.add(one.question.key)
            choice = one.query_one(Choice)
            before = choice.value
            for word in choice.choices:
                choice.value = word
                await pilot.pause()
                await fill()
            choice.value = before
            await pilot.pause()


# Every field of every screen.


@pytest.mark.slow
@pytest.mark.parametrize("solution", SOLUTIONS)
async def test_any_text_in_any_field(folder: Path, solution: str) -> None:
    saved(folder, answers(solution))
    # Most fields are the same in all solutions: the others share the texts among themselves.
    at = SOLUTIONS.index(solution)
    texts = list(TEXTS.values())[at - 1 :: 3] if at else list(TEXTS.values())
    seen: set[str] = set()
    async with opened("topology") as pilot:
        for step in ("topology", "access", "services"):
            await show(pilot, step)
            await fields(pilot, texts, seen)
        assert len(seen) > 25
        for step in ("review", "preview", "preflight"):
            await show(pilot, step)
            safe(pilot)


@pytest.mark.slow
@pytest.mark.parametrize("text", NO_PATHS, ids=["long", "home"])
async def test_a_path_that_no_system_takes(folder: Path, text: str) -> None:
    data = answers()
    del data["installer"]["url"]
    saved(folder, data)
    async with opened("services") as pilot:
        field = next(one for one in pilot.app.screen.query(Field)
                     if one.question.path == "installer.file")  # fmt: skip
        field.set(text)
        await pilot.pause()
        safe(pilot, text)
        reason = str(pilot.app.screen.query_one("#reason", Static).content)
        assert "is not there or not a file" in reason


async def test_what_looks_like_markup_changes_no_style(folder: Path) -> None:
    saved(folder, answers())
    async with opened("topology") as pilot:
        field = next(one for one in pilot.app.screen.query(Field)
                     if one.question.path == "public_name")  # fmt: skip
        field.enter()
        field.query_one(Line).cursor_blink = False
        for text in MARKUP:
            found = []
            for put in (text, "!" * len(text)):
                field.query_one(Line).value = ""
                await paste(pilot, put)
                for _ in range(100):
                    if any(put in line for line in lines(pilot)):
                        break
                    await pilot.pause(0.02)
                assert any(put in line for line in lines(pilot)), lines(pilot)
                assert isinstance(pilot.app, WizardApp)
                pilot.app.save_now()  # the header says when: not in the middle of this
                await pilot.pause()
                await pilot.pause()
                found.append(styles(pilot))
            assert found[0] == found[1], text
            safe(pilot, text)


@pytest.mark.parametrize("step", ["review", pytest.param("access", marks=pytest.mark.slow)])
async def test_a_hosts_name_that_looks_like_markup_changes_no_style(
    folder: Path, step: str
) -> None:
    found = []
    for text in ("[/b][red]", "!" * 9):
        data = answers()
        data["hosts"][0]["name"] = text
        data["database"]["name"] = text
        saved(folder, data)
        async with opened(step) as pilot:
            assert any(text in line for line in lines(pilot))
            safe(pilot, text)
            found.append(styles(pilot))
    assert found[0] == found[1]


async def test_a_paste_says_what_it_leaves_out(folder: Path) -> None:
    saved(folder, answers("master-master"))
    async with opened("topology") as pilot:
        by_path = {one.question.path: one for one in pilot.app.screen.query(Field)}
        said: list[str] = []
        pilot.app.notify = lambda message, **_: said.append(message)  # type: ignore[method-assign,assignment]
        for path, text, kept, told in (
            ("public_name", "one.example.com\ntwo.example.com\n", "one.example.com", "2 lines"),
            ("public_name", "\r\n  reg.example.com \r\n", "reg.example.com", ""),
            ("public_name", "a\tb", "a b", ""),
            ("public_name", "a\x1b[31mb\u202e", "a[31mb", "cannot be seen"),
            ("public_name", "\n\n", "", ""),
            ("replication.projects", "library\nteam-a,\n\nteam-b\n", "library, team-a, team-b", ""),
        ):
            line = by_path[path].query_one(Line)
            line.value = ""
            line.focus()
            said.clear()
            await pilot.pause()
            await paste(pilot, text)
            await pilot.pause()
            assert line.value == kept
            assert bool(said) == bool(told), (text, said)
            assert told in "".join(said)
        line = by_path["public_name"].query_one(Line)
        line.value = "before after"
        line.focus()
        line.cursor_position = 7
        await paste(pilot, "and ")
        await pilot.pause()
        assert line.value == "before and after"


# The small questions.


@pytest.mark.slow
async def test_any_text_as_a_sessions_name(folder: Path) -> None:
    sessions.create("another", folder)
    async with opened() as pilot:
        await pilot.press("n")
        await pilot.pause()
        assert isinstance(pilot.app.screen, AskDialog)
        line = pilot.app.screen.query_one(Line)
        for text in [*TEXTS.values(), "../x", "a/b", ".", "名" * 90]:
            line.value = text
            await pilot.press("enter")
            await pilot.pause()
            assert isinstance(pilot.app.screen, AskDialog), text
            assert pilot.app.screen.query_one(".why", Static).display, text
            safe(pilot, text)
    assert [one.name for one in sessions.all_sessions()] == ["another"]


@pytest.mark.slow
async def test_any_text_in_a_hosts_dialog(folder: Path) -> None:
    for solution in SOLUTIONS:
        saved(folder, answers(solution))
        async with opened("topology") as pilot:
            await pilot.press("ctrl+o", "e")
            await pilot.pause()
            assert isinstance(pilot.app.screen, HostDialog)
            await fields(pilot, list(TEXTS.values()), set())
            for text in TEXTS.values():
                for one in pilot.app.screen.query(Field):
                    if not one.question.choices:
                        one.set(text)
                await pilot.press("ctrl+n")
                await pilot.pause()
                assert isinstance(pilot.app.screen, HostDialog), text
                safe(pilot, text)


@pytest.mark.slow
async def test_any_text_to_be_found(folder: Path) -> None:
    saved(folder, answers())
    async with opened("preview") as pilot:
        await pilot.press("slash")
        await pilot.pause()
        line = pilot.app.screen.query_one(Line)
        for text in TEXTS.values():
            line.value = text if text != "\0" else "no such text"
            await pilot.press("enter")
            await pilot.pause()
            if not isinstance(pilot.app.screen, AskDialog):  # $HOME, say, is in a script
                await pilot.press("slash")
                await pilot.pause()
                line = pilot.app.screen.query_one(Line)
            safe(pilot, text)


async def test_any_text_as_a_secret(folder: Path) -> None:
    async with opened() as pilot:
        given: list[Any] = []
        texts = list(TEXTS.values())
        await pilot.app.push_screen(
            SecretsDialog("[/b]\x1b[31m", ["passphrase", "[/b]", "a\x1bb"], "[red]\x1b[31m"),
            given.append,
        )
        await pilot.pause()
        safe(pilot)
        for text in texts:
            for one in pilot.app.screen.query(SecretLine):
                one.value = text
            await pilot.pause()
            safe(pilot, text)
            assert all(text not in line for line in lines(pilot) if len(text) > 4), text
        for one in pilot.app.screen.query(SecretLine):
            one.value = "[/b] [red] and more"
        await pilot.press("ctrl+n")
        await pilot.pause()
        assert given == [dict.fromkeys(["passphrase", "[/b]", "a\x1bb"], "[/b] [red] and more")]


@pytest.mark.slow
async def test_any_text_as_pasted_hosts(folder: Path) -> None:
    saved(folder, answers())
    async with opened("topology") as pilot:
        await pilot.press("ctrl+o", "p")
        await pilot.pause()
        assert isinstance(pilot.app.screen, PasteDialog)
        await paste(pilot, "\n".join(f"{text} 10.9.9.{at}" for at, text in enumerate(TEXTS.values())))
        safe(pilot)
        assert "[red]x[/red]" in pilot.app.screen.query_one(TextArea).text
        await pilot.press("ctrl+n")
        await until(pilot, "Topology")
        safe(pilot)
        table = pilot.app.screen.query_one(DataTable)
        assert table.row_count > 20
        assert pilot.app.screen.query_one("#next", Button).disabled
        assert any("[/b]" in str(cell) for row in map(table.get_row_at, range(table.row_count))
                   for cell in row)  # fmt: skip
        for row in range(table.row_count):
            table.move_cursor(row=row)
            await pilot.pause()
            safe(pilot)
        await pilot.press("d")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ConfirmDialog)
        safe(pilot)
        await pilot.press("escape")
        for step in ("access", "review"):
            await show(pilot, step)
            safe(pilot)


@pytest.mark.slow
async def test_any_name_of_a_file(folder: Path) -> None:
    for text in TEXTS.values():
        if "\0" not in text and "/" not in text and len(text.encode()) < 200:
            (folder / text).write_text("")
    (folder / "[red]x[").mkdir()
    with_bytes = bytes(folder) + b"/\xff\xfe"
    Path(with_bytes.decode(errors="surrogateescape")).write_text("")
    saved(folder, answers())
    for path in NO_PATHS:
        FileDialog(folder, path)
    async with opened() as pilot:
        await pilot.app.push_screen(FileDialog(folder, "[/b]"))
        await pilot.pause(0.3)
        safe(pilot)
        for _ in range(25):
            await pilot.press("down")
        safe(pilot)


@pytest.mark.slow
async def test_sessions_with_any_text_in_them(folder: Path) -> None:
    for at, text in enumerate(TEXTS.values()):
        session = sessions.create(f"prod-{at}", folder)
        session.save_answers({"name": text, "solution": text, "hosts": [{"name": text}],
                              "public_name": text})  # fmt: skip
    (sessions.create("broken", folder).cluster_file).write_text("[/b]: [red]\x1b[31m: {\n")
    async with opened() as pilot:
        table = pilot.app.screen.query_one(DataTable)
        assert table.row_count == len(TEXTS) + 1
        for row in range(table.row_count):
            table.move_cursor(row=row)
            await pilot.pause()
            safe(pilot)
        for at, text in enumerate(TEXTS.values()):
            assert isinstance(pilot.app, WizardApp)
            pilot.app.open_session(f"prod-{at}")
            await pilot.pause()
            safe(pilot, text)
        pilot.app.open_session("broken")
        await pilot.pause()
        safe(pilot)


# What hosts say.


@pytest.mark.slow
async def test_any_text_from_a_preflight(folder: Path) -> None:
    session = saved(folder, answers())
    checks = list(preflight.TITLES)
    hosts = ("lb-1", "[/b]", "x" * 60, "a\x1b[31mb")
    texts = list(TEXTS.values())
    findings = [
        Finding(check, host, list(Level)[(at + row) % len(Level)], text, text, text, text, text)
        for row, check in enumerate(checks) for at, host in enumerate(hosts)
        for text in [texts[(row * len(hosts) + at) % len(texts)]]
    ]  # fmt: skip
    preflight.save(session, Preflight(hosts, tuple(findings)), {})
    async with opened("preflight") as pilot:
        await pilot.pause()
        table = pilot.app.screen.query_one(DataTable)
        assert table.row_count == len(checks)
        seen = ""
        assert isinstance(pilot.app.screen, PreflightScreen)
        for _ in range(len(checks) * len(hosts)):
            pilot.app.screen.action_find_next()
            await pilot.pause()
            safe(pilot)
            seen += str(pilot.app.screen.query_one("#found", Static).content)
        for text in MARKUP:
            assert text in seen
        table.move_cursor(row=0, column=1)
        for _ in range(4):
            await pilot.press("a", "right")
            safe(pilot)


class Odd(RehearsalTransport):
    """A host that prints anything, and whose first step fails with anything."""

    failing = True

    def detach(self, call: Call, unit: str, on_lines: OnLines, *others: Any) -> Result:
        on_lines([f"{text} end" for text in TEXTS.values()])
        if self.failing and self._host.name == "lb-1":
            return Result(1, "", " ".join(MARKUP) + "\x1b[31m\u202e" + TEXTS["long"])
        return super().detach(call, unit, on_lines, *others)


@pytest.mark.slow
async def test_any_text_from_a_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = saved(folder, answers())
    monkeypatch.setattr(run, "rehearsal_connector", lambda one, speed: lambda host: Odd(
        host, one.path / "rehearsal", speed))  # fmt: skip
    async with opened("preview") as pilot:
        await pilot.press("r")
        await until(pilot, "Run")
        failure = pilot.app.screen.query_one("#failure", Static)
        for _ in range(200):
            if failure.display:
                break
            await pilot.pause(0.05)
        assert failure.display
        safe(pilot)
        for _ in range(4):
            await pilot.press("down")
            await pilot.pause()
            safe(pilot)
        await pilot.press("x")
        await pilot.pause()
        safe(pilot)
        await pilot.press("y")
        await until(pilot, "Report")
        safe(pilot)
        assert "[red]x[/red]" in (session.logs / "lb-1.log").read_text()


@pytest.mark.slow
async def test_any_message(folder: Path) -> None:
    async with opened() as pilot:
        for text in TEXTS.values():
            pilot.app.notify(text, markup=False)
        await pilot.pause(0.1)
        safe(pilot)
        for text in TEXTS.values():
            await pilot.app.push_screen(ConfirmDialog(f"Take {text} out?"))
            await pilot.pause()
            safe(pilot, text)
            await pilot.press("escape")


# Many hosts.


@pytest.mark.slow
@pytest.mark.parametrize("size", [SIZE, (20, 5)])
async def test_twenty_hosts(folder: Path, size: tuple[int, int]) -> None:
    data = answers(hosts=20)
    session = saved(folder, data)
    names = tuple(host["name"] for host in data["hosts"])
    findings = [Finding(check, name, Level.WARNING, "seen", "figure", "wanted", "source", "cure")
                for check in preflight.TITLES for name in names]  # fmt: skip
    preflight.save(session, Preflight(names, tuple(findings)), {})
    async with opened("topology", size) as pilot:
        for step, keys in (("topology", ("ctrl+o", *["down"] * 21)),
                           ("access", ("tab", "ctrl+end")),
                           ("preflight", ("f", *["right"] * 20)),
                           ("review", ("end", "end")), ("preview", ("end", "end"))):  # fmt: skip
            await show(pilot, step)
            await pilot.press(*keys)
            await pilot.pause()
            safe(pilot, step)
            if size == SIZE:
                text = "\n".join(lines(pilot))
                assert "harbor-18" in text or step in ("access", "review", "preview"), text
        assert pilot.app._exception is None
