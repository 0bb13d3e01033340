"""The ways to a cluster's Harbors from the operator's machine, and what a look there gives."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass

from harbor_wizard import certificates
from harbor_wizard.errors import HarborWizardError
from harbor_wizard.inspection.registry import Registry
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.secrets import SecretValues
from harbor_wizard.session import Session


@dataclass(frozen=True)
class Check:
    """One look: what was looked at, what was seen, and whether that is good."""

    what: str
    seen: str
    good: bool


def attempt(what: str, look: Callable[[], str]) -> Check:
    """Return what a look gives; one that raises an error of ours is not good."""
    try:
        return Check(what, look(), good=True)
    except HarborWizardError as error:
        return Check(what, str(error), good=False)


class Ways:
    """Clients of the public address and of each node."""

    def __init__(self, session: Session, cluster: Cluster, values: SecretValues) -> None:
        self._session, self._cluster, self._values = session, cluster, values

    def front(self, timeout: float = 20.0, reach: float | None = None) -> Registry:
        """Return the way that clients take. The certificate is checked as theirs do.

        `timeout` and `reach` are in seconds, see `Registry`.
        """
        cluster = self._cluster
        http = cluster.scheme == "http"
        port, trusting = (80, None) if http else (443, self._trusting())
        return Registry(cluster.front, port, cluster.public_name, trusting, None, timeout, reach)

    def balancer(self, balancer: Host) -> Registry:
        """Return the way through one balancer by its own address, where it listens there."""
        cluster = self._cluster
        if cluster.scheme == "http":
            return Registry(balancer.address, 80, cluster.public_name, None)
        return Registry(balancer.address, 443, cluster.public_name, self._trusting())

    def node(self, node: Host) -> Registry:
        """Return the way to one node by itself."""
        cluster = self._cluster
        name = cluster.name_of(node)
        if not cluster.node_tls:
            forwarded = {"X-Forwarded-Proto": cluster.scheme}
            return Registry(node.address, 80, name, None, forwarded)
        return Registry(node.address, 443, name, self._trusting())

    def _trusting(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        authority = certificates.hole_ca(self._cluster)
        if authority is not None:
            context.load_verify_locations(cadata=self._values.value(authority.name))
        return context
