"""Verification: does what was installed do what clients need, through the virtual address?"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Iterator

from harbor_wizard.engine.runner import Connect
from harbor_wizard.inspection.registry import Registry, RegistryError, bearer
from harbor_wizard.inspection.status import GOOD, probe
from harbor_wizard.inspection.verify_replication import replicated
from harbor_wizard.inspection.ways import Check, Ways, attempt
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.secrets import SecretValues
from harbor_wizard.session import Session
from harbor_wizard.transport.base import Call, Phase

# The project that every Harbor has from the start.
_PROJECT = "library"


def verify(
    session: Session, cluster: Cluster, values: SecretValues, connect: Connect
) -> Iterator[Check]:
    """Yield the checks, one after the other as they are made. A failure does not end them."""
    status = probe(cluster, connect)
    if cluster.vip_holders:
        holders = ", ".join(status.holders) or tr("nobody")
        yield Check(tr("the virtual address is on one host"), holders, len(status.holders) == 1)
    for host in status.hosts:
        bad = [f"{part} {seen}" for part, seen in host.parts.items() if seen not in GOOD]
        yield Check(tr("{host} runs all its parts", host=host.name),
                    host.error or ", ".join(bad) or tr("yes"), host.well)  # fmt: skip
    password = values.value(cluster.admin_password.removeprefix("secret:"))
    ways = Ways(session, cluster, values)
    for node in cluster.nodes:
        healthy = functools.partial(_health, ways.node(node))
        yield attempt(tr("every part of {host} is healthy", host=node.name), healthy)
    if cluster.has_front:
        yield attempt(tr("every part is healthy through the public address"),
                      lambda: _health(ways.front()))  # fmt: skip
        yield from _image(ways.front(), password)
    if cluster.shares_state:
        yield attempt(tr("a token of each node is good on the others"),
                      lambda: _tokens(cluster, ways, password))  # fmt: skip
        yield attempt(tr("the nodes share their secrets"), lambda: _shared(cluster, connect))
    yield from replicated(cluster, ways, password)


def _health(front: Registry) -> str:
    parts = front.health()
    ill = [
        tr("{part} is {state}", part=part, state=state)
        for part, state in parts.items()
        if state != "healthy"
    ]
    if ill:
        raise RegistryError(", ".join(ill))
    return tr("{count} parts", count=len(parts) - 1)


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
        front.delete(_PROJECT, name, "admin", password)
        return repository

    for what, act in (
        (tr("login through the public address"), login),
        (tr("push through the public address"), push),
        (tr("pull through the public address"), pull),
        (tr("delete through the public address"), delete),
    ):
        check = attempt(what, act)
        yield check
        if not check.good and act is not pull:
            return


def _tokens(cluster: Cluster, ways: Ways, password: str) -> str:
    scope = f"repository:{_PROJECT}/harbor-wizard-verify:pull"
    for issuer in cluster.nodes:
        token = ways.node(issuer).token("admin", password, scope)
        for other in cluster.nodes:
            answer = ways.node(other).request("GET", "/v2/", bearer(token))
            if answer.status != 200:
                raise RegistryError(tr(
                    "{host} refuses a token of {issuer} with status {status}: their key pairs "
                    "differ",
                    host=other.name, issuer=issuer.name, status=answer.status,
                ))  # fmt: skip
    return tr("{count} nodes", count=len(cluster.nodes))


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
        raise RegistryError(tr("not equal on all nodes: {names}", names=", ".join(unequal)))
    return tr("{count} of {total} are equal", count=len(seen), total=len(seen))
