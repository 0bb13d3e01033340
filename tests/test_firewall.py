"""Rules of the firewall are added where the cluster file allows it, and nowhere else."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from harbor_wizard.components import firewall
from harbor_wizard.model import load
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.plan import Plan
from harbor_wizard.solutions import make_plan
from harbor_wizard.step import Command

EXAMPLE = Path(__file__).parents[1] / "examples" / "rehearsal.yaml"


def planned(**about: Any) -> Plan:
    return make_plan(cluster(**about))


def cluster(**about: Any) -> Cluster:
    return load.parse({**load.read(EXAMPLE), **about}, "rehearsal.yaml")


def test_no_rule_is_added_unasked() -> None:
    assert [one.id for one in planned().steps if one.component == "firewall"] == []


def test_where_it_is_allowed_each_host_opens_what_it_needs_before_anything_listens() -> None:
    plan = planned(firewall="open")
    found = [one for one in plan.steps if one.component == "firewall"]
    # What Docker publishes on the nodes passes no chain of the input.
    assert [one.host for one in found] == ["lb-1", "lb-2"]
    for one in found:
        assert "harbor-2/preflight/services" in one.needs
        assert "80" in one.title
        assert "VRRP" in one.title
        assert plan.on(one.host)[2] == one


def test_vrrp_is_let_in_from_the_peers_only_and_statistics_where_they_are_shown() -> None:
    with_page = load.read(EXAMPLE)["hosts"]
    made = cluster(hosts=with_page, balancer={"type": "haproxy", "statistics": 7000})
    needed = firewall.needed(made, made.host("lb-1"))
    assert needed == firewall.Openings((80, 7000), ("10.0.0.22",))
    assert firewall.ufw(needed)[-1] == "ufw allow proto vrrp from 10.0.0.22"


# Stand-ins that keep their rules in a file: the real ones are run in tests/lab/test_firewall.py.
_UFW = r"""#!/bin/sh
rules=%s/rules
case "$1 $2" in
"status ") echo 'Status: active' ;;
"--dry-run "*) shift; grep -qxF "$*" $rules && echo 'Skipping adding existing rule' || echo '*filter' ;;
"--force delete") shift 2; grep -vxF "$*" $rules > $rules.new; mv $rules.new $rules ;;
allow*) grep -qxF "$*" $rules || echo "$*" >> $rules ;;
esac
"""


@pytest.fixture
def world(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "rules").write_text("allow 22/tcp\nallow 80/tcp\n")
    for name, text in (("ufw", _UFW % tmp_path), ("firewall-cmd", "#!/bin/sh\nexit 252\n")):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def run(world: Path, command: object) -> int:
    assert isinstance(command, Command)
    text = command.script.masked().replace("/var/lib/harbor-wizard", f"{world}/state")
    done = subprocess.run(["sh", "-s"], input=text, text=True, capture_output=True, timeout=20,
                          env={"PATH": f"{world}/bin:/usr/bin:/bin:/usr/sbin:/sbin"})  # fmt: skip
    return done.returncode


def test_undo_removes_what_was_added_and_leaves_what_was_there(world: Path) -> None:
    (step,) = (one for one in planned(firewall="open").on("lb-1") if one.component == "firewall")
    before = (world / "rules").read_text()
    assert run(world, step.check) != 0
    for _ in range(2):
        assert run(world, step.remember) == 0
        assert run(world, step.apply) == 0
        assert run(world, step.check) == 0
    assert (world / "rules").read_text() == before + "allow proto vrrp from 10.0.0.22\n"
    for _ in range(2):
        assert run(world, step.undo) == 0
        assert (world / "rules").read_text() == before
