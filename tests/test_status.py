"""What a status says: of answers of hosts, of files, of executions, and to monitoring.

The scripts run for real, with programs of a host in the place of this machine's.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from harbor_wizard import language, run
from harbor_wizard import session as sessions
from harbor_wizard.cli import app
from harbor_wizard.components import keepalived, replication
from harbor_wizard.errors import AuthenticationError, SecretsError, TransportError
from harbor_wizard.inspection import asking, replicating
from harbor_wizard.inspection.compare import masked_now
from harbor_wizard.inspection.drift import Drifted, _plainly_differs, drifted
from harbor_wizard.inspection.seen import (
    Certificate,
    ClusterStatus,
    Disk,
    Drift,
    HostStatus,
    Policy,
)
from harbor_wizard.inspection.status import Looker
from harbor_wizard.model import load
from harbor_wizard.model.cluster import Cluster, Host, Role
from harbor_wizard.secrets import SecretValues
from harbor_wizard.solutions import make_plan
from harbor_wizard.step import Step, file
from harbor_wizard.text import MASK, Hole, Text
from harbor_wizard.transport.base import Call, Phase, Result
from harbor_wizard.transport.rehearsal import RehearsalTransport

from . import test_api_calls
from .conftest import EXAMPLES
from .test_api_calls import SECRETS, Harbor, harbor

__all__ = ["harbor"]

GB = 1024**3
NOW = 1_800_000_000.0


class Here(RehearsalTransport):
    """A host whose scripts run on this machine, with programs of its own before the others."""

    def __init__(self, host: Host, folder: Path) -> None:
        super().__init__(host, folder)
        self.folder = folder

    def run(self, call: Call, on_lines: Any) -> Result:
        path = f"{self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        done = subprocess.run(["sh"], input=call.script.encode(), capture_output=True,
                              env={"PATH": path}, timeout=30)  # fmt: skip
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def program(folder: Path, name: str, script: str) -> None:
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def node(cluster: Cluster) -> Host:
    return cluster.nodes[0]


# What a host says.


@pytest.fixture
def answer(cluster: Cluster, tmp_path: Path) -> Any:
    """Programs of a node that is well; gives what is understood of its answer."""
    home = tmp_path / "opt harbor"
    home.mkdir()
    made = cluster.model_copy(update={"install_dir": str(home)})
    program(tmp_path, "systemctl", "echo active")
    program(tmp_path, "openssl", "exit 1")
    program(tmp_path, "docker", r"""
case "$1 $2" in
"compose version") ;;
"ps -aq") echo 1; echo 2 ;;
"version --format") echo 26.1.5 ;;
"inspect -f") case $3 in
  *Config.Image*) [ "$4" = harbor-core ] && echo registry:5000/goharbor/harbor-core:v2.15.2 ;;
  *) printf 'core=running healthy\nregistry=running unhealthy\njobservice=exited \nportal=running \n' ;;
  esac ;;
esac""")
    body = json.dumps({"status": "unhealthy", "components": [{"name": "core", "status": "healthy"},
                                                             {"name": "registry", "status": "unhealthy"}]})
    program(tmp_path, "bash", f"printf 'HTTP/1.0 200 OK\\r\\nA: b\\r\\n\\r\\n%s' '{body}'")

    def ask() -> asking.Answer:
        script = asking.script(made, node(made))
        said = Here(node(made), tmp_path).run(Call("", Phase.LOOK, script), lambda _: None)
        return asking.parsed(made, node(made), said.out)

    return ask


def test_a_hosts_answer_tells_containers_health_versions_and_disks(answer: Any) -> None:
    said = answer()
    assert said.parts["docker"] == "active"
    assert (said.parts["core"], said.parts["registry"], said.parts["jobservice"], said.parts["log"]) == (
        "running", "unhealthy", "exited", "missing")  # fmt: skip
    assert said.health == {"core": "healthy", "registry": "unhealthy"}
    assert said.versions == {"docker": "26.1.5", "harbor": "v2.15.2"}
    assert not said.holds_address
    root = next(disk for disk in said.disks if disk.mount == "/" or "/" in disk.paths)
    assert 0 < root.free <= root.total


def test_a_node_without_docker_or_an_answer_has_parts_that_are_missing(
    answer: Any, tmp_path: Path
) -> None:
    program(tmp_path, "docker", "exit 127")
    program(tmp_path, "bash", "exit 1")
    program(tmp_path, "systemctl", "echo inactive; exit 3")
    said = answer()
    assert said.parts["core"] == "missing"
    assert said.parts["docker"] == "inactive"
    assert said.health == {"answer": "none"}
    assert said.versions == {}


@pytest.mark.parametrize(("last", "state"), [
    ("VRRP_Script(alive) succeeded\n(harbor) Entering FAULT STATE\n(harbor) removing VIPs.", "fault"),
    ("VRRP_Instance(harbor) Entering FAULT STATE", "fault"),  # as 1.3.5 says it
    ("(harbor) Entering FAULT STATE\n(harbor) Entering BACKUP STATE", "active"),
    ("(harbor) Entering MASTER STATE", "active"),
    ("Starting VRRP child process, pid=59\nVRRP_Script(alive) failed (exited with status 1)", "fault"),
    ("Starting VRRP child process, pid=59\n(harbor) Entering BACKUP STATE (init)", "active"),
    ("", "active"),  # the journal keeps nothing for ever
])  # fmt: skip
def test_a_keepalived_in_fault_is_not_well_though_it_runs(
    cluster: Cluster, tmp_path: Path, last: str, state: str
) -> None:
    balancer = cluster.balancers[0]
    program(tmp_path, "systemctl", "echo active")
    program(tmp_path, "journalctl", f"cat <<'E'\n(harbor) Entering BACKUP STATE (init)\n{last}\nE")
    said = Here(balancer, tmp_path).run(Call("", Phase.LOOK, asking.script(cluster, balancer)), lambda _: None)
    assert asking.parsed(cluster, balancer, said.out).parts["keepalived"] == state


def test_what_a_host_prints_neither_breaks_a_line_nor_a_terminal(cluster: Cluster) -> None:
    text = ("part\tcore\t\x1b[2Jrunning\nnonsense\npart\tno-tab\nhealth\tanswer\t%%%\n"
            "disk\t/\tx y z w /mnt\ndisk\t/gone\t0 0 hangs\nvip\tvip\tyes\n")  # fmt: skip
    said = asking.parsed(cluster, node(cluster), text)
    assert said.parts.pop("core") == "running"
    assert set(said.parts.values()) == {"missing"}
    assert not said.whole
    assert said.health == {"answer": "none"}
    assert said.holds_address
    gone = next(disk for disk in said.disks if disk.mount == "/gone")
    assert not gone.well
    assert "does not answer" in gone.told


def test_a_node_that_the_kernels_balancer_has_no_more_is_down(
    answers: dict[str, Any], tmp_path: Path
) -> None:
    data = {**answers, "balancer": {"type": "lvs"}, "tls": {"mode": "none"}}
    made = load.parse(data, "lvs.yaml", tmp_path)
    program(tmp_path, "ipvsadm", f"""cat <<'E'
IP Virtual Server version 1.2.1 (size=4096)
TCP  {made.vip}:80 sh
  -> {made.nodes[0].address}:80             Route   1      0          0
E""")
    host = made.balancers[0]
    script = asking.script(made, host)
    said = Here(host, tmp_path).run(Call("", Phase.LOOK, script), lambda _: None)
    parts = asking.parsed(made, host, said.out).parts
    assert (parts["sees harbor-1"], parts["sees harbor-2"]) == ("UP", "DOWN")


@pytest.mark.parametrize(
    ("held", "row", "asked", "well"),
    [
        ("", "", "healthy", True),
        ("", "", "ill", False),
        # Of the one that holds the address the table is asked: it cannot be a client of its own.
        ("{vip}/24", "  -> 10.0.0.11:80   Route   1   0   0", "ill", True),
        ("{vip}/24", "  -> 10.0.0.11:80   Route   0   0   0", "healthy", False),
        ("{vip}/24", "TCP  10.0.0.9:80 sh\n  -> 10.0.0.11:80   Route   1   0   0", "healthy", False),
    ],
)
def test_a_balancer_of_the_kernel_asks_the_address_where_it_does_not_hold_it(
    answers: dict[str, Any], tmp_path: Path, held: str, row: str, asked: str, well: bool
) -> None:
    data = {**answers, "balancer": {"type": "lvs"}, "tls": {"mode": "none"}}
    made = load.parse(data, "lvs.yaml", tmp_path)
    host = made.balancers[0]
    program(tmp_path, "ip", f"echo '2: {host.interface} inet {held.format(vip=made.vip)}'")
    program(tmp_path, "ipvsadm", f"printf '%s\\n' 'TCP  {made.vip}:80 sh' '{row}'")
    body = '{"name":"core","status":"healthy"}' if asked == "healthy" else "{}"
    program(tmp_path, "bash", f"printf '%s' '{body}'")
    (step,) = keepalived.address_answers(made, host)
    done = Here(host, tmp_path).run(Call("", Phase.LOOK, step.check.masked()), lambda _: None)
    assert done.ok is well, done.err


def test_every_unit_that_a_host_needs_after_a_boot_is_known(cluster: Cluster) -> None:
    assert list(asking.boot_units(cluster, cluster.balancers[0])) == ["haproxy", "keepalived"]
    units = list(asking.boot_units(cluster, node(cluster)))
    assert units[:2] == ["docker.service", "harbor.service"]
    assert units[2].endswith(".mount")


@pytest.mark.parametrize(
    ("free", "total", "inodes", "well"),
    [(11, 100, 50, True), (9, 100, 50, False), (60, 10_000, 50, True), (11, 100, 4, False), (0, 0, None, False),
     (11, 100, None, True)],
)  # fmt: skip
def test_a_disk_is_well_with_a_tenth_or_fifty_gigabytes_and_with_inodes(
    free: int, total: int, inodes: int | None, well: bool
) -> None:
    assert Disk("/", ("/",), free * GB, total * GB, inodes).well is well


@pytest.mark.parametrize(("days", "well"), [(14.5, True), (13.9, False), (-3.5, False)])
def test_a_certificate_is_well_for_two_weeks_before_its_end(days: float, well: bool) -> None:
    one = Certificate("registry", "10.0.0.10:443", NOW + days * 86400)
    assert one.well(NOW) is well
    assert not Certificate("registry", "10.0.0.10:443", error="no certificate").well(NOW)


# What monitoring reads.


def test_all_is_well_only_when_each_part_is() -> None:
    good = HostStatus("h", "10.0.0.1", ("harbor",), {"core": "running"}, holds_address=True,
                      versions={"harbor": "v2.15.2"}, wanted="v2.15.2")  # fmt: skip
    assert ClusterStatus("c", "10.0.0.9", (good,)).well
    for bad in (
        replace(good, parts={"core": "exited"}), replace(good, health={"core": "unhealthy"}),
        replace(good, versions={"harbor": "v2.14.0"}), replace(good, error="h: not reached"),
        replace(good, disks=(Disk("/", ("/",), 1, GB),)), replace(good, drift=(Drift("/x", "changed"),)),
        replace(good, holds_address=False),
    ):  # fmt: skip
        status = ClusterStatus("c", "10.0.0.9", (bad,))
        assert not status.well
        assert len(status.ill) == 1
        assert json.loads(status.as_json())["well"] is False
        assert status.ill[0] in json.loads(status.as_json())["ill"]
    failed = Policy("a", "b", "p", enabled=True, status="Failed", lost=1)
    assert not ClusterStatus("c", "10.0.0.9", (good,), policies=(failed,)).well
    assert not ClusterStatus("c", "10.0.0.9", (good, good)).held


def test_files_that_could_not_be_compared_are_told_and_are_no_failure() -> None:
    host = HostStatus("h", "10.0.0.1", ("harbor",), compared=3, unknown=2, holds_address=True)
    status = ClusterStatus("c", "10.0.0.9", (host,), unasked="no password")
    assert status.well
    assert "3 files as planned, 2 not compared: their secrets are not here" in status.as_text()
    assert "? replication: no password" in status.as_text()


# Files that differ.

HALF = Text.of(f"name: registry\npassword: {Hole('db')}\n")
WHOLE = Text((Hole("tls"),))


def files(tmp_path: Path, **contents: str | None) -> list[Step]:
    steps = []
    for name, content in (("plain", Text.of("a: 1\n")), ("half", HALF), ("whole", WHOLE)):
        path = tmp_path / name
        written = contents.get(name, content.raw(SecretValues({"db": "hunter22", "tls": "x\ny\n"}, {})))
        path.unlink(missing_ok=True)
        if written is not None:
            path.write_text(written)
            path.chmod(0o644)
        owner = f"{os.getuid()}:{os.getgid()}"
        steps.append(file("h", f"x/{name}", str(path), content, "why", owner=owner))
    return steps


class Input(Here):
    """Runs scripts with what they read on standard input."""

    def run(self, call: Call, on_lines: Any) -> Result:
        script = self.folder / "script"
        script.write_text(call.script)
        done = subprocess.run(["sh", str(script)], input=call.input or b"", capture_output=True, timeout=30)
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def found(tmp_path: Path, values: SecretValues, **contents: str | None) -> Any:
    host = Host(name="harbor-1", roles=(Role.HARBOR,), address="10.0.0.1", platform="debian-13")
    return drifted(files(tmp_path, **contents), values, Input(host, tmp_path))


KNOWN = SecretValues({"db": "hunter22", "tls": "x\ny\n"}, {})


def test_files_as_planned_are_counted_and_no_drift(tmp_path: Path) -> None:
    assert found(tmp_path, KNOWN) == Drifted((), 3, 0)


def test_a_changed_and_a_missing_file_are_drift_with_a_diff_without_secrets(tmp_path: Path) -> None:
    seen = found(tmp_path, KNOWN, plain=None, half="name: other\npassword: hunter23\n")
    assert [(one.path.rpartition("/")[2], one.state) for one in seen.found] == [
        ("plain", "missing"), ("half", "changed")]  # fmt: skip
    assert "+a: 1" in seen.found[0].diff
    assert f"-name: {MASK}" in seen.found[1].diff
    assert "hunter" not in seen.found[1].diff


def test_a_secret_that_differs_is_drift_that_shows_neither(tmp_path: Path) -> None:
    (one,) = found(tmp_path, KNOWN, half="name: registry\npassword: hunter23\n").found
    assert "Only what is not shown differs" in one.diff


def test_without_its_secrets_a_file_is_compared_in_what_can_be_seen(tmp_path: Path) -> None:
    nothing = SecretValues({}, {})
    seen = found(tmp_path, nothing)
    assert (seen.found, seen.compared, seen.unknown) == ((), 1, 2)
    seen = found(tmp_path, nothing, half="name: other\npassword: hunter23\n")
    assert ([one.state for one in seen.found], seen.unknown) == (["changed"], 1)
    seen = found(tmp_path, nothing, whole=None)
    assert [one.state for one in seen.found] == ["missing"]


class Drawn:
    """A value for each secret; those of some are several lines."""

    def value(self, name: str) -> str:
        return "one\ntwo\n" if name.startswith(("tls", "ca_", "storage_key", "harbor_token")) else f"a-{name}"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_a_file_as_planned_never_differs_for_want_of_its_secrets(path: Path) -> None:
    for step in make_plan(load.parse(load.read(path), path.name)).steps:
        if step.file is not None and step.file.content.holes:
            content = step.file.content
            now = masked_now(content.raw(Drawn()), content, lambda text: text)
            assert not _plainly_differs(content, now), step.id


# Replication.


class AtHarbor(RehearsalTransport):
    """A host whose Harbor is the tests' own."""

    there = ""

    def run(self, call: Call, on_lines: Any) -> Result:
        functions = make_plan(test_api_calls.cluster()).step("harbor-1/replication/api").file
        assert functions is not None
        text = functions.content.raw(SecretValues({}, {}))
        script = call.script.replace(f". {functions.path} || exit 1\n", text)
        script = re.sub(r"http://10\.0\.0\.1\d", self.there, script)
        done = subprocess.run(["sh", "-c", script], input=call.input, capture_output=True, timeout=30)
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def stamp(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))


def execution(number: int, status: str, trigger: str = "event_based", took: float = 2.0, ago: float = 60.0) -> Any:
    began = int(time.time() - ago)
    ended = stamp(began + took) if status != "InProgress" else "0001-01-01T00:00:00.000Z"
    return {"id": number, "status": status, "trigger": trigger, "start_time": stamp(began), "end_time": ended}


@pytest.fixture
def asked(harbor: tuple[Harbor, str], tmp_path: Path) -> Any:
    if not (shutil.which("curl") and shutil.which("jq")):
        pytest.skip("curl and jq are not installed")
    kept, there = harbor
    made = test_api_calls.cluster()
    wires = replication.wires(made)
    at = AtHarbor(made.nodes[0], tmp_path)
    at.there = there
    kept.kept["/replication/policies"].append({"id": 1, "name": wires[0].name, "enabled": True})
    def ask(*executions: Any, password: str = SECRETS["harbor_admin_password"]) -> Policy:
        kept.executions[:] = executions
        (one,) = replicating.policies(wires, password, at)
        assert kept.wrong == []
        return one

    ask.kept = kept  # type: ignore[attr-defined]
    return ask


def test_a_policy_is_told_with_its_last_execution_and_the_lag(asked: Any) -> None:
    one = asked(execution(1, "Succeed", "manual", ago=600), execution(2, "Succeed", took=3))
    assert (one.status, one.trigger, one.lost, one.well) == ("Succeed", "event_based", 0, True)
    assert one.lag == 3.0
    assert "harbor-1 → harbor-2: last execution Succeed, lag 3.0 s" in one.told


def test_an_execution_under_way_lags_for_as_long_as_it_takes(asked: Any) -> None:
    one = asked(execution(2, "InProgress", ago=90), execution(1, "Succeed", "manual"))
    assert one.well
    assert one.ended is None
    assert 89 <= one.lag <= 100


def test_a_failed_event_is_lost_until_a_complete_execution_makes_up_for_it(asked: Any) -> None:
    failed = [execution(1, "Succeed", "manual"), execution(2, "Failed")]
    one = asked(*failed)
    assert (one.status, one.lost, one.well) == ("Failed", 1, False)
    later = asked(*failed, execution(3, "Succeed"))
    assert (later.status, later.lost, later.well) == ("Succeed", 1, False)
    assert asked(*failed, execution(3, "Succeed", "manual")).well


def test_a_policy_that_is_off_or_gone_or_does_not_tell_is_not_well(asked: Any) -> None:
    asked.kept.kept["/replication/policies"][0]["enabled"] = False
    assert "turned off" in asked(execution(1, "Succeed")).told
    asked.kept.kept["/replication/policies"].clear()
    assert "is not there" in asked().told
    refused = asked(password="no")
    assert "UNAUTHORIZED" in refused.error
    assert not refused.well


# The connections.


def test_hosts_are_tried_less_often_the_longer_they_are_away(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("harbor_wizard.inspection.status.time.monotonic", lambda: clock[0])
    tries: dict[str, list[float]] = {}

    def connect(host: Host) -> Any:
        class Away(RehearsalTransport):
            def run(self, call: Call, on_lines: Any) -> Result:
                return Result(0, "end\tend\tyes\n", "")

            def connect(self) -> None:
                tries.setdefault(host.name, []).append(clock[0])
                if host.name == "lb-1":
                    raise AuthenticationError("lb-1: refused")
                if host.name == "lb-2":
                    raise TransportError("lb-2: away")

        return Away(host, tmp_path)

    with Looker(cluster, connect) as looker:
        for second in range(0, 200, 5):
            clock[0] = float(second)
            seen = looker.look()
            assert [host.error for host in seen.hosts[:2]] == ["lb-1: refused", "lb-2: away"]
        assert tries["lb-1"] == [0.0]
        assert tries["lb-2"] == [0.0, 5.0, 15.0, 35.0, 75.0, 135.0, 195.0]
        assert tries["harbor-1"] == [0.0]
        looker.insist()
        looker.look()
        assert len(tries["lb-1"]) == 2


# The command.


def answering(answers: dict[str, str], made: Cluster, folder: Path) -> Any:
    """What connects to hosts that say what is given, with files as planned; the others are away."""
    plan = make_plan(made)

    def connect(host: Host) -> Any:
        class Said(RehearsalTransport):
            def connect(self) -> None:
                if host.name not in answers:
                    raise TransportError(f"{host.name}: away")

            def run(self, call: Call, on_lines: Any) -> Result:
                if call.step == "status":
                    return Result(0, answers[host.name], "")
                text = next((step.file.content.masked() for step in plan.on(host.name)
                             if step.file and step.file.path in call.script), "")  # fmt: skip
                return Result(0, base64.b64encode(text.encode()).decode(), "")

        return Said(host, folder)

    return connect


def good_answer(cluster: Cluster, host: Host) -> str:
    body = base64.b64encode(b'{"components":[{"name":"core","status":"healthy"}]}').decode()
    lines = [f"part\t{name}\t{'UP' if name.startswith('sees') else 'active'}" for name in asking.expected(cluster, host)]
    lines += [f"vip\tvip\t{'yes' if host.name == 'lb-1' else 'no'}", f"health\tanswer\t{body}"]
    lines += ["disk\t/\t900 1000 500000000 900000000 /", "end\tend\tyes"]
    return "\n".join(lines) + "\n"


@pytest.fixture
def command(
    answers: dict[str, Any], cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    data = {**answers, "tls": {"mode": "none"}}
    path = tmp_path / "prod.yaml"
    path.write_text(yaml.safe_dump(data))
    made = load.parse(data, "prod.yaml", tmp_path)
    said = {host.name: good_answer(made, host) for host in made.hosts}
    monkeypatch.setattr(run, "ssh_connector", lambda *_: answering(said, made, tmp_path))

    def invoke(*options: str) -> Any:
        return CliRunner().invoke(app, ["status", str(path), *options])

    invoke.said = said  # type: ignore[attr-defined]
    return invoke


def test_the_exit_code_is_0_only_when_all_is_well(command: Any) -> None:
    done = command()
    assert done.exit_code == 0, done.output
    assert "all is well" in done.output
    command.said["lb-2"] = command.said["lb-2"].replace("keepalived\tactive", "keepalived\tfailed")
    done = command()
    assert done.exit_code == 1
    assert "✗ keepalived: failed" in done.output
    del command.said["lb-2"]
    done = command()
    assert done.exit_code == 1
    assert "not reached" in done.output


def test_an_answer_that_breaks_off_is_not_well(command: Any) -> None:
    command.said["harbor-1"] = command.said["harbor-1"].replace("end\tend\tyes\n", "")
    data = json.loads(command("--output", "json").output)
    assert (data["well"], data["ill"]) == (False, ["harbor-1: its answer broke off: "])


def test_a_part_that_a_host_leaves_out_is_missing(command: Any) -> None:
    command.said["harbor-1"] = command.said["harbor-1"].replace("part\tjobservice\tactive\n", "")
    assert json.loads(command("--output", "json").output)["ill"] == ["harbor-1: jobservice: missing"]


def test_json_is_english_wherever_it_is_asked_for(command: Any) -> None:
    language.choose("zh")
    try:
        data = json.loads(command("--output", "json").output)
    finally:
        language.choose("en")
    assert data["well"] is True
    assert set(data) == {"cluster", "time", "well", "ill", "virtual_address", "movable", "holders", "hosts",
                         "certificates", "replication", "replication_unasked", "notes"}  # fmt: skip
    (disk,) = data["hosts"][0]["disks"]
    assert (disk["free_bytes"], disk["free_percent"], disk["well"]) == (512_000_000_000, 55, True)


@pytest.mark.slow  # age takes a second for each look into the store
def test_a_wrong_passphrase_is_told_and_no_host_is_asked(command: Any, tmp_path: Path) -> None:
    command()  # the session is made
    (session,) = sessions.all_sessions()
    session.store.write({"harbor_admin_password": "Adm1nAdm1n"}, "the right one")
    given = tmp_path / "given.yaml"
    given.write_text("passphrase: another one\n")
    given.chmod(0o600)
    done = command("--secrets", str(given))
    assert isinstance(done.exception, SecretsError)
