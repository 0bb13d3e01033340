"""The wizard is killed before, during and after every single step of each solution, and resumed.

Every point is a SIGKILL of a real process, over simulated hosts; see `killing.py`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from harbor_wizard.lab.credentials import _certificates
from harbor_wizard.model import load
from harbor_wizard.solutions import make_plan

from .conftest import EXAMPLES

pytestmark = pytest.mark.slow

SOLUTIONS = ("active-active", "active-standby", "master-slave", "master-master")
# Many small tests, so that those who run tests side by side have something to share.
SHARES = 4
TIMEOUT = 400


def cluster_file(solution: str, folder: Path) -> Path:
    """Write a solution's example with files that are there."""
    data: dict[str, Any] = load.read(EXAMPLES / f"{solution}.yaml")
    (folder / "installer.tgz").write_text("installer.tgz\n")
    data["installer"] = {"file": "installer.tgz"}
    if data["tls"].get("issuer") != "wizard":
        _certificates(folder)
        data["tls"].update(certificate="registry.crt", key="registry.key", ca="ca.crt")
    path = folder / "cluster.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("solution", SOLUTIONS)
def test_killed_at_every_point_it_resumes_to_the_state_of_an_undisturbed_run(
    solution: str, share: int, tmp_path: Path
) -> None:
    file = cluster_file(solution, tmp_path)
    steps = make_plan(load.load(file)).steps
    program = Path(__file__).with_name("killing.py")
    done = subprocess.run([sys.executable, str(program), str(file), str(tmp_path), str(share), str(SHARES)],
                          capture_output=True, text=True, timeout=TIMEOUT)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    first, *tried = map(json.loads, done.stdout.splitlines())

    # The run that nothing disturbed does every step once.
    assert not first["ending"]["failed"], first["ending"]
    assert not first["ending"]["left"]
    changes = [step.id for step in steps if step.apply is not None]
    assert Counter(map(tuple, first["record"])) == Counter(
        (mark, one) for mark in ("begin", "end") for one in changes
    )

    wrong = [one for one in tried if one["wrong"]]
    assert not wrong, json.dumps(wrong[:5], indent=1)
    # Three points of each step at least, in all shares together.
    assert len(tried) >= 3 * len(steps) // SHARES
