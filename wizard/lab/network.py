"""The lab's network: a namespace for the operator with a bridge, and one per host.

No address of it exists outside of these namespaces, and there is no way out of them.
"""

from __future__ import annotations

import json
from pathlib import Path

from harbor_wizard.lab.command import run
from harbor_wizard.lab.errors import LabError
from harbor_wizard.lab.layout import OPERATOR_ADDRESS, PREFIX


def namespaces() -> set[str]:
    """Return the names of all network namespaces of this machine."""
    return {one["name"] for one in json.loads(run(["ip", "-j", "netns", "list"]) or "[]")}


def make_operator(operator: str) -> None:
    """Make the operator's namespace, where everything that speaks to the hosts runs."""
    if operator in namespaces():
        return
    run(["ip", "netns", "add", operator])
    run(["ip", "-n", operator, "link", "set", "lo", "up"])
    run(["ip", "-n", operator, "link", "add", "br0", "type", "bridge"])
    run(["ip", "-n", operator, "addr", "add", f"{OPERATOR_ADDRESS}/{PREFIX}", "dev", "br0"])
    run(["ip", "-n", operator, "link", "set", "br0", "up"])


def join(operator: str, namespace: str, address: str) -> None:
    """Make a host's namespace, with `eth0` in it joined to the operator's bridge."""
    if namespace in namespaces():
        return
    port = f"v{address.rpartition('.')[2]}"
    run(["ip", "netns", "add", namespace])
    run(["ip", "-n", operator, "link", "add", port, "type", "veth",
         "peer", "name", "eth0", "netns", namespace])  # fmt: skip
    run(["ip", "-n", operator, "link", "set", port, "master", "br0", "up"])
    run(["ip", "-n", namespace, "link", "set", "lo", "up"])
    run(["ip", "-n", namespace, "addr", "add", f"{address}/{PREFIX}", "dev", "eth0"])
    run(["ip", "-n", namespace, "link", "set", "eth0", "up"])


def remove(namespace: str) -> None:
    """Remove a namespace of ours, with what is in it."""
    if namespace in namespaces():
        run(["ip", "netns", "delete", namespace])


def path(namespace: str) -> Path:
    """Return the path that a process joins a namespace by. Raises `LabError`."""
    found = Path("/run/netns") / namespace
    if not found.exists():
        raise LabError(f"the network namespace {namespace} is gone; run “harbor-wizard lab up”")
    return found
