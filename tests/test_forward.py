"""Services are reached through a host's SSH connection, by real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import paramiko
import pytest

from harbor_wizard.errors import ConnectionLost, NotAnswering, NotForwarded
from harbor_wizard.model.cluster import Access, Host
from harbor_wizard.model.fields import Role
from harbor_wizard.transport.rehearsal import RehearsalTransport
from harbor_wizard.transport.ssh import SSHTransport

HOST = Host(name="harbor-1", roles=(Role.HARBOR,), address="10.0.0.11", platform="debian-13")


class Server(paramiko.ServerInterface):
    """An sshd that knows one place, and forwards nothing to port 1."""

    def get_allowed_auths(self, username: str) -> str:
        return "none"

    def check_auth_none(self, username: str) -> int:
        return paramiko.common.AUTH_SUCCESSFUL

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        if destination[1] == 1:
            return paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        known = destination == ("database.internal", 5432)
        return paramiko.common.OPEN_SUCCEEDED if known else paramiko.common.OPEN_FAILED_CONNECT_FAILED


@pytest.fixture
def server() -> Iterator[tuple[SSHTransport, paramiko.Transport]]:
    ours, theirs = socket.socketpair()
    there, here = paramiko.Transport(theirs), paramiko.Transport(ours)
    there.add_server_key(paramiko.ECDSAKey.generate())
    there.start_server(server=Server(), event=threading.Event())
    here.start_client(timeout=10)
    here.auth_none("root")
    made = SSHTransport(HOST, Access(), None, str)  # type: ignore[arg-type]
    made._connection = SimpleNamespace(client=SimpleNamespace(get_transport=lambda: here))
    yield made, there
    here.close()
    there.close()


def test_what_is_said_to_a_dialled_service_arrives_there_and_comes_back(
    server: tuple[SSHTransport, paramiko.Transport],
) -> None:
    made, there = server
    line = made.dial("database.internal", 5432, 5)
    line.settimeout(10)
    channel = there.accept(10)
    assert channel is not None
    line.sendall(b"x" * 300_000)
    read = b""
    while len(read) < 300_000:
        read += channel.recv(65536)
    channel.sendall(b"answer")
    assert line.recv(100) == b"answer"
    line.close()
    channel.settimeout(10)
    assert channel.recv(1) == b""


def test_a_service_that_hangs_up_is_heard(server: tuple[SSHTransport, paramiko.Transport]) -> None:
    made, there = server
    line = made.dial("database.internal", 5432, 5)
    line.settimeout(10)
    channel = there.accept(10)
    assert channel is not None
    channel.close()
    assert line.recv(1) == b""
    line.close()


def test_an_sshd_that_forwards_nothing_and_a_service_that_is_not_there_are_told_apart(
    server: tuple[SSHTransport, paramiko.Transport],
) -> None:
    made, there = server
    with pytest.raises(NotForwarded, match="AllowTcpForwarding"):
        made.dial("database.internal", 1, 5)
    with pytest.raises(NotAnswering, match=r"10\.0\.0\.99 port 6379"):
        made.dial("10.0.0.99", 6379, 5)
    there.close()
    with pytest.raises((ConnectionLost, NotAnswering)):
        made.dial("database.internal", 5432, 5)


def test_a_simulated_host_reaches_nothing(tmp_path: object) -> None:
    with pytest.raises(NotForwarded, match="simulated"):
        RehearsalTransport(HOST, tmp_path).dial("database.internal", 5432, 5)  # type: ignore[arg-type]
