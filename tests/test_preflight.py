"""Each look finds what it looks for, and none of the others finds it, too."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harbor_wizard import preflight
from harbor_wizard.errors import NotAnswering, TransportError
from harbor_wizard.model import load
from harbor_wizard.model.cluster import BalancerType, Cluster, Host
from harbor_wizard.preflight import Level, Preflight
from harbor_wizard.preflight.facts import Facts, script
from harbor_wizard.preflight.looking import judge
from harbor_wizard.session import create
from harbor_wizard.transport.base import Call, Result

EXAMPLE = Path(__file__).parents[1] / "examples" / "rehearsal.yaml"

_COMMON = """\
user\t0
architecture\tx86_64
systemd\tyes
cpus\t4
memory\t16000000
synchronised\tyes
known\tno
kernel\t6.1.0-37-amd64
cgroups\tcgroup2fs
controller\tcpu
controller\tmemory
controller\tpids
module\toverlay
free\t90000000 / /var/lib/docker
free\t90000000 / /var/lib/harbor-wizard
free\t90000000 / /data
inodes\t5000000 / /var/lib
route\tdefault eth0 10.0.0.1
route\t10.0.0.0/24 eth0 -
operator\t10.9.9.9
arp_asked\tyes
vrrp_asked\tyes
vrrp_heard\t10.0.0.21
vrrp_heard\t10.0.0.22
resolves\t10.0.0.10
reaches\t10.0.0.31 5432
reaches\t10.0.0.31 6379
mounted\t/mnt/shared/harbor nfs4 10.0.0.41:/export
mtu\teth0 1500
db_wanted\tregistry
db_login\tregistry
db_tls\tnone
db_version\t17.2 (Debian 17.2-1)
db_replica\tno
db_encoding\tregistry UTF8
db_rights\tregistry yes harbor
db_tables\tregistry none 0
redis_login\t10.0.0.31:6379
redis_version\t8.0.2
redis_role\t10.0.0.31:6379 master
redis_memory\t0 noeviction
sentinel\t10.0.0.31:6379 10.0.0.31:6379
sentinel_quorum\t10.0.0.31:6379 OK 3 usable Sentinels
store_is\t10000:10000 /mnt/shared/harbor
store_wrote\t10000 /mnt/shared/harbor
store_sees\tharbor-1 /mnt/shared/harbor
store_sees\tharbor-2 /mnt/shared/harbor
store_bucket\t200 -
nfs_version\t4
nfs_export\t/export
package_sources\ttried
package_source\tyes http://deb.debian.org/debian/dists/trixie
installer_url\tyes https://files.example.com/harbor-offline-installer-v2.15.2.tgz
installer_file\t700000000 gzip aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
installer_signature\tgood checked with cosign
certificate_ours\tyes
"""


@pytest.fixture
def cluster() -> Cluster:
    return load.parse(load.read(EXAMPLE), "rehearsal.yaml")


def healthy(host: Host) -> str:
    """What a host says with which all is well."""
    system = host.platform.replace("-", " ")
    return (f"{_COMMON}system\t{system}\ntitle\t{system}\nname\t{host.name}\n"
            f"machine\tid-of-{host.name}\naddress\teth0 {host.address}/24\n"
            f"mac\t02:00:00:00:00:{host.address.rpartition('.')[2]}\n")  # fmt: skip


def seen(cluster: Cluster, changed: dict[str, Any], on: str = "harbor-1") -> Preflight:
    """Look at healthy hosts, one of which says something else."""
    answers = {}
    for host in cluster.hosts:
        text, off = healthy(host), 0.0
        if host.name == on:
            for name, value in changed.items():
                if name == "clock_off":
                    off = value
                    continue
                kept = [line for line in text.splitlines() if not line.startswith(f"{name}\t")]
                values = value if isinstance(value, list) else [value]
                text = "\n".join([*kept, *(f"{name}\t{one}" for one in values)]) + "\n"
        answers[host.name] = Facts(text, off)
    return judge(cluster, cluster.hosts, dict(answers))


def test_healthy_hosts_pass_all(cluster: Cluster) -> None:
    found = seen(cluster, {})
    assert [one for one in found.findings if one.level is not Level.OK] == []
    assert found.well


CAUSES: list[tuple[str, str, dict[str, Any], str, Level, str]] = [
    ("another system", "system", {"system": "alpine 3.20", "title": "Alpine"}, "harbor-1",
     Level.FAILED, "Alpine"),
    ("a system of another version", "system", {"system": "debian 13"}, "harbor-1", Level.FAILED,
     "debian-13"),
    ("no systemd", "system", {"systemd": "no"}, "lb-1", Level.FAILED, "systemd"),
    ("not root", "root", {"user": "1000"}, "lb-2", Level.FAILED, "sudo"),
    ("ARM", "architecture", {"architecture": "aarch64"}, "harbor-2", Level.FAILED, "x86_64"),
    ("one processor", "cpus", {"cpus": "1"}, "harbor-1", Level.WARNING, "1"),
    ("little memory", "memory", {"memory": "2000000"}, "harbor-1", Level.WARNING, "1.9 GB"),
    ("a full disk", "disk", {"free": ["900000 / /var/lib/docker", "90000000 /data /data"]},
     "harbor-1", Level.FAILED, "/var/lib/docker"),
    ("a full disk for the installer alone", "disk",
     {"free": ["90000000 /var/lib/docker /var/lib/docker", "900000 / /opt/harbor"]}, "harbor-2",
     Level.FAILED, "/opt/harbor"),
    ("a full disk of a balancer", "disk", {"free": "90000 / /var/lib/harbor-wizard"}, "lb-1",
     Level.FAILED, "/var/lib/harbor-wizard"),
    ("an old kernel", "kernel", {"kernel": "4.9.0"}, "harbor-1", Level.FAILED, "4.15"),
    ("no cgroups", "kernel", {"cgroups": []}, "harbor-1", Level.FAILED, "/sys/fs/cgroup"),
    ("no cgroups", "kernel", {"cgroups": "sysfs"}, "harbor-1", Level.FAILED, "no cgroups"),
    ("no cgroup for memory", "kernel", {"controller": ["cpu", "pids"]}, "harbor-1", Level.WARNING,
     "cgroup_enable=memory"),
    ("no overlay", "kernel", {"module": []}, "harbor-2", Level.FAILED, "overlay"),
    ("a small disk", "disk", {"free": "20000000 / /data"}, "harbor-1", Level.WARNING, "/data"),
    ("few inodes", "inodes", {"inodes": "900 / /var/lib"}, "harbor-1", Level.WARNING, "900"),
    ("a skewed clock", "clock", {"clock_off": 90.0}, "lb-1", Level.FAILED, "90.0 s"),
    ("a clock a little off", "clock", {"clock_off": -4.0}, "lb-1", Level.WARNING, "4.0 s"),
    ("no NTP", "clock", {"synchronised": "no"}, "lb-1", Level.WARNING, "NTP"),
    ("another interface", "address", {"address": "ens3 10.0.0.21/24"}, "lb-1", Level.FAILED,
     "eth0"),
    ("another address", "address", {"address": "eth0 10.0.0.99/24"}, "harbor-2", Level.FAILED,
     "10.0.0.99"),
    ("a taken port", "ports", {"listens": '0.0.0.0:80 users:(("apache2",pid=9,fd=4))'}, "lb-1",
     Level.FAILED, "apache2"),
    ("a taken port of IPv6", "ports", {"listens": '[::]:80 users:(("caddy",pid=9,fd=4))'},
     "harbor-1", Level.FAILED, "caddy"),
    ("podman in Docker's place", "docker", {"docker_is": "podman version 5.0"}, "harbor-1",
     Level.FAILED, "podman"),
    ("an old Docker", "docker", {"docker_is": "Docker version 20", "docker": "20.10.5+dfsg1"},
     "harbor-1", Level.FAILED, "20.10.5"),
    ("a stopped Docker", "docker", {"docker_is": "Docker version 27"}, "harbor-1", Level.WARNING,
     "does not run"),
    ("a slow storage driver", "docker", {"docker_is": "Docker version 27", "docker": "27.1.1",
                                         "docker_driver": "vfs"}, "harbor-1", Level.WARNING, "vfs"),
    ("a Harbor of somebody", "leftovers", {"leftover": "/opt/harbor/harbor.yml"}, "harbor-2",
     Level.WARNING, "/opt/harbor/harbor.yml"),
    ("another machine with the address", "unique", {"arp": "10.0.0.21 02:de:ad:00:00:01"}, "lb-1",
     Level.FAILED, "02:de:ad:00:00:01"),
    ("nothing to ask the wire with", "unique", {"arp_asked": []}, "harbor-1", Level.WARNING,
     "arping"),
    ("the operator in Docker's networks", "pools", {"operator": "172.18.3.4"}, "harbor-1",
     Level.WARNING, "172.18.3.4"),
    ("a far network in Docker's", "pools",
     {"route": ["default eth0 10.0.0.1", "192.168.4.0/24 eth0 10.0.0.9"]}, "harbor-2",
     Level.WARNING, "192.168.4.0/24"),
    ("pools that were chosen badly", "pools", {"pool": "10.9.0.0/16"}, "harbor-1", Level.WARNING,
     "10.213.0.0/16"),
    ("a network of Docker's that hides a host", "pools",
     {"route": ["default eth0 10.0.0.1", "10.0.0.0/27 br-12ab -"]}, "harbor-1", Level.FAILED,
     "lb-1 (10.0.0.21)"),
    ("firewalld without rules", "firewall",
     {"firewall": "firewalld", "zone": "public", "zoned": ["public (active)", "services: ssh"]},
     "lb-1", Level.WARNING, "firewall-cmd --permanent --zone=public --add-protocol=vrrp"),
    ("firewalld without the port", "firewall",
     {"firewall": "firewalld", "zone": "dmz", "zoned": ["services: ssh https", "protocols: vrrp"]},
     "lb-1", Level.WARNING, "firewall-cmd --zone=dmz --add-port=80/tcp"),
    ("ufw without VRRP", "firewall",
     {"firewall": "ufw", "ufw": ["Status: active", "Default: deny (incoming), allow (outgoing)",
                                 "80,443/tcp                 ALLOW IN    Anywhere"]},
     "lb-2", Level.WARNING, "ufw allow proto vrrp from 10.0.0.21"),
    ("ufw without the port", "firewall",
     {"firewall": "ufw", "ufw": ["22/tcp                     ALLOW IN    Anywhere",
                                 "Anywhere                   ALLOW IN    10.0.0.21/vrrp"]},
     "lb-2", Level.WARNING, "ufw allow 80/tcp"),
    ("iptables without the port", "firewall",
     {"iptables": ["*filter", ":INPUT DROP [0:0]", "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
                   "-A INPUT -p vrrp -j ACCEPT"]},
     "lb-1", Level.WARNING, "iptables -I INPUT -p tcp -m multiport --dports 80 -j ACCEPT"),
    ("nftables without the port", "firewall",
     {"nft": ["table inet site {", "chain in {",
              "type filter hook input priority filter; policy drop;", 'iifname "lo" accept',
              "ct state established,related accept", "tcp dport { 22, 8000-8100 } accept",
              "meta l4proto vrrp accept", "}", "}"]},
     "lb-1", Level.WARNING, "nft insert rule inet site in tcp dport '{ 80 }' accept"),
    ("nftables that forwards nothing", "firewall",
     {"nft": ["table inet site {", "chain forward {",
              "type filter hook forward priority filter; policy drop;", "}", "}"]},
     "harbor-1", Level.WARNING, "nft insert rule inet site forward ct status dnat accept"),
    ("SELinux without HAProxy's ports", "selinux",
     {"selinux": "Enforcing", "boolean": "haproxy_connect_any off"}, "lb-1", Level.WARNING,
     "setsebool -P haproxy_connect_any on"),
    ("VRRP that does not pass", "vrrp", {"vrrp_heard": []}, "lb-1", Level.FAILED, "lb-2"),
    ("the virtual router's number in use", "router",
     {"vrrp_advert": ["10.0.0.99 77", "10.0.0.22 77", "10.0.0.98 12"]}, "lb-1", Level.FAILED,
     "10.0.0.99"),
    ("no name", "name", {"resolves": []}, "harbor-1", Level.WARNING, "does not resolve"),
    ("a name that leads elsewhere", "name", {"resolves": "192.0.2.9"}, "lb-2", Level.WARNING,
     "192.0.2.9"),
    ("a virtual address in use", "virtual", {"arp": "10.0.0.10 02:00:00:00:00:01"},
     "lb-1", Level.FAILED, "02:00:00:00:00:01"),
    ("no database", "services", {"reaches": "10.0.0.31 6379"}, "harbor-2", Level.FAILED,
     "10.0.0.31 port 5432"),
    ("no Redis", "services", {"reaches": "10.0.0.31 5432"}, "harbor-1", Level.FAILED,
     "10.0.0.31 port 6379"),
    ("no store", "storage", {"mounted": [], "absent": "/mnt/shared/harbor", "store_wrote": [],
                             "store_sees": []}, "harbor-1", Level.FAILED,
     "/mnt/shared/harbor"),
    ("a store of one's own", "storage", {"mounted": "/mnt/shared/harbor xfs /dev/sdb1",
                                         "store_wrote": [], "store_sees": []},
     "harbor-2", Level.WARNING, "xfs"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "changed", "on", "level", "says"), [one[1:] for one in CAUSES],
    ids=[one[0] for one in CAUSES],
)  # fmt: skip
def test_each_cause_is_found_by_its_own_look_only(
    cluster: Cluster, check: str, changed: dict[str, Any], on: str, level: Level, says: str
) -> None:
    bad = [one for one in seen(cluster, changed, on).findings if one.level is not Level.OK]
    assert [(one.check, one.host, one.level) for one in bad] == [(check, on, level)]
    told = " ".join([bad[0].seen, bad[0].wanted, bad[0].cure])
    assert says in told
    assert bad[0].wanted
    assert bad[0].source
    assert bad[0].cure


@pytest.mark.parametrize(("name", "value", "word"), [("machine", "id-of-lb-1", "clones"),
                                                      ("name", "lb-1", "hostnamectl")])  # fmt: skip
def test_clones_are_found_on_both_hosts(
    cluster: Cluster, name: str, value: str, word: str
) -> None:
    bad = [one for one in seen(cluster, {name: value}).findings if one.level is not Level.OK]
    assert {(one.check, one.host) for one in bad} == {("identity", "lb-1"),
                                                      ("identity", "harbor-1")}  # fmt: skip
    assert all(word in one.cure for one in bad)


def test_different_packet_sizes_are_found(cluster: Cluster) -> None:
    bad = [one for one in seen(cluster, {"mtu": "eth0 9000"}).findings if one.level is not Level.OK]
    assert {one.check for one in bad} == {"mtu"}
    assert "1500, 9000" in bad[0].wanted


def test_two_hosts_that_are_one_machine_are_told_once(cluster: Cluster) -> None:
    one = {"address": ["eth0 10.0.0.11/24", "eth0 10.0.0.12/24"], "machine": "id-of-harbor-1"}
    answers = {host.name: Facts(healthy(host), 0.0) for host in cluster.hosts}
    text = "".join(f"{name}\t{value}\n" for name, values in one.items()
                   for value in ([values] if isinstance(values, str) else values))  # fmt: skip
    for name in ("harbor-1", "harbor-2"):
        kept = [line for line in healthy(cluster.host(name)).splitlines()
                if line.split("\t")[0] not in (*one, "name")]  # fmt: skip
        answers[name] = Facts("\n".join([*kept, "name\tharbor-1"]) + "\n" + text, 0.0)
    found = judge(cluster, cluster.hosts, dict(answers))
    bad = {(one.check, one.host, one.level) for one in found.findings if one.level is not Level.OK}
    assert bad == {("unique", "harbor-1", Level.FAILED), ("unique", "harbor-2", Level.FAILED)}


@pytest.mark.parametrize("rules", [
    {"firewall": "firewalld", "zone": "public",
     "zoned": ["target: default", "ports: 80/tcp 443/tcp", "protocols: vrrp"]},
    {"firewall": "firewalld", "zone": "public",
     "zoned": ["services: http", 'rule family="ipv4" protocol value="vrrp" accept']},
    {"firewall": "firewalld", "zone": "trusted", "zoned": ["target: ACCEPT"]},
    {"firewall": "ufw", "ufw": ["80,443/tcp                 ALLOW IN    Anywhere",
                                "Anywhere                   ALLOW IN    10.0.0.22"]},
    {"firewall": "ufw", "ufw": ["Nginx Full                 ALLOW IN    Anywhere",
                                "Anywhere                   ALLOW IN    10.0.0.22/vrrp"]},
    {"firewall": "ufw", "ufw": ["Default: allow (incoming), allow (outgoing)"]},
    {"iptables": [":INPUT DROP [0:0]", "-A INPUT -j ours",
                  "-A ours -p tcp -m multiport --dports 80,443 -j ACCEPT",
                  "-A ours -p 112 -j ACCEPT"]},
    {"iptables": [":INPUT ACCEPT [0:0]", "-A INPUT -p tcp --dport 9 -j DROP"]},
    {"nft": ["table inet site {", "chain in {",
             "type filter hook input priority filter; policy drop;",
             "tcp dport @ours accept", "ip protocol 112 accept", "}", "}"]},
    {"nft": ["table inet site {", "chain in {",
             "type filter hook input priority filter; policy accept;", "}", "}"]},
])  # fmt: skip
def test_a_firewall_that_lets_in_what_is_needed_is_well(
    cluster: Cluster, rules: dict[str, Any]
) -> None:
    assert [one.seen for one in seen(cluster, rules, "lb-1").findings
            if one.level is not Level.OK] == []  # fmt: skip


def test_balancers_of_lvs_want_a_kernel_with_ipvs(cluster: Cluster) -> None:
    lvs = cluster.model_copy(update={"balancer": cluster.balancer.model_copy(update={"type": BalancerType.LVS})})
    for on, other in (("lb-1", "lb-2"), ("lb-2", "lb-1")):
        found = seen(lvs, {"module": ["overlay", "ip_vs"]}, on)
        bad = [(one.check, one.host, one.level) for one in found.findings if one.level is not Level.OK]
        assert bad == [("kernel", other, Level.FAILED)]
        assert "without ip_vs" in found.at("kernel", other).seen  # type: ignore[union-attr]


def test_rules_that_the_run_adds_are_no_fault(cluster: Cluster) -> None:
    closed = {"firewall": "ufw", "ufw": ["Default: deny (incoming), allow (outgoing)"], "vrrp_heard": []}
    told = seen(cluster, closed, "lb-1").at("firewall", "lb-1")
    assert told is not None
    assert told.cure.startswith("choose open for Firewalls in Access, or on the host: ufw allow 80/tcp;")
    opens = cluster.model_copy(update={"firewall": "open"})
    found = seen(opens, closed, "lb-1")
    assert {(one.check, one.host, one.level) for one in found.findings if one.level is not Level.OK} == {
        ("vrrp", "lb-1", Level.WARNING)}  # fmt: skip
    assert found.at("firewall", "lb-1").seen == "ufw lets in no 80, VRRP; the run adds the rules"  # type: ignore[union-attr]
    assert "ufw keeps it out until the run" in found.at("vrrp", "lb-1").seen  # type: ignore[union-attr]
    # It is nobody's fault but the network's where the firewall lets it in.
    heard = {**closed, "ufw": ["Default: allow (incoming), allow (outgoing)"]}
    assert seen(opens, heard, "lb-1").at("vrrp", "lb-1").level is Level.FAILED  # type: ignore[union-attr]
    # No rule is added to other firewalls.
    others = {"iptables": [":INPUT DROP [0:0]"], "vrrp_heard": []}
    bad = [one for one in seen(opens, others, "lb-1").findings if one.level is not Level.OK]
    assert {(one.check, one.level) for one in bad} == {("firewall", Level.WARNING), ("vrrp", Level.FAILED)}


def test_a_command_of_the_cure_is_one_whatever_a_host_calls_its_tables(cluster: Cluster) -> None:
    evil = ["table inet x;reboot {", "chain $(reboot) {",
            "type filter hook input priority filter; policy drop;", "}", "}"]  # fmt: skip
    told = seen(cluster, {"nft": evil}, "lb-1").at("firewall", "lb-1")
    assert told is not None
    assert "nft insert rule inet 'x;reboot' '$(reboot)' tcp dport '{ 80 }' accept" in told.cure


def test_a_holder_that_could_not_listen_is_told_as_not_looked_at(cluster: Cluster) -> None:
    bad = [one for one in seen(cluster, {"vrrp_asked": [], "vrrp_heard": []}, "lb-1").findings
           if one.level is not Level.OK]  # fmt: skip
    assert {(one.check, one.host, one.level) for one in bad} == {
        ("vrrp", "lb-1", Level.WARNING), ("router", "lb-1", Level.WARNING)}  # fmt: skip
    assert all("not looked at" in one.seen for one in bad)


def test_what_an_earlier_run_brought_is_no_fault(cluster: Cluster) -> None:
    ours = {"known": "yes", "listens": '0.0.0.0:80 users:(("docker-proxy",pid=9,fd=4))',
            "leftover": "/opt/harbor/harbor.yml"}  # fmt: skip
    assert seen(cluster, ours).well
    held = seen(cluster, {"address": ["eth0 10.0.0.21/24", "eth0 10.0.0.10/24"],
                          "answers": "yes"}, "lb-1")  # fmt: skip
    assert held.well
    assert held.at("virtual", "lb-2").figure == "lb-1"  # type: ignore[union-attr]


class Local:
    """This machine, in each host's place."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def connect(self) -> None:
        if self._host.name == "lb-2":
            raise TransportError("lb-2: 10.0.0.22 port 22 is not reached by SSH; check it")

    def run(self, call: Call, _: object) -> Result:
        done = subprocess.run(["sh", "-s"], input=call.script, capture_output=True, text=True, timeout=40)
        return Result(done.returncode, done.stdout, done.stderr)

    def dial(self, address: str, port: int, timeout: float) -> socket.socket:
        raise NotAnswering(f"nothing answers at {address}")

    def close(self) -> None:
        pass


def test_a_real_shell_answers_the_script_and_a_lost_host_is_a_finding(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight.looking.segment, "LISTENS", 0)
    states: list[tuple[str, str]] = []
    found = preflight.look(cluster, Local, on_host=lambda *state: states.append(state))  # type: ignore[arg-type]
    lost = [one for one in found.findings if one.host == "lb-2"]
    assert [(one.check, one.level) for one in lost] == [("login", Level.FAILED)]
    assert lost[0].seen.startswith("10.0.0.22 port 22")
    answered = {one.check for one in found.findings if one.host == "harbor-1"}
    assert {"system", "cpus", "memory", "disk", "clock", "ports", "storage"} <= answered
    assert found.at("clock", "harbor-1").figure in ("0.0 s", "no NTP")  # type: ignore[union-attr]
    assert ("lb-1", "looking") in states


def test_the_script_is_taken_by_the_shells_of_hosts(cluster: Cluster) -> None:
    for host in cluster.hosts:
        for shell in ("sh", "bash"):
            done = subprocess.run([shell, "-n"], input=script(cluster, host), text=True, capture_output=True)
            assert done.stderr == ""


def test_what_a_host_says_cannot_reach_the_terminal(cluster: Cluster) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07[red]\u202edebian 12"
    found = seen(cluster, {"system": evil, "title": evil, "docker_is": "x" * 100_000})
    text = found.as_text() + found.as_json()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert max(map(len, found.as_text().splitlines())) < 800


def test_what_was_found_and_accepted_is_kept(cluster: Cluster, tmp_path: Path) -> None:
    session = create("kept", tmp_path)
    found = seen(cluster, {"cpus": "1"})
    preflight.save(session, found, {"cpus harbor-1": "1"})
    assert preflight.load(session) == (found, {"cpus harbor-1": "1"})
    (session.path / "preflight.json").write_text('{"findings": 3}')
    assert preflight.load(session) == (None, {})
