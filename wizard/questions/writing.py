"""Answers that are more than a text at one place: how they are read and written."""

from __future__ import annotations

import re
from collections.abc import Callable

from harbor_wizard.questions.answers import Data, get, is_number, put
from harbor_wizard.questions.conditions import redis_kind


def set_redis_kind(data: Data, text: str) -> None:
    """Choose how Redis is found; its password is kept."""
    if text == redis_kind(data):
        return
    redis = data.get("redis") if isinstance(data.get("redis"), dict) else {}
    kept = {key: value for key, value in dict(redis or {}).items() if key == "password"}
    if text == "sentinel":
        kept["sentinel"] = {"master": "mymaster"}
    data["redis"] = kept


def sentinels(data: Data) -> str:
    """Return the sentinels as text."""
    nodes = get(data, "redis.sentinel.nodes")
    if not isinstance(nodes, list):
        return ""
    found = (node if isinstance(node, dict) else {} for node in nodes)
    return ", ".join(f"{node.get('host', '')}:{node.get('port', '')}" for node in found)


def set_sentinels(data: Data, text: str) -> None:
    """Take the sentinels from text."""
    nodes = []
    for one in re.split(r"[,\s]+", text):
        if one:
            host, _, port = one.rpartition(":") if ":" in one else (one, "", "26379")
            nodes.append({"host": host, "port": int(port) if is_number(port) else port})
    put(data, "redis.sentinel.nodes", nodes or None)


def set_clair_host(data: Data, text: str) -> None:
    """Say where clair's database is; its password is a secret of its own."""
    put(data, "clair_database.host", text)
    if text:
        put(data, "clair_database.password", "secret:clair_database_password")
    else:
        data.pop("clair_database", None)


def set_tls_mode(data: Data, text: str) -> None:
    """Choose where TLS ends."""
    put(data, "tls.mode", text)
    if text == "none":
        for key in ("certificate", "key", "ca", "issuer", "clients"):
            put(data, f"tls.{key}", None)


def set_issuer(data: Data, text: str) -> None:
    """Choose whose certificate it is."""
    put(data, "tls.issuer", None if text == "operator" else text)
    if text == "wizard":
        for key in ("certificate", "key", "ca"):
            put(data, f"tls.{key}", None)


def set_balancer(data: Data, text: str) -> None:
    """Choose the balancer: what the others have and this one has not goes."""
    put(data, "balancer.type", None if text == "haproxy" else text)
    if text != "haproxy":
        put(data, "balancer.mode", None)
        put(data, "balancer.statistics", None)
    if text != "lvs":
        put(data, "balancer.vip_on_nodes", None)
    if not data.get("balancer"):
        data.pop("balancer", None)


def words_at(path: str) -> Callable[[Data], str]:
    """Return what reads a list of words."""
    def read(data: Data) -> str:
        listed = get(data, path)
        return ", ".join(map(str, listed)) if isinstance(listed, list) else ""

    return read


def set_words(path: str) -> Callable[[Data, str], None]:
    """Return what writes a list of words."""
    def write(data: Data, text: str) -> None:
        put(data, path, [word for word in re.split(r"[,\s]+", text) if word] or None)

    return write


def set_source(data: Data, text: str) -> None:
    """Choose where Docker comes from."""
    put(data, "packages.source", None if text == "distribution" else text)
    if text != "docker":
        put(data, "packages.mirror", None)
    if text != "bundle":
        put(data, "packages.bundle", None)
    if not data.get("packages"):
        data.pop("packages", None)


def set_storage(data: Data, text: str) -> None:
    """Choose the store of the images."""
    if get(data, "storage.type") != text:
        data["storage"] = {"type": text} if text else {}
