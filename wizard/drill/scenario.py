"""Which failures a cluster claims to survive, and what it promises for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from harbor_wizard.language import mark, tr
from harbor_wizard.model.cluster import BalancerType, Cluster, Host, Solution


class Failure(StrEnum):
    """What is broken."""

    BALANCER_PROCESS = "balancer-process"
    BALANCER_HOST = "balancer-host"
    BALANCER_NETWORK = "balancer-network"
    NODE_CORE = "node-core"
    NODE_CONTAINERS = "node-containers"
    NODE_HOST = "node-host"
    NODE_NETWORK = "node-network"
    REDIS_MASTER = "redis-master"


_TITLES = {
    Failure.BALANCER_PROCESS: mark("the balancer's process on {host} dies and stays dead"),
    Failure.BALANCER_HOST: mark("the balancer's host {host} dies, and boots again"),
    Failure.BALANCER_NETWORK: mark("the balancer's host {host} is cut off from its network"),
    Failure.NODE_CORE: mark("Harbor's core on {host} dies and stays dead"),
    Failure.NODE_CONTAINERS: mark("all of Harbor's containers on {host} die and stay dead"),
    Failure.NODE_HOST: mark("the Harbor host {host} dies, and boots again"),
    Failure.NODE_NETWORK: mark("the Harbor host {host} is cut off from its network"),
    Failure.REDIS_MASTER: mark("Redis' master hangs, as its sentinels see it"),
}


@dataclass(frozen=True)
class Promise:
    """What clients are promised, in seconds without any success; None where nothing is.

    `retried` says that no pull fails once it was tried again. `address` is how long the public
    address may be without any answer.
    """

    pulls: float | None
    pushes: float | None
    address: float | None = None
    retried: bool = False

    @property
    def text(self) -> str:
        """The promise in words."""
        said = []
        if self.address is not None:
            said.append(tr("the address answers again within {seconds} s",
                           seconds=f"{self.address:g}"))  # fmt: skip
        said.append(
            tr("no pull for any time") if self.pulls is None
            else tr("pulls again within {seconds} s", seconds=f"{self.pulls:g}")
        )  # fmt: skip
        if self.retried:
            said.append(tr("no pull fails after one retry"))
        said.append(
            tr("no push until it is back") if self.pushes is None
            else tr("pushes again within {seconds} s", seconds=f"{self.pushes:g}")
        )  # fmt: skip
        said.append(tr("no pushed image is lost"))
        return "; ".join(said)


# The holder falls silent. The address is elsewhere within 3 s; but what a client asked for just
# before is given up after 5 s only, and asked for again a second later.
_SILENT = Promise(8, 10, address=3)


@dataclass(frozen=True)
class Scenario:
    """One failure. `host` is a node's name; None where it is whoever holds the address then."""

    failure: Failure
    host: str | None
    promise: Promise

    @property
    def name(self) -> str:
        """What it is called: the failure, and where it is a node's, which one."""
        return self.failure.value if self.host is None else f"{self.failure.value}@{self.host}"

    def title(self, host: str) -> str:
        """Return it in words, with the host that it is caused on."""
        return tr(_TITLES[self.failure], host=host)


def scenarios(cluster: Cluster) -> tuple[Scenario, ...]:
    """Return the failures that a cluster claims to survive; none where it has no one address.

    Each node is one of its own: which one serves a client is decided by the client's address.
    """
    if not cluster.has_front:
        return ()
    return (*_balancers(cluster), *_nodes(cluster), *_redis(cluster))


def _balancers(cluster: Cluster) -> Iterator[Scenario]:
    if cluster.solution is Solution.ACTIVE_STANDBY or len(cluster.vip_holders) < 2:
        return
    if cluster.balancer.type is not BalancerType.LVS:
        # HAProxy or nginx is asked once a second, twice: then the address moves.
        yield Scenario(Failure.BALANCER_PROCESS, None, Promise(5, 8, address=5))
    for failure in (Failure.BALANCER_HOST, Failure.BALANCER_NETWORK):
        yield Scenario(failure, None, _SILENT)


def _nodes(cluster: Cluster) -> Iterator[Scenario]:
    if len(cluster.nodes) < 2:
        return
    for failure in (Failure.NODE_CORE, Failure.NODE_CONTAINERS, Failure.NODE_HOST,
                    Failure.NODE_NETWORK):  # fmt: skip
        for node in cluster.nodes:
            yield Scenario(failure, node.name, _promise(cluster, failure, node))


def _promise(cluster: Cluster, failure: Failure, node: Host) -> Promise:
    if cluster.solution is Solution.ACTIVE_STANDBY:
        # The one that serves is asked for its parts twice, which may take 10 s. Until then its
        # clients may wait for an answer that does not come.
        dies = failure in (Failure.NODE_HOST, Failure.NODE_NETWORK)
        return _SILENT if dies else Promise(20, 25, address=12)
    if cluster.solution is Solution.MASTER_SLAVE:
        return Promise(10, None if node is cluster.nodes[0] else 10)
    if cluster.solution is Solution.MASTER_MASTER:
        # nginx learns of it from its clients' requests: it asks no node by itself.
        return Promise(10, 15)
    # A balancer of the site, or LVS, checks in its own time.
    own = cluster.balancer.type is not BalancerType.HAPROXY
    # HAProxy asks a node twice, and waits up to 2 s for an answer each time.
    return Promise(15, 20) if own else Promise(8, 10, retried=True)


def _redis(cluster: Cluster) -> Iterator[Scenario]:
    if cluster.shares_state and cluster.redis is not None and cluster.redis.sentinel is not None:
        # 30 s are what sentinels wait by default before they call a master dead.
        yield Scenario(Failure.REDIS_MASTER, None, Promise(60, 60))
