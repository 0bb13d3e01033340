"""When a question is asked: what holds of the answers so far."""

from __future__ import annotations

from collections.abc import Callable

from harbor_wizard.questions.answers import Data, get
from harbor_wizard.releases import NEWEST, Release, find, supported


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
    return any(role in roles_of(host) for host in listed if isinstance(host, dict))


def roles_of(host: Data) -> list[str]:
    """Return a host's roles; none where they are not a list."""
    roles = host.get("roles")
    return [str(role) for role in roles] if isinstance(roles, list) else []


def roles_taken(data: Data) -> frozenset[str]:
    """Return the roles that hosts can have with the solution and the balancer."""
    solution = data.get("solution")
    taken = {"harbor"}
    if solution != "active-standby" and balancer(data) != "existing":
        taken.add("balancer")
    if shares(data):
        taken.add("services")
    return frozenset(taken)


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


def terminates(data: Data) -> bool:
    """Say whether TLS can end at a balancer: one of ours, or the site's own."""
    return balances(data) and balancer(data) != "lvs"


def passes_through(data: Data) -> bool:
    """Say whether TLS can end at the nodes."""
    return not (data.get("solution") == "master-slave" and balances(data))


def keeps_job_logs(data: Data) -> bool:
    """Say whether the logs of jobs are files of the node that ran them."""
    return shares(data) and not release_of(data).logs_jobs_to_database


def scanners(data: Data) -> tuple[str, ...]:
    """Return the scanners that the release can have."""
    known = release_of(data).scanners
    return ("none", *(one for one in ("trivy", "clair") if one in known))


def asks_clair_database(data: Data) -> bool:
    """Say whether clair needs a PostgreSQL of its own: beside the MariaDB of Harbor 1.5."""
    return release_of(data).uses_mariadb and data.get("scanner") == "clair"


def release_of(data: Data) -> Release:
    """Return what is true of the chosen release; of the newest where it is none."""
    version = str(data.get("release") or NEWEST)
    return find(version if not supported(version) else NEWEST)


def has_tls(data: Data) -> bool:
    """Say whether clients speak TLS."""
    return bool(get(data, "tls.mode") != "none")


def one_redis(data: Data) -> bool:
    """Say whether there is a Redis already, on one host."""
    return existing_state(data) and redis_kind(data) == "one host"


def has_sentinel(data: Data) -> bool:
    """Say whether there is a Redis already, found by Sentinel."""
    return existing_state(data) and redis_kind(data) == "sentinel"


def stored_in(kind: str) -> Callable[[Data], bool]:
    """Return a condition: the images are kept in a store of this kind."""
    return lambda data: shares(data) and bool(get(data, "storage.type") == kind)


def has(path: str) -> Callable[[Data], bool]:
    """Return a condition: there is an answer at the path."""
    return lambda data: get(data, path) not in (None, "", False)


def own_certificate(data: Data) -> bool:
    """Say whether the certificate is the operator's."""
    return has_tls(data) and get(data, "tls.issuer") != "wizard"
