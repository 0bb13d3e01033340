"""The status screen: it looks again by itself, over the connections that it has, and stops when left."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from harbor_wizard import run
from harbor_wizard.errors import AuthenticationError, TransportError
from harbor_wizard.model.cluster import Host
from harbor_wizard.screens import status as status_screen
from harbor_wizard.screens.app import WizardApp
from harbor_wizard.screens.dialogs import SecretsDialog
from harbor_wizard.screens.sessions import SessionsScreen
from harbor_wizard.screens.status import StatusScreen
from harbor_wizard.transport.base import Call, Result
from harbor_wizard.transport.rehearsal import RehearsalTransport

from .test_walk import SIZE, folder, saved, write

__all__ = ["folder"]


class Hosts:
    """Hosts that answer at once, and what was asked of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logins: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.closed: Counter[str] = Counter()
        self.away: dict[str, Exception] = {}
        seen = "part\tsees harbor-1\tUP\npart\tsees harbor-2\tUP\npart\tkeepalived\tactive\n"
        self.answers = {name: f"part\thaproxy\tactive\nvip\tvip\t{'yes' if name == 'lb-1' else 'no'}\n{seen}"
                        for name in ("lb-1", "lb-2")}  # fmt: skip
        self.slow: dict[str, threading.Event] = {}

    def connect(self, host: Host) -> Any:
        outer = self

        class Transport(RehearsalTransport):
            def connect(self) -> None:
                outer.logins[host.name] += 1
                if host.name in outer.away:
                    raise outer.away[host.name]

            def run(self, call: Call, on_lines: Any) -> Result:
                if call.step == "status":
                    outer.asked[host.name] += 1
                    if host.name in outer.slow:
                        outer.slow[host.name].wait(20)
                    return Result(0, outer.answers.get(host.name, "") + "end\tend\tyes\n", "")
                return Result(0, "", "")

            def close(self) -> None:
                outer.closed[host.name] += 1

        return Transport(host, self.folder)


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    made = Hosts(tmp_path)
    monkeypatch.setattr(run, "ssh_connector", lambda *_: made.connect)
    monkeypatch.setattr(status_screen, "EVERY", 0.05)
    return made


async def until(pilot: Pilot[int], so: Any, what: str) -> None:
    deadline = time.monotonic() + 15
    while not so():
        assert time.monotonic() < deadline, what
        await pilot.pause(0.02)


async def opened(pilot: Pilot[int]) -> StatusScreen:
    await pilot.press("t")
    await until(pilot, lambda: isinstance(pilot.app.screen, StatusScreen), "the screen comes")
    screen = pilot.app.screen
    assert isinstance(screen, StatusScreen)
    return screen


def text(screen: StatusScreen, which: str) -> str:
    return str(screen.query_one(which, Static).content)


async def test_it_looks_again_over_the_same_connections_until_it_is_left(
    folder: Path, hosts: Hosts
) -> None:
    saved(folder)
    app = WizardApp()
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await until(pilot, lambda: min(hosts.asked.values(), default=0) >= 3, "three looks")
        assert set(hosts.logins.values()) == {1}
        assert "looked at" in text(screen, "#head-right") or "looking" in text(screen, "#head-right")
        await pilot.press("escape")
        await until(pilot, lambda: set(hosts.closed) == set(hosts.logins), "all are closed")
        await pilot.pause(0.2)
        before = Counter(hosts.asked)
        await pilot.pause(0.3)
        assert hosts.asked == before
        assert set(hosts.logins.values()) == {1}


async def test_the_cursor_stays_where_it_is_while_rows_change(folder: Path, hosts: Hosts) -> None:
    saved(folder)
    app = WizardApp()
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await until(pilot, lambda: hosts.asked["lb-2"] >= 2, "two looks")
        await pilot.press("down", "down")
        table = screen.query_one(DataTable)
        assert table.cursor_row == 2
        await until(pilot, lambda: "haproxy: active" in text(screen, "#status-told"), "lb-2 is told")
        hosts.answers["lb-2"] = hosts.answers["lb-2"].replace("haproxy\tactive", "haproxy\tfailed")
        await until(pilot, lambda: "✗ haproxy: failed" in text(screen, "#status-told"), "it is told anew")
        assert table.cursor_row == 2
        assert "lb-2" in text(screen, "#status-told")
        assert "not well" in str(table.get_cell("lb-2", "state"))


async def test_a_slow_host_keeps_the_next_look_waiting_and_the_others_are_shown(
    folder: Path, hosts: Hosts
) -> None:
    saved(folder)
    hosts.slow["harbor-2"] = threading.Event()
    app = WizardApp()
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        table = screen.query_one(DataTable)
        await until(pilot, lambda: "well" in str(table.get_cell("lb-1", "state")), "lb-1 is shown")
        await pilot.pause(0.3)
        assert hosts.asked["lb-1"] == 1
        assert text(screen, "#head-right") == "looking: harbor-2"
        hosts.slow["harbor-2"].set()
        await until(pilot, lambda: hosts.asked["lb-1"] >= 2, "the next look")


async def test_a_host_that_refuses_the_login_is_not_tried_again_unasked(
    folder: Path, hosts: Hosts
) -> None:
    saved(folder)
    hosts.away["lb-2"] = AuthenticationError("lb-2: refused the login")
    hosts.away["harbor-1"] = TransportError("harbor-1: is not reached")
    app = WizardApp()
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await until(pilot, lambda: hosts.asked["lb-1"] >= 4, "four looks")
        table = screen.query_one(DataTable)
        assert "not reached" in str(table.get_cell("lb-2", "state"))
        assert (hosts.logins["lb-2"], hosts.logins["harbor-1"]) == (1, 1)
        hosts.away.clear()
        await pilot.press("r")
        await until(pilot, lambda: hosts.asked["lb-2"] >= 2, "it is tried again")
        assert (hosts.logins["lb-2"], hosts.logins["harbor-1"]) == (2, 2)


async def test_a_session_without_answers_has_nothing_to_look_at(folder: Path, hosts: Hosts) -> None:
    from harbor_wizard import session as sessions

    sessions.create("half", folder).save_answers({"name": "half"})
    app = WizardApp()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("t")
        await pilot.pause()
        assert not isinstance(app.screen, StatusScreen)
        assert not hosts.logins


@pytest.mark.slow
async def test_who_does_not_open_the_secrets_goes_back_and_no_host_is_asked(
    folder: Path, hosts: Hosts
) -> None:
    saved(folder).store.write({"harbor_admin_password": "Adm1nAdm1n"}, "the passphrase")
    app = WizardApp()
    async with app.run_test(size=SIZE) as pilot:
        await opened_with_a_question(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen), "the sessions are back")
        assert not hosts.logins
        await opened_with_a_question(pilot)
        await write(pilot, "the passphrase")
        await pilot.press("enter")
        await until(pilot, lambda: len(hosts.asked) == 4, "all are looked at")


async def opened_with_a_question(pilot: Pilot[int]) -> None:
    await pilot.press("t")
    await until(pilot, lambda: isinstance(pilot.app.screen, SecretsDialog), "the passphrase is asked for")
