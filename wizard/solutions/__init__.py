"""One module per solution; each reads as one would tell it to a colleague."""

from __future__ import annotations

from collections.abc import Callable

from harbor_wizard.model.cluster import Cluster, Solution
from harbor_wizard.plan import Plan
from harbor_wizard.solutions import active_active, active_standby, master_master, master_slave

_PLANS: dict[Solution, Callable[[Cluster], Plan]] = {
    Solution.ACTIVE_ACTIVE: active_active.plan,
    Solution.ACTIVE_STANDBY: active_standby.plan,
    Solution.MASTER_SLAVE: master_slave.plan,
    Solution.MASTER_MASTER: master_master.plan,
}


def make_plan(cluster: Cluster) -> Plan:
    """Return the cluster's plan."""
    return _PLANS[cluster.solution](cluster)
