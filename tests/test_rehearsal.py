"""A run from its first step to its last, with every host simulated."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def file(answers: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(answers))
    return path


def rehearse(file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harbor_wizard", "rehearse", str(file), "--speed", "50", *options],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@pytest.mark.slow  # two whole runs
def test_a_rehearsal_says_so_in_every_line_and_a_second_one_changes_nothing(file: Path) -> None:
    first = rehearse(file)
    assert first.returncode == 0, first.stderr
    assert all("REHEARSAL" in line for line in first.stdout.splitlines())
    assert "steps changed something" in first.stdout
    second = rehearse(file)
    assert second.returncode == 0
    assert "nothing to do" in second.stdout


def test_json_is_an_object_per_line(file: Path) -> None:
    done = rehearse(file, "--output", "json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["event"] == "RunStarted"
    assert events[-1]["event"] == "RunEnded"
    assert all(event["rehearsal"] for event in events)


@pytest.mark.slow  # four processes; the kill matrix is the long form of it
def test_a_killed_rehearsal_is_taken_up_where_it_was(file: Path) -> None:
    arguments = [sys.executable, "-m", "harbor_wizard", "rehearse", str(file), "--speed", "3",
                 "--output", "json"]  # fmt: skip
    done_before = set()
    for _ in range(3):
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            for line in running.stdout:
                event = json.loads(line)
                if event.get("state") == "done":
                    done_before.add(event["step"])
                    if len(done_before) % 12 == 0:
                        break
            running.send_signal(signal.SIGKILL)
    last = rehearse(file, "--output", "json")
    assert last.returncode == 0
    events = [json.loads(line) for line in last.stdout.splitlines()]
    again = {e["step"] for e in events if e.get("state") == "running"}
    assert done_before
    assert not again & done_before


def test_ctrl_c_ends_in_order_and_says_how_to_go_on(file: Path) -> None:
    arguments = [sys.executable, "-m", "harbor_wizard", "rehearse", str(file)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None
        one.stdout.readline()
        os.kill(one.pid, signal.SIGINT)
        out, err = one.communicate(timeout=30)
    assert one.returncode == 130
    assert "go on with: harbor-wizard rehearse" in out
    assert "Traceback" not in err


def test_apply_without_yes_and_without_a_terminal_touches_nothing(file: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "harbor_wizard", "apply", str(file)],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)  # fmt: skip
    assert done.returncode == 2
    assert "--yes" in done.stderr


def test_a_second_run_at_once_is_told_who_holds_the_lock_with_exit_code_4(file: Path) -> None:
    arguments = [sys.executable, "-m", "harbor_wizard", "rehearse", str(file)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        first.stdout.readline()
        second = rehearse(file)
        first.kill()
    assert second.returncode == 4
    assert f"process {first.pid}" in second.stderr
