"""The firewall: what has to come in at a host, and the rules of firewalld and ufw that let it.

Which rules are there is read and judged by the preflight. Here they are written, as the commands
that an operator is told, and as the steps that add them where the cluster file allows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harbor_wizard import kept
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Host, Role
from harbor_wizard.step import Step, command, quote

PROGRAMS = ("firewalld", "ufw")  # what a run adds rules to, where it may


@dataclass(frozen=True)
class Openings:
    """What has to come in: TCP ports, and VRRP from the addresses of these peers."""

    ports: tuple[int, ...] = ()
    peers: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ports or self.peers)

    def __str__(self) -> str:
        said = [str(port) for port in self.ports]
        return ", ".join([*said, "VRRP"] if self.peers else said)


def needed(cluster: Cluster, host: Host) -> Openings:
    """Return what has to pass a host's own firewall.

    The ports that Docker publishes are not among it: Docker redirects them before a chain of the
    input is asked (https://docs.docker.com/engine/network/packet-filtering-firewalls/).
    """
    front = {80} if cluster.scheme == "http" else {80, 443}
    ports: set[int] = set()
    if host in cluster.balancers:
        ports |= front
        if cluster.balancer.statistics:
            ports.add(cluster.balancer.statistics)
    if Role.HARBOR in host.roles and host in cluster.replicas():
        ports |= front  # by the guard before its Harbor
    peers: tuple[str, ...] = ()
    if host in cluster.vip_holders:
        peers = tuple(one.address for one in cluster.vip_holders if one is not host)
    return Openings(tuple(sorted(ports)), peers)


def firewalld(lacking: Openings, zone: str) -> list[str]:
    """Return the commands that let it in, now and after the next boot, in a zone of firewalld."""
    return [f"firewall-cmd {kind}--zone={quote(zone)} --add-{rule}"
            for rule in _firewalld_rules(lacking) for kind in ("", "--permanent ")]  # fmt: skip


def _firewalld_rules(lacking: Openings) -> list[str]:
    """Return firewalld's rules that let it in."""
    return [*(f"port={port}/tcp" for port in lacking.ports),
            *(["protocol=vrrp"] if lacking.peers else [])]  # fmt: skip


def ufw(lacking: Openings) -> list[str]:
    """Return the commands that let it in with ufw (0.36.2 and later know VRRP by its name)."""
    return [f"ufw {rule}" for rule in _ufw_rules(lacking)]


def _ufw_rules(lacking: Openings) -> list[str]:
    """Return ufw's rules that let it in."""
    return [
        *(f"allow {port}/tcp" for port in lacking.ports),
        *(f"allow proto vrrp from {quote(peer)}" for peer in lacking.peers),
    ]


def _listed(ports: Iterable[int]) -> str:
    return ",".join(map(str, ports))


def nft(lacking: Openings, family: str, table: str, chain: str) -> list[str]:
    """Return the commands that let it in by a chain of nftables: before all that stands there."""
    where = f"nft insert rule {quote(family)} {quote(table)} {quote(chain)}"
    found = []
    if lacking.ports:
        found.append(f"{where} tcp dport '{{ {_listed(lacking.ports)} }}' accept")
    if lacking.peers:
        found.append(f"{where} meta l4proto 112 accept")
    return found


def iptables(lacking: Openings) -> list[str]:
    """Return the commands that let it in by the chain of iptables."""
    found = []
    if lacking.ports:
        ports = _listed(lacking.ports)
        found.append(f"iptables -I INPUT -p tcp -m multiport --dports {ports} -j ACCEPT")
    if lacking.peers:
        found.append("iptables -I INPUT -p 112 -j ACCEPT")
    return found


# What runs, and the zone of firewalld that the host's address is in. A rule is there where the
# firewall's own program says so: of ufw a second `allow` is skipped, which a trial run tells.
_FUNCTIONS = r"""
export LC_ALL=C
runs=
if [ "$(firewall-cmd --state 2>/dev/null || true)" = running ]; then runs=firewalld
elif ufw status 2>/dev/null | grep -qx 'Status: active'; then runs=ufw
fi
zone=
if [ "$runs" = firewalld ]; then
  dev=$(ip -o addr show | awk -v a={address} 'index($4, a "/") == 1 {{ print $2; exit }}')
  zone=$(firewall-cmd --get-zone-of-interface="$dev" 2>/dev/null || true)
  zone=${{zone:-$(firewall-cmd --get-default-zone)}}
fi
has() {{ ufw --dry-run "$@" | grep -q '^Skipping adding existing rule'; }}
"""


def steps(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the step that adds the rules that are missing, where the cluster file allows it."""
    wanted = needed(cluster, host)
    if cluster.firewall != "open" or not wanted:
        return
    begin = _FUNCTIONS.format(address=quote(host.address))
    zoned, simple = _firewalld_rules(wanted), _ufw_rules(wanted)
    check = "".join(
        f"""
if [ "$runs" = firewalld ]; then
  firewall-cmd --quiet --zone="$zone" --query-{rule}
  firewall-cmd --quiet --permanent --zone="$zone" --query-{rule}
fi
""" for rule in zoned
    ) + "".join(f'if [ "$runs" = ufw ]; then has {rule}; fi\n' for rule in simple)  # fmt: skip
    apply = "".join(
        f"""
if [ "$runs" = firewalld ]; then
  firewall-cmd --zone="$zone" --add-{rule}
  firewall-cmd --permanent --zone="$zone" --add-{rule}
fi
""" for rule in zoned
    ) + "".join(f'if [ "$runs" = ufw ]; then ufw {rule}; fi\n' for rule in simple)  # fmt: skip
    yield command(
        host.name, "firewall/rules", tr("let in {what}", what=str(wanted)),
        tr("firewalld or ufw, where one of them runs here, keeps out what it has no rule for"),
        check=begin + check, apply=begin + apply,
        remember=begin + "".join(
            [*(_remember_zoned(rule) for rule in zoned), *(_remember(rule) for rule in simple)]
        ),
        undo="export LC_ALL=C\n" + "".join(
            [*(_restore_zoned(rule) for rule in zoned), *(_restore(rule) for rule in simple)]
        ),
        undone=tr("the rules that were not there before are removed"),
    )  # fmt: skip


def _remember_zoned(rule: str) -> str:
    return kept.once(f"firewalld:{rule}", f"""
  if [ "$runs" = firewalld ]; then
    firewall-cmd --quiet --zone="$zone" --query-{rule} || echo "$zone" > "$k.new/now"
    firewall-cmd --quiet --permanent --zone="$zone" --query-{rule} ||
      echo "$zone" > "$k.new/permanent"
  fi
""")  # fmt: skip


def _restore_zoned(rule: str) -> str:
    left = quote(f"left: firewalld does not run, so its rule {rule} stays")
    return kept.back(f"firewalld:{rule}", f"""
  if [ -e "$k/now" ] || [ -e "$k/permanent" ]; then
    if [ "$(firewall-cmd --state 2>/dev/null || true)" = running ]; then
      if [ -e "$k/now" ]; then
        firewall-cmd --zone="$(cat "$k/now")" --remove-{rule}
      fi
      if [ -e "$k/permanent" ]; then
        firewall-cmd --permanent --zone="$(cat "$k/permanent")" --remove-{rule}
      fi
    else
      echo {left}
    fi
  fi
""")  # fmt: skip


def _remember(rule: str) -> str:
    return kept.once(f"ufw:{rule}", f"""
  if [ "$runs" = ufw ] && ! has {rule}; then touch "$k.new/added"; fi
""")  # fmt: skip


def _restore(rule: str) -> str:
    return kept.back(f"ufw:{rule}", f"""
  if [ -e "$k/added" ] && command -v ufw >/dev/null; then ufw --force delete {rule}; fi
""")  # fmt: skip
