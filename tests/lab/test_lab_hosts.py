"""The lab's hosts are real Debian hosts that can be cut off, killed and booted again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harbor_wizard.lab import cgroup, network, requirements
from harbor_wizard.lab.errors import LabError
from harbor_wizard.lab.host import LabHost
from harbor_wizard.lab.lab import Lab
from harbor_wizard.lab.layout import HostSpec

_LACKING = requirements.missing()

pytestmark = [
    pytest.mark.lab,
    pytest.mark.alone,
    pytest.mark.skipif(bool(_LACKING), reason="; ".join(_LACKING)),
]

HOSTS = (
    HostSpec("lb-1", "10.77.0.21", "bookworm"),
    HostSpec("lb-2", "10.77.0.22", "trixie"),
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("lab") / "root", hosts=HOSTS)
    try:
        made.up(bring_installer=False)
        yield made
    finally:
        made.down()


@pytest.fixture(params=[spec.name for spec in HOSTS])
def host(lab: Lab, request: pytest.FixtureRequest) -> LabHost:
    return lab.host(request.param)


def ssh(lab: Lab, host: LabHost, command: str, user: str = "root") -> str:
    done = lab.execute(
        ["ssh", "-F", "none", "-i", str(lab.root / "id_ed25519"), "-o", "BatchMode=yes",
         "-o", f"UserKnownHostsFile={lab.root / 'known_hosts'}", "-o", "ConnectTimeout=3",
         "-o", "StrictHostKeyChecking=yes", f"{user}@{host.spec.address}", command],
        timeout=120,
    )  # fmt: skip
    if done.returncode != 0:
        raise LabError(done.stderr)
    return done.stdout.strip()


def pings(lab: Lab, address: str) -> bool:
    probe = ["bash", "-c", f"timeout 2 bash -c '</dev/tcp/{address}/22'"]
    return lab.execute(probe, timeout=20).returncode == 0


def test_every_login_works_with_the_key_and_the_known_host_key(lab: Lab, host: LabHost) -> None:
    assert ssh(lab, host, "hostname") == host.spec.name
    assert ssh(lab, host, "sudo -n id -u", user="ops") == "0"
    with pytest.raises(LabError, match="password"):
        ssh(lab, host, "sudo -n id -u", user="admin")


def test_each_host_is_the_debian_it_says(lab: Lab, host: LabHost) -> None:
    assert host.spec.suite in ssh(lab, host, "cat /etc/os-release")


def test_a_package_installs_from_the_labs_own_repository(lab: Lab, host: LabHost) -> None:
    ssh(lab, host, "apt-get -q update && apt-get install -yq --no-install-recommends keepalived")
    assert "keepalived" in ssh(lab, host, "command -v keepalived")


def test_a_host_has_no_way_out(lab: Lab, host: LabHost) -> None:
    assert "default" not in ssh(lab, host, "ip route")


def test_hosts_do_not_share_control_groups(lab: Lab) -> None:
    groups = set()
    for one in lab.hosts.values():
        leader = one.leader()
        assert leader is not None
        groups.add(Path(f"/proc/{leader}/cgroup").read_text().split("0::")[1].strip())
    assert len(groups) == len(HOSTS)
    assert all((cgroup.hierarchies()[0] / one.namespace).is_dir() for one in lab.hosts.values())


def test_a_cut_host_is_unreachable_until_mended(lab: Lab, host: LabHost) -> None:
    host.cut()
    assert not pings(lab, host.spec.address)
    host.mend()
    host.wait_ssh(20)


def test_a_frozen_host_says_nothing_until_it_thaws(lab: Lab, host: LabHost) -> None:
    host.freeze()
    with pytest.raises(LabError, match="did not answer"):
        host.wait_ssh(3)
    host.thaw()
    host.wait_ssh(20)


def test_a_reboot_keeps_what_is_on_disk_and_forgets_the_rest(lab: Lab, host: LabHost) -> None:
    ssh(lab, host, "touch /root/kept && ip addr add 10.77.0.10/24 dev eth0 && touch /run/lost")
    host.reboot()
    assert ssh(lab, host, "ls /root/kept") == "/root/kept"
    assert "10.77.0.10" not in ssh(lab, host, "ip addr show eth0")
    assert ssh(lab, host, "ls /run/lost || echo gone") == "gone"


def test_a_reboot_from_within_comes_back(lab: Lab, host: LabHost) -> None:
    before = host.leader()
    with pytest.raises((LabError, subprocess.TimeoutExpired)):
        ssh(lab, host, "systemctl reboot; sleep 60")
    host.wait_ssh(60)
    assert host.leader() != before


def test_no_address_of_a_killed_host_answers_and_it_boots_again(lab: Lab, host: LabHost) -> None:
    ssh(lab, host, "ip addr add 10.77.0.10/24 dev eth0 && touch /root/kept && sync")
    host.kill()
    assert lab.status()[host.spec.name] is False
    for address in (host.spec.address, "10.77.0.10"):
        asked = lab.execute(["ip", "-4", "neigh", "flush", "all"])
        assert asked.returncode == 0
        assert not pings(lab, address)
    host.boot()
    host.wait_ssh()
    assert ssh(lab, host, "ls /root/kept") == "/root/kept"


def test_a_second_up_changes_nothing(lab: Lab) -> None:
    before = {name: one.leader() for name, one in lab.hosts.items()}
    lab.up(bring_installer=False)
    assert {name: one.leader() for name, one in lab.hosts.items()} == before


def test_another_lab_does_not_take_over_this_ones_namespaces(lab: Lab, tmp_path: Path) -> None:
    prefix = lab.operator.removesuffix("-op")
    other = Lab(tmp_path / "other", prefix=prefix, hosts=HOSTS)
    with pytest.raises(LabError, match="there already"):
        other.up(bring_installer=False)
    other.down()
    assert all(lab.status().values())


def lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("seconds", [0.4, 1.0, 2.0])
def test_an_up_that_was_killed_is_taken_down_without_a_trace(tmp_path: Path, seconds: float) -> None:
    root = tmp_path / "root"
    program = (
        "from pathlib import Path; from harbor_wizard.lab.lab import Lab; "
        f"Lab(Path({str(root)!r})).up(bring_installer=False)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL,
                          start_new_session=True) as making:  # fmt: skip
        time.sleep(seconds)
        making.kill()
        making.wait(10)
        # The one program that it had just started goes on to its end, and nobody types before that.
        deadline = time.monotonic() + 20
        while lives(making.pid):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    killed = Lab(root)
    killed.down()
    assert not root.exists()
    assert str(root) not in Path("/proc/mounts").read_text()
    mine = {one.namespace for one in killed.hosts.values()} | {killed.operator}
    assert not mine & network.namespaces()


def test_a_folder_that_is_no_lab_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(LabError, match="is no lab"):
        Lab(tmp_path, hosts=HOSTS).down()
    with pytest.raises(LabError, match="is no lab"):
        Lab(tmp_path, hosts=HOSTS).up(bring_installer=False)
    assert (tmp_path / "precious").exists()
