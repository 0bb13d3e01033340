"""What is put onto the wire for a look: it arrives, and keepalived heeds none of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harbor_wizard.preflight import segment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and ip"),
]

PROGRAMS = {"python": ([sys.executable, "-"], segment._VRRP_PYTHON, segment._ARP_PYTHON),
            "perl": (["perl", "-"], segment._VRRP_PERL, segment._ARP_PERL)}  # fmt: skip
MAC = "02:00:00:00:77:0{}"
CONFIG = """
global_defs {
  log_unknown_vrids
}
vrrp_instance harbor {
  state BACKUP
  nopreempt
  interface eth0
  virtual_router_id 77
  priority 150
  advert_int 1
  unicast_src_ip 10.9.9.1
  unicast_peer {
    10.9.9.2
  }
  virtual_ipaddress {
    10.9.9.10/24 dev eth0
  }
}
"""


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def hosts() -> Iterator[list[str]]:
    """Two namespaces at one wire: 10.9.9.1 and 10.9.9.2, fd99::1 and fd99::2."""
    names = [f"hww{os.getpid()}-{at}" for at in (1, 2)]
    try:
        for name in names:
            ip("netns", "add", name)
    except subprocess.CalledProcessError:
        pytest.skip("no network namespace can be made here")
    try:
        ip("-n", names[0], "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", names[1])
        for at, name in enumerate(names, 1):
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", "eth0", "address", MAC.format(at), "up")
            ip("-n", name, "addr", "add", f"10.9.9.{at}/24", "dev", "eth0")
            ip("-n", name, "addr", "add", f"fd99::{at}/64", "dev", "eth0", "nodad")
        yield names
    finally:
        for name in names:
            ip("netns", "delete", name)


def begin(name: str, argv: list[str], program: str, *words: str) -> subprocess.Popen[str]:
    running = subprocess.Popen(["ip", "netns", "exec", name, *argv, *words], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert running.stdin is not None
    running.stdin.write(program)
    running.stdin.close()
    return running


def said(running: subprocess.Popen[str]) -> list[str]:
    assert running.stdout is not None
    lines = running.stdout.read().splitlines()
    running.wait(20)
    return lines


def number(name: str) -> str:
    return ip("-n", name, "-o", "link", "show", "eth0").partition(":")[0]


def speak(name: str, at: int, language: str, net: str, group: str, seconds: int) -> subprocess.Popen[str]:
    argv, program, _ = PROGRAMS[language]
    peer = 3 - at
    return begin(name, argv, program, "eth0", number(name), MAC.format(at), f"{net}{at}", group,
                 "0123456789abcdef", str(seconds), f"{net}{peer}={MAC.format(peer)}")  # fmt: skip


@pytest.mark.parametrize(("net", "group"), [("10.9.9.", "224.0.0.18"), ("fd99::", "ff02::12")])
@pytest.mark.parametrize("language", list(PROGRAMS))
def test_each_hears_the_other(hosts: list[str], language: str, net: str, group: str) -> None:
    both = [speak(name, at, language, net, group, 2) for at, name in enumerate(hosts, 1)]
    for at, running in enumerate(both, 1):
        assert said(running) == [f"vrrp_heard\t{net}{3 - at}", "vrrp_asked\tyes"]


@pytest.mark.skipif(shutil.which("iptables") is None, reason="iptables is not installed")
@pytest.mark.parametrize("language", list(PROGRAMS))
def test_a_firewall_that_lets_answers_in_lets_no_peer_in(hosts: list[str], language: str) -> None:
    for rule in (["-A", "INPUT", "-m", "state", "--state", "ESTABLISHED", "-j", "ACCEPT"], ["-P", "INPUT", "DROP"]):
        done = subprocess.run(["ip", "netns", "exec", hosts[0], "iptables", *rule], check=False)
        if done.returncode != 0:
            pytest.skip("this kernel has no stateful firewall")
    both = [speak(name, at, language, "10.9.9.", "224.0.0.18", 2) for at, name in enumerate(hosts, 1)]
    shut, heard = [said(running) for running in both]
    assert shut == ["vrrp_asked\tyes"]
    assert heard == ["vrrp_heard\t10.9.9.1", "vrrp_asked\tyes"]


@pytest.mark.parametrize("language", list(PROGRAMS))
def test_who_has_an_address_answers_and_nobody_else(hosts: list[str], language: str) -> None:
    argv, _, program = PROGRAMS[language]
    asked = begin(hosts[0], argv, program, "eth0", number(hosts[0]), MAC.format(1),
                  "10.9.9.1", "10.9.9.2", "10.9.9.7")  # fmt: skip
    assert said(asked) == [f"arp\t10.9.9.2 {MAC.format(2)}", "arp_asked\tyes"]


@pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed")
def test_keepalived_heeds_none_of_it_and_is_heard(hosts: list[str], tmp_path: Path) -> None:
    (tmp_path / "keepalived.conf").write_text(CONFIG)
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(
            ["ip", "netns", "exec", hosts[0], "keepalived", "--dont-fork", "--log-console",
             "--log-detail", "--vrrp", f"--use-file={tmp_path}/keepalived.conf",
             f"--pid={tmp_path}/pid", f"--vrrp_pid={tmp_path}/vrrp"],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while "10.9.9.10" not in ip("-n", hosts[0], "addr", "show"):
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        before = (tmp_path / "log").read_text()
        assert "vrrp_advert\t10.9.9.1 77" in said(speak(hosts[1], 2, "perl", "10.9.9.", "224.0.0.18", 3))
        after = (tmp_path / "log").read_text().removeprefix(before)
        assert "Unknown VRID(0)" in after, "it arrived"
        assert "STATE" not in after
        assert "10.9.9.10" in ip("-n", hosts[0], "addr", "show")
    finally:
        running.terminate()
        running.wait(20)
