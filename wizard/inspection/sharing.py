"""Verification of nodes that are one Harbor: what one of them gives, the others take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlencode

from harbor_wizard.engine.runner import Connect
from harbor_wizard.inspection.registry import Registry, RegistryError, basic, bearer, with_json
from harbor_wizard.inspection.ways import Check, Ways, attempt
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.transport.base import Call, Phase

_CSRF = "X-Harbor-CSRF-Token"
_JOB_SECONDS = 60.0

# A purge of the audit log that only counts: what is older than a hundred years, and dryly. The
# operations are in the words of releases before 2.13, and in those since.
_JOB = {
    "schedule": {"type": "Manual"},
    "parameters": {
        "audit_retention_hour": 876_000, "dry_run": True,
        "include_operations": "create,delete,pull",
        "include_event_types": "create_artifact,delete_artifact,pull_artifact",
    },
}  # fmt: skip


def shared(cluster: Cluster, ways: Ways, password: str, connect: Connect) -> Iterator[Check]:
    """Yield what is seen of tokens, sessions, jobs, and the secrets that make them common."""
    yield attempt(tr("a token of each node is good on the others"),
                  lambda: _tokens(cluster, ways, password))  # fmt: skip
    yield attempt(tr("a session of each node goes on at the others"),
                  lambda: _sessions(cluster, ways, password))  # fmt: skip
    yield attempt(tr("the job service takes a job of each node, and the others see it"),
                  lambda: _jobs(cluster, ways, password))  # fmt: skip
    yield attempt(tr("the nodes share their secrets"), lambda: _secrets(cluster, connect))


def _tokens(cluster: Cluster, ways: Ways, password: str) -> str:
    scope = "repository:library/harbor-wizard-verify:pull"
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


def _pairs(cluster: Cluster) -> Iterator[tuple[Host, Host]]:
    """Yield each node with the next one."""
    nodes = cluster.nodes
    yield from zip(nodes, [*nodes[1:], nodes[0]], strict=True)


def _sessions(cluster: Cluster, ways: Ways, password: str) -> str:
    """Do what a browser does whose requests come to different nodes."""
    for one, other in _pairs(cluster):
        asked = ways.node(one).request("GET", "/api/v2.0/systeminfo")
        sent = {
            "Cookie": _cookies(asked.cookies), _CSRF: asked.header(_CSRF),
            "Content-Type": "application/x-www-form-urlencoded", **_browser(cluster),
        }  # fmt: skip
        form = urlencode({"principal": "admin", "password": password}).encode()
        logged_in = ways.node(other).request("POST", "/c/login", sent, form)
        if logged_in.status != 200 or "sid" not in logged_in.cookies:
            raise RegistryError(tr(
                "{host} refuses the login of a page of {other} with status {status}: their keys "
                "against forged requests (CSRF_KEY) differ, or the password is another one",
                host=other.name, other=one.name, status=logged_in.status,
            ))  # fmt: skip
        cookies = {**asked.cookies, **logged_in.cookies}
        for node in cluster.nodes:
            seen = ways.node(node).request(
                "GET", "/api/v2.0/users/current", {"Cookie": _cookies(cookies)}
            )
            if seen.status != 200:
                raise RegistryError(tr(
                    "{host} does not know a session that {other} began (status {status}): do they "
                    "have the same Redis?",
                    host=node.name, other=other.name, status=seen.status,
                ))  # fmt: skip
        ways.node(one).request("GET", "/c/log_out", {"Cookie": _cookies(cookies)})
    return tr("{count} nodes", count=len(cluster.nodes))


def _browser(cluster: Cluster) -> dict[str, str]:
    return {"Origin": cluster.external_url, "Referer": f"{cluster.external_url}/"}


def _cookies(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def _jobs(cluster: Cluster, ways: Ways, password: str) -> str:
    """Give a job to each node, and read its state and its log at the next one."""
    longest = 0.0
    for one, other in _pairs(cluster):
        begun = time.monotonic()
        made = ways.node(one).request(
            "POST", "/api/v2.0/system/purgeaudit/schedule", *with_json(_JOB, password)
        )
        if made.status == 404:
            return tr("not tried: this release has no job that changes nothing")
        number = made.header("Location").rpartition("/")[2]
        if made.status != 201 or not number.isdigit():
            raise RegistryError(tr("{host} takes no job: status {status}", host=one.name,
                                   status=made.status))  # fmt: skip
        _ended_well(ways.node(other), other.name, number, password)
        longest = max(longest, time.monotonic() - begun)
    return tr("after {seconds} s", seconds=f"{longest:.1f}")


def _ended_well(node: Registry, name: str, number: str, password: str) -> None:
    path = f"/api/v2.0/system/purgeaudit/{number}"
    deadline = time.monotonic() + _JOB_SECONDS
    while True:
        answer = node.request("GET", path, basic("admin", password))
        state = str(answer.json().get("job_status")) if answer.status == 200 else ""
        if state == "Success":
            break
        if state in ("", "Error", "Stopped") or time.monotonic() > deadline:
            raise RegistryError(tr(
                "{host} says of the job {number}: {state}; is the job service of each node well?",
                host=name, number=number, state=state or f"status {answer.status}",
            ))  # fmt: skip
        time.sleep(0.5)
    log = node.request("GET", f"{path}/log", basic("admin", password))
    if log.status != 200 or not log.body.strip():
        raise RegistryError(tr(
            "{host} has no log of a job that another node's job service may have run (status "
            "{status}): jobs' logs are not where all nodes see them", host=name, status=log.status,
        ))  # fmt: skip


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


def _secrets(cluster: Cluster, connect: Connect) -> str:
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
