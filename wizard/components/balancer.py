"""A balancer of the site's own: what it has to be set to, and whether it is."""

from __future__ import annotations

from collections.abc import Iterator

from harbor_wizard.components import probe
from harbor_wizard.language import mark, tr
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.releases import find
from harbor_wizard.step import Step, look, quote


def wanted(cluster: Cluster) -> tuple[str, ...]:
    """Return what the balancer has to be set to, as sentences for its administrator."""
    values = _values(cluster)
    return tuple(tr(line, **values) for line in _lines(cluster))


def _values(cluster: Cluster) -> dict[str, str]:
    """Return what fills the places of the sentences."""
    port, release = 443 if cluster.node_tls else 80, find(cluster.release)
    return {
        "name": cluster.public_name,
        "port": "443" if cluster.scheme == "https" else "80",
        "nodes": ", ".join(f"{node.address}:{port}" for node in cluster.nodes),
        "path": release.health_path,
        "parts": ", ".join(probe.healthy_parts(release)),
        "scheme": cluster.scheme,
    }


def _lines(cluster: Cluster) -> list[str]:
    lines = [
        mark("{name} is served on port {port} and passed on to {nodes}"),
        mark(
            "a node is healthy while GET {path} has these in its body: {parts} (the status is "
            "always 200)"
        ),
        mark("a client stays on its node by its address (one upload is many requests)"),
        mark(
            "request bodies of any size, no buffering of requests, and 15 minutes of silence "
            "allowed"
        ),
    ]
    if not cluster.node_tls:
        lines += [
            mark("the Host header is kept as the client sent it"),
            mark("X-Forwarded-Proto is set to {scheme}"),
        ]
    return lines


def steps(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the looks at the balancer from a node, when all nodes are up."""
    tls, release = cluster.scheme == "https", find(cluster.release)
    port = 443 if tls else 80
    # A name in a URL of the answer shows at once that the Host was kept and the scheme was said.
    realm = f'realm="{cluster.external_url}/service/token"'
    # What a host prints is the same in each language: a step's fingerprint is made of it.
    values = _values(cluster)
    told = "\n".join(f"echo {quote(line.format(**values))} >&2" for line in _lines(cluster))
    asked = (cluster.vip or cluster.public_name, port, cluster.public_name)
    yield look(
        host.name, "balancer/healthy", tr("{name} answers for Harbor", name=cluster.public_name),
        tr("the balancer of the site passes requests on"),
        check=_or_tell(
            probe.health(*asked, release, tls=tls, wanted=probe.core_healthy(release)), told
        ),
        wait=60,
    )  # fmt: skip
    yield look(
        host.name, "balancer/realm", tr("the balancer keeps Host and says the scheme"),
        tr("Harbor sends clients to a token service at the name and scheme of their request"),
        check=_or_tell(probe.answers(*asked, "/v2/", tls=tls, wanted=realm), told),
    )  # fmt: skip


def _or_tell(script: str, told: str) -> str:
    return f"""
seen() {{
{script}
}}
if ! (seen); then
echo 'the balancer has to be set to this:' >&2
{told}
exit 1
fi
"""
