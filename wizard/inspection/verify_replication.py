"""Verification of Harbors that replicate: what is pushed to one is pulled from the other."""

from __future__ import annotations

import functools
import secrets
import time
from collections.abc import Callable, Iterator

from harbor_wizard.components import replication
from harbor_wizard.inspection.registry import Registry, RegistryError
from harbor_wizard.inspection.ways import Check, Ways, attempt
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster

# Longer than a job may wait for a worker, in seconds; seconds are what is seen.
_PATIENCE = 120.0


def replicated(cluster: Cluster, ways: Ways, password: str) -> Iterator[Check]:
    """Yield what is seen of each direction, and that a replica takes no push of people."""
    for wire in replication.wires(cluster):
        yield from _wire(cluster, wire, ways, password)
    for node in cluster.replicas():
        refused = functools.partial(_refused, ways.node(node), password)
        yield attempt(tr("{host} refuses a push", host=node.name), refused)


def _wire(
    cluster: Cluster, wire: replication.Wire, ways: Ways, password: str
) -> Iterator[Check]:
    rules = cluster.replication
    between = {"source": wire.source.name, "target": wire.target.name}
    if rules.repositories != "**" or rules.tags != "**":
        yield Check(
            tr("replication from {source} to {target}", **between),
            tr("not tried: the cluster's patterns leave out an image of this program's"),
            good=True,
        )
        return
    project = rules.projects[0] if rules.projects else "library"
    name = f"harbor-wizard-verify-{secrets.token_hex(4)}"
    repository = f"{project}/{name}"
    scope = f"repository:{repository}:pull,push"
    source, target = ways.node(wire.source), ways.node(wire.target)
    pushed = [False]

    def push() -> str:
        token = source.token("admin", password, scope)
        made = source.push(repository, "latest", token)
        pushed[0] = True
        begun = time.monotonic()
        _until(_has, tr("{repository} did not arrive within {seconds} s", repository=repository,
                        seconds=f"{_PATIENCE:.0f}"))  # fmt: skip
        arrived = time.monotonic() - begun
        seen = target.pull(repository, "latest", target.token("admin", password, scope))
        if seen != made:
            raise RegistryError(
                tr("{repository} arrived with another digest", repository=repository)
            )
        return tr("after {seconds} s", seconds=f"{arrived:.1f}")

    def _has() -> bool:
        return target.has(repository, "latest", target.token("admin", password, scope))

    def delete() -> str:
        source.delete(project, name, "admin", password)
        if not rules.deletion:
            return tr("deletions are not replicated, as chosen")
        begun = time.monotonic()
        _until(lambda: not _has(),
               tr("{repository} is still there within {seconds} s", repository=repository,
                  seconds=f"{_PATIENCE:.0f}"))  # fmt: skip
        return tr("after {seconds} s", seconds=f"{time.monotonic() - begun:.1f}")

    yield attempt(tr("a push arrives from {source} to {target}", **between), push)
    if pushed[0]:
        yield attempt(tr("a deletion arrives from {source} to {target}", **between), delete)
        if not rules.deletion and wire.target not in cluster.replicas():
            target.delete(project, name, "admin", password)


def _refused(registry: Registry, password: str) -> str:
    repository = "library/harbor-wizard-verify-refused"
    token = registry.token("admin", password, f"repository:{repository}:pull,push")
    status = registry.begin_push(repository, token)
    if status != 403:
        raise RegistryError(
            tr("a push was answered with status {status}, not refused with 403", status=status)
        )
    return tr("with status 403")


def _until(so: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not so():
        if time.monotonic() > deadline:
            raise RegistryError(otherwise)
        time.sleep(0.5)
