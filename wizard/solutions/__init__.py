"""One module per solution; each reads as one would tell it to a colleague."""

from __future__ import annotations

from collections.abc import Callable

from harbor_wizard.errors import InputError
from harbor_wizard.model.cluster import Cluster, Solution
from harbor_wizard.plan import Plan
from harbor_wizard.solutions import active_active

_PLANS: dict[Solution, Callable[[Cluster], Plan]] = {
    Solution.ACTIVE_ACTIVE: active_active.plan,
}


def is_built(solution: Solution) -> bool:
    """Say whether a solution can be planned in this version."""
    return solution in _PLANS


def make_plan(cluster: Cluster) -> Plan:
    """Return the cluster's plan. Raises `InputError` for a solution that is not built yet."""
    if not is_built(cluster.solution):
        raise InputError(
            f'solution: "{cluster.solution}" is not built yet in this version; '
            f"what is: {', '.join(_PLANS)}"
        )
    return _PLANS[cluster.solution](cluster)
