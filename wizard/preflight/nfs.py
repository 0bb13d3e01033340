"""Asks an NFS server, from a node, whether it answers and what it exports.

ONC RPC (RFC 5531) is spoken here itself: the hosts have no NFS client before a run, and three calls
without arguments of weight are all that is asked.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from harbor_wizard.errors import NotAnswering
from harbor_wizard.preflight.dialling import Answers, Line

PORT = 2049
_PORTMAPPER, _NFS, _MOUNT = 100000, 100003, 100005
_LONGEST = 64 * 1024  # bytes of an answer
_MOST = 50  # exports that are told


class Unreadable(ValueError):
    """What answers does not speak ONC RPC, or not this program."""


def call(
    made: socket.socket, program: int, version: int, procedure: int, body: bytes = b""
) -> bytes:
    """Call a procedure over TCP without credentials, and return its result.

    Raises `Unreadable` and `OSError`.
    """
    message = struct.pack(">10I", 1, 0, 2, program, version, procedure, 0, 0, 0, 0) + body
    made.sendall(struct.pack(">I", 0x80000000 | len(message)) + message)
    answer, last = b"", False
    while not last:
        (head,) = struct.unpack(">I", _exactly(made, 4))
        last, length = bool(head & 0x80000000), head & 0x7FFFFFFF
        if len(answer) + length > _LONGEST:
            raise Unreadable
        answer += _exactly(made, length)
    try:
        number, kind, accepted, _, verifier = struct.unpack(">5I", answer[:20])
        at = 20 + (verifier + 3) // 4 * 4
        (status,) = struct.unpack(">I", answer[at : at + 4])
    except struct.error:
        raise Unreadable from None
    if (number, kind, accepted, status) != (1, 1, 0, 0):
        raise Unreadable
    return answer[at + 4 :]


def _exactly(made: socket.socket, number: int) -> bytes:
    data = b""
    while len(data) < number:
        more = made.recv(number - len(data))
        if not more:
            raise Unreadable
        data += more
    return data


def ask(server: str, line: Line, answers: Answers) -> None:
    """Say which version of NFS a server speaks, and its exports where it tells them.

    Raises `NotAnswering`, `Unreadable` and `OSError` where NFS itself does not answer.
    """
    for version in (4, 3):
        with line.dial(server, PORT) as made:
            try:
                call(made, _NFS, version, 0)
            except Unreadable:
                if version == 3:
                    raise
                continue
        answers.say("nfs_version", version)
        break
    try:
        for path in _exports(server, line):
            answers.say("nfs_export", path)
    except (NotAnswering, Unreadable, OSError):
        return  # a server of NFS 4 alone has nobody who tells them


def _exports(server: str, line: Line) -> Iterator[str]:
    with line.dial(server, 111) as made:
        asked = struct.pack(">4I", _MOUNT, 3, 6, 0)
        (port,) = struct.unpack(">I", call(made, _PORTMAPPER, 2, 3, asked)[:4].rjust(4, b"\0"))
    if not 0 < port < 65536:
        return
    with line.dial(server, port) as made:
        told = _Reader(call(made, _MOUNT, 3, 5))
    for _ in range(_MOST):
        if not told.number():
            return
        path = told.text()
        while told.number():  # who may mount it
            told.text()
        yield path


class _Reader:
    """Reads XDR (RFC 4506)."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def number(self) -> int:
        if len(self._data) < 4:
            raise Unreadable
        (value,) = struct.unpack(">I", self._data[:4])
        self._data = self._data[4:]
        return int(value)

    def text(self) -> str:
        length = self.number()
        value, self._data = self._data[:length], self._data[(length + 3) // 4 * 4 :]
        return value.decode("utf-8", "replace")
