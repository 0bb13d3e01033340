"""The lab's network: a namespace for the operator with a bridge, and one per host.

No address of it exists outside of these namespaces, and there is no way out of them. A host's
namespace lives as long as the host is powered: were it kept, the kernel would go on answering
for the addresses of a host that is dead.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from harbor_wizard.lab.command import run
from harbor_wizard.lab.errors import LabError
from harbor_wizard.lab.layout import OPERATOR_ADDRESS, PREFIX

TAP = "tap0"
_FOLDER = Path("/run/netns")


def namespaces() -> set[str]:
    """Return the names of all network namespaces of this machine."""
    return {one["name"] for one in json.loads(run(["ip", "-j", "netns", "list"]) or "[]")}


def make_operator(operator: str) -> None:
    """Make the operator's namespace, where everything that speaks to the hosts runs."""
    if operator not in namespaces():
        run(["ip", "netns", "add", operator])
    links = {one["ifname"] for one in json.loads(run(["ip", "-j", "-n", operator, "link"]))}
    if "br0" not in links:
        run(["ip", "-n", operator, "link", "add", "br0", "type", "bridge"])
    run(["ip", "-n", operator, "link", "set", "lo", "up"])
    run(["ip", "-n", operator, "addr", "replace", f"{OPERATOR_ADDRESS}/{PREFIX}", "dev", "br0"])
    run(["ip", "-n", operator, "link", "set", "br0", "up"])
    off = ["sysctl", "-q", "-w", "net.ipv4.ip_forward=0"]
    run(["ip", "netns", "exec", operator, *off])


def port(address: str) -> str:
    """Return the name of the bridge's port that a host with this address is at."""
    return f"v{address.rpartition('.')[2]}"


def hardware_address(address: str) -> str:
    """Return a host's MAC: it keeps it over a reboot, or its neighbours would not find it."""
    return "02:77:" + ":".join(f"{int(part):02x}" for part in address.split("."))


def join(operator: str, namespace: str, address: str, *, emulated: bool = False) -> None:
    """Make a host's namespace anew, with `eth0` in it joined to the operator's bridge.

    An emulated host has its address in itself: here is only the other end of its cable (TAP).
    """
    remove(namespace)
    with contextlib.suppress(LabError):  # the kernel takes its time to take the old one away
        run(["ip", "-n", operator, "link", "delete", port(address)])
    run(["ip", "netns", "add", namespace])
    run(["ip", "-n", operator, "link", "add", port(address), "type", "veth",
         "peer", "name", "eth0", "netns", namespace])  # fmt: skip
    run(["ip", "-n", operator, "link", "set", port(address), "master", "br0", "up"])
    if emulated:
        run(["ip", "-n", namespace, "link", "add", "br0", "type", "bridge"])
        run(["ip", "-n", namespace, "tuntap", "add", "dev", TAP, "mode", "tap"])
        for one in ("eth0", TAP):
            run(["ip", "-n", namespace, "link", "set", one, "master", "br0", "up"])
        run(["ip", "-n", namespace, "link", "set", "br0", "up"])
        return
    run(["ip", "-n", namespace, "link", "set", "lo", "up"])
    run(["ip", "-n", namespace, "link", "set", "eth0", "address", hardware_address(address)])
    run(["ip", "-n", namespace, "addr", "add", f"{address}/{PREFIX}", "dev", "eth0"])
    run(["ip", "-n", namespace, "link", "set", "eth0", "up"])


def set_port(operator: str, address: str, *, up: bool) -> None:
    """Plug a host's cable in, or pull it: the host sees its `eth0` without a carrier."""
    run(["ip", "-n", operator, "link", "set", port(address), "up" if up else "down"])


def remove(namespace: str) -> None:
    """Remove a namespace of ours, with what is in it."""
    if namespace in namespaces():
        run(["ip", "netns", "delete", namespace])


def path(namespace: str) -> Path:
    """Return the path that a process joins a namespace by."""
    return _FOLDER / namespace


def inside(names: list[str]) -> bool:
    """Return whether this process itself runs in one of these namespaces."""
    here = Path("/proc/self/ns/net").stat().st_ino
    for name in names:
        with contextlib.suppress(OSError):
            if path(name).stat().st_ino == here:
                return True
    return False
