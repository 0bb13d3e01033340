"""A step that runs by itself on the host, where systemd does not run: by a real shell, here."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from harbor_wizard.errors import Interrupted, StepFailed
from harbor_wizard.transport import detached
from harbor_wizard.transport.base import Call, OnLines, Phase, Result
from harbor_wizard.transport.detached import Detached


def local(call: Call, _: OnLines) -> Result:
    """Run a script as a host's shell does that ends with the connection."""
    given = call.input.decode() if call.input is not None else ""
    done = subprocess.run(["sh", "-c", call.script], input=given, capture_output=True, text=True, timeout=30)
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Detached:
    monkeypatch.setattr(detached, "_ROOT", str(tmp_path / "run it's here"))
    monkeypatch.setattr(detached, "_SYSTEMD", str(tmp_path / "no systemd"))
    return Detached("h", local)


def call(script: str) -> Call:
    return Call("h/x/step", Phase.APPLY, script)


def followed(host: Detached, unit: str) -> tuple[Result, list[str]]:
    told: list[str] = []

    def lines(batch: Sequence[str]) -> None:
        told.extend(batch)

    return host.follow(unit, lines, threading.Event()), told


def test_it_goes_on_without_whoever_started_it_and_its_end_is_read_later(host: Detached) -> None:
    host.start(call("echo first; sleep 1; echo 'it''s last'; exit 7"), "one")
    result, told = followed(host, "one")
    assert (result.exit, told) == (7, ["first", "its last"])
    assert not host.running("one")
    assert followed(host, "one")[0].exit == 7  # and again, by another connection


def test_looking_away_leaves_it_running(host: Detached, tmp_path: Path) -> None:
    host.start(call(f"until [ -e '{tmp_path}/go' ]; do sleep 0.1; done; echo done"), "two")
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(Interrupted, match="goes on there"):
        host.follow("two", lambda _: None, stop)
    assert host.running("two")
    (tmp_path / "go").touch()
    assert followed(host, "two")[1] == ["done"]


@pytest.mark.slow
def test_an_abort_ends_it_with_all_that_it_started(host: Detached, tmp_path: Path) -> None:
    mark = tmp_path / "children"
    host.start(call(f"trap '' TERM; (sleep 60; touch {mark}) & sleep 61"), "three")
    assert host.running("three")
    before = time.monotonic()
    host.end("three")
    assert time.monotonic() - before < 20
    assert not host.running("three")
    with pytest.raises(StepFailed, match="without an exit code"):
        followed(host, "three")
    assert not mark.exists()


def test_after_a_reboot_a_group_of_the_same_number_is_not_taken_for_it(host: Detached) -> None:
    host.start(call("sleep 30"), "four")
    group = Path(str(detached._ROOT)) / "four" / "group"
    number = group.read_text().split()[0]
    group.write_text(f"{number} another-boot\n")
    assert not host.running("four")
    group.write_text(f"{number} {Path('/proc/sys/kernel/random/boot_id').read_text()}")
    host.end("four")


def test_its_folder_is_for_root_only(host: Detached) -> None:
    host.start(call("echo secret"), "five")
    followed(host, "five")
    assert (Path(str(detached._ROOT)) / "five").stat().st_mode & 0o077 == 0
