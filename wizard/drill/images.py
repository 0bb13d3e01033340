"""The drill's own images: a repository for them, what is still there of it, and its removal."""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Callable, Mapping

from harbor_wizard.drill.load import ANSWER, LOOK_ANSWER, LOOK_REACH, REACH, Target
from harbor_wizard.errors import HarborWizardError, StepFailed
from harbor_wizard.inspection.registry import Registry, RegistryError, basic
from harbor_wizard.inspection.ways import Ways
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Solution

# Seconds: longer than a job of Harbor's may wait for a worker, and than a balancer's checks take.
_LAG, _SETTLES = 120.0, 30.0


class Images:
    """The images of one drill, in one repository of its own."""

    def __init__(
        self, cluster: Cluster, ways: Ways, password: str, project: str, name: str,
        stop: threading.Event,
    ) -> None:  # fmt: skip
        """`stop` ends all waiting: what is then not there yet counts as missing."""
        self._cluster = cluster
        self._ways = ways
        self._stop = stop
        self._password = password
        self._project, self._name = project, name
        self.repository = f"{project}/{name}"

    def seed(self) -> str:
        """Push the first image, wait until every Harbor has it, and return its digest.

        Raises `RegistryError`, and `StepFailed` where it is not replicated.
        """
        digest = self.target(anonymous=False).push("seed")
        missing = self._one_sided({"seed": digest}, _LAG)
        if missing and self._replicates:
            raise StepFailed(
                tr("the drill's first image was not replicated within {seconds} s: nothing was "
                   "broken; look at “harbor-wizard verify”", seconds=f"{_LAG:.0f}")
            )  # fmt: skip
        return digest

    @property
    def _replicates(self) -> bool:
        """Say whether the cluster's rules replicate an image of ours."""
        rules = self._cluster.replication
        return not self._cluster.shares_state and rules.repositories == rules.tags == "**"

    def target(self, *, anonymous: bool) -> Target:
        """Return what the load speaks to."""
        return Target(
            self._ways.front(ANSWER, REACH), self._ways.front(LOOK_ANSWER, LOOK_REACH),
            self.repository, self._password, anonymous=anonymous,
            newest=self._cluster.shares_state,
        )  # fmt: skip

    def pulls_anonymously(self, digest: str) -> bool:
        """Say whether pulls are to be made without a login.

        Without its master nobody can log in at a master-slave cluster: what it promises then is
        for images that anybody may pull, if the project is such a one.
        """
        if self._cluster.solution is not Solution.MASTER_SLAVE:
            return False
        with contextlib.suppress(RegistryError):
            self.target(anonymous=True).pull(digest)
            return True
        return False

    def lost(self, pushed: Mapping[str, str]) -> tuple[str, ...]:
        """Return the tags that are pulled, by digest, from nowhere any more."""
        patience = _SETTLES if self._cluster.shares_state else _LAG
        target = self.target(anonymous=False)
        missing = _missing(pushed, target.pull, patience, self._stop)
        for node in () if self._cluster.shares_state else self._cluster.nodes:
            missing = _missing(missing, self._pull_of(self._ways.node(node)), 0, self._stop)
        return tuple(missing)

    def one_sided(self, pushed: Mapping[str, str]) -> tuple[str, ...]:
        """Return the tags that some Harbor lacks after its lag, where images are replicated."""
        return tuple(self._one_sided(pushed, _LAG)) if self._replicates else ()

    def _one_sided(self, pushed: Mapping[str, str], patience: float) -> dict[str, str]:
        found: dict[str, str] = {}
        for node in () if self._cluster.shares_state else self._cluster.nodes:
            pull = self._pull_of(self._ways.node(node))
            found |= _missing(pushed, pull, patience, self._stop)
        return found

    def _pull_of(self, registry: Registry) -> Callable[[str], None]:
        def pull(digest: str) -> None:
            scope = f"repository:{self.repository}:pull"
            registry.pull(self.repository, digest,
                          registry.token("admin", self._password, scope))  # fmt: skip

        return pull

    def remove(self) -> None:
        """Delete the repository wherever it is. Raises `RegistryError` where it stays."""
        if self._cluster.shares_state:
            places = [self._ways.front()]
        else:
            gone = set(self._cluster.replicas())
            # A replica takes no deletion but its master's.
            places = [self._ways.node(node) for node in self._cluster.nodes if node not in gone]
        for place in places:
            try:
                place.delete(self._project, self._name, "admin", self._password)
            except RegistryError:
                path = f"/api/v2.0/projects/{self._project}/repositories/{self._name}"
                there = place.request("GET", path, basic("admin", self._password))
                if there.status != 404:
                    raise


def _missing(
    wanted: Mapping[str, str], pull: Callable[[str], None], patience: float, stop: threading.Event
) -> dict[str, str]:
    """Return those of the tags with digests that are not pulled within some seconds."""
    left, deadline = dict(wanted), time.monotonic() + patience

    def there(digest: str) -> bool:
        try:
            pull(digest)
        except (HarborWizardError, OSError):
            return False
        return True

    while left:
        with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
            seen = dict(zip(left, pool.map(there, left.values()), strict=True))
        left = {tag: digest for tag, digest in left.items() if not seen[tag]}
        if time.monotonic() > deadline or (left and stop.wait(1)):
            break
    return left


def others(registry: Registry, password: str) -> int | None:
    """Return how many repositories there are besides a drill's; None where that is not told."""
    answer = registry.request("GET", "/api/v2.0/projects?page_size=100", basic("admin", password))
    if answer.status != 200:
        return None
    import json  # noqa: PLC0415

    try:
        rows = json.loads(answer.body)
        total = int({k.lower(): v for k, v in answer.headers.items()}.get("x-total-count", "0"))
        counted = sum(int(row.get("repo_count") or 0) for row in rows)
    except (ValueError, TypeError, AttributeError):
        return None
    return counted if total <= 100 else None
