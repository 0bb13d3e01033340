"""Each solution beside active-active, from bare hosts to what its clients see.

Every test begins with fresh hosts. Replication is looked at with a real client, by a push to one
side and a pull from the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harbor_wizard import secrets
from harbor_wizard.lab.layout import VIRTUAL_ADDRESS

from .client import Client
from .conftest import Operator

pytestmark = [pytest.mark.lab, pytest.mark.alone]

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
ONE, OTHER = "10.77.0.11", "10.77.0.12"


def bring_up(operator: Operator, example: str, prepare: str = "") -> None:
    """Apply an example to bare hosts, verify it, and see that a second run changes nothing.

    `prepare` is SQL for the database before it.
    """
    operator.lab.fresh()
    operator.lab.up()
    if prepare:
        database = operator.lab.hosts["services"]
        database.run(["runuser", "-u", "postgres", "--", "psql", "-q", "-d", "postgres"], input=prepare)
    arguments = (str(EXAMPLES / example), "--secrets", str(operator.lab.secrets_file))
    done = operator.run("apply", *arguments, "--yes")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    verified = operator.run("verify", *arguments)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "✗" not in verified.stdout
    again = operator.run("apply", *arguments, "--yes")
    assert again.returncode == 0, again.stdout[-3000:]
    assert "nothing to do: all" in again.stdout, again.stdout[-3000:]


def client(operator: Operator, folder: Path, session: str) -> Client:
    """Return a client that trusts what the session's private CA signed, or the lab's."""
    own = operator.home / "hw/sessions" / session / "ca.crt"
    ca = own if own.exists() else operator.lab.root / "tls/ca.crt"
    password = secrets.from_file(operator.lab.secrets_file)["harbor_admin_password"]
    return Client(operator.lab, folder, ca, password)


def until(so: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline, f"{what} not within {seconds:.0f} s"
        time.sleep(0.5)


def test_active_standby_moves_the_address_when_a_part_of_its_node_is_ill(
    operator: Operator, tmp_path: Path
) -> None:
    # The database and its owner are made by the run, with an account that is no superuser.
    bring_up(operator, "active-standby.yaml", "DROP DATABASE registry;\nDROP ROLE harbor;\n")
    lab = operator.lab
    real = client(operator, tmp_path, "lab-active-standby")
    real.login(VIRTUAL_ADDRESS)
    there = f"{VIRTUAL_ADDRESS}/library/standby:v1"
    assert real.push(there) == ""

    def holder() -> str:
        held = "ip -o addr show dev eth0 | grep -cwF 10.77.0.10 || true"
        seen = {name: lab.hosts[name].run(["sh", "-c", held]).strip() for name in ("harbor-1", "harbor-2")}
        return " ".join(name for name, count in seen.items() if count != "0")

    first = holder()
    assert first in ("harbor-1", "harbor-2")
    other = "harbor-2" if first == "harbor-1" else "harbor-1"
    lab.hosts[first].run(["docker", "stop", "harbor-jobservice"])
    until(lambda: holder() == other, "the address moved")
    # The standby was up all the time: it serves at once, from the same store.
    assert real.pull(there) == ""
    lab.hosts[first].run(["docker", "start", "harbor-jobservice"])
    time.sleep(8)
    assert holder() == other, "the address stays where it is when the first node is well again"


def test_master_slave_replicates_and_the_replica_takes_no_push(operator: Operator, tmp_path: Path) -> None:
    bring_up(operator, "master-slave.yaml")
    real = client(operator, tmp_path, "lab-master-slave")
    for registry in (ONE, OTHER, VIRTUAL_ADDRESS):
        real.login(registry)

    assert real.push(f"{ONE}/library/replicated:v1") == ""
    until(lambda: real.pull(f"{OTHER}/library/replicated:v1") == "", "the push arrived")
    refused = real.push(f"{OTHER}/library/replicated:v2", "another image")
    assert "this Harbor is a replica" in refused
    assert "replica" in real.delete(f"{OTHER}/library/replicated:v1")
    assert real.delete(f"{ONE}/library/replicated:v1") == ""
    until(lambda: real.pull(f"{OTHER}/library/replicated:v1") != "", "the deletion arrived")

    # Through the one address: a push reaches the master, and what it pushed is there at once.
    there = f"{VIRTUAL_ADDRESS}/library/front:v1"
    assert real.push(there) == ""
    assert [real.pull(there) for _ in range(4)] == [""] * 4
    until(lambda: real.pull(f"{OTHER}/library/front:v1") == "", "the push arrived")
    # Without the master pulls go on, by its replicas.
    lab = operator.lab
    lab.hosts["harbor-1"].run(["systemctl", "stop", "harbor"])
    time.sleep(4)
    anonymous = f"https://{VIRTUAL_ADDRESS}/v2/library/front/manifests/v1"
    token = (
        f"t=$(curl -sk 'https://{VIRTUAL_ADDRESS}/service/token?service=harbor-registry&scope=repository:"
        "library/front:pull' | sed 's/.*\"token\":\"\\([^\"]*\\)\".*/\\1/'); "
        f"curl -sk -o /dev/null -w '%{{http_code}}' -H \"Authorization: Bearer $t\" {anonymous}"
    )
    seen = lab.execute(["sh", "-c", token])
    assert seen.stdout == "200", seen.stdout + seen.stderr


def test_master_master_replicates_both_ways(operator: Operator, tmp_path: Path) -> None:
    bring_up(operator, "master-master.yaml")
    real = client(operator, tmp_path, "lab-master-master")
    for registry in (ONE, OTHER, VIRTUAL_ADDRESS):
        real.login(registry)
    for source, target in ((ONE, OTHER), (OTHER, ONE)):
        name = f"library/from-{source.rpartition('.')[2]}:v1"
        assert real.push(f"{source}/{name}", f"from {source}") == ""
        until(lambda there=f"{target}/{name}": real.pull(there) == "", f"a push to {source} arrived")
        assert real.delete(f"{source}/{name}") == ""
        until(lambda there=f"{target}/{name}": real.pull(there) != "", f"a deletion at {source} arrived")

    # Through nginx, which keeps a client with one of them, also when the other one dies.
    there = f"{VIRTUAL_ADDRESS}/library/front:v1"
    assert real.push(there) == ""
    until(lambda: real.pull(f"{ONE}/library/front:v1") == real.pull(f"{OTHER}/library/front:v1") == "",
          "both have it")  # fmt: skip
    operator.lab.hosts["harbor-1"].run(["systemctl", "stop", "harbor"])
    until(lambda: real.pull(there) == "", "pulls go on", 20)


def test_a_proof_of_concept_brings_its_database_and_redis(operator: Operator, tmp_path: Path) -> None:
    bring_up(operator, "proof-of-concept-lab.yaml")
    real = client(operator, tmp_path, "lab-proof-of-concept")
    real.login(VIRTUAL_ADDRESS)
    assert real.push(f"{VIRTUAL_ADDRESS}/library/poc:v1") == ""
    plan = operator.run("plan", str(EXAMPLES / "proof-of-concept-lab.yaml"))
    assert "lb-2 runs the database and Redis for a proof of concept: it is a single point of failure" in plan.stderr
