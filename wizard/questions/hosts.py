"""The questions of hosts: what is wrong with one, many pasted at once, and how they are reached."""

from __future__ import annotations

import re

from harbor_wizard.model import load
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.platforms import PLATFORMS
from harbor_wizard.questions.answers import Data
from harbor_wizard.questions.checking import problems, shaped
from harbor_wizard.questions.conditions import existing_state, shares
from harbor_wizard.releases import NEWEST


def host_reasons(host: Data, index: int, data: Data) -> dict[str, str]:
    """Return what is wrong with one host's answers, by field; `index` is its place in the list."""
    changed = shaped(data)
    hosts = list(changed["hosts"]) if isinstance(changed["hosts"], list) else []
    hosts[index : index + 1] = [host]
    changed["hosts"] = hosts
    found: dict[str, str] = {}
    for one in problems(changed):
        prefix = f"hosts[{min(index, len(hosts) - 1)}]."
        if one.path.startswith(prefix) and one.section == "topology":
            field = re.split(r"[.\[]", one.path.removeprefix(prefix))[0]
            found.setdefault(field, one.told(changed))
    return found


def pasted_hosts(
    text: str, solution: str = "active-active", *, existing: bool = False
) -> list[Data]:
    """Return hosts for pasted lines, each `name address` or an address alone.

    A name that begins with lb, bal, ha, proxy or vip makes a balancer; without names, the first
    two are balancers where the solution cannot do without. With active-standby, and with a
    balancer that is `existing`, there are none.
    """
    without = existing or solution == "active-standby"
    nameless = 2 if solution == "active-active" and not existing else 0
    hosts: list[Data] = []
    for line in text.splitlines():
        words = line.replace(",", " ").replace(";", " ").split()
        if not words or words[0].startswith("#"):
            continue
        address = next((word for word in words if re.fullmatch(r"[0-9.]+|.*:.*", word)), words[-1])
        name = next((word.lower() for word in words if word != address), "")
        named = bool(re.match(r"lb|bal|haproxy|proxy|vip", name))
        balancer = named and not without if name else len(hosts) < nameless
        same = sum((h["roles"] == ["balancer"]) == balancer for h in hosts) + 1
        host: Data = {
            "name": name or (f"lb-{same}" if balancer else f"harbor-{same}"),
            "roles": ["balancer" if balancer else "harbor"],
            "address": address,
        }
        if balancer or solution == "active-standby":
            host["interface"] = "eth0"
        hosts.append(host)
    return hosts


def for_access(data: Data) -> Cluster:
    """Return a cluster that is good for trying the access, whatever else is not answered yet.

    Raises `ClusterError` where the hosts or the access themselves are wrong.
    """
    hosts = data.get("hosts")
    known = [dict(host) for host in hosts if isinstance(host, dict)] if hosts else []
    for host in known:
        host.setdefault("platform", next(iter(PLATFORMS)))
    filled = {
        "name": data.get("name"), "solution": data.get("solution"), "release": NEWEST,
        "installer": {"file": "-"}, "public_name": data.get("public_name"),
        "virtual_address": data.get("virtual_address"), "access": data.get("access") or {},
        "hosts": known, "tls": {"mode": "none"}, "balancer": data.get("balancer") or {},
    }  # fmt: skip
    if existing_state(data):
        filled.update(database={"host": "localhost"}, redis={"host": "localhost"})
    if shares(data):
        filled["storage"] = {"type": "filesystem", "path": "/mnt"}
    return load.parse(filled, "")
