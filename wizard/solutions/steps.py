"""What more than one solution does, told once."""

from __future__ import annotations

from harbor_wizard.components import (
    balancer,
    database,
    docker,
    firewall,
    haproxy,
    harbor,
    host,
    keepalived,
    lvs,
    nginx,
    packages,
    replication,
    services,
    storage,
    trust,
)
from harbor_wizard.model.cluster import BalancerType, Cluster, Host
from harbor_wizard.plan import PlanBuilder


def look_first(build: PlanBuilder, cluster: Cluster) -> list[str]:
    """Look at every host before any is changed; return what every change waits for."""
    for one in cluster.hosts:
        build.then(one, host.preflight(one))
    checked = [build.then(node, host.room(cluster, node)) for node in cluster.nodes]
    others = [one for one in cluster.hosts if one not in cluster.nodes]
    looked = checked + [f"{one.name}/preflight/address" for one in others]
    for one in cluster.hosts:
        build.then(one, packages.ready(cluster, one), after=looked)
        build.then(one, firewall.steps(cluster, one), after=looked)
    return looked


def shared_services(build: PlanBuilder, cluster: Cluster, after: list[str]) -> list[str]:
    """Bring up the database and Redis of a proof of concept; return what the nodes wait for."""
    one = cluster.services_host
    if one is None:
        return []
    build.then(one, docker.steps(cluster, one), after=after)
    build.then(one, harbor.deliver(cluster, one))
    return [build.then(one, services.steps(cluster, one))]


def ready_node(build: PlanBuilder, cluster: Cluster, node: Host, after: list[str]) -> None:
    """Get a node ready by itself: Docker, the store, the installer, secrets, configuration."""
    build.then(node, docker.steps(cluster, node), after=after)
    build.then(node, storage.steps(cluster, node))
    build.then(node, harbor.deliver(cluster, node))
    build.then(node, harbor.shared_secrets(cluster, node))
    build.then(node, trust.ca_download(cluster, node))
    build.then(node, trust.harbor_trusts(cluster, node))
    build.then(node, trust.internal(cluster, node))
    build.then(node, trust.docker_trusts(cluster, node))
    build.then(node, harbor.configure(cluster, node))


def start_sharing(build: PlanBuilder, cluster: Cluster, after: list[str]) -> list[str]:
    """Start nodes that share a database: the first one migrates it, the others follow."""
    first, *others = cluster.nodes
    build.then(first, database.steps(cluster, first), after=after)
    build.then(first, database.schema(cluster, first), after=after)
    build.then(first, harbor.start(cluster, first), after=after)
    for node in others:
        build.then(node, harbor.start(cluster, node), after=[f"{first.name}/harbor/healthy"])
    return [f"{node.name}/harbor/enable" for node in cluster.nodes]


def replicate(
    build: PlanBuilder, cluster: Cluster, wires: tuple[replication.Wire, ...]
) -> list[str]:
    """Replicate along the wires: all robots first, then endpoints, policies and first executions.

    Returns what waits for all of it. One first execution follows the other, so that two masters
    do not copy the same images to each other at once.
    """
    for node in cluster.nodes:
        build.then(node, replication.tools(cluster, node))
    ready = [build.last(node) for node in cluster.nodes]
    made = {
        wire: build.then(wire.target, replication.robot(cluster, wire), after=ready)
        for wire in wires
    }
    before: list[str] = []
    for wire in wires:
        after = [made[wire], *before]
        before = [build.then(wire.source, replication.endpoint(cluster, wire), after=after)]
    return [build.last(node) for node in cluster.nodes]


def balance(build: PlanBuilder, cluster: Cluster, after: list[str], started: list[str]) -> None:
    """Put the balancers before the nodes; the address is asked when all of them are up."""
    kind = cluster.balancer.type
    if kind is BalancerType.EXISTING:
        build.then(cluster.nodes[0], balancer.steps(cluster, cluster.nodes[0]), after=started)
        return
    for one in cluster.balancers:
        if kind is BalancerType.HAPROXY:
            build.then(one, haproxy.steps(cluster, one), after=after)
        elif kind is BalancerType.NGINX:
            build.then(one, nginx.steps(cluster, one), after=after)
    hold_address(build, cluster, started, after)


def hold_address(
    build: PlanBuilder, cluster: Cluster, started: list[str], after: list[str]
) -> None:
    """Let one of the holders have the virtual address, and ask through it."""
    if cluster.balancer.type is BalancerType.LVS:
        for node in cluster.nodes:
            build.then(node, lvs.node(cluster, node))
    for one in cluster.vip_holders:
        build.then(one, keepalived.steps(cluster, one), after=after)
    held = [f"{one.name}/keepalived/service" for one in cluster.vip_holders]
    for one in cluster.vip_holders:
        build.then(one, keepalived.address_answers(cluster, one), after=held + started)
