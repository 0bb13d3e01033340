"""HAProxy: spreads clients over the nodes that are healthy, or guards a replica."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harbor_wizard import certificates, kept
from harbor_wizard.components import probe, service
from harbor_wizard.components.packages import install
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Host, Solution, TlsMode
from harbor_wizard.platforms import PLATFORMS
from harbor_wizard.releases import Release, find
from harbor_wizard.render import render
from harbor_wizard.step import Step, command, file
from harbor_wizard.text import Text

_CONFIG = "/etc/haproxy/haproxy.cfg"
_CERTIFICATE = "/etc/haproxy/certs/harbor.pem"
_CA = "/etc/haproxy/certs/ca.pem"
_SYSCTL = "/etc/sysctl.d/90-harbor-wizard-vip.conf"
_SETTINGS = ("net.ipv4.ip_nonlocal_bind", "net.ipv6.ip_nonlocal_bind")
_TEST = f"haproxy -c -q -f {_CONFIG}"


@dataclass(frozen=True)
class Backend:
    """Nodes among which requests of one kind are spread; `spares` take over when none lives."""

    name: str
    nodes: tuple[Host, ...]
    spares: tuple[Host, ...] = ()
    reads: bool = False


def backends(cluster: Cluster) -> tuple[Backend, ...]:
    """Return what the balancer spreads to where; `harbor` takes what no other one takes."""
    first, *others = cluster.nodes
    rest = tuple(others)
    if cluster.solution is Solution.MASTER_SLAVE:
        # Users are the master's alone. A token that it signs is good on every replica, which has
        # the same key; without the master, a replica still signs those that nobody has to log in
        # for.
        return (
            Backend("harbor", (first,)),
            Backend("tokens", (first,), rest),
            Backend("pulls", cluster.nodes, reads=True),
        )
    if cluster.balancer.mode == "active-backup":
        return (Backend("harbor", (first,), rest),)
    return (Backend("harbor", cluster.nodes),)


def _expected(release: Release) -> tuple[str, ...]:
    """Return the expectations of the health check, as HAProxy writes them."""
    if release.health_in_one_line or release.config_name == "harbor.cfg":
        return tuple(f"string '{part}'" for part in probe.healthy_parts(release))
    return tuple(f"rstring '{pattern}'" for pattern in probe.patterns(release))


def host_port(address: str, port: int) -> str:
    """Return address and port as HAProxy reads them."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def steps(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the steps that bring HAProxy up on a balancer."""
    yield _package(cluster, host, tr("it spreads clients over the nodes"))
    vip = cluster.vip
    if vip is not None:
        yield from _nonlocal(cluster, host)
    loaded = [_CONFIG]
    # Harbors that replicate speak TLS to the balancer, too. Their certificate is good for the
    # public name as well, and that is what is checked: HAProxy compares no addresses.
    verify = cluster.tls.mode is TlsMode.TERMINATE and cluster.node_tls
    authority = certificates.hole_ca(cluster)
    if cluster.tls.mode is TlsMode.TERMINATE:
        yield _certificate(cluster, host)
        loaded.append(_CERTIFICATE)
    if verify and authority is not None:
        yield file(host.name, "haproxy/ca", _CA, Text((authority,)),
                   tr("the nodes' certificates are checked against it"))  # fmt: skip
        loaded.append(_CA)
    yield file(
        host.name, "haproxy/config", _CONFIG,
        render(
            "haproxy/haproxy.cfg", cluster=cluster, host=host, host_port=host_port,
            backends=backends(cluster), release=find(cluster.release),
            expected=_expected(find(cluster.release)),
            bind="" if vip is None else f"[{vip}]" if ":" in vip else vip,
            port=443 if cluster.node_tls else 80, verify=verify,
            ca=_CA if authority is not None else PLATFORMS[host.platform].ca_bundle,
        ),
        tr("which nodes there are, and when one is healthy"),
    )  # fmt: skip
    yield service.loaded(host.name, "haproxy", "HAProxy", test=_TEST, files=loaded)


def guard(cluster: Cluster, host: Host, port: int) -> Iterator[Step]:
    """Yield the steps that put HAProxy before a replica: only the master may write to it.

    Harbor's own read-only mode would stop the replication, too (harbor #18281). Harbor itself is
    then at `port` of the loopback address, so that nothing gets around the guard.
    """
    yield _package(cluster, host, tr("it stands before the replica and lets only the master write"))
    loaded = [_CONFIG]
    if cluster.node_tls:
        yield _certificate(cluster, host)
        loaded.append(_CERTIFICATE)
    yield file(
        host.name, "haproxy/config", _CONFIG,
        render("haproxy/guard.cfg", cluster=cluster, host=host, master=cluster.nodes[0],
               # A bare port is one of IPv4 only.
               port=port, any="[::]" if ":" in host.address else ""),
        tr("people push to the master; its replication is let through, by its address"),
    )  # fmt: skip
    yield service.loaded(host.name, "haproxy", "HAProxy", test=_TEST, files=loaded)


def _package(cluster: Cluster, host: Host, why: str) -> Step:
    return install(cluster, host, "haproxy", why=why, present="haproxy -v")


def _certificate(cluster: Cluster, host: Host) -> Step:
    return file(
        host.name, "haproxy/certificate", _CERTIFICATE,
        Text((certificates.hole_certificate(cluster), "\n", certificates.hole_key(cluster))),
        tr("clients see this certificate; its key is in the same file, as HAProxy wants it"),
        mode=0o600,
    )  # fmt: skip


def _nonlocal(cluster: Cluster, host: Host) -> Iterator[Step]:
    yield file(
        host.name, "haproxy/sysctl", _SYSCTL,
        Text.of(
            f"# Written by harbor-wizard for the cluster {cluster.name}. It will be overwritten.\n"
            "net.ipv4.ip_nonlocal_bind = 1\nnet.ipv6.ip_nonlocal_bind = 1\n"
        ),
        tr("HAProxy listens on the virtual address also while the peer holds it"),
    )  # fmt: skip
    yield command(
        host.name, "haproxy/nonlocal", tr("allow listening on the virtual address"),
        tr("HAProxy is ready before the address arrives"),
        check="[ \"$(cat /proc/sys/net/ipv4/ip_nonlocal_bind)\" = 1 ]",
        apply=f"sysctl -q -e -p {_SYSCTL}",
        remember=kept.remember_settings("nonlocal", _SETTINGS),
        undo=kept.restore_settings("nonlocal", _SETTINGS),
        undone=tr("the kernel's settings are put back"),
    )  # fmt: skip
