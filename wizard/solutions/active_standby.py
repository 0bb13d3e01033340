"""Active-standby: two nodes with one virtual address between them, and their state shared.

Both run Harbor all the time; clients reach the one that holds the address, and keepalived moves it
when a part of that one is ill. What it survives: either node. What it does not: the database,
Redis and the image store are the site's own, and theirs to protect.
"""

from __future__ import annotations

from harbor_wizard.model.cluster import Cluster
from harbor_wizard.plan import Plan, PlanBuilder
from harbor_wizard.solutions import steps


def plan(cluster: Cluster) -> Plan:
    """Return the plan of an active-standby cluster."""
    build = PlanBuilder(cluster)
    checked = steps.look_first(build, cluster)
    served = steps.shared_services(build, cluster, checked)
    for node in cluster.nodes:
        steps.ready_node(build, cluster, node, checked)
    started = steps.start_sharing(build, cluster, served)
    # A node may only hold the address when its own Harbor is healthy.
    steps.hold_address(build, cluster, started, after=[])
    return build.build()
