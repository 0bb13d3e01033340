"""The lock on a host, by a real shell: taken whole, taken over by its session, told to others."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from harbor_wizard.engine import hostlock
from harbor_wizard.errors import LockedError
from harbor_wizard.transport.base import Call, Result


class Shell:
    """A host whose lock is in a folder of the test."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, call: Call, _: Any) -> Result:
        script = call.script.replace("/var/lib/harbor-wizard", str(self.root))
        done = subprocess.run(["sh", "-c", script], input=call.input, capture_output=True)
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def host(tmp_path: Path) -> Any:
    return Shell(tmp_path / "host")


def left(host: Any) -> list[str]:
    return sorted(path.name for path in host.root.iterdir())


def test_one_session_holds_it_and_another_is_told_who(host: Any) -> None:
    hostlock.take(host, "h", "one")
    with pytest.raises(LockedError, match=r"locked by \w+ on .* since .*, which is alive"):
        hostlock.take(host, "h", "two")
    assert left(host) == ["lock"]
    hostlock.release(host, "two")
    assert left(host) == ["lock"]
    hostlock.release(host, "one")
    assert left(host) == []


def test_its_own_session_takes_it_over_and_a_dead_one_is_broken_on_request(host: Any) -> None:
    hostlock.take(host, "h", "one")
    hostlock.take(host, "h", "one")
    hostlock.take(host, "h", "two", break_it=True)
    assert '"session": "two"' in (host.root / "lock" / "owner").read_text()
    assert left(host) == ["lock"]


def test_what_a_killed_run_left_empty_stands_in_nobodys_way(host: Any) -> None:
    (host.root / "lock").mkdir(parents=True)
    hostlock.take(host, "h", "one")
    assert '"session": "one"' in (host.root / "lock" / "owner").read_text()
