"""Master-master: two full Harbors, each of which replicates to the other.

Each has a state of its own. What it survives: either of them, with all that was replicated until
then. What it does not: what is pushed to one is at the other a little later; users and what else
Harbor does not replicate have to be made on both.
"""

from __future__ import annotations

from harbor_wizard.components import harbor, replication
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.plan import Plan, PlanBuilder
from harbor_wizard.solutions import steps


def plan(cluster: Cluster) -> Plan:
    """Return the plan of two masters."""
    build = PlanBuilder(cluster)
    checked = steps.look_first(build, cluster)
    for node in cluster.nodes:
        steps.ready_node(build, cluster, node, checked)
        build.then(node, harbor.start(cluster, node))
    started = steps.replicate(build, cluster, replication.wires(cluster))
    steps.balance(build, cluster, checked, started)
    return build.build()
