"""Asks Redis and its sentinels, from a node; `redis` says what the answers mean.

RESP is spoken here itself: of Redis' own client only its connection's inside would serve, since
none of its connections takes a socket that is there, and three commands are all that is asked.
"""

from __future__ import annotations

import socket

from harbor_wizard.errors import ConnectionLost, NotAnswering, NotForwarded
from harbor_wizard.model.cluster import Cluster, Sentinel
from harbor_wizard.preflight.dialling import Answers, Line, value_of
from harbor_wizard.secrets import SecretValues
from harbor_wizard.transport.base import Transport

_LONGEST = 256 * 1024  # bytes of an answer, and items of a list: INFO is some kilobytes
_ITEMS = 1000

Answer = str | int | list["Answer"] | None


class Refused(Exception):
    """An error that Redis answered."""


class Unreadable(Exception):
    """What answers does not speak as Redis does."""


class Speaker:
    """A connection to Redis or a sentinel."""

    def __init__(self, made: socket.socket) -> None:
        self._socket = made
        self._stream = made.makefile("rb")

    def ask(self, *words: str) -> Answer:
        """Ask, and return the answer. Raises `Refused`, `Unreadable`, `OSError`."""
        sent = [f"*{len(words)}\r\n".encode()]
        for word in words:
            data = word.encode()
            sent.append(b"$%d\r\n%s\r\n" % (len(data), data))
        self._socket.sendall(b"".join(sent))
        return self._answer()

    def _answer(self, depth: int = 0) -> Answer:
        line = self._stream.readline(_LONGEST)
        if not line.endswith(b"\r\n"):
            raise Unreadable
        kind, rest = line[:1], line[1:-2].decode("utf-8", "replace")
        if kind == b"+":
            return rest
        if kind == b"-":
            raise Refused(rest)
        if kind not in b":$*" or not rest.removeprefix("-").isdecimal() or not rest.isascii():
            raise Unreadable
        number = int(rest)
        if kind == b":":
            return number
        if number < 0:
            return None
        if kind == b"$" and number <= _LONGEST:
            data = self._stream.read(number + 2)
            if len(data) == number + 2:
                return data[:-2].decode("utf-8", "replace")
        if kind == b"*" and number <= _ITEMS and depth < 3:
            return [self._answer(depth + 1) for _ in range(number)]
        raise Unreadable


def ask(cluster: Cluster, transport: Transport, values: SecretValues) -> str:
    """Return what Redis says to a node: lines for `Facts`; nothing where it has no part."""
    redis, answers = cluster.redis, Answers()
    if redis is None:
        return ""
    password = ""
    if redis.password is not None:
        found = value_of(values, redis.password)
        if found is None:
            answers.say("redis_unlooked", "secret", redis.password.removeprefix("secret:"))
            if redis.sentinel is None:
                return answers.text
        password = found or ""
    known = redis.password is None or bool(password)
    try:
        with Line(transport) as line:
            if redis.sentinel is None:
                _server(str(redis.host), redis.port, password, line, answers)
                return answers.text
            masters = [_sentinel(redis.sentinel, at, line, answers)
                       for at in range(len(redis.sentinel.nodes))]  # fmt: skip
            for host, port in dict.fromkeys(one for one in masters if one is not None):
                if known:
                    _server(host, port, password, line, answers)
    except NotForwarded:
        answers.say("redis_unlooked", "forwarding")
    except ConnectionLost as lost:
        answers.say("redis_unlooked", "lost", lost)
    return answers.text


def _server(host: str, port: int, password: str, line: Line, answers: Answers) -> None:
    """Ask one Redis how it is."""
    place = f"{host}:{port}"
    try:
        with line.dial(host, port) as made:
            speaker = Speaker(made)
            if password:
                speaker.ask("AUTH", password)
            told = speaker.ask("INFO")
    except NotAnswering:
        answers.say("redis_silent", place)
    except Refused as refused:
        answers.say("redis_refused", place, refused)
    except (Unreadable, OSError, ValueError) as error:
        answers.say("redis_refused", place, "-", type(error).__name__)
    else:
        _told(place, told, answers)


def _told(place: str, told: Answer, answers: Answers) -> None:
    lines = told.splitlines() if isinstance(told, str) else []
    info = dict(line.split(":", 1) for line in lines if ":" in line)
    if "redis_version" not in info or "role" not in info:
        answers.say("redis_refused", place, "-", "INFO")
        return
    answers.say("redis_login", place)
    answers.say("redis_version", info["redis_version"])
    master = f"{info.get('master_host', '?')}:{info.get('master_port', '?')}"
    answers.say("redis_role", place, info["role"], "" if info["role"] == "master" else master)
    answers.say("redis_memory", info.get("maxmemory", "?"), info.get("maxmemory_policy", "?"))
    for name, value in info.items():
        keys = value.partition(",")[0].removeprefix("keys=")
        if name.startswith("db") and name[2:].isdecimal() and keys.isdecimal():
            answers.say("redis_keys", name[2:], keys)


def _sentinel(
    sentinel: Sentinel, number: int, line: Line, answers: Answers
) -> tuple[str, int] | None:
    """Ask one sentinel for the master's address, and whether it can be replaced."""
    node = sentinel.nodes[number]
    place = f"{node.host}:{node.port}"
    try:
        with line.dial(node.host, node.port) as made:
            speaker = Speaker(made)
            named = speaker.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", sentinel.master)
            if named is None:
                answers.say("sentinel_unknown", place)
                return None
            host, port = _address(named)
            answers.say("sentinel", place, f"{host}:{port}")
            try:
                answers.say("sentinel_quorum", place, speaker.ask(
                    "SENTINEL", "CKQUORUM", sentinel.master))  # fmt: skip
            except Refused as refused:
                answers.say("sentinel_quorum", place, refused)
            return host, port
    except NotAnswering:
        answers.say("sentinel_silent", place)
    except Refused as refused:
        answers.say("sentinel_refused", place, refused)
    except (Unreadable, OSError, ValueError) as error:
        answers.say("sentinel_refused", place, "-", type(error).__name__)
    return None


def _address(named: Answer) -> tuple[str, int]:
    """Return the address that a sentinel named. Raises `Unreadable`."""
    match named:
        case [str(host), str(port)] if port.isdecimal() and int(port) < 65536:
            return host, int(port)
    raise Unreadable
