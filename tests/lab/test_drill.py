"""Drills of each solution on real hosts: what clients saw of each failure, written to files.

The figures are in the folder of `HARBOR_WIZARD_REPORTS`, or in pytest's. The images are those of the
stand-in, and the network is one of namespaces: what is measured is how soon each part notices.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from harbor_wizard.drill import sentinel
from harbor_wizard.model.parts import Redis

from .conftest import Operator
from .test_solutions import bring_up

pytestmark = [pytest.mark.lab, pytest.mark.long]


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("HARBOR_WIZARD_REPORTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def arguments(operator: Operator, session: str, *more: str) -> tuple[str, ...]:
    return ("drill", session, "--secrets", str(operator.lab.secrets_file), "--yes", "--in-use", *more)


def drilled(operator: Operator, session: str, reports: Path) -> dict[str, Any]:
    """Run all scenarios; return what was seen of each."""
    folder = operator.home / "hw/sessions" / session
    done = operator.run(*arguments(operator, session), timeout=2400)
    print(done.stdout)
    for kind in ("md", "json"):
        if (folder / f"drill.{kind}").exists():
            shutil.copy(folder / f"drill.{kind}", reports / f"drill-{session}.{kind}")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    report = json.loads((folder / "drill.json").read_text())
    assert report["good"], report
    assert not (folder / "drill-under-way.json").exists()
    found = {one["scenario"]: one["seen"] for one in report["scenarios"]}
    for name, seen in found.items():
        assert seen is not None, name
        assert seen["pushed"] > 0, name
        assert seen["lost"] == [], name
    after = operator.run("status", session)
    assert after.returncode == 0, after.stdout
    return found


def test_active_active_survives_what_it_claims(operator: Operator, reports: Path) -> None:
    bring_up(operator, "active-active.yaml")
    found = drilled(operator, "lab-active-active", reports)
    assert len(found) == 11
    assert found["balancer-network"]["address"]["outage"] <= 3
    for name, seen in found.items():
        if name.startswith("node"):
            assert seen["pulls"]["failed_again"] == 0, name


def broken_and_killed(operator: Operator, session: str, scenario: str) -> None:
    """Begin a drill, and SIGKILL it while something is broken."""
    words = operator.command(*arguments(operator, session, "--scenario", scenario, "--output", "json"))
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=operator.environment,
                          stdin=subprocess.DEVNULL) as running:  # fmt: skip
        assert running.stdout is not None
        for line in running.stdout:
            if json.loads(line)["event"] == "broken":
                running.kill()
                return
    pytest.fail("nothing was broken")


def test_a_killed_drill_is_put_back_at_the_next_start(operator: Operator) -> None:
    # After the test before, whose cluster it takes.
    session = "lab-active-active"
    under_way = operator.home / "hw/sessions" / session / "drill-under-way.json"
    for scenario in ("balancer-process", "node-containers@harbor-1", "node-network@harbor-2"):
        broken_and_killed(operator, session, scenario)
        time.sleep(3)
        assert under_way.exists(), scenario
        if "network" not in scenario:
            assert operator.run("status", session).returncode != 0, scenario
        done = operator.run("drill", session, "--put-back", "--secrets", str(operator.lab.secrets_file))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "what an earlier drill left is put back" in done.stdout
        assert not under_way.exists()
        assert operator.run("status", session).returncode == 0, scenario
    # A drill puts back before it breaks anything of its own.
    broken_and_killed(operator, session, "node-core@harbor-2")
    done = operator.run(*arguments(operator, session, "--scenario", "balancer-process"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.index("is put back") < done.stdout.index("broken;")


def test_active_standby_survives_what_it_claims(operator: Operator, reports: Path) -> None:
    bring_up(operator, "active-standby.yaml", "DROP DATABASE registry;\nDROP ROLE harbor;\n")
    found = drilled(operator, "lab-active-standby", reports)
    assert len(found) == 8


def test_master_slave_survives_what_it_claims(operator: Operator, reports: Path) -> None:
    bring_up(operator, "master-slave.yaml")
    found = drilled(operator, "lab-master-slave", reports)
    assert len(found) == 8


def test_master_master_survives_what_it_claims(operator: Operator, reports: Path) -> None:
    bring_up(operator, "master-master.yaml")
    found = drilled(operator, "lab-master-master", reports)
    assert len(found) == 11


SENTINEL = r"""
set -eu
mkdir -p /root/drill-redis
cd /root/drill-redis
for port in 7001 7002; do
  printf '%s\n' "port $port" 'daemonize yes' 'dir /root/drill-redis' "dbfilename $port.rdb" \
    'requirepass "a pass'"'"'word"' 'masterauth "a pass'"'"'word"' >$port.conf
done
echo 'replicaof 127.0.0.1 7001' >>7002.conf
printf '%s\n' 'port 7003' 'daemonize yes' 'sentinel monitor mymaster 127.0.0.1 7001 1' \
  'sentinel auth-pass mymaster "a pass'"'"'word"' 'sentinel down-after-milliseconds mymaster 2000' >7003.conf
for port in 7001 7002; do redis-server $port.conf >/dev/null; done
redis-server 7003.conf --sentinel >/dev/null
sleep 3
"""


def test_a_master_of_redis_that_hangs_is_replaced_by_its_sentinels(operator: Operator) -> None:
    host = operator.lab.hosts["services"]
    host.run(["sh"], input=SENTINEL)
    redis = Redis.model_validate({
        "password": "secret:redis_password",
        "sentinel": {"master": "mymaster", "nodes": [{"host": "127.0.0.1", "port": 9},
                                                     {"host": "127.0.0.1", "port": 7003}]},
    })  # fmt: skip

    def told(script: str) -> str:
        (host.root / "root/drill-redis/script").write_text(script)
        return host.run(["sh", "/root/drill-redis/script"], input="a pass'word\n").strip()

    assert told(sentinel.master(redis)) == "127.0.0.1 7001"
    assert told(sentinel.pause(redis, 15)) == "127.0.0.1 7001"
    deadline = time.monotonic() + 30
    while told(sentinel.master(redis)) != "127.0.0.1 7002":
        assert time.monotonic() < deadline
        time.sleep(0.5)
