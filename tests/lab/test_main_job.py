"""The main job on real hosts: from bare machines to a registry that survives the loss of one.

The tests build on each other, in the order in which they stand here.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from harbor_wizard import secrets, session
from harbor_wizard.components import balancer
from harbor_wizard.lab.layout import VIRTUAL_ADDRESS
from harbor_wizard.model import load
from harbor_wizard.text import Masker

from .client import Client
from .conftest import EXAMPLE, Operator

pytestmark = [pytest.mark.lab, pytest.mark.alone]

RECORDER = """#!/bin/bash
# A login shell that keeps what it is given on standard input: what the host really received.
if [ "$1" = -c ] && [ "$2" = "exec /bin/sh" ]; then
  tee -a /root/received | /bin/sh
  exit
fi
exec /bin/bash "$@"
"""

# What a run leaves on a host, but for what prepare draws anew on each node.
STATE = r"""
for path in /opt/harbor/harbor.yml /opt/harbor/docker-compose.override.yml /opt/harbor/docker-compose.yml \
  /opt/harbor/prepare /etc/haproxy /etc/keepalived /etc/systemd/system/harbor.service \
  /etc/systemd/system/data-registry.mount /etc/sysctl.d/90-harbor-wizard-vip.conf \
  /usr/local/lib/harbor-wizard /data/secret/keys /data/secret/core /data/secret/registry; do
  [ ! -e $path ] || find $path -type f -exec sh -c 'stat -c "%n %a %u:%g" "$1"; sha256sum <"$1"' _ {} \;
done | sort
for one in docker haproxy keepalived harbor data-registry.mount; do
  echo "$one $(systemctl is-enabled $one 2>/dev/null) $(systemctl is-active $one)"
done
command -v docker >/dev/null && {
  docker images --format '{{.Repository}}:{{.Tag}}' | sort
  docker ps --format '{{.Names}} {{.Image}} {{.State}}' | sort
}
ls /var/lib/harbor-wizard/lock 2>/dev/null
ls -d /opt/harbor/input.* 2>/dev/null
ls /var/lib/harbor-wizard/upload 2>/dev/null
true
"""
HOSTS = ("lb-1", "lb-2", "harbor-1", "harbor-2")


def state(operator: Operator) -> dict[str, str]:
    return {name: operator.lab.hosts[name].run(["sh"], input=STATE) for name in HOSTS}


@pytest.fixture(scope="session")
def kept() -> dict[str, Any]:
    """What one test leaves for the next ones."""
    return {}


def test_bare_hosts_pass_the_preflight(operator: Operator) -> None:
    done = operator.run("check", str(EXAMPLE), "--secrets", str(operator.lab.secrets_file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "at 4 hosts, 0 failed" in done.stdout


def test_apply_from_bare_hosts_ends_well_and_verify_agrees(operator: Operator, kept: dict[str, Any]) -> None:
    for name in ("lb-1", "harbor-1"):
        host = operator.lab.hosts[name]
        host.run(["sh", "-c", "cat >/usr/local/bin/recorder; chmod 755 /usr/local/bin/recorder"],
                 input=RECORDER)  # fmt: skip
        host.run(["usermod", "-s", "/usr/local/bin/recorder", "root"])
        assert "docker" not in host.run(["ls", "/usr/bin"])
    done = operator.apply()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "Harbor is at https://registry.lab.internal" in done.stdout
    kept["received"] = {
        name: operator.lab.hosts[name].run(["cat", "/root/received"]) for name in ("lb-1", "harbor-1")
    }
    verified = operator.run("verify", "lab-active-active", "--secrets", str(operator.lab.secrets_file))
    assert verified.returncode == 0, verified.stdout
    for what in ("login", "push", "pull"):
        assert f"✓ {what} through the public address" in verified.stdout
    assert "✓ a token of each node is good on the others" in verified.stdout
    assert "✓ the nodes share their secrets: 8 of 8" in verified.stdout
    kept["undisturbed"] = state(operator)


def unframed(text: str, mask: Masker) -> tuple[set[str], set[str]]:
    """Return the scripts and the inputs in what a host got, masked."""
    scripts, inputs = set(), set()
    for token in re.findall(r"3<<'HW-SCRIPT-(\w+)'", text):
        start = re.search(rf"3<<'HW-SCRIPT-{token}'[^\n]*\n", text)
        assert start is not None
        rest = text[start.end():]
        encoded = re.search(rf"<<'HW-INPUT-{token}'[^\n]*\n(.*?)HW-INPUT-{token}\n", text, re.DOTALL)
        if encoded is not None:
            inputs.add(mask(base64.b64decode(encoded[1]).decode()))
            rest = text[encoded.end():]
        scripts.add(mask(rest.partition(f"HW-SCRIPT-{token}\n")[0]))
    return scripts, inputs


def test_the_preview_of_every_step_is_what_the_hosts_received(
    operator: Operator, kept: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = json.loads(operator.run("plan", str(EXAMPLE), "--format", "json").stdout)
    monkeypatch.setenv("HARBOR_WIZARD_HOME", operator.environment["HARBOR_WIZARD_HOME"])
    store = session.find("lab-active-active").store
    known = store.read(secrets.from_file(operator.lab.secrets_file)["passphrase"])
    key = (operator.lab.root / "tls/registry.key").read_text()
    mask = Masker([*known.values(), key])
    for name in ("lb-1", "harbor-1"):
        scripts, inputs = unframed(kept["received"][name], mask)
        shown = set()
        steps = [step for step in printed["steps"] if step["host"] == name]
        for step in steps:
            for action in (step["check"], step["apply"], step["verify"]):
                if action is None or "script" not in action:
                    continue
                shown.add(action["script"])
                if action is step["check"] or step["kind"] != "upload":
                    # A detached step's script is handed to its unit, as input of what starts it.
                    where = inputs if action["detached"] else scripts
                    # These two were so already, by the package and by the other node.
                    already = step["id"].endswith(("docker/service", "storage/owner"))
                    assert action["script"] in where or already, step["id"]
                given = action["input"]
                if given is not None and "•" not in given and "‹the contents of" not in given:
                    assert given in inputs, step["id"]
        for script in scripts - shown:
            # What keeps a run going (locks, units, part files) stays in the wizard's own folder.
            assert "/var/lib/harbor-wizard" in script or script == "id -u\n", script


def test_a_second_run_changes_nothing_and_restarts_nothing(operator: Operator) -> None:
    started = "docker ps -q | xargs docker inspect -f '{{.Name}} {{.State.StartedAt}}' | sort"
    before = [operator.lab.hosts[n].run(["sh", "-c", started]) for n in ("harbor-1", "harbor-2")]
    done = operator.apply()
    assert done.returncode == 0
    assert "nothing to do: all" in done.stdout
    for name in HOSTS:
        assert f"{name}: nothing was changed" in done.stdout
    after = [operator.lab.hosts[n].run(["sh", "-c", started]) for n in ("harbor-1", "harbor-2")]
    assert before == after


def compared(operator: Operator) -> dict[str, list[str]]:
    """How each step stands on the hosts now, with the difference that the preview shows."""
    script = Path(__file__).with_name("compare_steps.py")
    told = subprocess.run(
        operator.lab.wrap([sys.executable, str(script), "lab-active-active",
                           str(operator.lab.secrets_file)]),
        capture_output=True, text=True, timeout=200, env=operator.environment, check=True,
    )  # fmt: skip
    found: dict[str, list[str]] = json.loads(told.stdout)
    return found


def test_the_preview_compares_with_what_is_on_the_hosts(operator: Operator) -> None:
    assert {standing for standing, _ in compared(operator).values()} == {"SO"}
    lb, node = operator.lab.hosts["lb-1"], operator.lab.hosts["harbor-1"]
    lb.run(["sh", "-c", "echo '# by hand' >> /etc/haproxy/haproxy.cfg"])
    node.run(["sh", "-c", "echo 'forgotten: canary-secret-9' >> /opt/harbor/harbor.yml"])
    stands = compared(operator)
    changed = {name: shown for name, (standing, shown) in stands.items() if standing != "SO"}
    assert {name.partition("/")[0] for name in changed} == {"lb-1", "harbor-1"}
    assert any("-# by hand" in shown for shown in changed.values())
    assert any("-forgotten: ••••••" in shown for shown in changed.values())
    secret = yaml.safe_load(operator.lab.secrets_file.read_text()).values()
    assert not [one for one in ("canary-secret-9", *secret) if one in json.dumps(stands)]
    assert operator.apply().returncode == 0
    assert {standing for standing, _ in compared(operator).values()} == {"SO"}


def test_an_installed_cluster_passes_the_preflight_too(operator: Operator) -> None:
    done = operator.run("check", "lab-active-active", "--output", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {(one["check"], one["host"]): one for one in json.loads(done.stdout)["findings"]}
    assert "earlier run" in found["ports", "lb-1"]["seen"]
    assert found["virtual", "lb-2"]["seen"] in ("held by lb-1", "held by lb-2")


def test_a_real_client_logs_in_pushes_and_pulls(operator: Operator, client: Client) -> None:
    client.login(VIRTUAL_ADDRESS)
    there = f"{VIRTUAL_ADDRESS}/library/real:v1"
    assert client.push(there) == ""
    assert client.pull(there) == ""


def test_a_balancer_of_the_site_is_looked_at_from_a_node(operator: Operator) -> None:
    data = load.read(EXAMPLE)
    data["balancer"] = {"type": "existing"}
    data["hosts"] = [host for host in data["hosts"] if "harbor" in host["roles"]]
    node = operator.lab.hosts["harbor-1"]

    def look(data: dict[str, Any]) -> list[str]:
        """Return what a node says of each look that is not well."""
        cluster = load.parse(data, "test")
        said = []
        for step in balancer.steps(cluster, cluster.nodes[0]):
            script = f"({step.check.script.masked()}) 2>&1 || echo NOT SO"
            answer = node.run(["sh"], input=script)
            if "NOT SO" in answer:
                said.append(answer)
        return said

    # The balancers of this cluster stand for one that the site has.
    assert look(data) == []
    # One that does not serve what the cluster file says is told what it has to be set to.
    first, second = look({**data, "tls": {"mode": "none"}})
    for answer in (first, second):
        assert "the balancer has to be set to this" in answer
        assert "X-Forwarded-Proto is set to http" in answer
        assert "10.77.0.11:80, 10.77.0.12:80" in answer


@pytest.fixture
def client(operator: Operator, tmp_path: Path) -> Client:
    password = secrets.from_file(operator.lab.secrets_file)["harbor_admin_password"]
    return Client(operator.lab, tmp_path, operator.lab.root / "tls/ca.crt", password)


def longest_gap(operator: Operator, break_it: Any, seconds: int = 20) -> float:
    """Pull through the virtual address while something breaks; return the longest gap."""
    arguments = operator.lab.wrap([sys.executable, str(Path(__file__).parent / "pull_loop.py"), VIRTUAL_ADDRESS,
                                   "registry.lab.internal", str(operator.lab.root / "tls/ca.crt"), str(seconds)])  # fmt: skip
    password = secrets.from_file(operator.lab.secrets_file)["harbor_admin_password"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as loop:
        assert loop.stdin is not None
        assert loop.stdout is not None
        loop.stdin.write(password + "\n")
        loop.stdin.flush()
        assert loop.stdout.readline().strip() == "ready"
        time.sleep(3)
        break_it()
        answer = loop.stdout.readline().split()
    print("longest gap, good, failed:", *answer)
    assert int(answer[1]) > 10
    return float(answer[0])


def holder(operator: Operator) -> str:
    done = operator.run("status", "lab-active-active", "--output", "json")
    (only,) = json.loads(done.stdout)["holders"]
    return str(only)


def wait_until_well(operator: Operator, seconds: float = 150) -> None:
    deadline = time.monotonic() + seconds
    while True:
        done = operator.run("status", "lab-active-active")
        if done.returncode == 0:
            return
        assert time.monotonic() < deadline, done.stdout
        time.sleep(2)


def test_pulls_go_on_when_the_balancer_that_holds_the_address_is_cut_off(operator: Operator) -> None:
    host = operator.lab.hosts[holder(operator)]
    try:
        assert longest_gap(operator, host.cut) <= 5
    finally:
        host.mend()
    wait_until_well(operator)


def test_pulls_go_on_when_a_harbor_node_stops(operator: Operator) -> None:
    for name in ("harbor-1", "harbor-2"):
        host = operator.lab.hosts[name]
        gap = longest_gap(operator, lambda host=host: host.run(["systemctl", "stop", "harbor"]))
        assert gap <= 5, name
        host.run(["systemctl", "start", "harbor"])
        wait_until_well(operator)


def test_a_rebooted_harbor_host_comes_back_by_itself(operator: Operator) -> None:
    host = operator.lab.hosts["harbor-2"]
    before = host.leader()
    host.reboot()
    deadline = time.monotonic() + 60
    while host.leader() in (before, None):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    wait_until_well(operator)
    done = operator.apply()
    assert done.returncode == 0
    assert "nothing to do" in done.stdout


def test_killed_at_its_worst_moments_it_resumes_to_the_same_state(
    operator: Operator, kept: dict[str, Any]
) -> None:
    operator.lab.fresh()
    operator.lab.up()

    def running(step: str) -> Any:
        return lambda event: event.get("step") == step and event.get("state") == "running"

    moments = {
        "between two steps": lambda e: e.get("step") == "harbor-1/docker/service" and e.get("state") in ("done", "already so"),
        "in the upload": lambda e: e["event"] == "Progress" and e["host"] == "harbor-1" and 0 < e["done"] < e["total"],
        "in docker load": running("harbor-1/harbor/images"),
        "in prepare": running("harbor-1/harbor/prepare"),
    }  # fmt: skip
    for moment, wanted in moments.items():
        assert operator.kill_when(wanted), moment
        if moment.startswith("in docker") or moment == "in prepare":
            time.sleep(0.5)
    done = operator.run("resume", "lab-active-active", "--yes", "--secrets", str(operator.lab.secrets_file))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert state(operator) == kept["undisturbed"]
    wait_until_well(operator)
