"""All checks, in the order of the table."""

from __future__ import annotations

from harbor_wizard.language import mark
from harbor_wizard.preflight import machine, network, state
from harbor_wizard.preflight.check import Check

_HARBOR = mark("Harbor's installation prerequisites")
_PLAN = mark("this plan's own steps")
_VRRP = mark("VRRP")

CHECKS: tuple[Check, ...] = (
    Check("root", mark("login as root"), _PLAN, machine.root),
    Check("system", mark("system"), _PLAN, machine.system),
    Check("architecture", mark("architecture"), mark("Harbor's images"), machine.architecture),
    Check("cpus", mark("processors"), _HARBOR, machine.cpus),
    Check("memory", mark("memory"), _HARBOR, machine.memory),
    Check("disk", mark("disk"), _HARBOR, machine.disk),
    Check("inodes", mark("inodes"), mark("the registry keeps each layer in files"), machine.inodes),
    Check("clock", mark("clock"), mark("tokens are refused by a node whose clock is behind"),
          machine.clock),
    Check("identity", mark("identity"), mark("cloned machines clash in DHCP and in logs"),
          machine.identity),
    Check("address", mark("address"), _PLAN, network.address),
    Check("mtu", mark("MTU"), mark("large packets vanish between different sizes"), network.mtu),
    Check("ports", mark("ports"), _PLAN, network.ports),
    Check("docker", mark("Docker"), mark("Harbor's installer refuses older ones"), machine.docker),
    Check("leftovers", mark("earlier Harbor"), mark("nothing is overwritten unasked"),
          machine.leftovers),
    Check("firewall", mark("firewall"), _PLAN, network.firewall),
    Check("name", mark("public name"), mark("nodes and clients log in under it"), network.name),
    Check("virtual", mark("virtual address"), _VRRP, network.virtual),
    Check("services", mark("database, Redis"), _PLAN, state.services),
    Check("storage", mark("image store"), _PLAN, state.storage),
)  # fmt: skip

# What can be tried as soon as the services are answered, from the nodes that will use them.
SERVICE_CHECKS = ("name", "services", "storage")

TITLES: dict[str, str] = {"login": mark("reached by SSH")} | {one.name: one.title for one in CHECKS}
