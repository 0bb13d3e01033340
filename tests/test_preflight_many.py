"""All hosts are looked at together: twenty take hardly longer than one."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harbor_wizard import preflight
from harbor_wizard.errors import NotForwarded
from harbor_wizard.model import load
from harbor_wizard.model.cluster import Access, Cluster, Host
from harbor_wizard.preflight import Level, segment
from harbor_wizard.transport.base import Call, Result
from harbor_wizard.transport.hostkeys import KnownHosts
from harbor_wizard.transport.ssh import SSHTransport

from .test_preflight import EXAMPLE, healthy

pytestmark = pytest.mark.alone

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
NUMBER = 20


def many(**about: Any) -> Cluster:
    """The example with two balancers and eighteen nodes, at addresses of the loopback."""
    data = load.read(EXAMPLE)
    data["hosts"] = [
        {"name": f"host-{at}", "address": f"127.0.77.{at}", "platform": "debian-12",
         **({"roles": ["balancer"], "interface": "lo"} if at <= 2 else {"roles": ["harbor"]})}
        for at in range(1, NUMBER + 1)
    ]  # fmt: skip
    data["virtual_address"]["address"] = "127.0.77.100/24"
    data.update(about)
    return load.parse(data, "many.yaml")


def seconds(cluster: Cluster, connect: Any, hosts: tuple[Host, ...]) -> float:
    begun = time.monotonic()
    found = preflight.look(cluster, connect, hosts=hosts)
    took = time.monotonic() - begun
    assert [one for one in found.findings if one.check == "login" and one.level is not Level.OK] == []
    return took


class Far:
    """A host far away: what it does is done there, and here it is waited for."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def connect(self) -> None:
        time.sleep(0.15)

    def run(self, call: Call, _: object) -> Result:
        time.sleep(0.25)
        return Result(0, healthy(self._host), "")

    def dial(self, address: str, port: int, timeout: float) -> socket.socket:
        raise NotForwarded(f"{self._host.name}: nothing is reached from it")

    def close(self) -> None:
        time.sleep(0.02)


@pytest.mark.slow
def test_twenty_far_hosts_take_no_longer_than_twice_one() -> None:
    cluster = many()
    # The best of some tries: what else this machine does in the meantime only makes them longer.
    one = min(seconds(cluster, Far, cluster.hosts[:1]) for _ in range(3))
    assert min(seconds(cluster, Far, cluster.hosts) for _ in range(3)) < 2 * one


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A real sshd at twenty addresses; its port, and the folder with the keys."""
    if SSHD is None or not Path("/run/sshd").is_dir():
        pytest.skip("sshd is not installed")
    for name in ("host", "login"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    with socket.socket() as free:
        free.bind(("127.0.77.1", 0))
        port = free.getsockname()[1]
    hosts = [f"127.0.77.{at}" for at in range(1, NUMBER + 1)]
    shutil.copy(tmp_path / "login.pub", tmp_path / "authorized")
    key = " ".join((tmp_path / "host.pub").read_text().split()[:2])
    (tmp_path / "known_hosts").write_text("".join(f"[{host}]:{port} {key}\n" for host in hosts))
    with contextlib.ExitStack() as running:
        for half in (hosts[:10], hosts[10:]):  # one sshd listens at sixteen addresses at the most
            running.enter_context(listening(tmp_path, port, half))
        yield port, tmp_path


@contextlib.contextmanager
def listening(folder: Path, port: int, hosts: list[str]) -> Iterator[None]:
    config = folder / f"sshd_config-{hosts[0]}"
    config.write_text("\n".join([
        *(f"ListenAddress {host}:{port}" for host in hosts), f"HostKey {folder}/host",
        f"AuthorizedKeysFile {folder}/authorized", "StrictModes no", "PermitRootLogin yes",
        "MaxStartups 100", "PidFile none", "UsePAM no", "UseDNS no",
        f"SetEnv HOME={folder}",  # no start-up files of whoever runs the tests
    ]))  # fmt: skip
    with (folder / "log").open("a") as log:
        running = subprocess.Popen([str(SSHD), "-D", "-e", "-f", config], stderr=log)
    try:
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection((hosts[-1], port), timeout=1).close()
                break
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        yield
    finally:
        running.terminate()
        running.wait(10)


@pytest.mark.slow
def test_twenty_real_sshds_take_no_longer_than_twice_one(sshd: tuple[int, Path]) -> None:
    # All twenty hosts are this one machine here, with its few processors: their own part of the
    # work, which they do side by side elsewhere, is a fixed answer after as long as it takes there.
    port, folder = sshd
    user = getpass.getuser()
    cluster = many()
    answers = {}
    for host in cluster.hosts:
        answers[host.name] = folder / host.name
        answers[host.name].write_text(healthy(host))
    access = Access(user=user, port=port, key=str(folder / "login"),
                    known_hosts=str(folder / "known_hosts"))  # fmt: skip

    class Answering(SSHTransport):
        """The real transport to the real sshd; the script is one that answers as a host would."""

        def __init__(self, host: Host) -> None:
            known = KnownHosts(folder / "none", lambda _: False)
            super().__init__(host, access, known, str)
            self._answer = answers[host.name]

        def run(self, call: Call, on_lines: Any) -> Result:
            takes = segment.LISTENS if "224.0.0.18" in call.script else 1.2
            text = f"sleep {takes}; cat {self._answer}\n"
            return super().run(Call(call.step, call.phase, text, timeout=call.timeout), on_lines)

    one = min(seconds(cluster, Answering, cluster.hosts[:1]) for _ in range(2))
    assert min(seconds(cluster, Answering, cluster.hosts) for _ in range(3)) < 2 * one
