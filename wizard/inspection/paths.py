"""Verification of each path that clients may take, and of the certificate that they see there."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator

from harbor_wizard.engine.runner import Connect
from harbor_wizard.inspection.asking import boot_units
from harbor_wizard.inspection.registry import Registry, RegistryError
from harbor_wizard.inspection.seen import LEAST_DAYS, ClusterStatus
from harbor_wizard.inspection.ways import Check, Ways, attempt
from harbor_wizard.language import tr, trn
from harbor_wizard.model.cluster import BalancerType, Cluster, Host
from harbor_wizard.step import quote
from harbor_wizard.transport.base import Call, Phase


def answered(cluster: Cluster, ways: Ways, status: ClusterStatus) -> Iterator[Check]:
    """Yield Harbor's health through each node, each balancer, and the public address."""
    for node in cluster.nodes:
        healthy = functools.partial(_health, ways.node(node))
        yield attempt(tr("every part of {host} is healthy", host=node.name), healthy)
    for balancer in cluster.balancers:
        yield from _balancer(cluster, balancer, ways, status)
    if cluster.has_front:
        yield attempt(tr("every part is healthy through the public address"),
                      lambda: _health(ways.front()))  # fmt: skip


def _health(way: Registry) -> str:
    parts = way.health()
    ill = [
        tr("{part} is {state}", part=part, state=state)
        for part, state in parts.items()
        if state != "healthy"
    ]
    if ill:
        raise RegistryError(", ".join(ill))
    return tr("{count} parts", count=len(parts) - 1)


def _balancer(
    cluster: Cluster, host: Host, ways: Ways, status: ClusterStatus
) -> Iterator[Check]:
    """Yield the look through one balancer by itself, as far as there is a way to it."""
    kind = cluster.balancer.type
    what = tr("every part is healthy through {host}", host=host.name)
    if kind is BalancerType.NGINX or (kind is BalancerType.HAPROXY and cluster.vip is None):
        yield attempt(what, lambda: _health(ways.balancer(host)))
    elif kind in (BalancerType.HAPROXY, BalancerType.LVS):
        # It takes clients at the virtual address alone: while the peer has that, its own word is
        # all there is.
        yield attempt(tr("{host} sees a node to pass clients on to", host=host.name),
                      lambda: _sees(host, status))  # fmt: skip


def _sees(host: Host, status: ClusterStatus) -> str:
    (seen,) = [one for one in status.hosts if one.name == host.name]
    told = {part.removeprefix("sees "): state for part, state in seen.parts.items()
            if part.startswith("sees ")}  # fmt: skip
    if "UP" not in told.values():
        raise RegistryError(seen.error or ", ".join(f"{k} {v}" for k, v in told.items())
                            or tr("it says nothing of the nodes"))  # fmt: skip
    return ", ".join(f"{name} {state}" for name, state in told.items())


def certified(cluster: Cluster, ways: Ways) -> Iterator[Check]:
    """Yield whether clients take the certificate of each path: its name, its chain, its days."""
    if cluster.scheme != "https":
        return
    if cluster.has_front:
        what = tr("clients take the certificate of {name}", name=cluster.public_name)
        yield attempt(what, lambda: _days(ways.front()))
    if cluster.node_tls:
        for node in cluster.nodes:
            what = tr("clients take the certificate of {name}", name=node.name)
            yield attempt(what, functools.partial(_days, ways.node(node)))


def _days(way: Registry) -> str:
    days = int((way.certificate_ends() - time.time()) // 86400)
    said = trn("{number} day left", "{number} days left", days)
    if days < LEAST_DAYS:
        raise RegistryError(said)
    return said


def rebooted(cluster: Cluster, connect: Connect) -> Iterator[Check]:
    """Yield whether all parts of each host come back after a reboot."""
    for host in cluster.hosts:
        units = list(dict.fromkeys(boot_units(cluster, host)))
        if units:
            enabled = functools.partial(_enabled, host, units, connect)
            yield attempt(tr("{host} comes back after a reboot", host=host.name), enabled)


def _enabled(host: Host, units: list[str], connect: Connect) -> str:
    names = " ".join(map(quote, units))
    script = (f'for unit in {names}; do systemctl is-enabled --quiet "$unit" || '
              'echo "$unit"; done\n')  # fmt: skip
    transport = connect(host)
    try:
        transport.connect()
        answer = transport.run(Call("verify", Phase.HOUSEKEEPING, script), lambda _: None)
    finally:
        transport.close()
    lacking = [one for one in units if one in answer.out.splitlines()]
    if lacking or not answer.ok:
        raise RegistryError(tr("not enabled: {units}", units=", ".join(lacking) or "?"))
    return ", ".join(units)
