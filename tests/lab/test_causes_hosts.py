"""Each cause of trouble is made for real on a host, and is found by its own look and by no other.

What makes a cause is a generator: it makes it, yields, and puts it back. What the lab's hosts have
in common with this machine, its kernel and its clock, is caused in `test_causes_kernel.py`.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harbor_wizard.lab.command import run

from .conftest import EXAMPLE, Operator

pytestmark = pytest.mark.lab

HOSTS = ("lb-1", "lb-2", "harbor-1", "harbor-2")
NODES, BALANCERS = HOSTS[2:], HOSTS[:2]

Found = set[tuple[str, str, str]]


class Site:
    """The lab as a site whose names resolve, with what its cluster file says."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.cluster: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
        self.cluster["name"] = "causes"
        self.known: Found = set()

    def sh(self, host: str, script: str) -> str:
        return self.operator.lab.hosts[host].run(["sh", "-eu"], input=script)

    def ip(self, *words: str) -> None:
        run(["ip", "-n", self.operator.lab.operator, *words])

    def entry(self, host: str) -> dict[str, Any]:
        return next(one for one in self.cluster["hosts"] if one["name"] == host)

    def check(self) -> dict[tuple[str, str, str], dict[str, str]]:
        """Look at all hosts as the operator does; return what is not well."""
        path = self.operator.home / "causes.yaml"
        path.write_text(yaml.safe_dump(self.cluster))
        done = self.operator.run("check", str(path), "--secrets", str(self.operator.lab.secrets_file),
                                 "--output", "json", timeout=100)  # fmt: skip
        assert done.returncode in (0, 3), done.stdout + done.stderr
        bad = [one for one in json.loads(done.stdout)["findings"] if one["level"] != "ok"]
        return {(one["check"], one["host"], one["level"]): one for one in bad}


@pytest.fixture(scope="module")
def site(operator: Operator) -> Site:
    made = Site(operator)
    for host in HOSTS:
        made.sh(host, "echo 10.77.0.10 registry.lab.internal >> /etc/hosts")
    made.known = set(made.check())
    return made


def test_bare_hosts_pass_all_looks(site: Site) -> None:
    # Two things are the lab's: nobody keeps the clock that its hosts have from this machine, and
    # the store that they share is a folder of it.
    assert {(check, level) for check, _, level in site.known} <= {("clock", "warning"), ("storage", "warning")}


# The machine and its disks.


@contextlib.contextmanager
def small(site: Site, host: str, path: str, options: str) -> Iterator[None]:
    site.sh(host, f"mkdir -p {path}; mount -t tmpfs -o {options} tmpfs {path}")
    try:
        yield
    finally:
        site.sh(host, f"umount {path}; rmdir {path}")


def full_data(site: Site) -> Iterator[Found]:
    with small(site, "harbor-1", "/data", "size=200m"):
        site.sh("harbor-1", "fallocate -l 190m /data/full")
        yield {("disk", "harbor-1", "failed")}


def full_installer(site: Site) -> Iterator[Found]:
    with small(site, "harbor-2", "/opt/harbor", "size=100m"):
        yield {("disk", "harbor-2", "failed")}


def full_balancer(site: Site) -> Iterator[Found]:
    with small(site, "lb-1", "/var/lib/harbor-wizard", "size=50m"):
        yield {("disk", "lb-1", "failed")}


def few_inodes(site: Site) -> Iterator[Found]:
    with small(site, "harbor-1", "/data", "size=60g,nr_inodes=900"):
        yield {("inodes", "harbor-1", "warning")}


@contextlib.contextmanager
def sshd(site: Site, host: str, drop_in: str) -> Iterator[None]:
    """Let the host's sshd be started with something else."""
    folder = "/run/systemd/system/ssh.service.d"
    site.sh(host, f"mkdir -p {folder}; printf '[Service]\\n{drop_in}\\n' > {folder}/cause.conf; "
                  "systemctl daemon-reload; systemctl restart ssh")  # fmt: skip
    try:
        yield
    finally:
        site.sh(host, f"rm {folder}/cause.conf; systemctl daemon-reload; systemctl restart ssh")
        site.operator.lab.hosts[host].wait_ssh()


def one_processor(site: Site) -> Iterator[Found]:
    # A login that may use one processor only: what a container or a slice is given.
    with sshd(site, "harbor-2", "CPUAffinity=0"):
        yield {("cpus", "harbor-2", "warning")}


def another_processor(site: Site) -> Iterator[Found]:
    # The kernel's own way to be another machine to a program.
    with sshd(site, "harbor-2", "ExecStart=\\nExecStart=/usr/bin/setarch linux32 /usr/sbin/sshd -D"):
        yield {("architecture", "harbor-2", "failed")}


def old_kernel(site: Site) -> Iterator[Found]:
    with sshd(site, "harbor-2", "ExecStart=\\nExecStart=/usr/bin/setarch --uname-2.6 /usr/sbin/sshd -D"):
        yield {("kernel", "harbor-2", "failed")}


def no_cgroups(site: Site) -> Iterator[Found]:
    site.sh("harbor-2", "printf '#!/bin/sh\\numount -R /sys/fs/cgroup\\nexec /usr/sbin/sshd -D\\n' > /root/without; "
                        "chmod 755 /root/without")  # fmt: skip
    try:
        with sshd(site, "harbor-2", "ExecStart=\\nExecStart=/usr/bin/unshare --mount /root/without"):
            yield {("kernel", "harbor-2", "failed")}
    finally:
        site.sh("harbor-2", "rm /root/without")


def no_ipvs(site: Site) -> Iterator[Found]:
    site.cluster["balancer"] = {"type": "lvs"}
    site.cluster["tls"]["mode"] = "passthrough"
    # Few kernels but the distributions' own have it.
    lacks = not Path("/proc/net/ip_vs").exists()
    yield {("kernel", name, "failed") for name in BALANCERS if lacks}


def little_memory(site: Site) -> Iterator[Found]:
    # As lxcfs tells a container of what it was given.
    site.sh("harbor-1", "sed 's/^MemTotal:.*/MemTotal: 2014520 kB/' /proc/meminfo > /run/meminfo; "
                        "mount --bind /run/meminfo /proc/meminfo")  # fmt: skip
    try:
        yield {("memory", "harbor-1", "warning")}
    finally:
        site.sh("harbor-1", "umount /proc/meminfo; rm /run/meminfo")


def another_system(site: Site) -> Iterator[Found]:
    site.entry("harbor-2")["platform"] = "debian-12"
    yield {("system", "harbor-2", "failed")}


def cloned_machine(site: Site) -> Iterator[Found]:
    twin = site.sh("harbor-1", "cat /etc/machine-id")
    own = site.sh("harbor-2", "cat /etc/machine-id")
    site.sh("harbor-2", f"echo {twin.strip()} > /etc/machine-id")
    try:
        yield {("identity", name, "warning") for name in NODES}
    finally:
        site.sh("harbor-2", f"echo {own.strip()} > /etc/machine-id")


def cloned_name(site: Site) -> Iterator[Found]:
    site.sh("lb-2", "hostname harbor-1")
    try:
        yield {("identity", name, "warning") for name in ("lb-2", "harbor-1")}
    finally:
        site.sh("lb-2", "hostname lb-2")


def leftovers(site: Site) -> Iterator[Found]:
    site.sh("harbor-2", "mkdir /opt/harbor; echo 'hostname: old.example.com' > /opt/harbor/harbor.yml")
    try:
        yield {("leftovers", "harbor-2", "warning")}
    finally:
        site.sh("harbor-2", "rm -r /opt/harbor")


# How hosts are reached.


def sshd_down(site: Site) -> Iterator[Found]:
    site.sh("harbor-2", "systemctl stop ssh")
    try:
        yield {("login", "harbor-2", "failed")}
    finally:
        site.sh("harbor-2", "systemctl start ssh")


def key_refused(site: Site) -> Iterator[Found]:
    site.sh("harbor-1", "mv /root/.ssh/authorized_keys /root/.ssh/gone")
    try:
        yield {("login", "harbor-1", "failed")}
    finally:
        site.sh("harbor-1", "mv /root/.ssh/gone /root/.ssh/authorized_keys")


def wrong_password(site: Site) -> Iterator[Found]:
    del site.cluster["access"]["key"]
    site.cluster["access"] |= {"user": "admin", "password": "secret:sudo_password", "sudo": True,
                               "sudo_password": "secret:sudo_password"}  # fmt: skip
    kept = site.sh("harbor-2", "grep ^admin: /etc/shadow").strip()
    site.sh("harbor-2", "echo admin:another | chpasswd")
    try:
        yield {("login", "harbor-2", "failed")}
    finally:
        site.sh("harbor-2", f"usermod -p '{kept.split(':')[1]}' admin")


def changed_host_key(site: Site) -> Iterator[Found]:
    site.sh("harbor-1", "cp -a /etc/ssh /etc/ssh.kept; rm /etc/ssh/ssh_host_*; ssh-keygen -A >/dev/null; systemctl restart ssh")
    try:
        yield {("login", "harbor-1", "failed")}
    finally:
        site.sh("harbor-1", "rm -r /etc/ssh; mv /etc/ssh.kept /etc/ssh; systemctl restart ssh")


def no_sudo(site: Site) -> Iterator[Found]:
    site.entry("harbor-2")["access"] = {"user": "ops"}
    yield {("login", "harbor-2", "failed")}


def not_root(site: Site) -> Iterator[Found]:
    site.entry("harbor-2")["access"] = {"user": "admin", "sudo": False}
    yield {("login", "harbor-2", "failed")}


# The network.


def taken_port(site: Site) -> Iterator[Found]:
    listener = "push @s, IO::Socket::INET->new(LocalPort=>80,Listen=>1,ReuseAddr=>1) or die; sleep 600"
    site.sh("lb-1", f"systemd-run --quiet --unit=taken perl -MIO::Socket::INET -e '{listener}'; sleep 0.5")
    try:
        yield {("ports", "lb-1", "failed")}
    finally:
        site.sh("lb-1", "systemctl stop taken")


def another_interface(site: Site) -> Iterator[Found]:
    site.sh("harbor-2", "ip link add side type veth peer name other; ip link set side up")
    site.entry("harbor-2")["interface"] = "side"
    try:
        yield {("address", "harbor-2", "failed")}
    finally:
        site.sh("harbor-2", "ip link delete side")


def another_mtu(site: Site) -> Iterator[Found]:
    site.sh("harbor-2", "ip link set eth0 mtu 1400")
    try:
        yield {("mtu", name, "warning") for name in HOSTS}
    finally:
        site.sh("harbor-2", "ip link set eth0 mtu 1500")


def one_machine_twice(site: Site) -> Iterator[Found]:
    known = Path(site.cluster["access"]["known_hosts"].replace("~", str(site.operator.home)))
    lines = [line for line in known.read_text().splitlines() if line.startswith("10.77.0.11 ")]
    more = site.operator.home / "known_twice"
    more.write_text(known.read_text() + "\n".join(lines).replace("10.77.0.11", "10.77.0.13") + "\n")
    site.cluster["access"]["known_hosts"] = str(more)
    site.entry("harbor-2").update(address="10.77.0.13", platform="debian-12")
    site.sh("harbor-1", "ip addr add 10.77.0.13/24 dev eth0")
    try:
        yield {("unique", name, "failed") for name in NODES}
    finally:
        site.sh("harbor-1", "ip addr delete 10.77.0.13/24 dev eth0")


@contextlib.contextmanager
def stranger(site: Site, address: str) -> Iterator[str]:
    """Put a machine that is none of the cluster's on the segment; yield its namespace."""
    name = f"{site.operator.lab.operator}-else"
    run(["ip", "netns", "add", name])
    try:
        # A bridge has the lowest address of its ports: one that changes forgets its neighbours.
        site.ip("link", "add", "else", "address", "fe:77:00:00:00:01", "type", "veth",
                "peer", "name", "eth0", "netns", name)  # fmt: skip
        site.ip("link", "set", "else", "master", "br0", "up")
        for words in (["link", "set", "lo", "up"], ["link", "set", "eth0", "up"],
                      ["addr", "add", f"{address}/24", "dev", "eth0"]):  # fmt: skip
            run(["ip", "-n", name, *words])
        yield name
    finally:
        run(["ip", "netns", "delete", name])


def address_in_use(site: Site) -> Iterator[Found]:
    mac = site.sh("harbor-2", "ip -o link show eth0").split("link/ether ")[1].split()[0]
    # The operator and the database, too, would answer now one and now the other.
    site.ip("neigh", "replace", "10.77.0.12", "lladdr", mac, "dev", "br0", "nud", "permanent")
    site.sh("services", f"ip neigh replace 10.77.0.12 lladdr {mac} dev eth0 nud permanent")
    try:
        with stranger(site, "10.77.0.12"):
            yield {("unique", "harbor-2", "failed")}
    finally:
        site.ip("neigh", "delete", "10.77.0.12", "dev", "br0")
        site.sh("services", "ip neigh delete 10.77.0.12 dev eth0")


def virtual_in_use(site: Site) -> Iterator[Found]:
    with stranger(site, "10.77.0.10") as name:
        # One that answers no ping is there all the same.
        run(["ip", "netns", "exec", name, "sysctl", "-q", "-w", "net.ipv4.icmp_echo_ignore_all=1"])
        yield {("virtual", name, "failed") for name in BALANCERS}


def another_network(site: Site) -> Iterator[Found]:
    site.sh("lb-1", "ip addr flush dev eth0; ip addr add 10.77.0.21/28 dev eth0; "
                    "ip route replace 10.77.0.0/24 dev eth0 src 10.77.0.21")  # fmt: skip
    try:
        yield {("virtual", "lb-1", "failed")}
    finally:
        site.sh("lb-1", "ip addr flush dev eth0; ip addr add 10.77.0.21/24 dev eth0")


def blocked_vrrp(site: Site) -> Iterator[Found]:
    site.sh("lb-1", "iptables -I INPUT -p 112 -j DROP")
    try:
        yield {("vrrp", "lb-1", "failed")}
    finally:
        site.sh("lb-1", "iptables -D INPUT -p 112 -j DROP; nft delete table ip filter")


def router_in_use(site: Site) -> Iterator[Found]:
    if shutil.which("keepalived") is None:
        pytest.skip("keepalived is not installed")
    folder = site.operator.home / "stranger"
    folder.mkdir()
    (folder / "keepalived.conf").write_text("""vrrp_instance other {
  state MASTER
  interface eth0
  virtual_router_id 77
  priority 200
  advert_int 1
  virtual_ipaddress { 10.77.0.99/24 }
}
""")
    files = [f"--{name}={folder}/{name}" for name in ("pid", "vrrp_pid", "checkers_pid")]
    with stranger(site, "10.77.0.98") as name:
        other = subprocess.Popen(
            ["ip", "netns", "exec", name, "keepalived", "--dont-fork", "--log-console", "--vrrp",
             f"--use-file={folder}/keepalived.conf", *files],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 20
            while "10.77.0.99" not in run(["ip", "-n", name, "addr", "show"]):
                assert time.monotonic() < deadline
                time.sleep(0.2)
            yield {("router", name, "failed") for name in BALANCERS}
        finally:
            other.terminate()
            other.wait(20)


def closed_nftables(site: Site) -> Iterator[Found]:
    site.operator.lab.hosts["lb-1"].run(["nft", "-f", "-"], input="""
table inet site {
  chain in {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    ct state established,related accept
    tcp dport 22 accept
    meta l4proto 112 accept
  }
}
""")
    try:
        yield {("firewall", "lb-1", "warning")}
    finally:
        site.sh("lb-1", "nft delete table inet site")


def closed_iptables(site: Site) -> Iterator[Found]:
    site.sh("lb-2", "iptables -A INPUT -m state --state ESTABLISHED -j ACCEPT; "
                    "iptables -A INPUT -p tcp --dport 22 -j ACCEPT; "
                    "iptables -A INPUT -p 112 -j ACCEPT; iptables -P INPUT DROP")  # fmt: skip
    try:
        yield {("firewall", "lb-2", "warning")}
    finally:
        site.sh("lb-2", "iptables -P INPUT ACCEPT; nft delete table ip filter")


def closed_forwarding(site: Site) -> Iterator[Found]:
    site.operator.lab.hosts["harbor-1"].run(["nft", "-f", "-"], input="""
table inet site {
  chain forward {
    type filter hook forward priority filter; policy drop;
  }
}
""")
    try:
        yield {("firewall", "harbor-1", "warning")}
    finally:
        site.sh("harbor-1", "nft delete table inet site")


@contextlib.contextmanager
def named(site: Site, host: str, address: str) -> Iterator[None]:
    other = f"{address} registry.lab.internal" if address else ""
    site.sh(host, f"cp /etc/hosts /etc/hosts.kept; sed -i 's/.* registry.lab.internal$/{other}/' /etc/hosts")
    try:
        yield
    finally:
        site.sh(host, "cat /etc/hosts.kept > /etc/hosts; rm /etc/hosts.kept")


def wrong_name(site: Site) -> Iterator[Found]:
    with named(site, "harbor-1", "192.0.2.9"):
        yield {("name", "harbor-1", "warning")}


def no_name(site: Site) -> Iterator[Found]:
    with named(site, "lb-2", ""):
        yield {("name", "lb-2", "warning")}


def operator_in_dockers_network(site: Site) -> Iterator[Found]:
    site.ip("addr", "add", "172.18.0.1/32", "dev", "br0")
    site.ip("route", "add", "10.77.0.11/32", "dev", "br0", "src", "172.18.0.1")
    site.sh("harbor-1", "ip route add default via 10.77.0.1")
    try:
        yield {("pools", "harbor-1", "warning")}
    finally:
        site.sh("harbor-1", "ip route delete default")
        site.ip("route", "delete", "10.77.0.11/32", "dev", "br0")
        site.ip("addr", "delete", "172.18.0.1/32", "dev", "br0")


CAUSES: tuple[Callable[[Site], Iterator[Found]], ...] = (
    full_data, full_installer, full_balancer, few_inodes, one_processor,
    another_processor, old_kernel, no_cgroups, no_ipvs, little_memory,
    another_system, cloned_machine, cloned_name, leftovers,
    sshd_down, key_refused, wrong_password, changed_host_key, no_sudo, not_root,
    taken_port, another_interface, another_mtu, one_machine_twice, address_in_use, virtual_in_use,
    another_network, blocked_vrrp, router_in_use, closed_nftables, closed_iptables,
    closed_forwarding, wrong_name, no_name, operator_in_dockers_network,
)  # fmt: skip


Cause = Callable[[Site], Iterator[Found]]


def found_by_its_own_look_only(site: Site, cause: Cause) -> None:
    before = yaml.safe_dump(site.cluster)
    with contextlib.contextmanager(cause)(site) as wanted:
        try:
            found = site.check()
        finally:
            site.cluster = yaml.safe_load(before)
    # What is lost with a host that is not reached is not told of it.
    lost = {host for check, host, _ in wanted if check == "login"}
    known = {one for one in site.known if one[1] not in lost}
    told = {one: found[one]["seen"] for one in set(found) - known}
    assert set(found) - known == wanted, told
    for one in wanted:
        assert found[one]["seen"]
        assert found[one]["cure"]


@pytest.mark.parametrize("cause", CAUSES, ids=[one.__name__ for one in CAUSES])
def test_each_cause_is_found_by_its_own_look_only(site: Site, cause: Cause) -> None:
    found_by_its_own_look_only(site, cause)


def test_a_host_without_an_interpreter_is_told_as_not_looked_at(site: Site) -> None:
    site.sh("lb-1", "mv /usr/bin/perl /usr/bin/perl.gone")
    try:
        found = site.check()
    finally:
        site.sh("lb-1", "mv /usr/bin/perl.gone /usr/bin/perl")
    more = set(found) - site.known
    assert more == {(check, "lb-1", "warning") for check in ("unique", "vrrp", "router")} | {
        ("vrrp", "lb-2", "warning")}  # fmt: skip
    assert all(found[one]["seen"].startswith("not looked at") for one in more)


def test_all_is_well_again_when_the_causes_are_gone_and_nothing_was_left(site: Site) -> None:
    assert set(site.check()) == site.known
    for host in HOSTS:
        left = site.sh(host, "find /tmp /var/tmp -mindepth 1 -not -path '*/systemd-private-*' -not -name '.*-unix'")
        assert left == ""
