"""The wizard as an operator has it: in a real terminal of 80x24, by keys only, over rehearsals."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harbor_wizard import run
from harbor_wizard import session as sessions
from harbor_wizard.journal import Journal, summarise
from harbor_wizard.session import Session

from .terminal import AVAILABLE, WIZARD, Terminal, child, runs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AVAILABLE, reason="tmux is not installed"),
]

EXAMPLE = Path(__file__).parents[2] / "examples" / "rehearsal.yaml"
ADDRESSES = ("10.0.0.21", "10.0.0.22", "10.0.0.11", "10.0.0.12")


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    try:
        yield made
    finally:
        made.close()


class Desk:
    """An operator's folder, home and terminal."""

    def __init__(self, terminal: Terminal, folder: Path) -> None:
        self.terminal = terminal
        self.folder = folder
        self.environment = {"HARBOR_WIZARD_HOME": str(folder / "home"), "LANG": "C.UTF-8"}

    def start(self, *arguments: str, after: str = "", before: str = "", **more: str) -> None:
        self.terminal.start(*arguments, environment={**self.environment, **more},
                            folder=self.folder, after=after, before=before)  # fmt: skip

    def session(self, **changes: Any) -> Session:
        """Save a session whose answers are all there."""
        made = sessions.create("prod-eu", self.folder)
        data = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
        made.save_answers({**data, "name": "prod-eu", **changes})
        return made

    def to(self, step: str) -> None:
        """Go forwards until a screen is there."""
        self.terminal.wait("▸ [1-9]")
        while f" {step}" not in here(self.terminal.screen()):
            self.terminal.go_on()
        self.terminal.settle()

    def back_to(self, step: str) -> None:
        """Go backwards until a screen is there."""
        self.terminal.wait("▸ [1-9]")
        while f" {step}" not in (now := here(self.terminal.screen())):
            assert now[2] != "1", f"{step} did not come"
            self.terminal.press("Escape")
            self.terminal.wait(f"▸ {int(now[2]) - 1}")
        self.terminal.settle()

    def rehearse(self) -> None:
        """Begin a rehearsal, on the way from wherever this is."""
        self.to("Preview")
        self.terminal.press("r")
        self.terminal.wait(r"REHEARSAL [1-9]\d*/70")


@pytest.fixture
def desk(terminal: Terminal, tmp_path: Path) -> Desk:
    return Desk(terminal, tmp_path)


def here(shown: str) -> str:
    """Return the line of the rail that has the mark."""
    return next((line for line in shown.splitlines() if re.match("▸ [1-9]", line)), "")


def steps_done(session: Session) -> frozenset[str]:
    path = run.journal_file(session, rehearsal=True)
    return summarise(Journal(path).records()).done if path.exists() else frozenset()


# The walk.


def test_from_nothing_to_the_report_of_a_rehearsal(desk: Desk) -> None:
    terminal = desk.terminal
    desk.start()
    terminal.arrive("There is no session yet")
    terminal.press("n")
    terminal.wait("new session's name")
    terminal.type("prod-eu")
    terminal.wait("prod-eu  ")
    terminal.press("Enter")
    terminal.arrive("Choose how Harbor stays up")
    terminal.press("Enter")

    terminal.arrive("▸ 2 Topology")
    terminal.fill("the name that clients use", "registry.example.com")
    terminal.fill("the virtual address with its", "10.0.0.10/24")
    terminal.press("C-o", "p")
    terminal.wait("Paste addresses")
    terminal.paste("\n".join(ADDRESSES))
    terminal.wait(ADDRESSES[-1])
    terminal.press("C-n")
    terminal.wait("harbor-2 +harbor")
    for at in range(4):  # what runs on each of them
        terminal.press("e")
        terminal.wait("A host")
        terminal.settle()
        for _ in range(3):
            terminal.press("Up")
            terminal.settle()
        terminal.press("Right")
        terminal.wait("‹ debian-12 ›")
        terminal.press("C-n")
        terminal.until(lambda at=at: terminal.screen().count("debian-12") == at + 1)
        terminal.press("Down")
        terminal.settle()
    terminal.go_on()

    terminal.arrive("▸ 3 Access")
    terminal.fill("the login name", "root")
    terminal.go_on()

    terminal.arrive("▸ 4 Services")
    terminal.fill("URL", "https://files.example.com/harbor-offline-installer-v2.15.2.tgz")
    terminal.fill("SHA-256", "0" * 64)
    terminal.go_to("a private CA that clients")
    terminal.press("Right")
    terminal.wait("● wizard")
    terminal.fill("the database's name or address", "10.0.0.31")
    terminal.fill("Redis' name or address", "10.0.0.31")
    terminal.fill("a folder of a shared file system", "/mnt/harbor")
    terminal.go_on()

    terminal.arrive("▸ 5 Preflight")
    terminal.wait("needs no look")
    terminal.go_on()
    terminal.arrive("▸ 6 Review")
    terminal.wait("registry.example.com")
    terminal.go_on()
    terminal.arrive("▸ 7 Preview")
    terminal.press("r")
    terminal.wait("▸ 8 Run")
    shown = terminal.wait("▸ 9 Report", 90)
    assert "REHEARSAL" in shown
    assert "All steps are done" in shown
    terminal.press("C-q")
    terminal.wait("ended 0")
    assert terminal.tells("alternate_on") == "0"
    kept = sessions.find("prod-eu").answers()
    assert [host["address"] for host in kept["hosts"]] == list(ADDRESSES)


def test_a_paste_of_several_lines_into_one_line_is_not_lost_in_silence(desk: Desk) -> None:
    desk.session(solution="master-master")
    terminal = desk.terminal
    desk.start("resume", "prod-eu")
    desk.back_to("Topology")
    terminal.go_to("the name that clients use")
    terminal.press("End", "C-u")
    terminal.settle()
    terminal.paste("registry.example.net\nregistry.example.org\n")
    shown = terminal.wait("2 lines were pasted")
    assert "registry.example.net" in shown
    assert "registry.example.org" not in shown
    # One line with what copying it brought along is just that line.
    terminal.press("C-u")
    terminal.settle()
    terminal.paste("\n  reg.example.com\n\n")
    terminal.wait(r"│.* reg\.example\.com")
    terminal.wait("  Back  ")  # what was said goes by itself
    # A list's words may stand below each other.
    terminal.go_to("projects")
    terminal.paste("library\nteam-a\nteam-b\n")
    terminal.wait("library, team-a, team-b")
    terminal.press("C-q")
    terminal.wait("ended 0")
    kept = sessions.find("prod-eu").answers()
    assert kept["public_name"] == "reg.example.com"
    assert kept["replication"]["projects"] == ["library", "team-a", "team-b"]


# The terminal becomes small, and large again.


def test_every_screen_is_whole_again_after_the_terminal_was_small(desk: Desk) -> None:
    desk.session()
    terminal = desk.terminal
    desk.start("resume", "prod-eu")
    desk.back_to("Topology")
    for step in ("Topology", "Access", "Services", "Preflight", "Review", "Preview"):
        desk.to(step)
        before = terminal.settle()
        terminal.resize(20, 5)
        terminal.until(lambda: terminal.screen().count("\n") <= 5)
        assert terminal.settle().strip()
        terminal.resize(80, 24)
        terminal.until(lambda step=step: f" {step}" in here(terminal.screen()))
        terminal.until(lambda before=before: terminal.screen() == before)
    terminal.press("r")
    terminal.wait(r"REHEARSAL [1-9]\d*/70")
    terminal.resize(20, 5)
    terminal.until(lambda: terminal.screen().count("\n") <= 5)
    terminal.settle()
    terminal.resize(80, 24)
    shown = terminal.wait(r"(?s)lb-1 .*lb-2 .*harbor-1 .*harbor-2 .*▸ 8 Run.*Back +Report")
    assert "harbor-wizard · prod-eu" in shown
    shown = terminal.wait("▸ 9 Report", 90)
    assert "All steps are done" in shown


# Ends that nobody wished for.


def test_what_was_killed_goes_on_from_where_it_was(desk: Desk) -> None:
    session = desk.session()
    terminal = desk.terminal
    desk.start("resume", "prod-eu")
    desk.rehearse()
    terminal.until(lambda: len(steps_done(session)) > 10)
    pid = child(terminal)
    os.kill(pid, signal.SIGKILL)
    terminal.wait("ended 137")
    done = steps_done(session)
    assert 10 < len(done) < 70
    journal = Journal(run.journal_file(session, rehearsal=True))
    before = len(journal.records())

    desk.start()
    terminal.arrive("prod-eu")
    terminal.press("Enter")
    terminal.wait("▸ [1-9]")
    assert session.answers()["public_name"] == "registry.example.com"
    desk.rehearse()
    terminal.wait("▸ 9 Report", 90)
    assert "All steps are done" in terminal.settle()
    assert len(steps_done(session)) == 70
    again = {one.data["step"] for one in journal.records()[before:] if one.kind == "begun"}
    assert not again & done  # what was done was so already
    terminal.press("C-q")
    terminal.wait("ended 0")


@pytest.mark.parametrize("how", ["the terminal", "the process"])
def test_a_lost_line_ends_it_and_loses_nothing(desk: Desk, how: str) -> None:
    session = desk.session()
    terminal = desk.terminal
    desk.start("resume", "prod-eu")
    desk.rehearse()
    terminal.until(lambda: len(steps_done(session)) > 5)
    pid = child(terminal)
    if how == "the terminal":
        terminal.tmux("kill-window")
    else:
        os.kill(pid, signal.SIGHUP)
    terminal.until(lambda: not runs(pid), 8)
    assert session.answers()["public_name"] == "registry.example.com"
    before = steps_done(session)
    assert len(before) > 5

    desk.start("resume", "prod-eu")
    desk.rehearse()
    assert steps_done(session) >= before
    terminal.wait("▸ 9 Report", 90)
    assert len(steps_done(session)) == 70


def test_what_was_typed_just_before_the_line_was_lost_is_there(desk: Desk) -> None:
    session = desk.session()
    terminal = desk.terminal
    desk.start("resume", "prod-eu")
    desk.back_to("Topology")
    terminal.fill("the name that clients use", "last-words.example.com")
    pid = child(terminal)
    os.kill(pid, signal.SIGHUP)
    terminal.until(lambda: not runs(pid), 8)
    assert session.answers()["public_name"] == "last-words.example.com"


def test_sigterm_leaves_the_terminal_in_order(desk: Desk) -> None:
    session = desk.session()
    terminal = desk.terminal
    desk.start("resume", "prod-eu")
    desk.rehearse()
    assert terminal.tells("alternate_on") == "1"
    os.kill(child(terminal), signal.SIGTERM)
    shown = terminal.wait("ended 143", 12)
    assert "go on with: harbor-wizard resume prod-eu" in shown
    told = [terminal.tells(one) for one in ("alternate_on", "mouse_any_flag", "mouse_sgr_flag",
                                            "cursor_flag", "pane_in_mode")]  # fmt: skip
    assert told == ["0", "0", "0", "1", "0"]
    assert "Traceback" not in shown
    assert len(steps_done(session)) > 0


# The shell's jobs.


def test_ctrl_z_and_fg(desk: Desk) -> None:
    desk.session()
    terminal = desk.terminal
    given = " ".join(f"{name}={value}" for name, value in desk.environment.items())
    terminal.open(f"env {given} PS1='sh> ' bash --norc --noprofile -i", folder=desk.folder)
    terminal.wait("sh>")
    terminal.type(" ".join([*WIZARD, "resume", "prod-eu"]))
    terminal.press("Enter")
    before = terminal.arrive("▸ 6 Review")
    terminal.press("C-z")
    terminal.wait("Stopped")
    terminal.until(lambda: terminal.tells("alternate_on") == "0")
    terminal.type("echo still $((40 + 2))")
    terminal.press("Enter")
    terminal.wait("still 42")
    terminal.type("fg")
    terminal.press("Enter")
    terminal.until(lambda: terminal.tells("alternate_on") == "1")
    terminal.until(lambda: terminal.screen() == before)
    desk.to("Preview")  # it takes keys, too
    terminal.press("C-q")
    terminal.until(lambda: terminal.tells("alternate_on") == "0")


def test_ctrl_z_stays_where_nobody_could_bring_it_back(desk: Desk) -> None:
    desk.session()
    terminal = desk.terminal
    desk.start("resume", "prod-eu")
    terminal.arrive("▸ 6 Review")
    terminal.press("C-z")
    terminal.wait("no shell is here")
    terminal.press("C-q")
    terminal.wait("ended 0")


# Where no full screen can be shown.


@pytest.mark.parametrize("where", ["dumb", "pipe"])
def test_plain_questions_come_by_themselves(desk: Desk, where: str) -> None:
    terminal = desk.terminal
    if where == "dumb":
        desk.start(TERM="dumb")
    else:
        line = " ".join(WIZARD)
        terminal.open(f"bash -c '{line} | cat; exit ${{PIPESTATUS[0]}}'",
                      environment=desk.environment, folder=desk.folder)  # fmt: skip
    terminal.wait("session's name")
    terminal.type("Not A Name")
    terminal.press("Enter")
    terminal.wait("✗ .*is not a name for a session")
    terminal.type("prod-eu")
    terminal.press("Enter")
    terminal.wait(r"2\) active-standby")
    terminal.type("7")
    terminal.press("Enter")
    terminal.wait("a number from 1 to 4")
    terminal.type("2")
    terminal.press("Enter")
    terminal.wait("Public name")
    terminal.type("registry.example.com")
    terminal.press("Enter")
    terminal.wait("Virtual address")
    terminal.type("300.0.0.1/24")
    terminal.press("Enter")
    terminal.wait("✗ .*300")
    terminal.press("C-c")
    shown = terminal.wait("ended 130")
    assert "harbor-wizard resume prod-eu" in shown.replace("\n", "")
    assert "Traceback" not in shown
    assert "\x1b" not in terminal.coloured()
    kept = sessions.find("prod-eu").answers()
    assert kept["solution"] == "active-standby"
    assert kept["public_name"] == "registry.example.com"


def test_without_a_terminal_it_is_refused_in_a_sentence(desk: Desk) -> None:
    desk.start(after="</dev/null")
    shown = desk.terminal.wait("ended 2")
    assert shown.count("harbor-wizard: ") == 1
    assert "not one" in shown.replace("\n", "")


# Colours.


def colours(text: str) -> list[str]:
    """Return the escapes that set a colour."""
    found = []
    for sequence in re.findall(r"\x1b\[([\d;:]*)m", text):
        for number in re.split("[;:]", sequence):
            if number and ((30 <= int(number) <= 49 and int(number) not in (39, 49))
                           or 90 <= int(number) <= 107):  # fmt: skip
                found.append(sequence)
    return found


def row_of(coloured: str, text: str) -> str:
    (line,) = [one for one in coloured.splitlines()
               if re.search(text, re.sub(r"\x1b\[[\d;:]*m", "", one))]  # fmt: skip
    return line


def test_without_colours_the_row_under_the_cursor_is_seen(desk: Desk) -> None:
    desk.session()
    terminal = desk.terminal
    desk.start("resume", "prod-eu", before="NO_COLOR=1")
    terminal.arrive("▸ 6 Review")
    for step in ("Review", "Preview"):
        desk.to(step)
        terminal.press("Down")
        terminal.settle()
        shown = terminal.coloured()
        assert colours(shown) == []
        row = shown.splitlines()[int(terminal.tells("cursor_y"))]
        assert re.search(r"\x1b\[(?:\d+;)*[147](?:;\d+)*m", row.partition("│")[2]), row
    desk.back_to("Topology")
    assert colours(terminal.coloured()) == []


def test_f2_goes_through_the_themes_and_the_choice_is_kept(desk: Desk) -> None:
    desk.session()
    terminal = desk.terminal
    desk.start("resume", "prod-eu")
    terminal.arrive("▸ 6 Review")
    seen = [set(colours(terminal.coloured()))]
    assert seen[0]
    for _ in range(2):
        terminal.press("F2")
        terminal.until(lambda: set(colours(terminal.coloured())) not in seen)
        terminal.settle()
        seen.append(set(colours(terminal.coloured())))
    chosen = re.search(r'"theme": "([^"]+)"', (desk.folder / "home/screen.json").read_text())
    assert chosen is not None
    terminal.press("C-q")
    terminal.wait("ended 0")
    desk.start("resume", "prod-eu")
    terminal.arrive("▸ 6 Review")
    ours = set(colours(terminal.coloured()))
    assert ours <= seen[-1]  # then there was a message beside it, too
    assert not ours <= seen[0]


# The terminal's own cursor.


def test_the_cursor_follows_the_highlight(desk: Desk) -> None:
    desk.session()
    terminal = desk.terminal
    desk.start("resume", "prod-eu")
    terminal.arrive("▸ 6 Review")

    def at(text: str) -> Callable[[], bool]:
        def there() -> bool:
            lines = terminal.screen().splitlines()
            return re.search(text, lines[int(terminal.tells("cursor_y"))]) is not None
        return there

    terminal.until(at("│ *Solution"))
    terminal.press("Down")
    terminal.until(at("│ *Public name"))
    terminal.press("Down")
    terminal.until(at("│ *Balanced by|│ *Virtual address"))
    for _ in range(12):
        terminal.press("Down")
    terminal.settle()
    row = terminal.coloured().splitlines()[int(terminal.tells("cursor_y"))]
    assert len(re.findall(r"\x1b\[[\d;:]*m", row)) > 1
    desk.back_to("Solution")
    terminal.until(at("Active-active"))
    for title in ("Active-standby", "Master-slave", "Master-master"):
        terminal.press("Down")
        terminal.until(at(title))


# Other languages.


@pytest.mark.parametrize("how", ["--lang", "LANG"])
def test_in_chinese(desk: Desk, how: str) -> None:
    desk.session()
    terminal = desk.terminal
    if how == "LANG":
        desk.start("resume", "prod-eu", LANG="zh_CN.UTF-8")
    else:
        desk.start("--lang", "zh", "resume", "prod-eu")
    shown = terminal.arrive("▸ 6 ")
    assert "返回" in shown  # Back
    assert here(shown).partition("│")[0].strip() != "▸ 6 Review"
    terminal.press("C-n")
    terminal.wait("▸ 7 ")
    terminal.press("C-q")
    terminal.wait("ended 0")
