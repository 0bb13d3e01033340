"""Status and verification on real hosts: well where all is well, and which part says so where not.

The first half is about one active-active cluster, in the order in which its tests stand here: each
fault is caused for real, and put back. The second is about replication.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harbor_wizard import secrets

from .conftest import EXAMPLE, Operator

pytestmark = pytest.mark.lab

SESSION = "lab-active-active"
MASTER_SLAVE = str(EXAMPLE.parent / "master-slave.yaml")


def status(operator: Operator, session: str = SESSION, *options: str) -> tuple[int, dict[str, Any]]:
    done = operator.run("status", session, "--secrets", str(operator.lab.secrets_file), "--output", "json",
                        *options)  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if found["well"] else 1), done.stdout + done.stderr
    for secret in secrets.from_file(operator.lab.secrets_file).values():
        assert secret not in done.stdout
    return done.returncode, found


def verify(operator: Operator, session: str = SESSION) -> tuple[int, dict[str, str], dict[str, str]]:
    """Return the exit code, and what was good and what was not, with what was seen."""
    done = operator.run("verify", session, "--secrets", str(operator.lab.secrets_file), "--output", "json")
    found = json.loads(done.stdout)
    assert done.returncode == (0 if found["well"] else 1), done.stdout + done.stderr
    good, bad = ({one["what"]: one["seen"] for one in found["checks"] if one["good"] is wanted}
                 for wanted in (True, False))  # fmt: skip
    return done.returncode, good, bad


def host(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [one for one in found["hosts"] if one["name"] == name]
    return dict(one)


def on(operator: Operator, name: str, script: str) -> str:
    return operator.lab.hosts[name].run(["sh", "-eu"], input=script)


def until_well(operator: Operator, session: str = SESSION, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while True:
        code, found = status(operator, session)
        if code == 0:
            return
        assert time.monotonic() < deadline, found["ill"]
        time.sleep(1)


@pytest.fixture(scope="module")
def installed(operator: Operator) -> Operator:
    operator.lab.fresh()  # tests before these install on the same hosts
    operator.lab.up()
    done = operator.apply()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return operator


def test_a_healthy_cluster_is_well_in_all_that_is_looked_at(installed: Operator) -> None:
    until_well(installed)
    code, found = status(installed)
    assert (code, found["ill"]) == (0, [])
    assert len(found["holders"]) == 1
    assert [one["where"] for one in found["certificates"]] == ["registry.lab.internal", "the CA"]
    assert all(360 <= one["days_left"] <= 365 for one in found["certificates"])
    for name in ("harbor-1", "harbor-2"):
        one = host(found, name)
        assert one["versions"]["harbor"] == "v2.15.2"
        assert one["versions"]["docker"]
        assert set(one["health"].values()) == {"healthy"}
        assert {"/", "/data/registry"} <= {disk["mount"] for disk in one["disks"]}
        assert one["files"]["compared"] >= 6
        assert one["files"]["not_compared"] == 0
        assert host(found, "lb-1")["parts"][f"sees {name}"] == "UP"
    assert host(found, "lb-1")["versions"].keys() == {"haproxy", "keepalived"}


def test_the_screen_looks_again_over_one_login_for_each_host(installed: Operator) -> None:
    logins = "journalctl -u ssh --since=-1h | grep -c 'Accepted publickey'"
    before = {name: int(on(installed, name, logins)) for name in ("lb-1", "harbor-2")}
    shown = subprocess.run(
        installed.lab.wrap([sys.executable, str(Path(__file__).parent / "watch_status.py"), SESSION,
                            str(installed.lab.secrets_file), "8"]),
        capture_output=True, text=True, timeout=90, env=installed.environment, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    looks, *rows = shown.stdout.splitlines()
    assert int(looks.partition(" ")[0]) >= 2, shown.stdout + shown.stderr
    assert [row.split()[0] for row in rows] == [SESSION, "lb-1", "lb-2", "harbor-1", "harbor-2"]
    assert all("✓ well" in row for row in rows), shown.stdout
    for name, number in before.items():
        assert int(on(installed, name, logins)) == number + 1


def test_each_fault_is_told_by_the_part_that_has_it(installed: Operator) -> None:
    config = "/etc/haproxy/haproxy.cfg"
    on(installed, "harbor-1", "docker stop -t 1 harbor-portal\n")
    on(installed, "lb-2", f"cp -a {config} /root/kept\necho '# by hand' >> {config}\n")
    on(installed, "harbor-2", "mount -t tmpfs -o size=1m tmpfs /var/log/harbor\n"
       "head -c 1000k /dev/zero > /var/log/harbor/full\n")  # fmt: skip
    for name in ("lb-1", "lb-2"):
        on(installed, name, "systemctl stop keepalived\n")
    try:
        deadline = time.monotonic() + 20
        while True:  # Harbor looks at its parts every few seconds
            code, found = status(installed)
            if host(found, "harbor-1")["health"]["portal"] == "unhealthy" or time.monotonic() > deadline:
                break
        assert code == 1
        assert found["holders"] == []
        assert "10.77.0.10 is held by nobody" in found["ill"]
        assert host(found, "lb-1")["ill"] == ["keepalived: inactive", "sees harbor-1: DOWN"]
        assert host(found, "harbor-1")["ill"] == ["portal: exited", "Harbor's portal: unhealthy"]
        (full,) = [disk for disk in host(found, "harbor-2")["disks"] if not disk["well"]]
        assert (full["mount"], full["free_percent"] < 10) == ("/var/log/harbor", True)
        (drift,) = host(found, "lb-2")["files"]["drift"]
        assert (drift["path"], drift["state"]) == (config, "changed")
        assert "\n-# by hand" in drift["diff"]
        # The certificate in front was not seen: nobody has the address.
        assert [one["well"] for one in found["certificates"]] == [False, True]
        told = installed.run("status", SESSION, "--secrets", str(installed.lab.secrets_file), "--drift")
        assert told.returncode == 1
        assert f"✗ {config} differs from the plan" in told.stdout
        assert "\n-# by hand" in told.stdout
    finally:
        on(installed, "harbor-1", "docker start harbor-portal\n")
        on(installed, "lb-2", f"mv /root/kept {config}\n")
        on(installed, "harbor-2", "umount /var/log/harbor\n")
        for name in ("lb-1", "lb-2"):
            on(installed, name, "systemctl start keepalived\n")
    until_well(installed)


def test_a_balancer_that_would_not_take_the_address_is_told(installed: Operator) -> None:
    # Its HAProxy runs and answers nobody: clients, who are at the other balancer, notice nothing.
    (holder,) = status(installed)[1]["holders"]
    (other,) = {"lb-1", "lb-2"} - {holder}
    frozen = "main=$(systemctl show --value -p MainPID haproxy)\nkill -STOP $main $(pgrep -P $main)\n"
    on(installed, other, frozen)
    try:
        deadline = time.monotonic() + 30
        while "keepalived: fault" not in host(status(installed)[1], other)["ill"]:
            assert time.monotonic() < deadline
        code, found = status(installed)
        assert (code, found["holders"]) == (1, [holder])
        assert host(found, other)["parts"]["haproxy"] == "active"
    finally:
        on(installed, other, frozen.replace("STOP", "CONT"))
    until_well(installed)


def test_a_host_that_is_cut_off_holds_up_no_other(installed: Operator) -> None:
    gone = installed.lab.hosts["lb-2"]
    gone.cut()
    try:
        begun = time.monotonic()
        code, found = status(installed)
        assert time.monotonic() - begun < 40
        assert code == 1
        assert "not reached" in host(found, "lb-2")["error"]
        assert all(host(found, name)["parts"] for name in ("lb-1", "harbor-1", "harbor-2"))
        assert found["holders"] == ["lb-1"]
    finally:
        gone.mend()
    until_well(installed)


def test_verification_fails_for_what_only_clients_would_notice(installed: Operator) -> None:
    code, good, bad = verify(installed)
    assert (code, bad) == (0, {}), bad
    assert good["a session of each node goes on at the others"] == "2 nodes"
    override, certificate = "/opt/harbor/docker-compose.override.yml", "/etc/haproxy/certs/harbor.pem"
    (holder,) = status(installed)[1]["holders"]
    up = "cd /opt/harbor && docker compose up -d core >/dev/null 2>&1\n"
    wait = "for i in $(seq 60); do docker exec harbor-core true 2>/dev/null && break; sleep 0.5; done\n"
    on(installed, "harbor-2", f"systemctl disable harbor\ncp -a {override} /root/kept\n"
       f"sed -i 's/CSRF_KEY: .*/CSRF_KEY: \"{'y' * 32}\"/' {override}\n{up}{wait}")  # fmt: skip
    on(installed, holder, f"""cp -a {certificate} /root/kept
cd /root && openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 5 \\
  -subj /CN=another.example.com -addext subjectAltName=DNS:another.example.com 2>/dev/null
cat c.pem k.pem > {certificate}
systemctl reload haproxy
""")
    try:
        deadline = time.monotonic() + 30
        while True:  # core starts, and finds its database
            code, good, bad = verify(installed)
            if "every part of harbor-2 is healthy" in good or time.monotonic() > deadline:
                break
        assert code == 1
        assert bad["harbor-2 comes back after a reboot"] == "not enabled: harbor.service"
        assert "CSRF_KEY" in bad["a session of each node goes on at the others"]
        assert bad["the nodes share their secrets"] == "not equal on all nodes: CSRF_KEY"
        assert "clients refuse it" in bad["clients take the certificate of registry.lab.internal"]
        assert "a token of each node is good on the others" in good
        (short,) = [one for one in status(installed)[1]["certificates"] if one["where"] != "the CA"]
        assert (short["well"], short["days_left"]) == (False, 4)
    finally:
        on(installed, "harbor-2", f"systemctl enable harbor\nmv /root/kept {override}\n{up}{wait}")
        on(installed, holder, f"mv /root/kept {certificate}\nsystemctl reload haproxy\n")
    until_well(installed)
    code, _, bad = verify(installed)
    assert (code, bad) == (0, {}), bad


@pytest.mark.long
def test_a_replication_that_failed_is_not_well_until_it_was_made_up_for(
    operator: Operator, tmp_path: Path
) -> None:
    operator.lab.fresh()
    operator.lab.up()
    given = ("--secrets", str(operator.lab.secrets_file))
    done = operator.run("apply", MASTER_SLAVE, *given, "--yes")
    assert done.returncode == 0, done.stdout[-3000:]
    session = "lab-master-slave"
    until_well(operator, session)
    (policy,) = status(operator, session)[1]["replication"]
    assert (policy["source"], policy["target"], policy["status"]) == ("harbor-1", "harbor-2", "Succeed")
    assert policy["lag_seconds"] < 60
    assert verify(operator, session)[0] == 0

    # Without the passphrase nobody is asked, which is said and no failure.
    done = operator.run("status", session, "--output", "json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["replication"]) == (0, [])
    assert "admin's password" in found["replication_unasked"]

    on(operator, "harbor-2", "systemctl stop haproxy\n")
    try:
        pushed = operator.lab.execute([sys.executable, "-c", PUSH, str(operator.lab.secrets_file)])
        assert pushed.returncode == 0, pushed.stderr
        deadline = time.monotonic() + 90
        while True:
            (policy,) = status(operator, session)[1]["replication"]
            if policy["status"] == "Failed" or time.monotonic() > deadline:
                break
            time.sleep(2)
        assert (policy["status"], policy["lost"], policy["well"]) == ("Failed", 1, False)
    finally:
        on(operator, "harbor-2", "systemctl start haproxy\n")
    code, found = status(operator, session)
    assert code == 1
    assert any("run the policy once by hand" in one for one in found["ill"])
    again = operator.lab.execute([sys.executable, "-c", REPLICATE, str(operator.lab.secrets_file)])
    assert again.returncode == 0, again.stderr
    until_well(operator, session)


LOGIN = """
import json, ssl, sys
from pathlib import Path
from harbor_wizard import secrets
from harbor_wizard.inspection.registry import Registry, basic, with_json
password = secrets.from_file(Path(sys.argv[1]))["harbor_admin_password"]
context = ssl._create_unverified_context()
context.check_hostname = False
one = Registry("10.77.0.11", 443, "10.77.0.11", context)
"""
PUSH = LOGIN + """
one.push("library/lost", "v1", one.token("admin", password, "repository:library/lost:pull,push"))
"""
REPLICATE = LOGIN + """
(policy,) = json.loads(one.request("GET", "/api/v2.0/replication/policies", basic("admin", password)).body)
made = one.request("POST", "/api/v2.0/replication/executions", *with_json({"policy_id": policy["id"]}, password))
assert made.status == 201, made
"""

