"""Master-slave: one Harbor takes pushes, the others serve pulls of what it replicates to them.

Each Harbor has a state of its own. What it survives: any replica, and for pulls the master, too.
What it does not: no push without the master. Users and what else Harbor does not replicate are
the master's only.
"""

from __future__ import annotations

from harbor_wizard.components import haproxy, harbor, replication
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.plan import Plan, PlanBuilder
from harbor_wizard.solutions import steps


def plan(cluster: Cluster) -> Plan:
    """Return the plan of a master with its replicas."""
    build = PlanBuilder(cluster)
    checked = steps.look_first(build, cluster)
    for node in cluster.nodes:
        steps.ready_node(build, cluster, node, checked)
        build.then(node, harbor.start(cluster, node))
    # A replica lets only the master write, from the first moment that others can reach it.
    for node in cluster.replicas():
        build.then(node, haproxy.guard(cluster, node, harbor.GUARDED_PORT))
    started = steps.replicate(build, cluster, replication.wires(cluster))
    steps.balance(build, cluster, checked, started)
    return build.build()
