"""Host keys: a host is who it says it is, or nothing is sent to it.

Known hosts are those of ~/.ssh/known_hosts, of the cluster's own file, and those that the operator
accepted once for the session. Fabric accepts anything by itself (fabric #2071); this replaces it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import paramiko

from harbor_wizard.errors import HostKeyError
from harbor_wizard.files import write_atomically
from harbor_wizard.language import tr


@dataclass(frozen=True)
class UnknownHost:
    """A host that was never seen: what the operator has to decide about."""

    name: str
    key_type: str
    fingerprint: str


Accept = Callable[[UnknownHost], bool]


def refuse(_: UnknownHost) -> bool:
    """Accept nobody: for runs in which nobody can be asked."""
    return False


class KnownHosts(paramiko.MissingHostKeyPolicy):
    """The keys that are known, and the question about those that are not."""

    def __init__(self, session_file: Path, accept: Accept) -> None:
        self._session_file = session_file
        self._accept = accept
        self._lock = threading.Lock()

    def prepare(self, client: paramiko.SSHClient, others: Iterable[Path]) -> None:
        """Give a client the known keys, and this as its policy for others."""
        candidates = [Path("~/.ssh/known_hosts").expanduser(), *others]
        for path in candidates:
            if path.is_file():
                client.load_system_host_keys(str(path))
        with self._lock:
            if self._session_file.is_file():
                client.load_system_host_keys(str(self._session_file))
        client.set_missing_host_key_policy(self)

    def missing_host_key(
        self,
        client: paramiko.SSHClient,  # noqa: ARG002 - paramiko's signature
        hostname: str,
        key: paramiko.PKey,
    ) -> None:
        """Ask about an unknown key; remember it for the session. Raises `HostKeyError`."""
        unknown = UnknownHost(hostname, key.get_name(), key.fingerprint)
        # One question at a time, and not twice about the same host.
        with self._lock:
            if self._is_known(hostname, key):
                return
            if not self._accept(unknown):
                raise HostKeyError(
                    tr(
                        "{host} is not known here ({key_type} {fingerprint}); compare that with "
                        "“ssh-keygen -lf” on the host itself, then log in once by ssh, or name a "
                        "known_hosts file in the access", host=hostname,
                        key_type=unknown.key_type, fingerprint=unknown.fingerprint,
                    )
                )  # fmt: skip
            self._remember(hostname, key)

    def _is_known(self, hostname: str, key: paramiko.PKey) -> bool:
        if not self._session_file.is_file():
            return False
        return paramiko.HostKeys(str(self._session_file)).check(hostname, key)

    def _remember(self, hostname: str, key: paramiko.PKey) -> None:
        # Written by us: paramiko's own saving rewrites the file in place.
        before = self._session_file.read_text() if self._session_file.is_file() else ""
        line = f"{hostname} {key.get_name()} {key.get_base64()}\n"
        write_atomically(self._session_file, before + line)


def changed(host: str, error: paramiko.BadHostKeyException) -> HostKeyError:
    """Return the error for a host whose key is not the one that is known."""
    return HostKeyError(
        tr(
            "{host} answers with another key than the one that is known: expected {expected}, got "
            "{got}; somebody may be in between, so nothing was sent. If the host was really set "
            "up anew, remove its old line from known_hosts",
            host=host, expected=error.expected_key.fingerprint, got=error.key.fingerprint,
        )
    )  # fmt: skip
