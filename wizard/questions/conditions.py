"""When a question is asked: what holds of the answers so far."""

from __future__ import annotations

from collections.abc import Callable

from harbor_wizard.questions.answers import Data, get
from harbor_wizard.releases import NEWEST, find, supported


def redis_kind(data: Data) -> str:
    """Return how Redis is found."""
    return "one host" if get(data, "redis.sentinel") is None else "sentinel"


def shares(data: Data) -> bool:
    """Say whether the nodes share their state."""
    return data.get("solution") not in ("master-slave", "master-master")


def replicates(data: Data) -> bool:
    """Say whether each Harbor has a state of its own."""
    return not shares(data)


def solved_by(*solutions: str) -> Callable[[Data], bool]:
    """Return a condition: the solution is one of these."""
    return lambda data: data.get("solution") in solutions


def with_role(data: Data, role: str) -> bool:
    """Say whether a host has the role."""
    hosts = data.get("hosts")
    listed = hosts if isinstance(hosts, list) else []
    return any(role in (host.get("roles") or []) for host in listed if isinstance(host, dict))


def brings_services(data: Data) -> bool:
    """Say whether a host of the plan brings the database and Redis."""
    return with_role(data, "services")


def existing_state(data: Data) -> bool:
    """Say whether the nodes share a database and Redis that are there already."""
    return shares(data) and not brings_services(data)


def balancer(data: Data) -> str:
    """Return the balancer's type."""
    return str(get(data, "balancer.type") or "haproxy")


def balances(data: Data) -> bool:
    """Say whether there are balancers."""
    return data.get("solution") == "active-active" or with_role(data, "balancer")


def holds_address(data: Data) -> bool:
    """Say whether there is a virtual address: with nodes or balancers of ours that hold it."""
    if data.get("solution") == "active-standby":
        return True
    return balances(data) and balancer(data) != "existing"


def balanced_by(*kinds: str) -> Callable[[Data], bool]:
    """Return a condition: there are balancers, of one of these types."""
    return lambda data: balances(data) and balancer(data) in kinds


def line_of(data: Data) -> tuple[int, int]:
    """Return the release's line, such as (2, 15); the newest where it is none."""
    version = str(data.get("release") or NEWEST)
    return find(version if not supported(version) else NEWEST).line


def has_tls(data: Data) -> bool:
    """Say whether clients speak TLS."""
    return bool(get(data, "tls.mode") != "none")


def one_redis(data: Data) -> bool:
    """Say whether Redis is one host."""
    return redis_kind(data) == "one host"


def has_sentinel(data: Data) -> bool:
    """Say whether Redis is found by Sentinel."""
    return redis_kind(data) == "sentinel"


def stored_in(kind: str) -> Callable[[Data], bool]:
    """Return a condition: the images are kept in a store of this kind."""
    return lambda data: bool(get(data, "storage.type") == kind)


def has(path: str) -> Callable[[Data], bool]:
    """Return a condition: there is an answer at the path."""
    return lambda data: get(data, path) not in (None, "", False)


def own_certificate(data: Data) -> bool:
    """Say whether the certificate is the operator's."""
    return has_tls(data) and get(data, "tls.issuer") != "wizard"
