"""The plan: all steps with what each waits for, made by a pure function of the cluster.

The preview, the run, the exported runbook and the tests all read the same plan.
"""

from __future__ import annotations

import dataclasses
import graphlib
from collections.abc import Iterable
from dataclasses import dataclass

from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.step import Step


@dataclass(frozen=True)
class Plan:
    """Steps in an order in which they could be done one after the other."""

    cluster: Cluster
    steps: tuple[Step, ...]

    @property
    def hosts(self) -> tuple[Host, ...]:
        """The cluster's hosts that have steps, in the cluster's order."""
        used = {step.host for step in self.steps}
        return tuple(host for host in self.cluster.hosts if host.name in used)

    def on(self, host: str) -> tuple[Step, ...]:
        """Return a host's steps in their order."""
        return tuple(step for step in self.steps if step.host == host)

    def step(self, identity: str) -> Step:
        """Return the step of that id; raises `KeyError`."""
        for step in self.steps:
            if step.id == identity:
                return step
        raise KeyError(identity)

    def graph(self) -> dict[str, frozenset[str]]:
        """Return each step's id with the ids it waits for."""
        return {step.id: step.needs for step in self.steps}


class PlanBuilder:
    """Puts steps one after the other: each host does its own in order.

    Steps of different hosts run side by side, but for what `after` says.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._steps: dict[str, Step] = {}
        self._last: dict[str, str] = {}

    def then(self, host: Host, steps: Iterable[Step], after: Iterable[str] = ()) -> str:
        """Add steps to a host, the first of them also after the given ids.

        Returns the id of the last one, for others to wait for.
        """
        waits = frozenset(after)
        for step in steps:
            if step.host != host.name:
                raise ValueError(f"{step.id} is not a step of {host.name}")
            if step.id in self._steps:
                raise ValueError(f"{step.id} stands in the plan twice")
            before = frozenset({self._last[host.name]} if host.name in self._last else ())
            self._steps[step.id] = dataclasses.replace(step, needs=before | waits)
            self._last[host.name] = step.id
            waits = frozenset()
        return self.last(host)

    def last(self, host: Host) -> str:
        """Return the id of a host's last step until now; raises `KeyError` where it has none."""
        return self._last[host.name]

    def build(self) -> Plan:
        """Return the plan. Raises `graphlib.CycleError` where steps wait for each other."""
        graph = {step.id: step.needs for step in self._steps.values()}
        order = graphlib.TopologicalSorter(graph)
        order.prepare()
        return Plan(self.cluster, tuple(self._steps.values()))
