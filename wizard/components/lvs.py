"""LVS in direct routing: the director passes packets on, the nodes answer the clients themselves.

A node therefore has to take packets that carry the virtual address as their destination, without
answering for it in ARP. The 1.5 guide does it by a redirect rule; here the address is on the
loopback interface (`arp_ignore`, `arp_announce`), where Docker's own rule takes the packet as one
for a local address; the redirect rule is there for who wants it, and both come back at a boot.
"""

from __future__ import annotations

from collections.abc import Iterator

from harbor_wizard import kept
from harbor_wizard.components.packages import install
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.render import render
from harbor_wizard.step import Step, command, file, quote
from harbor_wizard.text import Text

_MODULES = "/etc/modules-load.d/harbor-wizard-ipvs.conf"
UNIT = "harbor-wizard-vip.service"
_SETTINGS = tuple(f"net.ipv4.conf.{on}.{what}" for on in ("all", "lo")
                  for what in ("arp_ignore", "arp_announce"))  # fmt: skip
_SCRIPT = "/usr/local/lib/harbor-wizard/vip-on-node"


def ports(cluster: Cluster) -> tuple[int, ...]:
    """Return the ports that are balanced. With TLS, port 80 is the redirect to it."""
    return (80, 443) if cluster.node_tls else (80,)


def director(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield what a balancer needs beside keepalived, which fills in the kernel's table."""
    yield install(
        cluster, host, "ipvsadm", why=tr("it shows what the kernel balances to where"),
        present="command -v ipvsadm",
    )  # fmt: skip
    yield file(
        host.name, "lvs/modules", _MODULES,
        Text.of(
            f"# Written by harbor-wizard for the cluster {cluster.name}. It will be overwritten.\n"
            "ip_vs\nip_vs_sh\n"
        ),
        tr("the kernel balances from its first second after a boot"),
    )  # fmt: skip
    yield command(
        host.name, "lvs/load", tr("load the kernel's balancer (ip_vs)"),
        tr("keepalived needs it to balance"),
        check="[ -e /proc/net/ip_vs ]",
        apply="modprobe -a ip_vs ip_vs_sh",
        undo="modprobe -r ip_vs_sh ip_vs || echo 'left: ip_vs is in use, and gone after a boot'",
        undone=tr("the modules are unloaded, where nothing uses them"),
    )  # fmt: skip


def passes_on(cluster: Cluster) -> str:
    """Return a script that succeeds where the kernel has a node for the virtual address."""
    address = f"[{cluster.vip}]" if ":" in str(cluster.vip) else str(cluster.vip)
    service = f"{address}:{ports(cluster)[-1]}"
    return f"""
if ! ipvsadm -Ln | awk -v service={quote(service)} '
    $1 == "TCP" {{ on = $2 == service }}
    on && $1 == "->" && $3 == "Route" && $4 > 0 {{ passed = 1 }}
    END {{ exit !passed }}'; then
  echo 'no node gets what comes to {service}: see ipvsadm -Ln' >&2
  exit 1
fi
"""


def node(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield what lets a Harbor node take the packets that a director passes on."""
    yield file(
        host.name, "lvs/script", _SCRIPT,
        render("lvs/vip-on-node", cluster=cluster, ports=ports(cluster),
               prefix=128 if ":" in str(cluster.vip) else 32),
        tr("packets that a balancer passes on carry the virtual address"), mode=0o755,
    )  # fmt: skip
    yield file(
        host.name, "lvs/unit", f"/etc/systemd/system/{UNIT}",
        render("lvs/vip.service", cluster=cluster, script=_SCRIPT),
        tr("it has to be so again after each boot"),
    )  # fmt: skip
    yield command(
        host.name, "lvs/enable", f"systemctl enable --now {UNIT}",
        tr("the node answers for the virtual address, and never in ARP"),
        check=f"""
systemctl is-enabled --quiet {UNIT}
{_SCRIPT} check
""",
        apply=f"""
systemctl daemon-reload
systemctl enable {UNIT}
systemctl restart {UNIT}
""",
        remember=kept.remember_unit(UNIT) + kept.remember_settings("vip", _SETTINGS),
        undo=kept.restore_unit(UNIT) + kept.restore_settings("vip", _SETTINGS),
        undone=tr("{unit} is stopped and disabled, if it was so before", unit=UNIT),
    )  # fmt: skip
