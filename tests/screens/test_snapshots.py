"""What every screen shows, at 80×24 and at 140×40, in English and in Chinese, kept as text.

Text and not pictures: that is what an operator reads and what a reviewer can compare, and it does
not change with the way in which a version of Textual draws. After a change that is meant:
`pytest tests/screens/test_snapshots.py -m "" --snapshot-update`, and read the difference.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.pilot import Pilot
from textual.widgets import DataTable, OptionList, Tree

from harbor_wizard import language, run
from harbor_wizard import session as sessions
from harbor_wizard.engine.events import HostChanged, Output, Progress, State, StepChanged
from harbor_wizard.engine.runner import Outcome
from harbor_wizard.inspection.compare import Compared, Standing
from harbor_wizard.inspection.seen import (
    Certificate,
    ClusterStatus,
    Disk,
    Drift,
    HostStatus,
    Policy,
)
from harbor_wizard.preflight import Preflight
from harbor_wizard.preflight.facts import Facts
from harbor_wizard.preflight.looking import judge
from harbor_wizard.screens.access import AccessScreen
from harbor_wizard.screens.app import WizardApp
from harbor_wizard.screens.asking import accept_host_key
from harbor_wizard.screens.base import WizardScreen
from harbor_wizard.screens.preview import PreviewScreen
from harbor_wizard.screens.running import RunControl
from harbor_wizard.screens.services import ServicesScreen
from harbor_wizard.screens.status import StatusScreen
from harbor_wizard.secrets import SecretValues
from harbor_wizard.transport.hostkeys import UnknownHost
from tests.test_preflight import healthy

from .test_walk import example

NOW = 1_800_000_000.0
SIZES = {"80x24": (80, 24), "140x40": (140, 40)}


class TextFile(SingleFileSnapshotExtension):
    """A file of text for each screen."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"


@pytest.fixture
def kept(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(TextFile)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose path is not shown: all paths are relative to it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARBOR_WIZARD_HOME", "home")
    (tmp_path / "installer.tgz").write_text("installer.tgz\n")
    clock = SimpleNamespace(strftime=lambda *_: "12:04", localtime=time.localtime)
    monkeypatch.setattr("harbor_wizard.screens.base.time", clock)
    for module in ("sessions", "run", "running", "preflight"):
        monkeypatch.setattr(f"harbor_wizard.screens.{module}.time", SimpleNamespace(time=lambda: NOW))
    monkeypatch.setattr(sessions, "last_used", lambda _: NOW - 7300)
    return tmp_path


@pytest.fixture(params=["en", pytest.param("zh", marks=pytest.mark.slow)])
def spoken(request: pytest.FixtureRequest) -> Iterator[str]:
    language.choose(request.param)
    yield request.param
    language.choose("en")


def saved(folder: Path) -> sessions.Session:
    session = sessions.create("prod-eu", folder)
    data = {**example(), "name": "prod-eu", "public_name": "registry.example.com",
            "tls": {"mode": "terminate", "issuer": "wizard"}}  # fmt: skip
    data.pop("access", None)
    session.save_answers({**data, "access": {"user": "root"}})
    return session


def seen_on(app: WizardApp) -> str:
    """Return what is on the screen, line by line."""
    lines = [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]
    return "\n".join(lines) + "\n"


@dataclass
class Book:
    """The snapshots of one walk."""

    pilot: Pilot[int]
    kept: SnapshotAssertion

    async def page(self, name: str) -> None:
        app = self.pilot.app
        assert isinstance(app, WizardApp)
        await self.pilot.pause()
        await app.workers.wait_for_complete()
        await self.pilot.pause(0.05)
        assert seen_on(app) == self.kept(name=name)

    async def show(self, step: str) -> WizardScreen:
        app = self.pilot.app
        assert isinstance(app, WizardApp)
        app.open_session("prod-eu", step)
        for _ in range(100):
            if isinstance(app.screen, WizardScreen) and step.capitalize() == app.screen.STEP:
                await self.pilot.pause()
                return app.screen
            await self.pilot.pause(0.02)
        raise AssertionError(f"{step} did not come, but {app.screen}")


class Standing0(RunControl):
    """A run that stands still, so that it can be looked at."""

    active, over = True, False  # type: ignore[assignment]


Opened = Callable[[str], Any]


@pytest.fixture(params=[
    "80x24", pytest.param("140x40", marks=pytest.mark.slow),
])  # fmt: skip
def opened(
    request: pytest.FixtureRequest, spoken: str, folder: Path, kept: SnapshotAssertion
) -> Opened:
    @asynccontextmanager
    async def opening(start: str = "") -> AsyncIterator[Book]:
        app = WizardApp("prod-eu" if start else None, start or None)
        async with app.run_test(size=SIZES[request.param]) as pilot:
            yield Book(pilot, kept)

    return opening


async def test_answering(opened: Opened, folder: Path) -> None:
    async with opened() as book:
        await book.page("sessions-empty")
        await book.pilot.press("n")
        await book.page("sessions-new")
        await book.pilot.press("escape")
        saved(folder)
        book.pilot.app.screen.fill()
        await book.page("sessions")
        await book.pilot.press("f1")
        await book.page("sessions-help")
        await book.pilot.press("escape")

        screen = await book.show("solution")
        for at, name in enumerate(("active-active", "active-standby", "master-slave", "master-master")):
            screen.query_one(OptionList).highlighted = at
            await book.page(f"solution-{name}")
        screen.action_choose()
        await book.pilot.pause()
        assert book.pilot.app.screen is not screen
        shown = seen_on(book.pilot.app)
        assert shown == book.kept(name="solution-help")
        await book.pilot.press("escape")

        screen = await book.show("topology")
        await book.page("topology")
        await book.pilot.press("ctrl+o", "e")
        await book.page("topology-host")
        await book.pilot.press("escape", "p")
        await book.page("topology-paste")
        await book.pilot.press("escape")

        screen = await book.show("access")
        for host, about, login, error in (
            ("lb-1", "debian 12", "✓ root", ""), ("lb-2", "debian 13", "✓ root", ""),
            ("harbor-1", "", "", "harbor-1: 10.77.0.11 port 22 is not reached by SSH"),
        ):  # fmt: skip
            screen.post_message(AccessScreen.Tried(host, about, login, error))
        await book.page("access")


async def test_unknown_hosts(opened: Opened, folder: Path) -> None:
    saved(folder)
    async with opened("access") as book:
        app = book.pilot.app
        unknown = UnknownHost("lb-1", "ED25519", "SHA256:uNiVztksCsDhcc0u9e8BrrVAqHjvH1FVeIxE8xHqf7E")
        import threading

        threading.Thread(target=accept_host_key, args=(app, unknown), daemon=True).start()
        for _ in range(100):
            await book.pilot.pause(0.02)
            if not isinstance(app.screen, WizardScreen):
                break
        await book.page("access-fingerprint")
        await book.pilot.press("n")


def looked(folder: Path) -> Preflight:
    cluster = sessions.find("prod-eu").cluster()
    answers = {}
    for host in cluster.hosts:
        text = healthy(host).replace("10.0.0.10", "10.77.0.10").replace("10.0.0.31", "10.77.0.31")
        text = text.replace("/mnt/shared/harbor nfs4", "/mnt/harbor-shared nfs4")
        text = text.replace("heard\t10.0.0.2", "heard\t10.77.0.2")
        if host.name == "harbor-2":
            text = text.replace("free\t90000000", "free\t3000000").replace("cpus\t4", "cpus\t1")
        answers[host.name] = Facts(text, 0.0)
    found = judge(cluster, cluster.hosts, dict(answers))
    return Preflight(found.hosts, found.findings, NOW - 130)


async def test_looking(opened: Opened, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = saved(folder)
    import os

    os.utime(session.cluster_file, (NOW - 500, NOW - 500))
    async with opened("services") as book:
        app = book.pilot.app
        await book.page("services")
        found = looked(folder)
        app.screen.post_message(ServicesScreen.Tried(found))
        await book.page("services-tried")
        screen = await book.show("preflight")
        await book.page("preflight-before")
        app.work.looked_before = found
        monkeypatch.setattr(type(app.work), "look_is_fresh", property(lambda _: True))
        screen._fill()
        screen.refresh_frame()
        await book.page("preflight")
        await book.show("review")
        await book.page("review")


async def test_status(opened: Opened, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(folder)
    monkeypatch.setattr(StatusScreen, "_begin", lambda _: None)
    clock = SimpleNamespace(strftime=lambda *_: "12:04:10", localtime=time.localtime)
    monkeypatch.setattr("harbor_wizard.screens.status.time", clock)
    async with opened() as book:
        await book.pilot.press("t")
        await book.pilot.pause()
        await book.page("status-before")
        screen = book.pilot.app.screen
        status = a_status()
        screen._waiting = {host.name for host in status.hosts}
        for host in status.hosts[:2]:
            screen.post_message(StatusScreen.HostSeen(host))
        await book.page("status-looking")
        for host in status.hosts[2:]:
            screen.post_message(StatusScreen.HostSeen(host))
        screen.post_message(StatusScreen.Looked(status))
        await book.page("status")
        await book.pilot.press("down", "down", "down")
        await book.page("status-host")
        await book.pilot.press("d")
        await book.page("status-differences")
        await book.pilot.press("escape", "f1")
        await book.page("status-help")


def a_status() -> ClusterStatus:
    """A cluster in which some things are not well."""
    gb = 1024**3
    disk = Disk("/", ("/", "/opt/harbor"), 30 * gb, 100 * gb, 90)
    full = Disk("/data", ("/data",), gb // 2, 100 * gb, 90)
    diff = "--- /opt/harbor/harbor.yml (now)\n+++ /opt/harbor/harbor.yml\n-hostname: other\n+hostname: registry"
    balancer = {"haproxy": "active", "keepalived": "active", "sees harbor-1": "UP", "sees harbor-2": "DOWN"}
    node = {"docker": "active", "harbor.service": "active", "core": "running", "registry": "running"}
    hosts = (
        HostStatus("lb-1", "10.77.0.21", ("balancer",), balancer, True, versions={"haproxy": "3.0.11"},
                   disks=(disk,), compared=5),
        HostStatus("lb-2", "10.77.0.22", ("balancer",), {**balancer, "sees harbor-2": "UP"}, disks=(disk,),
                   compared=5),
        HostStatus("harbor-1", "10.77.0.11", ("harbor",), {**node, "registry": "exited"},
                   health={"core": "healthy", "registry": "unhealthy"}, wanted="v2.15.2",
                   versions={"docker": "26.1.5", "harbor": "v2.15.1"}, disks=(disk, full), compared=8, unknown=1,
                   drift=(Drift("/opt/harbor/harbor.yml", "changed", diff),)),
        HostStatus("harbor-2", "10.77.0.12", ("harbor",),
                   error="harbor-2: 10.77.0.12 port 22 is not reached by SSH (timed out)"),
    )  # fmt: skip
    certificates = (Certificate("registry.example.com", "10.77.0.10:443", NOW + 12.5 * 86400),
                    Certificate("the CA", "", NOW + 3000.5 * 86400))  # fmt: skip
    policy = Policy("harbor-1", "harbor-2", "to-2", True, "Failed", "event_based", NOW - 90, NOW - 80, 3600.0, 2)
    return ClusterStatus("prod-eu", "10.77.0.10", hosts, True, certificates, (policy,), time=NOW)


async def test_planning(opened: Opened, folder: Path) -> None:
    session = saved(folder)
    async with opened("preview") as book:
        app = book.pilot.app
        await book.page("preview")
        plan = app.work.plan()
        compared = {}
        for step in plan.on("lb-1"):
            standing = Standing.CHANGE if step.file else Standing.SO if step.apply else Standing.UNKNOWN
            compared[step.id] = Compared(standing, "# by hand\n" if step.file else None)
        app.screen.post_message(PreviewScreen.HostCompared("lb-1", compared, ""))
        tree = app.screen.query_one(Tree)
        file_node = next(one for one in app.screen._leaves if one.data.file is not None)
        tree.move_cursor(file_node)
        await book.page("preview-compared")
        await book.pilot.press("ctrl+n")
        await book.pilot.pause(0.1)
        assert seen_on(app) == book.kept(name="preview-sure")
        await book.pilot.press("escape")
        await book.pilot.press("f1")
        await book.page("preview-help")
        await book.pilot.press("escape")
        assert session.name == "prod-eu"


async def test_running(opened: Opened, folder: Path) -> None:
    session = saved(folder)
    async with opened("run") as book:
        app = book.pilot.app
        await book.page("run-nothing")
        plan = app.work.plan()
        control = Standing0(session, plan, SecretValues({}, {}), run.rehearsal_connector(session),
                            rehearsal=False, durations={})  # fmt: skip
        for event in some_events(plan):
            control.view.hear(event)
            control.view.take(event)
        control.view.begun = NOW - 252
        app.control = control
        await book.show("run")
        await book.page("run")
        table = app.screen.query_one(DataTable)
        table.move_cursor(row=3)
        await book.page("run-failed")
        await book.pilot.press("x")
        await book.page("run-abort")
        await book.pilot.press("n")

        control.outcome = Outcome(changed=[step.id for step in plan.steps], seconds=252.0)
        app.outcome = control.outcome
        control.over = True  # type: ignore[misc]
        app._told_end = control
        app._show("Report")
        await book.pilot.pause()
        await book.page("report")


def some_events(plan: Any) -> Iterator[Any]:
    at = NOW - 240
    for host in plan.hosts:
        yield HostChanged(at, host.name, "connected")
    for step in plan.on("lb-1"):
        yield StepChanged(at, step.id, step.host, step.title, State.DONE, seconds=3.0)
    for host, number in (("lb-2", 6), ("harbor-1", 8), ("harbor-2", 4)):
        for step in plan.on(host)[:number]:
            yield StepChanged(at, step.id, step.host, step.title, State.ALREADY, seconds=1.0)
    upload = next(step for step in plan.on("harbor-1") if str(step.kind) == "↑")
    yield StepChanged(at, upload.id, "harbor-1", upload.title, State.RUNNING)
    yield Output(at, "harbor-1", upload.id, ("Loaded image: goharbor/harbor-core:v2.15.2", "中文 [/b]"))
    yield Progress(at, "harbor-1", upload.id, 350_000_000, 700_000_000, 214e6)
    failed = plan.on("harbor-2")[4]
    yield StepChanged(at, failed.id, "harbor-2", failed.title, State.FAILED,
                      "harbor-2: exit code 1: no space left on device", 37.0,
                      "the disk is full: make room there (docker system df, df -h)")  # fmt: skip
