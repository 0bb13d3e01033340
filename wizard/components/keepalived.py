"""Keepalived: the virtual address is on one host, and moves when that one fails (VRRP)."""

from __future__ import annotations

from collections.abc import Iterator

from harbor_wizard.components import lvs, probe, service
from harbor_wizard.components.packages import install
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import BalancerType, Cluster, Host, Solution
from harbor_wizard.releases import find
from harbor_wizard.render import render
from harbor_wizard.step import Step, file, look, quote

_CONFIG = "/etc/keepalived/keepalived.conf"
_SCRIPTS = "/usr/local/lib/harbor-wizard"

# The first host has the highest; equal ones would leave the choice to the addresses.
_HIGHEST_PRIORITY = 150
_STEP = 10


def steps(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the steps that bring keepalived up on a host that may hold the virtual address."""
    holders = cluster.vip_holders
    balances = cluster.balancer.type is BalancerType.LVS
    alive, why = _alive(cluster)
    version, seconds = _pace(cluster)
    release = find(cluster.release)
    yield install(
        cluster, host, "keepalived", why=tr("it moves the virtual address to a host that lives"),
        present="keepalived --version",
    )  # fmt: skip
    loaded = [_CONFIG]
    if alive:
        script = f"{_SCRIPTS}/{alive}"
        loaded.append(script)
        yield file(
            host.name, "keepalived/script", script,
            render(f"keepalived/{alive}", cluster=cluster, parts=probe.healthy_parts(release),
                   path=release.health_path, unchecked=probe.UNCHECKED),
            why, mode=0o755,
        )  # fmt: skip
    if balances:
        yield from lvs.director(cluster, host)
    yield file(
        host.name, "keepalived/config", _CONFIG,
        render(
            "keepalived/keepalived.conf", cluster=cluster, host=host,
            held=cluster.virtual_address,
            peers=[peer for peer in holders if peer is not host],
            priority=_HIGHEST_PRIORITY - _STEP * holders.index(host),
            version=version, seconds=seconds,
            script=f"{_SCRIPTS}/{alive}", alive=alive,
            # Where the node itself is asked, its own address is what clients reach through it.
            arguments=f" {host.address}" if cluster.solution is Solution.ACTIVE_STANDBY else "",
            # A balancer's process is next to it and answers at once.
            interval=2 if cluster.solution is Solution.ACTIVE_STANDBY else 1,
            ports=lvs.ports(cluster) if balances else (),
        ),
        tr("the virtual address, its priority here, and what has to live for it"), mode=0o600,
    )  # fmt: skip
    # In a session of its own: keepalived 2.2 ends its test by a signal to its whole group.
    yield service.loaded(
        host.name, "keepalived", "keepalived", files=loaded,
        test=f"setsid -w keepalived --config-test -f {_CONFIG}",
        alive="systemctl is-active --quiet keepalived",
    )  # fmt: skip


def _pace(cluster: Cluster) -> tuple[int, str]:
    """Return VRRP's version, and the seconds between two advertisements.

    Parts of a second need VRRP 3, and a holder that is cut off is followed 1.7 s later by them.
    The keepalived of CentOS 7 (1.3.5) miscounts the checksum of VRRP 3 by unicast (keepalived
    #642); a virtual address of IPv6 is VRRP 3 always.
    """
    old = any(host.platform == "centos-7" for host in cluster.vip_holders)
    return (2, "1") if old and ":" not in str(cluster.vip) else (3, "0.5")


def _alive(cluster: Cluster) -> tuple[str, str]:
    """Return the script whose success lets a host hold the address, and why."""
    if cluster.solution is Solution.ACTIVE_STANDBY:
        return "harbor-healthy", tr("a node one of whose parts is ill gives the address up")
    if cluster.balancer.type is BalancerType.LVS:
        return "harbor-healthy", tr("a node one of whose parts is ill gets no clients")
    if cluster.balancer.type is BalancerType.NGINX:
        return "nginx-alive", tr("a balancer whose nginx does not answer gives the address up")
    return "haproxy-alive", tr("a balancer whose HAProxy does not answer gives the address up")


# The last state that it said to be in: of one in fault, whose script fails, the address goes to
# nobody, though its process runs. One that starts so says nothing until its script succeeds.
STATE = r"""journalctl --boot --unit=keepalived --output=cat --lines=2000 --no-pager 2>/dev/null |
awk '/Starting VRRP child process/ { state = "FAULT" }
  /[Ee]ntering [A-Z]+ STATE/ { sub(/.*[Ee]ntering /, ""); sub(/ STATE.*/, ""); state = $0 }
  END { print state }'"""


def holds(cluster: Cluster, host: Host) -> str:
    """Return the command that succeeds where a host holds the virtual address.

    On a node of LVS it is on the loopback interface, too: that is not holding it.
    """
    return (f"ip -o addr show dev {quote(str(host.interface))} | "
            f"grep -qwF {quote(str(cluster.vip))}")  # fmt: skip


def address_answers(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the look at the virtual address through a host, when all is up."""
    tls, release = cluster.scheme == "https", find(cluster.release)
    if cluster.vip is None:
        return
    asked = probe.health(
        cluster.vip, 443 if tls else 80, cluster.public_name, release, tls=tls,
        wanted=probe.core_healthy(release),
    )  # fmt: skip
    if cluster.balancer.type is BalancerType.LVS:
        # A director is no client of the address that it holds: its packets would have that as
        # their source, which the node that answers has itself. The other one asks through it.
        asked = f"if {holds(cluster, host)}; then\n{lvs.passes_on(cluster)}exit 0\nfi\n{asked}"
    yield look(
        host.name, "keepalived/address", tr("{name} answers for Harbor", name=cluster.vip),
        tr("what clients will do works from here"), check=asked, wait=90,
    )  # fmt: skip
