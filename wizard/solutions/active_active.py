"""Active-active: n nodes behind one or two balancers, with their state shared.

What it survives: any one balancer of two, any one Harbor node. What it does not: the database,
Redis and the image store are the site's own, and theirs to protect.
"""

from __future__ import annotations

from harbor_wizard.model.cluster import Cluster
from harbor_wizard.plan import Plan, PlanBuilder
from harbor_wizard.solutions import steps


def plan(cluster: Cluster) -> Plan:
    """Return the plan of an active-active cluster."""
    build = PlanBuilder(cluster)
    checked = steps.look_first(build, cluster)
    served = steps.shared_services(build, cluster, checked)
    for node in cluster.nodes:
        steps.ready_node(build, cluster, node, checked)
    started = steps.start_sharing(build, cluster, served)
    # The balancers need no node for their installation, but the address waits for all.
    steps.balance(build, cluster, checked, started)
    return build.build()
