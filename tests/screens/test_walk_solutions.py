"""A walk for each of the four solutions, and from one to another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from harbor_wizard import certificates, questions
from harbor_wizard import session as sessions
from harbor_wizard.screens.app import WizardApp
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.diagram import diagram
from harbor_wizard.screens.solution import recommend
from harbor_wizard.screens.widgets import Choice, Field

SIZE = (80, 24)
SOLUTIONS = ("active-active", "active-standby", "master-slave", "master-master")
LINES = {
    "active-active": "lb-1 10.77.0.21\nlb-2 10.77.0.22\nharbor-1 10.77.0.11\nharbor-2 10.77.0.12",
    "active-standby": "harbor-1 10.77.0.11\nharbor-2 10.77.0.12",
    "master-slave": "harbor-1 10.77.0.11\nharbor-2 10.77.0.12",
    "master-master": "harbor-1 10.77.0.11\nharbor-2 10.77.0.12\nlb-1 10.77.0.21",
}
NOTED = {
    "active-standby": "nothing changed yet",
    "master-slave": "harbor-2 serves pulls",
    "master-master": "lb-1 is the only balancer",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARBOR_WIZARD_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "installer.tgz").write_text("installer.tgz\n")
    return tmp_path


async def until(pilot: Pilot[int], step: str) -> WizardScreen:
    for _ in range(400):
        screen = pilot.app.screen
        if isinstance(screen, WizardScreen) and step == screen.STEP:
            await pilot.pause()
            return screen
        await pilot.pause(0.02)
    raise AssertionError(f"{step} did not come, but {pilot.app.screen}")


def shown(pilot: Pilot[int]) -> list[str]:
    return [one.question.path for one in pilot.app.screen.query(Field) if one.display]


def field(pilot: Pilot[int], path: str) -> Field:
    return next(one for one in pilot.app.screen.query(Field)
                if one.question.path == path and one.display)  # fmt: skip


async def give(pilot: Pilot[int], path: str, text: str) -> None:
    """Go to a field and give it a text, as a terminal does that pastes it."""
    wanted = field(pilot, path)
    wanted.enter()
    if wanted.question.choices:
        wanted.query_one(Choice).value = text
    else:
        wanted.set("")
        await pilot.pause()
        pilot.app.post_message(Paste(text))
    await pilot.pause()
    await pilot.pause()


def text_of(pilot: Pilot[int], selector: str) -> str:
    return str(pilot.app.screen.query_one(selector, Static).content)


async def paste_hosts(pilot: Pilot[int], lines: str) -> None:
    await pilot.press("ctrl+o", "p")
    await pilot.pause()
    pilot.app.post_message(Paste(lines))
    await pilot.pause()
    await pilot.press("ctrl+n")
    await pilot.pause()


def draft(folder: Path, solution: str, **changes: Any) -> None:
    """Save a session with the hosts of a solution, which are known by their system."""
    hosts = questions.pasted_hosts(LINES[solution], solution)
    data = {
        **questions.fresh("prod-eu"), "public_name": "registry.example.com",
        "hosts": [{**host, "platform": "debian-12"} for host in hosts],
    }  # fmt: skip
    choose = next(one for one in questions.QUESTIONS if one.path == "solution")
    questions.take(choose, data, solution, {})
    sessions.create("prod-eu", folder).save_answers({**data, **changes})


# The walk of active-active is in test_walk.py, by keys alone.
@pytest.mark.parametrize("solution", SOLUTIONS[1:])
@pytest.mark.slow
async def test_from_the_first_screen_to_a_finished_rehearsal(folder: Path, solution: str) -> None:
    app = WizardApp(rehearsal_speed=200)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        await pilot.press("n")
        await pilot.pause()
        app.post_message(Paste("prod-eu"))
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, "Solution")
        await pilot.press(*["down"] * SOLUTIONS.index(solution), "enter")

        await until(pilot, "Topology")
        before = shown(pilot)
        assert ("virtual_address.address" in before) == solution.startswith("active")
        assert ("replication.projects" in before) == solution.startswith("master")
        await paste_hosts(pilot, LINES[solution])
        assert app.screen.query_one(DataTable).row_count == LINES[solution].count("\n") + 1
        await give(pilot, "public_name", "registry.example.com")
        if solution != "master-slave":  # it has no balancer here, and so no virtual address
            await give(pilot, "virtual_address.address", "10.77.0.10/24")
        assert "find out" in str(app.screen.query_one(DataTable).get_row_at(0))
        assert text_of(pilot, "#reason") == ""
        assert app.work is not None
        app.work.keep_hosts([{**one, "platform": "debian-12"} for one in app.work.data["hosts"]])
        await pilot.press("ctrl+n")
        await until(pilot, "Access")
        await pilot.press("ctrl+n")

        await until(pilot, "Services")
        shared = solution.startswith("active")
        assert ("database.host" in shown(pilot)) == shared
        assert ("storage.type" in shown(pilot)) == shared
        ends = "terminate" if solution == "master-master" else "passthrough"  # one has a balancer
        assert field(pilot, "tls.mode").text == ends
        await give(pilot, "tls.issuer", "wizard")
        await give(pilot, "installer.file", "installer.tgz")
        if shared:
            await give(pilot, "database.host", "10.77.0.31")
            await give(pilot, "redis.host", "10.77.0.31")
            await give(pilot, "storage.path", "/mnt/harbor")
        assert text_of(pilot, "#reason") == ""
        await pilot.press("ctrl+n")

        await until(pilot, "Preflight")
        await pilot.press("ctrl+n")
        await until(pilot, "Review")
        assert NOTED[solution] in text_of(pilot, "#noted") + text_of(pilot, "#head-left")
        await pilot.press("ctrl+n")
        await until(pilot, "Preview")
        await pilot.press("r")
        await until(pilot, "Report")
        text = text_of(pilot, "#told-report")
        assert "All steps are done" in text
        assert ("Harbor does not replicate" in text) == (not shared)
    assert sessions.find("prod-eu").answers()["solution"] == solution


@pytest.mark.slow
async def test_what_another_solution_had_comes_back_with_it(folder: Path) -> None:
    draft(folder, "active-active", virtual_address={"address": "10.77.0.10/24", "router_id": 77},
          database={"host": "10.77.0.31"}, redis={"host": "10.77.0.31"},
          storage={"type": "nfs", "server": "10.77.0.41", "export": "/harbor"},
          balancer={"mode": "active-backup"}, installer={"file": "installer.tgz"},
          tls={"mode": "terminate", "issuer": "wizard"})  # fmt: skip
    before = sessions.find("prod-eu").answers()
    app = WizardApp("prod-eu", "solution")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, "Solution")
        await pilot.press("down", "down", "enter")
        await until(pilot, "Topology")
        assert app.work is not None
        now = app.work.data
        assert now["public_name"] == "registry.example.com"  # it applies to both
        assert now["tls"] == {"mode": "terminate", "issuer": "wizard"}
        assert [one["name"] for one in now["hosts"]] == ["lb-1", "lb-2", "harbor-1", "harbor-2"]
        assert not {"database", "redis", "storage", "balancer"} & set(now)
        assert now["virtual_address"]["router_id"] == 77
        await give(pilot, "replication.tags", "v*")
        await pilot.press("escape")
        await until(pilot, "Solution")
        await pilot.press("up", "enter")
        await until(pilot, "Topology")
        assert now["database"] == {"host": "10.77.0.31"}
        assert [one["name"] for one in now["hosts"]] == ["harbor-1", "harbor-2"]
        assert [one["interface"] for one in now["hosts"]] == ["eth0", "eth0"]
        assert now["tls"]["mode"] == "passthrough"
        assert "balancer.mode" not in shown(pilot)
        await pilot.press("escape")
        await until(pilot, "Solution")
        await pilot.press("up", "enter")
        await until(pilot, "Topology")
        assert field(pilot, "balancer.mode").text == "active-backup"
        for host in now["hosts"][2:]:
            host.pop("interface")
        assert now == before
        await pilot.press("escape")
        await until(pilot, "Solution")
        await pilot.press("down", "down", "enter")
        await until(pilot, "Topology")
        assert field(pilot, "replication.tags").text == "v*"


@pytest.mark.slow
async def test_questions_follow_the_hosts_and_the_balancer(folder: Path) -> None:
    draft(folder, "master-slave")
    app = WizardApp("prod-eu", "topology")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, "Topology")
        assert "virtual_address.address" not in shown(pilot)
        assert "harbor-1 ═══▶ harbor-2" in text_of(pilot, "#diagram")
        await paste_hosts(pilot, "lb-1 10.77.0.21")
        await give(pilot, "virtual_address.address", "10.77.0.10/24")
        assert "clients ─▶ 10.77.0.10 ─▶ lb-1" in text_of(pilot, "#diagram")
        await pilot.press("ctrl+o", "down", "down", "d")
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        assert "virtual_address.address" not in shown(pilot)
        assert app.work is not None
        assert "virtual_address" not in app.work.data  # nothing that is not seen is left behind
        await pilot.press("u")
        await pilot.pause()
        assert "harbor-2 ═══▶ harbor-1" in text_of(pilot, "#diagram")


WILD = ("[/b]", "[red]x", "$HOME", "n" * 200, "ｗｉｄｅ漢字漢字漢字漢字")


@pytest.mark.slow
async def test_any_text_is_only_text(folder: Path) -> None:
    hosts = [{"name": one, "roles": ["harbor"], "address": f"[{at}]", "public_name": one,
              "interface": one, "platform": "debian-12"} for at, one in enumerate(WILD)]  # fmt: skip
    draft(folder, "master-slave", public_name="[/b]", hosts=hosts, release="[red]2.15")
    app = WizardApp("prod-eu", "topology")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, "Topology")
        assert "[/b]" in text_of(pilot, "#diagram")
        for path in ("replication.projects", "replication.repositories", "replication.tags"):
            await give(pilot, path, " ".join(WILD))
        await pilot.press("ctrl+o", "e")
        await pilot.pause()
        await give(pilot, "public_name", "[/red]")
        await pilot.press("ctrl+n")
        await pilot.pause()
        await pilot.press("escape")
        for step in ("services", "review", "preview"):
            app.open_session("prod-eu", step)
            screen = await until(pilot, step.capitalize())
            assert "[" in str(screen.query_one("#reason", Static).content)
            await pilot.resize_terminal(20, 5)
            await pilot.resize_terminal(*SIZE)
    assert not app.return_code


@pytest.mark.slow
async def test_review_says_what_is_wrong_with_the_certificate(folder: Path) -> None:
    drawn = certificates.draw({}, ["elsewhere.example.com"])
    (folder / "r.crt").write_text(drawn["tls_certificate"])
    (folder / "r.key").write_text(drawn["tls_key"])
    draft(folder, "master-slave", installer={"file": "installer.tgz"},
          tls={"mode": "passthrough", "certificate": "r.crt", "key": "r.key"})  # fmt: skip
    app = WizardApp("prod-eu", "review")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, "Review")
        lines = text_of(pilot, "#noted").splitlines()
        assert lines[0].startswith("✗")
        assert "registry.example.com" in lines[0]
        assert any(line.startswith("! Harbor does not replicate") for line in lines)
        assert text_of(pilot, "#reason").startswith("! ")
        await pilot.press("ctrl+n")
        await until(pilot, "Review")


def test_the_diagram_is_right_for_each_solution() -> None:
    def drawn(solution: str, lines: str, **more: Any) -> list[str]:
        hosts = questions.pasted_hosts(lines, solution)
        return diagram({"solution": solution, "hosts": hosts, **more,
                        "virtual_address": {"address": "10.0.0.10/24"}})  # fmt: skip

    assert drawn("active-active", LINES["active-active"]) == [
        "clients ─▶ 10.0.0.10 ─▶ lb-1 ─┬─▶ harbor-1",
        "                        lb-2 ─┴─▶ harbor-2",
    ]
    nodes = "harbor-1 10.0.0.1\nharbor-2 10.0.0.2\nharbor-3 10.0.0.3"
    assert drawn("active-active", nodes, balancer={"type": "existing"}) == [
        "clients ─▶ your balancer ─┬─▶ harbor-1",
        "                          ├─▶ harbor-2",
        "                          └─▶ harbor-3",
    ]
    assert drawn("active-standby", LINES["active-standby"]) == [
        "clients ─▶ 10.0.0.10 ─┬─▶ harbor-1 (active)",
        "                      └┄▶ harbor-2 (standby)",
    ]
    assert drawn("master-slave", nodes) == [
        "pushes ─▶ harbor-1 ═╦═▶ harbor-2 ◀─ pulls",
        "                    ╚═▶ harbor-3 ◀─ pulls",
    ]
    assert drawn("master-slave", LINES["active-active"]) == [
        "clients ─▶ 10.0.0.10 ─▶ lb-1 ─▶ harbor-1 ═══▶ harbor-2",
        "                        lb-2",
    ]
    assert drawn("master-master", LINES["active-standby"]) == [
        "clients ─▶ harbor-1 ⇄ harbor-2 ◀─ clients"
    ]
    assert drawn("master-master", LINES["active-active"]) == [
        "clients ─▶ 10.0.0.10 ─▶ lb-1 ─┬─▶ harbor-1 ⇄┐",
        "                        lb-2 ─┴─▶ harbor-2 ⇄┘",
    ]
    assert drawn("master-master", "") == ["clients ─▶ ? ⇄ ? ◀─ clients"]


def test_each_solution_can_be_recommended() -> None:
    answers = [(a, b) for a in (True, False) for b in (True, False)]
    assert {recommend(a, b, b)[0].value for a, b in answers} == set(SOLUTIONS)


@pytest.mark.parametrize(("release", "path", "asked"), [
    ("1.5.4", "database.schema_file", True), ("2.15.2", "database.schema_file", False),
    ("1.10.19", "job_logs", True), ("2.9.0", "job_logs", False),
    ("1.10.19", "tls.internal", False), ("2.0.0", "tls.internal", True),
    ("1.10.19", "redis", False), ("2.1.0", "redis", True),
])  # fmt: skip
def test_services_are_asked_by_the_release(release: str, path: str, asked: bool) -> None:
    data = {"solution": "active-active", "release": release}
    assert (path in [one.path for one in questions.asked(data, "services")]) == asked
