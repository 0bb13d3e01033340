"""Answers that go with others: what does not apply is put aside, and comes back when it does."""

from __future__ import annotations

import copy
from collections.abc import Callable

from harbor_wizard.questions.answers import Data, get, put
from harbor_wizard.questions.conditions import (
    asks_clair_database,
    existing_state,
    holds_address,
    keeps_job_logs,
    replicates,
    roles_of,
    roles_taken,
    scanners,
    shares,
    terminates,
)
from harbor_wizard.questions.question import Question

_TLS = "tls.mode"
_HOSTS = "hosts"

_APPLIES: tuple[tuple[str, Callable[[Data], bool]], ...] = (
    ("virtual_address", holds_address),
    ("database", existing_state),
    ("redis", existing_state),
    ("storage", shares),
    ("job_logs", keeps_job_logs),
    ("replication", replicates),
    ("clair_database", asks_clair_database),
)


def take(question: Question, data: Data, text: str, aside: Data) -> None:
    """Put an answer into the data, and have the others go with it.

    What does not apply any more goes into `aside`, from where it comes back as soon as it applies
    again.
    """
    if question.path == "solution":
        _choose(data, text.strip(), aside)
    else:
        question.store(data, text)
    if question.path == _TLS:
        aside.pop(_TLS, None)
    if question.path == "balancer.type":
        _fit_hosts(data, aside)
    fit(data, aside)


def fit(data: Data, aside: Data) -> None:
    """Put aside what does not apply to the other answers, and bring back what applies again."""
    for key, applies in _APPLIES:
        if not applies(data):
            if data.get(key):
                aside[key] = data.pop(key)
            data.pop(key, None)
        elif key in aside and data.get(key) in (None, {}):
            data[key] = aside.pop(key)
    if shares(data) and not data.get("storage"):
        data["storage"] = {"type": "filesystem"}
    _fit_scanner(data, aside)
    _fit_tls(data, aside)


def _fit_scanner(data: Data, aside: Data) -> None:
    known = scanners(data)
    if data.get("scanner", "none") not in known:
        aside["scanner"] = data.pop("scanner")
    elif "scanner" not in data and aside.get("scanner") in known:
        data["scanner"] = aside.pop("scanner")


def _fit_tls(data: Data, aside: Data) -> None:
    mode = get(data, _TLS)
    if mode == "terminate" and not terminates(data):
        aside[_TLS] = mode
        put(data, _TLS, "passthrough")
    elif mode == "passthrough" and terminates(data):
        # A balancer that sends pushes to the master has to see which requests are pushes.
        before = aside.pop(_TLS, None)
        if before == "terminate" or data.get("solution") == "master-slave":
            put(data, _TLS, "terminate")


def _choose(data: Data, solution: str, aside: Data) -> None:
    """Choose a solution, with the balancer and the hosts that it had before, if any."""
    before = data.get("solution")
    if solution == before:
        return
    if data.get("balancer"):
        aside[f"balancer of {before}"] = data["balancer"]
    data.pop("balancer", None)
    if f"balancer of {solution}" in aside:
        data["balancer"] = aside.pop(f"balancer of {solution}")
    put(data, "solution", solution)
    _fit_hosts(data, aside)
    if solution == "active-standby":
        _name_interfaces(data, aside)


def _fit_hosts(data: Data, aside: Data) -> None:
    """Put hosts aside whose role is none here, and bring those back whose role is one again."""
    hosts = data.get(_HOSTS)
    if not isinstance(hosts, list) or not all(isinstance(host, dict) for host in hosts):
        return
    gone = {"balancer", "services"} - roles_taken(data)
    kept: list[Data] = []
    away: list[tuple[int, Data]] = aside.setdefault(_HOSTS, [])
    left: list[tuple[int, Data]] = []
    for index, host in enumerate(hosts):
        roles = roles_of(host)
        here = [role for role in roles if role not in gone]
        if here == roles:
            kept.append(host)
            continue
        left.append((index, copy.deepcopy(host)))
        if here:
            kept.append({**host, "roles": here})
    for index, host in away:
        there = next((one for one in kept if one.get("name") == host.get("name")), None)
        if gone & set(roles_of(host)):
            left.append((index, host))
        elif there is None:
            kept.insert(min(index, len(kept)), host)
        elif "harbor" in host["roles"] and roles_of(there) == ["harbor"]:
            there["roles"] = host["roles"]
    data[_HOSTS] = kept
    aside[_HOSTS] = sorted(left, key=lambda one: one[0])


def _name_interfaces(data: Data, aside: Data) -> None:
    """Give nodes that hold the virtual address an interface to hold it on."""
    hosts = data.get(_HOSTS)
    known = [host.get("interface") for _, host in aside.get(_HOSTS, [])]
    usual = next((one for one in known if one), "eth0")
    for host in hosts if isinstance(hosts, list) else []:
        if isinstance(host, dict):
            host.setdefault("interface", usual)
