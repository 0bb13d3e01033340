"""SSH, by Fabric's connections.

Fabric resolves ~/.ssh/config, agents and gateways; what is below is set for what we do: verified
host keys, no Nagle delay (45 ms a command otherwise), a cipher that is fast, one shell kept open
for short steps, units for long ones, and a watchdog, since neither paramiko's nor TCP's keepalive
notices a frozen host.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fabric
import paramiko

from harbor_wizard.errors import (
    AuthenticationError,
    ConnectionLost,
    Interrupted,
    NotAnswering,
    NotForwarded,
    StepFailed,
    TransportError,
)
from harbor_wizard.files import at
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Access, Host
from harbor_wizard.step import quote
from harbor_wizard.transport import hostkeys
from harbor_wizard.transport.base import Call, OnLines, OnProgress, Phase, Result
from harbor_wizard.transport.detached import Detached
from harbor_wizard.transport.forward import as_socket
from harbor_wizard.transport.shell import Shell

_CONNECT_SECONDS = 15
_WATCH_EVERY, _WATCH_ANSWER = 4.0, 5.0
_PROHIBITED = 1  # SSH_OPEN_ADMINISTRATIVELY_PROHIBITED, RFC 4254 5.1
_UPLOAD_CHUNK = 256 * 1024


class _Transport(paramiko.Transport):
    """Paramiko's transport with the fast cipher first and a later, still finite, re-key.

    A re-key in the middle of a closing channel deadlocks (paramiko #822); the default is after
    512 MiB, which every installer passes.
    """

    _preferred_ciphers = (
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
        *(c for c in paramiko.Transport._preferred_ciphers if "gcm" not in c),  # type: ignore[attr-defined]
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.packetizer.REKEY_BYTES = 1 << 34


class SSHTransport:
    """A host over SSH. See `Transport`."""

    def __init__(
        self,
        host: Host,
        access: Access,
        known: hostkeys.KnownHosts,
        secret: Callable[[str], str],
    ) -> None:
        """`secret` gives the value for a reference of the access."""
        self._host = host
        self._access = access
        self._known = known
        self._secret = secret
        self._connection: fabric.Connection | None = None
        self._shell: Shell | None = None
        self._busy = threading.Lock()
        self._closed = threading.Event()

    def connect(self) -> None:
        """Log in and start the shell. Raises `TransportError` in one sentence."""
        self.close()
        self._closed = threading.Event()
        name = self._host.name
        connection = self._connection_to(self._host.address, self._access)
        self._connection = connection
        try:
            connection.open()
        except paramiko.BadHostKeyException as error:
            raise hostkeys.changed(name, error) from None
        except TransportError:
            raise
        except paramiko.AuthenticationException as error:
            raise AuthenticationError(
                tr(
                    "{host}: {user}@{address} port {port} refused the login ({reason}); check the "
                    "user, and that its key is in authorized_keys there", host=name,
                    user=connection.user, address=connection.host, port=connection.port,
                    reason=_one_line(error),
                )
            ) from None  # fmt: skip
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise TransportError(
                tr(
                    "{host}: {address} port {port} is not reached by SSH ({reason}); check the "
                    "address, that the host is up, and its firewall", host=name,
                    address=connection.host, port=connection.port, reason=_one_line(error),
                )
            ) from None  # fmt: skip
        transport = connection.client.get_transport()
        if transport is None:
            raise ConnectionLost(
                tr("{host}: the connection broke right after the login", host=name)
            )
        self._shell = Shell(transport, name)
        password = self._access.sudo_password
        self._shell.open(
            bool(self._access.sudo),
            (lambda: self._secret(password)) if password is not None else None,
        )
        threading.Thread(
            target=self._watch, args=(transport, self._closed), daemon=True, name=f"watch-{name}"
        ).start()

    def _connection_to(self, address: str, access: Access) -> fabric.Connection:
        options: dict[str, Any] = {
            "transport_factory": _Transport,
            "look_for_keys": access.key is None and access.password is None,
            "allow_agent": access.password is None,
            "banner_timeout": _CONNECT_SECONDS,
            "auth_timeout": _CONNECT_SECONDS,
        }
        if access.key is not None:
            options["key_filename"] = [str(at(access.key))]
        if access.password is not None:
            options["password"] = self._secret(access.password)
        connection = fabric.Connection(
            address, user=access.user, port=access.port, connect_kwargs=options,
            connect_timeout=_CONNECT_SECONDS,
        )  # fmt: skip
        if access.jump is not None:
            connection.gateway = self._gateway(access)
        if not connection.gateway:
            connection.connect_kwargs["sock"] = _socket(connection.host, connection.port)
        others = [at(access.known_hosts)] if access.known_hosts else []
        self._known.prepare(connection.client, others)
        return connection

    def _gateway(self, access: Access) -> fabric.Connection:
        # The jump host is reached with the same key; its own user and port stand in `jump`.
        jump = fabric.Connection(str(access.jump))
        through = access.model_copy(update={"jump": None, "user": jump.user, "port": jump.port})
        return self._connection_to(jump.host, through)

    def _watch(self, transport: paramiko.Transport, closed: threading.Event) -> None:
        """Close a connection whose peer does not answer: 8 s after it froze or was cut off."""
        while not closed.wait(_WATCH_EVERY) and transport.is_active():
            late = threading.Timer(_WATCH_ANSWER, transport.close)
            late.daemon = True
            late.start()
            try:
                transport.global_request("keepalive@openssh.com", wait=True)
            except (OSError, EOFError, paramiko.SSHException):
                return
            finally:
                late.cancel()

    def run(self, call: Call, on_lines: OnLines) -> Result:
        """Run a short script in the shell."""
        if self._shell is None:
            raise ConnectionLost(tr("{host}: not connected", host=self._host.name))
        with self._busy:
            return self._shell.run(call, on_lines)

    def detach(self, call: Call, unit: str, on_lines: OnLines, stop: threading.Event) -> Result:
        """Run a long script as a unit, and follow it."""
        units = Detached(self._host.name, self.run)
        units.start(call, unit)
        return units.follow(unit, on_lines, stop)

    def attach(self, unit: str, on_lines: OnLines, stop: threading.Event) -> Result | None:
        """Follow a unit that still runs."""
        units = Detached(self._host.name, self.run)
        return units.follow(unit, on_lines, stop) if units.running(unit) else None

    def end(self, unit: str) -> None:
        """Stop a unit."""
        Detached(self._host.name, self.run).end(unit)

    def upload(
        self, step: str, source: Path, path: str, sha256: str, progress: OnProgress,  # noqa: ARG002
        stop: threading.Event,
    ) -> None:  # fmt: skip
        """Send a file through a channel of its own, go on where it stopped, and check it."""
        name = self._host.name
        total = source.stat().st_size
        staged = self._staging(path)
        there = self._size(staged)
        if there > total:
            there = 0
        self._send(source, staged, there, total, progress, stop)
        check = f"sha256sum {quote(staged)} | cut -d' ' -f1\n"
        seen = self.run(Call("", Phase.HOUSEKEEPING, check, timeout=600), _nothing).out.strip()
        if seen != sha256:
            self.run(Call("", Phase.HOUSEKEEPING, f"rm -f {quote(staged)}\n"), _nothing)
            raise StepFailed(
                tr(
                    "{host}: {file} arrived with the SHA-256 {seen}…, {sent}… was sent; the part "
                    "was removed, try again", host=name, file=source.name,
                    seen=seen[:16] or tr("unknown"), sent=sha256[:16],
                )
            )  # fmt: skip
        place = f"""
set -eu
chown root:root {quote(staged)}
chmod 644 {quote(staged)}
sync {quote(staged)}
mv -f {quote(staged)} {quote(path)}
"""
        done = self.run(Call("", Phase.HOUSEKEEPING, place), _nothing)
        if not done.ok:
            raise StepFailed(
                tr("{host}: {path} could not be put in place: {reason}", host=name, path=path,
                   reason=done.err.strip()[-200:])
            )  # fmt: skip

    def _staging(self, path: str) -> str:
        """Make the part file, writable by the login, and return its path."""
        folder = f"{path.rpartition('/')[0]}/upload"
        part = f"{folder}/{path.rpartition('/')[2]}.part"
        user = self._connection.user if self._connection else "root"
        script = f"""
set -eu
mkdir -p {quote(folder)}
chmod 711 {quote(path.rpartition("/")[0])} {quote(folder)}
touch {quote(part)}
chown {quote(user)} {quote(part)}
chmod 600 {quote(part)}
"""
        made = self.run(Call("", Phase.HOUSEKEEPING, script), _nothing)
        if not made.ok:
            raise StepFailed(
                tr("{host}: {path} could not be made: {reason}", host=self._host.name, path=part,
                   reason=made.err.strip()[-200:])
            )  # fmt: skip
        return part

    def _size(self, part: str) -> int:
        answer = self.run(
            Call("", Phase.HOUSEKEEPING, f"stat -c %s {quote(part)}\n"), _nothing
        ).out.strip()
        return int(answer) if answer.isdigit() else 0

    def _send(
        self, source: Path, part: str, start: int, total: int, progress: OnProgress,
        stop: threading.Event,
    ) -> None:  # fmt: skip
        transport = self._connection.client.get_transport() if self._connection else None
        if transport is None:
            raise ConnectionLost(tr("{host}: not connected", host=self._host.name))
        # A file that shrank is written anew, one that is whole is only checked.
        redirect = ">>" if start else ">"
        try:
            channel = transport.open_session(timeout=20)
            channel.settimeout(60)
            channel.exec_command(f"cat {redirect} {quote(part)}")
            with source.open("rb") as stream:
                stream.seek(start)
                sent = start
                progress(sent, total)
                while chunk := stream.read(_UPLOAD_CHUNK):
                    try:
                        channel.sendall(chunk)
                    except OSError:
                        # The host's cat may have ended, for want of room: its code says so.
                        if transport.is_active() and channel.exit_status_ready():
                            break
                        raise
                    sent += len(chunk)
                    progress(sent, total)
                    if stop.is_set():
                        channel.close()
                        raise Interrupted(
                            tr("{host}: the upload was stopped", host=self._host.name)
                        )
            channel.shutdown_write()
            code = _exit_status(channel, transport)
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise ConnectionLost(
                tr("{host}: the connection broke during the upload ({reason})",
                   host=self._host.name, reason=_one_line(error))
            ) from None  # fmt: skip
        if code == -1:
            raise ConnectionLost(
                tr("{host}: the connection broke during the upload", host=self._host.name)
            )
        if code != 0:
            said = channel.recv_stderr(2000).decode("utf-8", "replace").strip()
            raise StepFailed(
                tr("{host}: {path} could not be written: {reason}", host=self._host.name,
                   path=part, reason=said[-200:])
            )  # fmt: skip

    def dial(self, address: str, port: int, timeout: float) -> socket.socket:
        """Have the host's sshd open a connection, and speak through a channel of its own."""
        name = self._host.name
        transport = self._connection.client.get_transport() if self._connection else None
        if transport is None:
            raise ConnectionLost(tr("{host}: not connected", host=name))
        try:
            # Where it comes from is asked for by the protocol, and looked at by nobody.
            channel = transport.open_channel(
                "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=timeout
            )
        except paramiko.ChannelException as error:
            if error.code == _PROHIBITED:
                raise NotForwarded(
                    tr("{host}: its sshd opens no connections for others (AllowTcpForwarding)",
                       host=name)
                ) from None  # fmt: skip
            raise _not_answering(name, address, port) from None
        except (OSError, EOFError, paramiko.SSHException) as error:
            if transport.is_active():
                raise _not_answering(name, address, port) from None
            raise ConnectionLost(
                tr("{host}: the connection broke ({reason})", host=name, reason=_one_line(error))
            ) from None
        return as_socket(channel)

    def close(self) -> None:
        """Close the connection; units on the host go on."""
        self._closed.set()
        if self._shell is not None:
            self._shell.close()
            self._shell = None
        if self._connection is not None:
            self._connection.client.close()
            if isinstance(self._connection.gateway, fabric.Connection):
                self._connection.gateway.client.close()
            self._connection = None


def _exit_status(channel: paramiko.Channel, transport: paramiko.Transport) -> int:
    deadline = time.monotonic() + 120
    while not channel.exit_status_ready():
        if not transport.is_active() or time.monotonic() > deadline:
            return -1
        time.sleep(0.02)  # paramiko has no wait with a timeout for this
    return channel.recv_exit_status()


def _socket(host: str, port: int) -> socket.socket:
    try:
        made = socket.create_connection((host, port), timeout=_CONNECT_SECONDS)
    except OSError as error:
        raise TransportError(
            tr(
                "{address} port {port} is not reached ({reason}); check the address, that the "
                "host is up, and its firewall", address=host, port=port, reason=_one_line(error),
            )
        ) from None  # fmt: skip
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _not_answering(host: str, address: str, port: int) -> NotAnswering:
    return NotAnswering(
        tr("{host}: nothing answers it at {address} port {port}", host=host, address=address,
           port=port)
    )  # fmt: skip


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:160]


def _nothing(_: Sequence[str]) -> None:
    pass
