"""Keepalived: the virtual address is on one balancer, and moves when that one fails (VRRP)."""

from __future__ import annotations

from collections.abc import Iterator

from harbor_wizard.components import probe
from harbor_wizard.components.packages import install
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.render import render
from harbor_wizard.secrets import secret
from harbor_wizard.step import Step, command, file, look

_CONFIG = "/etc/keepalived/keepalived.conf"
_SCRIPT = "/usr/local/lib/harbor-wizard/haproxy-alive"
_STAMP = "/var/lib/harbor-wizard/keepalived-loaded"

# The first balancer has the highest; equal ones would leave the choice to the addresses.
_HIGHEST_PRIORITY = 150
_STEP = 10


def steps(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the steps that bring keepalived up on a balancer."""
    rank = cluster.balancers.index(host)
    yield install(host, "keepalived", why="it moves the virtual address to a balancer that lives",
                  present="keepalived --version")  # fmt: skip
    yield file(
        host.name, "keepalived/script", _SCRIPT,
        render("keepalived/haproxy-alive", cluster=cluster),
        "a balancer whose HAProxy does not answer gives the address up", mode=0o755,
    )  # fmt: skip
    yield file(
        host.name, "keepalived/config", _CONFIG,
        render(
            "keepalived/keepalived.conf", cluster=cluster, host=host, held=cluster.virtual_address,
            peers=[peer for peer in cluster.balancers if peer is not host],
            priority=_HIGHEST_PRIORITY - _STEP * rank,
            vrrp_password=secret("vrrp_password"),
        ),
        "the virtual address, its priority here, and what has to live for it", mode=0o600,
    )  # fmt: skip
    yield command(
        host.name, "keepalived/service", "check the configuration, then load it",
        "a configuration that keepalived refuses never replaces one that works",
        check=f"""
systemctl is-enabled --quiet keepalived
systemctl is-active --quiet keepalived
[ {_STAMP} -nt {_CONFIG} ]
[ {_STAMP} -nt {_SCRIPT} ]
""",
        apply=f"""
# In a session of its own: keepalived 2.2 ends its test by a signal to its whole group.
setsid -w keepalived --config-test -f {_CONFIG}
systemctl enable keepalived
systemctl reload-or-restart keepalived
mkdir -p /var/lib/harbor-wizard
touch {_STAMP}
""",
        wait=15,
    )  # fmt: skip


def address_answers(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the look at the virtual address through a balancer, when all is up."""
    tls = cluster.scheme == "https"
    if cluster.vip is None:
        return
    yield look(
        host.name, "keepalived/address", f"{cluster.vip} answers for Harbor",
        "what clients will do works from here",
        check=probe.health(
            cluster.vip, 443 if tls else 80, cluster.public_name, tls=tls,
            wanted='"name":"core","status":"healthy"',
        ),
        wait=90,
    )  # fmt: skip
