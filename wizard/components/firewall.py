"""The firewall: what has to come in at a host, and the rules of firewalld and ufw that let it.

Which rules are there is read and judged by the preflight. Here they are written, as the commands
that an operator is told, and as the steps that add them where the cluster file allows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harbor_wizard.model.cluster import Cluster, Host, Role
from harbor_wizard.step import quote


@dataclass(frozen=True)
class Openings:
    """What has to come in: TCP ports, and VRRP from the addresses of these peers."""

    ports: tuple[int, ...] = ()
    peers: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ports or self.peers)

    def __str__(self) -> str:
        said = [str(port) for port in self.ports]
        return ", ".join([*said, "VRRP"] if self.peers else said)


def needed(cluster: Cluster, host: Host) -> Openings:
    """Return what has to pass a host's own firewall.

    The ports that Docker publishes are not among it: Docker redirects them before a chain of the
    input is asked (https://docs.docker.com/engine/network/packet-filtering-firewalls/).
    """
    front = {80} if cluster.scheme == "http" else {80, 443}
    ports: set[int] = set()
    if host in cluster.balancers:
        ports |= front
        if cluster.balancer.statistics:
            ports.add(cluster.balancer.statistics)
    if Role.HARBOR in host.roles and host in cluster.replicas():
        ports |= front  # by the guard before its Harbor
    peers: tuple[str, ...] = ()
    if host in cluster.vip_holders:
        peers = tuple(one.address for one in cluster.vip_holders if one is not host)
    return Openings(tuple(sorted(ports)), peers)


def firewalld(lacking: Openings, zone: str, does: str = "add") -> list[str]:
    """Return the commands that let it in, now and after the next boot, in a zone of firewalld.

    `does` is `add`, `query` or `remove`.
    """
    rules = [f"--{does}-port={port}/tcp" for port in lacking.ports]
    if lacking.peers:
        rules.append(f"--{does}-protocol=vrrp")
    return [f"firewall-cmd {kind}--zone={quote(zone)} {rule}" for rule in rules
            for kind in ("", "--permanent ")]  # fmt: skip


def ufw(lacking: Openings) -> list[str]:
    """Return the commands that let it in with ufw (0.36.2 and later know VRRP by its name)."""
    return [f"ufw {rule}" for rule in ufw_rules(lacking)]


def ufw_rules(lacking: Openings) -> list[str]:
    """Return ufw's rules that let it in."""
    return [
        *(f"allow {port}/tcp" for port in lacking.ports),
        *(f"allow proto vrrp from {quote(peer)}" for peer in lacking.peers),
    ]


def _listed(ports: Iterable[int]) -> str:
    return ",".join(map(str, ports))


def nft(lacking: Openings, family: str, table: str, chain: str) -> list[str]:
    """Return the commands that let it in by a chain of nftables: before all that stands there."""
    where = f"nft insert rule {quote(family)} {quote(table)} {quote(chain)}"
    found = []
    if lacking.ports:
        found.append(f"{where} tcp dport '{{ {_listed(lacking.ports)} }}' accept")
    if lacking.peers:
        found.append(f"{where} meta l4proto 112 accept")
    return found


def iptables(lacking: Openings) -> list[str]:
    """Return the commands that let it in by the chain of iptables."""
    found = []
    if lacking.ports:
        ports = _listed(lacking.ports)
        found.append(f"iptables -I INPUT -p tcp -m multiport --dports {ports} -j ACCEPT")
    if lacking.peers:
        found.append("iptables -I INPUT -p 112 -j ACCEPT")
    return found
