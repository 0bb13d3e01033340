"""The whole walk by keys alone, at 80x24."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Button, DataTable, Static

from harbor_wizard import certificates, run
from harbor_wizard import session as sessions
from harbor_wizard.screens.app import WizardApp
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.running import RunControl
from harbor_wizard.screens.widgets import Field, Line
from harbor_wizard.session import Session
from harbor_wizard.transport.base import Call, Result
from harbor_wizard.transport.rehearsal import RehearsalTransport

EXAMPLE = Path(__file__).parents[2] / "examples" / "active-active.yaml"
SIZE = (80, 24)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARBOR_WIZARD_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "installer.tgz").write_text("installer.tgz\n")
    drawn = certificates.draw({}, ["registry.lab.internal", "registry.example.com"])
    (tmp_path / "registry.crt").write_text(drawn["tls_certificate"])
    (tmp_path / "registry.key").write_text(drawn["tls_key"])
    return tmp_path


def example() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    data["installer"] = {"file": "installer.tgz"}
    data["tls"] = {"mode": "terminate", "certificate": "registry.crt", "key": "registry.key"}
    return data


def saved(folder: Path, **changes: Any) -> Session:
    session = sessions.create("prod-eu", folder)
    session.save_answers({**example(), "name": "prod-eu", **changes})
    return session


async def write(pilot: Pilot[int], text: str) -> None:
    """Give a text as a terminal does that pastes it; key by key takes Pilot 0.1 s each."""
    pilot.app.post_message(Paste(text))
    await pilot.pause()


async def until(pilot: Pilot[int], step: str) -> WizardScreen:
    for _ in range(200):
        screen = pilot.app.screen
        if isinstance(screen, WizardScreen) and step == screen.STEP:
            await pilot.pause()
            return screen
        await pilot.pause(0.05)
    raise AssertionError(f"{step} did not come, but {pilot.app.screen}")


def reason(app: WizardApp) -> str:
    return str(app.screen.query_one("#reason", Static).content)


def field(app: WizardApp, path: str) -> Field:
    return next(one for one in app.screen.query(Field) if one.question.path == path)


async def fill(pilot: Pilot[int], path: str, text: str) -> None:
    """Tab to a field as an operator would, and type; a long way takes Pilot seconds."""
    wanted = field(pilot.app, path)  # type: ignore[arg-type]
    chain = pilot.app.screen.focus_chain
    inside = next(at for at, one in enumerate(chain) if wanted in one.ancestors)
    now = chain.index(pilot.app.focused) if pilot.app.focused in chain else -1
    way = (inside - now) % len(chain)
    if way < 5:
        await pilot.press(*["tab"] * way)
    else:
        wanted.enter()
        await pilot.pause()
    assert pilot.app.focused is chain[inside]
    await pilot.press("end", "ctrl+u")
    await write(pilot, text)
    await pilot.pause()


@pytest.mark.slow
async def test_forwards_from_nothing_to_a_finished_rehearsal(
    folder: Path,
) -> None:
    app = WizardApp(rehearsal_speed=200)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        await pilot.press("n")
        await pilot.press(*"prod-eu", "enter")

        await until(pilot, "Solution")
        assert "Choose a solution" in reason(app)
        await pilot.press("enter")

        await until(pilot, "Topology")
        await fill(pilot, "public_name", "registry.example.com")
        await fill(pilot, "virtual_address.address", "10.77.0.10/24")
        await pilot.press("ctrl+o", "p")
        await pilot.pause()
        await write(pilot, "\n".join(f"10.77.0.{last}" for last in (21, 22, 11, 12)))
        await pilot.press("ctrl+n")
        await pilot.pause()
        assert app.screen.query_one(DataTable).row_count == 4
        for _ in range(4):  # say what runs there, host by host
            await pilot.press("e")
            await pilot.pause()
            await pilot.press("up", "up", "up", "right", "ctrl+n")
            await pilot.pause()
            await pilot.press("down")
        assert reason(app) == ""
        await pilot.press("ctrl+n")

        await until(pilot, "Access")
        await fill(pilot, "access.user", "root")
        await pilot.press("ctrl+n")

        await until(pilot, "Services")
        await fill(pilot, "installer.file", "installer.tgz")
        await fill(pilot, "tls.certificate", "registry.crt")
        await fill(pilot, "tls.key", "registry.key")
        await fill(pilot, "database.host", "10.77.0.31")
        await fill(pilot, "redis.host", "10.77.0.31")
        await fill(pilot, "storage.path", "/mnt/harbor")
        assert reason(app) == ""
        await pilot.press("ctrl+n")

        await until(pilot, "Preflight")
        assert "needs no look" in reason(app)
        await pilot.press("ctrl+n")
        await until(pilot, "Review")
        await pilot.press("ctrl+n")
        await until(pilot, "Preview")
        await pilot.press("r")
        await until(pilot, "Report")
        text = str(app.screen.query_one("#told-report", Static).content)
        assert "REHEARSAL" in text
        assert "All steps are done" in text
        assert "docker login registry.example.com" in text

    kept = sessions.find("prod-eu").answers()
    assert kept["public_name"] == "registry.example.com"
    assert [host["name"] for host in kept["hosts"]] == ["lb-1", "lb-2", "harbor-1", "harbor-2"]
    assert {host["platform"] for host in kept["hosts"]} == {"debian-12"}


async def test_a_mistake_closes_next_and_says_why(folder: Path) -> None:
    saved(folder)
    app = WizardApp("prod-eu", "topology")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, "Topology")
        assert reason(app) == ""
        await fill(pilot, "virtual_address.address", "10.77.0.300/24")
        assert "is not an IP address" in reason(app)
        assert app.screen.query_one("#next", Button).disabled
        await pilot.press("ctrl+n")
        await pilot.pause()
        assert (await until(pilot, "Topology")).STEP == "Topology"
        shown = field(app, "virtual_address.address").query_one(".why", Static)
        assert shown.display
        assert "10.77.0.300/24" in str(shown.content)
        await fill(pilot, "virtual_address.address", "10.77.0.21/24")
        assert "is the virtual address" in reason(app)
        await fill(pilot, "virtual_address.address", "10.77.0.10/24")
        assert reason(app) == ""
        await pilot.press("ctrl+n")
        await until(pilot, "Access")


@pytest.mark.slow
async def test_going_back_keeps_the_answers(folder: Path) -> None:
    saved(folder)
    app = WizardApp("prod-eu", "services")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, "Services")
        await fill(pilot, "database.host", "db.example.com")
        await fill(pilot, "database.password", "canary-secret-1")
        for step in ("Access", "Topology", "Solution"):
            await pilot.press("escape")
            await until(pilot, step)
        for step in ("Topology", "Access", "Services"):
            await pilot.press("ctrl+n")
            await until(pilot, step)
        assert field(app, "database.host").text == "db.example.com"
        assert field(app, "database.password").text == "canary-secret-1"
        await pilot.press("ctrl+n")
        await until(pilot, "Preflight")
        await pilot.press("ctrl+n")
        await until(pilot, "Review")
        await pilot.press("enter")  # goes to the first answer, and comes back from there
        await until(pilot, "Solution")
        await pilot.press("ctrl+n")
        await until(pilot, "Review")
        await pilot.press("ctrl+n")
        await until(pilot, "Preview")
        await pilot.press("e")
        await pilot.pause()
        svg = app.export_screenshot()
    assert "canary-secret-1" not in svg
    files = [path for path in (folder / "home").rglob("*") if path.is_file()]
    assert any(path.name == "plan.txt" for path in files)
    assert not [path for path in files if b"canary-secret-1" in path.read_bytes()]


@pytest.mark.slow
async def test_what_looks_like_markup_is_only_text(folder: Path) -> None:
    data = example()
    data["hosts"][0]["name"] = "[/b]"
    data["hosts"][0]["interface"] = "[red]"
    saved(folder, public_name="[/etc/hosts]", hosts=data["hosts"])
    app = WizardApp("prod-eu", "topology")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, "Topology")
        assert "[/etc/hosts]" in reason(app)
        await pilot.press("ctrl+o", "e")
        await pilot.pause()
        await pilot.press("ctrl+n")
        await pilot.pause()
        await pilot.press("escape")
        for step in ("access", "services", "review", "preview"):
            app.open_session("prod-eu", step)
            await until(pilot, step.capitalize())
        await pilot.press("escape")
        await until(pilot, "Review")
    assert not app.return_code


@pytest.mark.slow
async def test_small_terminals_and_keys_of_a_run(folder: Path) -> None:
    saved(folder)
    app = WizardApp("prod-eu", "preview", rehearsal_speed=2)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, "Preview")
        await pilot.resize_terminal(20, 5)
        await pilot.pause()
        await pilot.resize_terminal(*SIZE)
        await pilot.press("slash")
        await write(pilot, "keepalived")
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("r")
        await until(pilot, "Run")
        assert "REHEARSAL" in str(app.screen.query_one("#head-left", Static).content)
        await pilot.press("p")
        await pilot.pause()
        assert app.control is not None
        assert app.control.paused
        await pilot.press("p", "down", "down")
        await pilot.resize_terminal(20, 5)
        await pilot.pause(0.2)
        await pilot.resize_terminal(*SIZE)
        await pilot.press("x")
        await pilot.pause()
        await pilot.press("y")
        await until(pilot, "Report")
        text = str(app.screen.query_one("#told-report", Static).content)
        assert "Not all steps are done" in text
    assert isinstance(app.control, RunControl)
    assert not app.control.active


async def test_a_real_run_asks_for_the_name_first(folder: Path) -> None:
    saved(folder)
    app = WizardApp("prod-eu", "preview")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, "Preview")
        await pilot.press("ctrl+n")
        await pilot.pause()
        await write(pilot, "prod-us")
        await pilot.press("enter")
        await pilot.pause()
        why = app.screen.query_one(".why", Static)
        assert "another name" in str(why.content)
        assert app.screen.query_one(Line).value == "prod-us"
        await pilot.press("escape")
        await until(pilot, "Preview")
    assert app.control is None


@pytest.mark.slow  # a whole run, twice
async def test_a_failed_step_is_tried_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {"lb-1/haproxy/package"}

    class Failing(RehearsalTransport):
        def detach(self, call: Call, *others: Any) -> Result:
            if call.step in broken:
                return Result(1, "", "E: Could not get lock /var/lib/dpkg/lock [/b]")
            return super().detach(call, *others)

    def connector(session: Session, speed: float) -> Any:
        return lambda host: Failing(host, session.path / "rehearsal", speed)

    monkeypatch.setattr(run, "rehearsal_connector", connector)
    saved(folder)
    app = WizardApp("prod-eu", "preview", rehearsal_speed=200)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, "Preview")
        await pilot.press("r")
        await until(pilot, "Run")
        shown = app.screen.query_one("#failure", Static)
        for _ in range(200):
            if shown.display:
                break
            await pilot.pause(0.05)
        assert "r Retry" in str(shown.content)
        assert "lb-1" in str(shown.content)
        await pilot.resize_terminal(20, 5)
        await pilot.pause(0.15)
        await pilot.resize_terminal(*SIZE)
        broken.clear()
        await pilot.press("r")
        await until(pilot, "Report")
        text = str(app.screen.query_one("#told-report", Static).content)
        assert "All steps are done" in text
