"""Active-active: n nodes behind two balancers, with their state shared.

What it survives: any one balancer, any one Harbor node. What it does not: the database, Redis and
the image store are the site's own, and theirs to protect.
"""

from __future__ import annotations

from harbor_wizard.components import docker, haproxy, harbor, host, keepalived, storage
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.plan import Plan, PlanBuilder


def plan(cluster: Cluster) -> Plan:
    """Return the plan of an active-active cluster."""
    build = PlanBuilder(cluster)

    # Every host is looked at before any host is changed.
    for one in cluster.hosts:
        build.then(one, host.preflight(one))
    checked = [build.then(node, host.room(cluster, node)) for node in cluster.nodes]
    checked += [f"{lb.name}/preflight/address" for lb in cluster.balancers]

    # Every node gets ready by itself: Docker, the shared store, the installer, the shared secrets.
    for node in cluster.nodes:
        build.then(node, docker.steps(node), after=checked)
        build.then(node, storage.steps(cluster, node))
        build.then(node, harbor.deliver(cluster, node))
        build.then(node, harbor.shared_secrets(cluster, node))
        build.then(node, harbor.configure(cluster, node))

    # The first node brings the database to this release; the others start when it is healthy.
    first, *others = cluster.nodes
    build.then(first, harbor.start(cluster, first))
    for node in others:
        build.then(node, harbor.start(cluster, node), after=[f"{first.name}/harbor/healthy"])

    # The balancers need no node for their installation, but the address waits for all.
    for balancer in cluster.balancers:
        build.then(balancer, haproxy.steps(cluster, balancer), after=checked)
        build.then(balancer, keepalived.steps(cluster, balancer))
    balanced = [f"{lb.name}/keepalived/service" for lb in cluster.balancers]
    started = [f"{node.name}/harbor/enable" for node in cluster.nodes]
    for balancer in cluster.balancers:
        build.then(balancer, keepalived.address_answers(cluster, balancer),
                   after=balanced + started)  # fmt: skip
    return build.build()
