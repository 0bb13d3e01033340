"""Speaks to services from the hosts that will use them, without anything on those hosts.

What is said goes through a host's SSH connection: a password is in no argument, environment or
file there. What services answer is facts as those of hosts are: lines of a name and a value.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType

from harbor_wizard.errors import SecretsError
from harbor_wizard.secrets import SecretValues
from harbor_wizard.transport.base import Transport

# Seconds: for one connection, and for all that is asked of one service.
DIAL_WITHIN, ASK_WITHIN = 5.0, 9.0


class Line:
    """A way from one host to one service, cut when its time is over, whatever is being said."""

    def __init__(self, transport: Transport, seconds: float = ASK_WITHIN) -> None:
        self._transport = transport
        self._until = time.monotonic() + seconds
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Line:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._timer.cancel()
        self._cut()

    def _cut(self) -> None:
        with self._lock:
            opened, self._open = self._open, []
        for one in opened:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                one.close()

    def dial(self, address: str, port: int) -> socket.socket:
        """Return a socket to a service. Raises as `Transport.dial` does."""
        left = self._until - time.monotonic()
        made = self._transport.dial(address, port, max(min(DIAL_WITHIN, left), 0.1))
        made.settimeout(max(self._until - time.monotonic(), 0.1))
        with self._lock:
            # TLS takes a socket over: its twin is what can still be cut.
            self._open.append(made.dup())
        return made


class Answers:
    """What was answered, gathered as the lines that `Facts` reads."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def say(self, name: str, *words: object) -> None:
        """Take one value: words, in one line."""
        value = " ".join(" ".join(str(word).split()) for word in words)
        self._lines.append(f"{name}\t{value}\n")

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._lines)


def value_of(values: SecretValues, reference: str) -> str | None:
    """Return what a reference of the cluster file stands for; None where it is not here yet."""
    try:
        return values.value(reference.removeprefix("secret:"))
    except SecretsError:
        return None
