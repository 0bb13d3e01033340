"""Verification: does what was installed do what clients need, through the virtual address?"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

from harbor_wizard.engine.runner import Connect
from harbor_wizard.inspection.paths import answered, certified, rebooted
from harbor_wizard.inspection.registry import Registry
from harbor_wizard.inspection.sharing import shared
from harbor_wizard.inspection.status import probe
from harbor_wizard.inspection.verify_replication import replicated
from harbor_wizard.inspection.ways import Check, Ways, attempt
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.secrets import SecretValues
from harbor_wizard.session import Session

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
        yield Check(tr("{host} runs all its parts", host=host.name),
                    ", ".join(host.ill) or tr("yes"), host.well)  # fmt: skip
    password = values.value(cluster.admin_password.removeprefix("secret:"))
    ways = Ways(session, cluster, values)
    yield from answered(cluster, ways, status)
    yield from certified(cluster, ways)
    if cluster.has_front:
        yield from _image(ways.front(), password)
    if cluster.shares_state:
        yield from shared(cluster, ways, password, connect)
    yield from replicated(cluster, ways, password)
    yield from rebooted(cluster, connect)


def as_json(cluster: str, checks: list[Check]) -> str:
    """Return checks for programs: `well`, and of each what was looked at, what seen, whether good.

    The words of `what` and `seen` are for people, and may be said better by later versions.
    """
    return json.dumps(
        {"cluster": cluster, "well": all(one.good for one in checks),
         "checks": [vars(one) for one in checks]},
        indent=2, ensure_ascii=False,
    )  # fmt: skip


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
