"""The run's screen: what it shows of hosts, and what the operator decides there."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest
from textual.widgets import DataTable, Log, Static

from harbor_wizard import run
from harbor_wizard.engine.events import HostChanged, Output
from harbor_wizard.engine.runner import Connect
from harbor_wizard.errors import TransportError
from harbor_wizard.screens.app import WizardApp
from harbor_wizard.screens.running import RunControl, Tail
from harbor_wizard.session import Session
from harbor_wizard.solutions import make_plan
from harbor_wizard.transport.base import Call, OnLines, Result
from harbor_wizard.transport.rehearsal import RehearsalTransport

from .test_walk import SIZE, folder, saved, until  # noqa: F401 - the first is a fixture


def control(session: Session, connect: Connect) -> RunControl:
    plan = make_plan(session.cluster())
    values = run.open_secrets(session, plan, {}, None, rehearsal=True)
    return RunControl(session, plan, values, connect, rehearsal=True, durations={})


def seen(one: RunControl, host: str) -> list[str]:
    return one.view.hosts[host].tail.since(0)[0]


def wait_for(what: Any, one: RunControl, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        one.drain()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def finish(one: RunControl) -> None:
    one.wait(60)
    one.drain()
    assert one.over


class Unreachable(RehearsalTransport):
    """A simulated host that is not there the first time."""

    tried: ClassVar[dict[str, int]] = {}
    never = False

    def connect(self) -> None:
        name = self._host.name
        self.tried[name] = self.tried.get(name, 0) + 1
        if name == "lb-1" and (self.never or self.tried[name] == 1):
            raise TransportError("lb-1: 10.77.0.21 port 22 is not reached by SSH (No route to host)")
        super().connect()


def unreachable(session: Session, never: bool = False) -> Connect:
    Unreachable.tried, Unreachable.never = {}, never
    return lambda host: Unreachable(host, session.path / "rehearsal", 500)


def test_a_host_that_was_not_reached_waits_for_retry_and_then_goes_on(folder: Path) -> None:  # noqa: F811
    session = saved(folder)
    one = control(session, unreachable(session))
    one.start()
    host = one.view.hosts["lb-1"]
    wait_for(lambda: host.state == "failed", one)
    assert "No route to host" in host.detail
    assert host.now == "not reached"
    assert not one.decide("lb-1", "skip")
    wait_for(lambda: one.view.hosts["harbor-1"].ended > 2, one)
    assert one.active
    assert one.decide("lb-1", "retry")
    finish(one)
    assert one.outcome is not None
    assert not one.outcome.left
    assert not one.outcome.unreached
    assert Unreachable.tried["lb-1"] == 2
    assert "No route to host" in (session.logs / "lb-1.log").read_text()


@pytest.mark.parametrize("ending", ["stop", "abort"])
def test_a_run_that_waits_for_a_host_can_be_ended(folder: Path, ending: str) -> None:  # noqa: F811
    session = saved(folder)
    one = control(session, unreachable(session, never=True))
    one.start()
    wait_for(lambda: one.view.hosts["lb-1"].state == "failed", one)
    assert one.decide("lb-1", "retry")
    wait_for(lambda: Unreachable.tried["lb-1"] == 2, one)
    wait_for(lambda: one.view.hosts["lb-1"].unreached, one)
    getattr(one, ending)()
    finish(one)
    assert one.outcome is not None
    assert list(one.outcome.unreached) == ["lb-1"]


async def test_r_tries_a_host_again_that_was_not_reached(
    folder: Path, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    session = saved(folder)
    connect = unreachable(session)
    monkeypatch.setattr(run, "rehearsal_connector", lambda *_: connect)
    app = WizardApp("prod-eu", "preview")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, "Preview")
        await pilot.press("r")
        await until(pilot, "Run")
        shown = app.screen.query_one("#failure", Static)
        for _ in range(200):
            if shown.display:
                break
            await pilot.pause(0.05)
        assert "mend it, then: r Retry, x Abort" in str(shown.content)
        assert "s Skip" not in str(shown.content)
        assert "✗ failed" in str(app.screen.query_one(DataTable).get_row("lb-1")[1])
        await pilot.press("r")
        await until(pilot, "Report")
        assert "All steps are done" in str(app.screen.query_one("#told-report", Static).content)


async def test_a_run_that_is_taken_up_again_begins_with_what_was_printed_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    begun = threading.Event()

    class Printing(RehearsalTransport):
        def detach(self, call: Call, unit: str, on_lines: OnLines, stop: threading.Event) -> Result:
            on_lines([f"printed for {call.step}, {number}" for number in range(900)])
            if self._host.name == first.plan.hosts[0].name:  # all hosts begin, this one's is looked at
                begun.set()
            stop.wait(20)
            return super().detach(call, unit, on_lines, stop)

    def connector(session: Session, speed: float) -> Connect:
        return lambda host: Printing(host, session.path / "rehearsal", 500)

    monkeypatch.setattr(run, "rehearsal_connector", connector)
    session = saved(folder)
    first = control(session, connector(session, 1))
    first.start()
    assert begun.wait(60)
    first.stop()  # as the end of the program does
    finish(first)
    host = first.plan.hosts[0].name
    assert any("printed for" in line for line in seen(first, host))

    app = WizardApp("prod-eu", "preview", rehearsal_speed=500)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, "Preview")
        await pilot.press("r")
        await until(pilot, "Run")
        lines: list[str] = []
        for _ in range(800):
            lines = list(app.screen.query_one(Log).lines)
            if any("connection connected" in line for line in lines):
                break
            await pilot.pause(0.05)
        assert app.control is not None
        app.control.stop()
    at = lines.index("— earlier output above, this run below —")
    past, new = lines[:at], lines[at + 1 :]
    assert 0 < len(past) <= 500
    assert past[-1][9:] != past[-1]
    assert any("printed for" in line for line in past)
    assert any("connection" in line for line in new)


def test_a_tail_is_bounded_in_lines_and_in_their_length_and_says_what_went() -> None:
    tail = Tail()
    tail.add(["", "x" * 100_000])
    assert [len(one) for one in tail.since(0)[0]] == [1, 501]
    tail.add([str(number) for number in range(10_000)])
    lines, missed, all_of_them = tail.since(2)
    assert (len(lines), lines[-1], missed, all_of_them) == (2000, "9999", 8000, 10_002)
    assert tail.since(all_of_them) == ([], 0, 10_002)
    tail.add(["one more"])
    assert tail.since(10_002) == (["one more"], 0, 10_003)


def test_output_waits_in_no_queue(folder: Path) -> None:  # noqa: F811
    session = saved(folder)
    one = control(session, unreachable(session))
    for _ in range(1000):
        one._hear(Output(time.time(), "lb-1", "lb-1/docker/package", tuple("abc")))
    assert not one.events
    one._hear(HostChanged(time.time(), "lb-1", "connecting"))
    assert len(one.events) == 1
    assert seen(one, "lb-1")[-1] == "connection connecting"


