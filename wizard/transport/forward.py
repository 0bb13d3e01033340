"""A connection that a host opened for us, as a socket of the operating system's.

TLS and the libraries of databases want a real socket, which a channel of SSH is not: one end of a
pair of sockets is handed out, and two threads carry what is said between the other end and the
channel.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import paramiko

_CHUNK = 64 * 1024
# What either end says when the other one is gone.
_ENDED = (OSError, EOFError, paramiko.SSHException)


def as_socket(channel: paramiko.Channel) -> socket.socket:
    """Return a socket that speaks through the channel; closing it closes the channel, too."""
    ours, theirs = socket.socketpair()
    for carry in (_in, _out):
        threading.Thread(target=carry, args=(channel, ours), daemon=True, name="forward").start()
    return theirs


def _in(channel: paramiko.Channel, ours: socket.socket) -> None:
    """Carry what the channel says to the socket, to its end."""
    with suppress(*_ENDED):
        while data := channel.recv(_CHUNK):
            ours.sendall(data)
    with suppress(OSError):
        ours.shutdown(socket.SHUT_RDWR)


def _out(channel: paramiko.Channel, ours: socket.socket) -> None:
    """Carry what the socket says to the channel; when it is closed, so is the channel."""
    with suppress(*_ENDED):
        while data := ours.recv(_CHUNK):
            channel.sendall(data)
    with suppress(*_ENDED):
        channel.close()
    ours.close()
