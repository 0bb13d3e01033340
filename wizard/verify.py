"""Verification: does what was installed do what clients need, through the virtual address?"""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote_plus

from harbor_wizard.engine.runner import Connect
from harbor_wizard.errors import HarborWizardError
from harbor_wizard.model.cluster import Cluster, Host, TlsMode
from harbor_wizard.registry import Registry, RegistryError, basic, bearer
from harbor_wizard.secrets import SecretValues
from harbor_wizard.session import Session
from harbor_wizard.status import GOOD, probe
from harbor_wizard.transport.base import Call, Phase

# The project that every Harbor has from the start.
_PROJECT = "library"


@dataclass(frozen=True)
class Check:
    """One look: what was looked at, what was seen, and whether that is good."""

    what: str
    seen: str
    good: bool


def verify(
    session: Session, cluster: Cluster, values: SecretValues, connect: Connect
) -> Iterator[Check]:
    """Yield the checks, one after the other as they are made. A failure does not end them."""
    status = probe(cluster, connect)
    holders = ", ".join(status.holders) or "nobody"
    yield Check("the virtual address is on one host", holders, len(status.holders) == 1)
    for host in status.hosts:
        bad = [f"{part} {seen}" for part, seen in host.parts.items() if seen not in GOOD]
        yield Check(f"{host.name} runs all its parts", host.error or ", ".join(bad) or "yes",
                    host.well)  # fmt: skip
    password = values.value(cluster.admin_password.removeprefix("secret:"))
    front = _front(session, cluster)
    yield _try("every part is healthy through the virtual address", lambda: _health(front))
    yield from _image(front, password)
    yield _try("a token of each node is good on the others",
               lambda: _tokens(cluster, password))  # fmt: skip
    yield _try("the nodes share their secrets", lambda: _shared(cluster, connect))


def _try(what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(what, look(), good=True)
    except HarborWizardError as error:
        return Check(what, str(error), good=False)


def _front(session: Session, cluster: Cluster) -> Registry:
    if cluster.tls.mode is TlsMode.NONE:
        return Registry(cluster.front, 80, cluster.public_name, None)
    context = ssl.create_default_context()
    if cluster.tls.ca is not None:
        context.load_verify_locations(session.local(cluster.tls.ca))
    return Registry(cluster.front, 443, cluster.public_name, context)


def _node(cluster: Cluster, node: Host) -> Registry:
    if cluster.tls.mode is TlsMode.PASSTHROUGH:
        # The name in the certificate is the public one; its chain is checked through the front.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return Registry(node.address, 443, cluster.public_name, context)
    forwarded = {"X-Forwarded-Proto": cluster.scheme}
    return Registry(node.address, 80, cluster.public_name, None, forwarded)


def _health(front: Registry) -> str:
    parts = front.health()
    ill = [f"{part} is {state}" for part, state in parts.items() if state != "healthy"]
    if ill:
        raise RegistryError(", ".join(ill))
    return f"{len(parts) - 1} parts"


def _image(front: Registry, password: str) -> Iterator[Check]:
    name = f"harbor-wizard-verify-{secrets.token_hex(4)}"
    repository = f"{_PROJECT}/{name}"
    scope = f"repository:{repository}:pull,push"
    tokens: list[str] = []

    def login() -> str:
        tokens.append(front.token("admin", password, scope))
        return "admin"

    def push() -> str:
        return front.push(repository, "latest", tokens[0])[:19]

    def pull() -> str:
        return front.pull(repository, "latest", tokens[0])[:19]

    def delete() -> str:
        path = f"/api/v2.0/projects/{_PROJECT}/repositories/{quote_plus(name)}"
        answer = front.request("DELETE", path, basic("admin", password))
        if answer.status not in (200, 202):
            raise RegistryError(f"deleting {repository} got status {answer.status}")
        return repository

    for what, act in (("login", login), ("push", push), ("pull", pull), ("delete", delete)):
        check = _try(f"{what} through the virtual address", act)
        yield check
        if not check.good and what != "pull":
            return


def _tokens(cluster: Cluster, password: str) -> str:
    scope = f"repository:{_PROJECT}/harbor-wizard-verify:pull"
    for issuer in cluster.nodes:
        token = _node(cluster, issuer).token("admin", password, scope)
        for other in cluster.nodes:
            answer = _node(cluster, other).request("GET", "/v2/", bearer(token))
            if answer.status != 200:
                raise RegistryError(
                    f"{other.name} refuses a token of {issuer.name} with status {answer.status}: "
                    "their key pairs differ"
                )
    return f"{len(cluster.nodes)} nodes"


# What must be equal, read from the running containers; only digests leave the host.
_DIGESTS = r"""
set -eu
docker inspect harbor-core harbor-jobservice >/dev/null
for name in JOBSERVICE_SECRET CSRF_KEY CORE_SECRET ROBOT_SCANNER_NAME_PREFIX; do
  printf '%s=' $name
  docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' harbor-core |
    sed -n "s/^$name=//p" | sha256sum | cut -c1-64
done
printf 'jobservice JOBSERVICE_SECRET='
docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' harbor-jobservice |
  sed -n 's/^JOBSERVICE_SECRET=//p' | sha256sum | cut -c1-64
"""


def _shared(cluster: Cluster, connect: Connect) -> str:
    script = _DIGESTS + "".join(
        f"printf '{path}='; sha256sum {cluster.data_volume}/secret/{path} | cut -c1-64\n"
        for path in ("keys/secretkey", "core/private_key.pem", "registry/root.crt")
    )
    seen: dict[str, dict[str, str]] = {}
    for node in cluster.nodes:
        transport = connect(node)
        try:
            transport.connect()
            answer = transport.run(Call("verify", Phase.HOUSEKEEPING, script), lambda _: None)
        finally:
            transport.close()
        if not answer.ok:
            raise RegistryError(f"{node.name}: {answer.err.strip()[-200:]}")
        for line in answer.out.splitlines():
            what, _, value = line.partition("=")
            seen.setdefault(what, {})[node.name] = value
    unequal = [what for what, values in seen.items()
               if len(set(values.values())) != 1 or len(values) != len(cluster.nodes)]  # fmt: skip
    if unequal:
        raise RegistryError(f"not equal on all nodes: {', '.join(unequal)}")
    return f"{len(seen)} of {len(seen)} are equal"
