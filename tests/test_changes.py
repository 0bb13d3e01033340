"""Answers that changed since a run are noticed: which steps they touch, and why those."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harbor_wizard import run
from harbor_wizard.changes import changes
from harbor_wizard.engine.runner import Settings
from harbor_wizard.journal import Journal, Summary, summarise
from harbor_wizard.plan import Plan
from harbor_wizard.screens.app import WizardApp
from harbor_wizard.secrets import SecretValues
from harbor_wizard.session import Session, create
from harbor_wizard.solutions import make_plan

PORT = {"type": "haproxy", "statistics": 7000}


@pytest.fixture
def session(answers: dict[str, Any], tmp_path: Path) -> Session:
    made = create("prod-eu", tmp_path)
    made.save_answers({**answers, "name": "prod-eu", "tls": {"mode": "none"}})
    return made


def ran(session: Session, *, stop_after: int = 10_000) -> Plan:
    """Run the plan over simulated hosts, as a real run is kept."""
    plan, values, seen = make_plan(session.cluster()), SecretValues({}, {}), []

    class Given(SecretValues):
        def value(self, name: str) -> str:
            return f"value of {name}"

        def masker(self) -> Any:
            return values.masker()

    def sink(event: object) -> None:
        seen.append(event)
        if len(seen) > stop_after:
            one.stop()

    connect = run.rehearsal_connector(session, 1000)
    with run.runner(session, plan, Given({}, {}), connect, sink, Settings()) as one:
        one._settings = Settings(rehearsal=True)
        one.run()
    return plan


def summary(session: Session) -> Summary:
    return summarise(Journal(session.journal_file).records())


def changed(session: Session, **answers: Any) -> Plan:
    session.save_answers({**session.answers(), **answers})
    return make_plan(session.cluster())


def test_nothing_is_told_where_nothing_changed_or_nothing_ran(session: Session) -> None:
    plan = make_plan(session.cluster())
    assert changes(plan, summary(session)).told() == ()
    plan = ran(session)
    assert summary(session).whole
    assert changes(plan, summary(session)).told() == ()


def test_only_the_steps_that_an_answer_touches_are_told(session: Session) -> None:
    ran(session)
    found = changes(changed(session, balancer=PORT), summary(session))
    assert found.changed
    assert all("haproxy" in one for one in found.changed)
    assert (found.new, found.gone) == ((), ())
    assert "will be done again: lb-1/haproxy/" in found.told()[0]


def test_steps_that_came_and_went_are_told_apart(session: Session) -> None:
    ran(session)
    hosts = [{**host, "name": "harbor-9"} if host["name"] == "harbor-2" else host
             for host in session.answers()["hosts"]]  # fmt: skip
    found = changes(changed(session, hosts=hosts), summary(session))
    assert found.new
    assert {one.partition("/")[0] for one in found.new} == {"harbor-9"}
    assert {one.partition("/")[0] for one in found.gone} == {"harbor-2"}
    assert "stays: harbor-2/" in found.told()[-1]


def test_what_a_stopped_run_never_began_is_not_new(session: Session) -> None:
    plan = ran(session, stop_after=40)
    assert not summary(session).whole
    assert changes(plan, summary(session)).told() == ()


async def test_the_preview_marks_them(session: Session) -> None:
    ran(session)
    changed(session, balancer=PORT)
    app = WizardApp("prod-eu", "preview")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.2)
        labels = [str(node.label) for node in app.screen._leaves]  # type: ignore[attr-defined]
        await pilot.press("n")
        await pilot.pause()
        told = "".join(strip.text for strip in app.screen._compositor.render_strips())
    assert [one for one in labels if "*" in one] == ["+* haproxy.cfg", "+* haproxy.cfg"]
    assert "are others than were done" in told
