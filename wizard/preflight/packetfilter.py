"""Checks of the firewall: which rules of it are missing, and how they are added.

What is read are the listings of the firewalls' own programs. A rule counts as one that lets a port
in wherever it stands, and whoever its sources are: the site has chosen those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from harbor_wizard.components import firewall as rules
from harbor_wizard.components.firewall import Openings
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import BalancerType, Host, Role
from harbor_wizard.preflight.answer import Facts
from harbor_wizard.preflight.check import Seen, Verdict, well
from harbor_wizard.preflight.finding import Level
from harbor_wizard.step import quote

# A service of firewalld, and an application of ufw, by the ports that it is.
_SERVICES = {"http": (80,), "https": (443,)}
_APPLICATIONS = {
    "WWW": (80,), "WWW Secure": (443,), "WWW Full": (80, 443),
    "Nginx HTTP": (80,), "Nginx HTTPS": (443,), "Nginx Full": (80, 443),
    "Apache": (80,), "Apache Secure": (443,), "Apache Full": (80, 443),
}  # fmt: skip


@dataclass(frozen=True)
class _Lacks:
    """A firewall that is there: what it does not let in, and the commands that would."""

    name: str
    lacking: Openings
    cure: list[str] = field(default_factory=list)
    what: str = ""


def firewall(at: Seen) -> Verdict | None:
    """No firewall is in the way."""
    needed = rules.needed(at.cluster, at.host)
    found = [*_firewalld(at.facts, needed), *_ufw(at.facts, needed),
             *_iptables(at.facts, needed), *_nftables(at.facts, at.host, needed)]  # fmt: skip
    wanted = tr("nothing in the way of {ports}", ports=str(needed)) if needed else tr(
        "nothing in the way of what Docker publishes")  # fmt: skip
    missing = [one for one in found if one.cure]
    if missing:
        seen = "; ".join(one.what or tr("{program} lets in no {ports}", program=one.name,
                                        ports=str(one.lacking)) for one in missing)  # fmt: skip
        can_open = all(one.name in rules.PROGRAMS for one in missing)
        if can_open and at.cluster.firewall == "open":
            return well(tr("{seen}; the run adds the rules", seen=seen), missing[0].name, wanted)
        commands = "; ".join(command for one in missing for command in one.cure)
        cure = tr("on the host: {commands}", commands=commands)
        if can_open:
            cure = tr("choose open for Firewalls in Access, or {cure}", cure=cure)
        return Verdict(Level.WARNING, seen, missing[0].name, wanted, cure)
    if found:
        names = ", ".join(dict.fromkeys(one.name for one in found))
        return well(tr("{program} lets all in that is needed", program=names), found[0].name,
                    wanted)  # fmt: skip
    return well(tr("no firewall"), tr("none"), wanted)


def keeps_vrrp_out(at: Seen) -> str:
    """Return the program that keeps VRRP out until the run lets it in; empty where none does."""
    if at.cluster.firewall != "open":
        return ""
    needed = rules.needed(at.cluster, at.host)
    shut = (one.name for one in (*_firewalld(at.facts, needed), *_ufw(at.facts, needed))
            if one.lacking.peers)  # fmt: skip
    return next(shut, "")


def selinux(at: Seen) -> Verdict | None:
    """SELinux, where it is on, lets the balancers do what they are there for."""
    state = at.facts.one("selinux").lower()
    if not state:
        return None
    wanted = tr("off, permissive, or with what HAProxy and keepalived need")
    asked = {"haproxy_connect_any": at.host in at.cluster.balancers
             and at.cluster.balancer.type is BalancerType.HAPROXY,
             "keepalived_connect_any": at.host in at.cluster.vip_holders}  # fmt: skip
    off = [name for name, needed in asked.items()
           if needed and f"{name} off" in at.facts.all("boolean")]  # fmt: skip
    if state != "enforcing" or not off:
        return well(state, state, wanted)
    seen = tr("{state}, and {names} is off", state=state, names=", ".join(off))
    cure = tr("on the host: {commands}",
              commands="; ".join(f"setsebool -P {name} on" for name in off))  # fmt: skip
    return Verdict(Level.WARNING, seen, state, wanted, cure)


def _without(needed: Openings, ports: Iterable[int], *, vrrp: bool) -> Openings:
    """Return what is still needed where these ports come in, and VRRP does or not."""
    had = set(ports)
    left = tuple(port for port in needed.ports if port not in had)
    return Openings(left, () if vrrp else needed.peers)


def _numbers(text: str, between: str) -> set[int]:
    """Return the ports that a list like `80,443,8000-8100` names, of those below 65536."""
    found: set[int] = set()
    for part in text.split(","):
        low, _, high = part.strip().partition(between)
        if part.strip() in _SERVICES:
            found.update(_SERVICES[part.strip()])
        elif low.isascii() and low.isdigit():
            last = int(high) if high.isascii() and high.isdigit() else int(low)
            found.update(range(int(low), min(last, 65535) + 1))
    return found


def _firewalld(facts: Facts, needed: Openings) -> list[_Lacks]:
    zone = facts.one("zone")
    if "firewalld" not in facts.all("firewall"):
        return []
    listed = facts.all("zoned")
    values: dict[str, list[str]] = {}
    for line in listed:
        name, colon, value = line.partition(":")
        if colon:
            values.setdefault(name.strip(), value.split())
    if values.get("target") == ["ACCEPT"]:
        return [_Lacks("firewalld", Openings())]
    ports = {number for one in values.get("ports", ()) if one.endswith("/tcp")
             for number in _numbers(one.removesuffix("/tcp"), "-")}  # fmt: skip
    for service in values.get("services", ()):
        ports.update(_SERVICES.get(service, ()))
    vrrp = bool({"vrrp", "112"} & set(values.get("protocols", ())))
    for line in listed:
        if line.startswith("rule ") and line.endswith("accept"):
            vrrp = vrrp or re.search(r'protocol value="(vrrp|112)"', line) is not None
            port = re.search(r'port port="([0-9-]+)" protocol="tcp"', line)
            ports.update(_numbers(port[1], "-") if port else ())
            named = re.search(r'service name="([a-z-]+)"', line)
            ports.update(_SERVICES.get(named[1], ()) if named else ())
    lacking = _without(needed, ports, vrrp=vrrp)
    return [_Lacks("firewalld", lacking, rules.firewalld(lacking, zone or "public"))]


_UFW = re.compile(r"^(?P<to>\S.*?)\s{2,}(?:ALLOW|LIMIT)(?: IN)?\s+(?P<source>\S.*)$")


def _ufw(facts: Facts, needed: Openings) -> list[_Lacks]:
    if "ufw" not in facts.all("firewall"):
        return []
    ports: set[int] = set()
    heard: set[str] = set()
    for line in facts.all("ufw"):
        if re.match(r"Default: allow \(incoming\)", line):
            return [_Lacks("ufw", Openings())]
        found = _UFW.match(line)
        if found is None:
            continue
        to, source = found["to"].removesuffix(" (v6)"), found["source"].split()[0]
        to, _, protocol = to.partition("/")
        address, _, said = source.rpartition("/")
        if said.isalpha() and address:  # “10.0.0.22/vrrp”, not “10.0.0.0/8”
            source, protocol = address, said
        if to == "Anywhere":
            if protocol in ("", "vrrp"):
                heard.add(source)
            if protocol in ("", "tcp") and source not in needed.peers:
                ports.update(needed.ports)
        elif to in _APPLICATIONS:
            ports.update(_APPLICATIONS[to])
        elif protocol in ("", "tcp"):
            ports.update(_numbers(to.split()[-1], ":"))
    every = "Anywhere" in heard
    peers = tuple(peer for peer in needed.peers if not every and peer not in heard)
    lacking = Openings(_without(needed, ports, vrrp=True).ports, peers)
    return [_Lacks("ufw", lacking, rules.ufw(lacking))]


def _iptables(facts: Facts, needed: Openings) -> list[_Lacks]:
    """Judge the chain INPUT of iptables, unless one of the programs above keeps it."""
    lines = facts.all("iptables")
    if facts.all("firewall") or not lines:
        return []
    own = [line for line in lines if line.startswith("-A INPUT ")]
    shut = any(line.startswith((":INPUT DROP", ":INPUT REJECT")) for line in lines) or any(
        re.fullmatch(r"-A INPUT -j (DROP|REJECT).*", line) for line in own
    )
    if not shut:
        return []
    ports: set[int] = set()
    vrrp = False
    # A rule may stand in a chain that INPUT calls; Docker's own are for what is forwarded.
    for line in lines:
        if not line.endswith("-j ACCEPT") or line.startswith(("-A FORWARD", "-A DOCKER")):
            continue
        named = re.search(r"--dports? (\S+)", line)
        protocol = re.search(r"(?<!\S)-p (\S+)", line)
        if named and protocol and protocol[1] == "tcp":
            ports |= _numbers(named[1], ":")
        elif protocol is None and not _limited(line):
            ports.update(needed.ports)
            vrrp = True
        elif protocol and protocol[1] == "tcp" and "dport" not in line and not _limited(line):
            ports.update(needed.ports)
        vrrp = vrrp or bool(protocol and protocol[1] in ("112", "vrrp"))
    lacking = _without(needed, ports, vrrp=vrrp)
    return [_Lacks("iptables", lacking, rules.iptables(lacking))]


def _limited(rule: str) -> bool:
    """Say whether a rule is for the loopback, or for what began long ago: no new client's."""
    return bool(re.search(r"ESTABLISHED|established|-i lo\b|iif(name)? \"?lo\"?|icmp", rule))


@dataclass
class _Table:
    """One table of nftables: its base chains by the hook, and all lines of its chains."""

    family: str
    name: str
    chains: dict[str, list[str]] = field(default_factory=dict)

    def base(self, hook: str) -> str | None:
        """Return the filtering chain at a hook that lets nothing through by itself."""
        for name, lines in self.chains.items():
            head = next((one for one in lines if one.startswith("type filter ")), "")
            if f" hook {hook} " not in head:
                continue
            closed = "policy drop" in head or any(
                re.fullmatch(r"(counter( packets \d+ bytes \d+)? )?(drop|reject.*)", one)
                for one in lines
            )
            if closed:
                return name
        return None


def _tables(lines: list[str]) -> list[_Table]:
    found: list[_Table] = []
    chain: list[str] | None = None
    for line in lines:
        words = line.split()
        if words[:1] == ["table"] and len(words) > 2:
            found.append(_Table(words[1], words[2]))
        elif words[:1] == ["chain"] and len(words) > 1 and found:
            chain = found[-1].chains.setdefault(words[1], [])
        elif line == "}":
            chain = None
        elif chain is not None:
            chain.append(line.partition(" comment ")[0].strip())
    return found


_OTHERS = ("firewalld", "docker-bridges", "libvirt_network")  # tables of programs that see to them


def _nftables(facts: Facts, host: Host, needed: Openings) -> list[_Lacks]:
    """Judge the chains at the input, and those that what Docker publishes has to pass."""
    found: list[_Lacks] = []
    kept = bool(facts.all("iptables"))
    for table in _tables(facts.all("nft")):
        if table.name in _OTHERS or table.family not in ("ip", "inet"):
            continue
        if kept and table.name == "filter" and "INPUT" in table.chains:
            continue  # it was told by iptables' own listing
        closed = table.base("input")
        if closed is not None and needed:
            name = f"nftables ({table.family} {table.name})"
            lacking = _nft_lacks(table, needed)
            found.append(_Lacks(name, lacking,
                                rules.nft(lacking, table.family, table.name, closed)))  # fmt: skip
        closed = table.base("forward")
        published = {Role.HARBOR, Role.SERVICES} & set(host.roles)
        if closed is not None and published and "DOCKER-USER" not in table.chains:
            found.append(_nft_forwards(table, closed))
    return found


def _accepting(table: _Table) -> list[str]:
    return [line for lines in table.chains.values() for line in lines if line.endswith("accept")]


def _nft_lacks(table: _Table, needed: Openings) -> Openings:
    ports: set[int] = set()
    vrrp = False
    for line in _accepting(table):
        named = re.search(r"tcp dport (?:\{([^}]*)\}|(\S+))", line)
        if named and (named[2] or "").startswith("@"):
            ports.update(needed.ports)  # a set that the site keeps
        elif named:
            ports |= _numbers((named[1] or named[2] or "").replace(" ", ""), "-")
        elif re.search(r"protocol|l4proto|nexthdr", line):
            vrrp = vrrp or re.search(r"\b(vrrp|112)\b", line) is not None
            if re.search(r"(protocol|l4proto|nexthdr) tcp\b", line) and not _limited(line):
                ports.update(needed.ports)
        elif not re.search(r"dport|sport|type filter", line) and not _limited(line):
            ports.update(needed.ports)
            vrrp = True
    return _without(needed, ports, vrrp=vrrp)


def _nft_forwards(table: _Table, chain: str) -> _Lacks:
    name = f"nftables ({table.family} {table.name})"
    if any("dnat" in line or not _limited(line) for line in _accepting(table)):
        return _Lacks(name, Openings())
    where = ["nft", "insert", "rule", *map(quote, (table.family, table.name, chain))]
    cure = [" ".join([*where, rule]) for rule in (
        "ct status dnat accept", "ct state established,related accept",
        "iifname '\"br-*\"' accept",
    )]  # fmt: skip
    what = tr("{program} forwards nothing, so what Docker publishes is not reached", program=name)
    return _Lacks(name, Openings(), cure, what)


def asked(host: Host) -> str:
    """Return the script that lists the rules; it loads no module of the kernel that is not there.

    Of a listing the first lines are taken: a host's answer is bounded.
    """
    return _ASKED.format(interface=quote(host.interface or ""), address=quote(host.address))


_ASKED = r"""
if [ "$(LC_ALL=C firewall-cmd --state 2>/dev/null)" = running ]; then
  say firewall firewalld
  dev={interface}
  [ -n "$dev" ] ||
    dev=$(ip -o addr show | awk -v a={address} 'index($4, a "/") == 1 {{ print $2 }}')
  zone=$(firewall-cmd --get-zone-of-interface="$dev" 2>/dev/null)
  zone=${{zone:-$(firewall-cmd --get-default-zone 2>/dev/null)}}
  say zone "$zone"
  LC_ALL=C firewall-cmd --zone="$zone" --list-all 2>/dev/null | head -n 200 |
    awk '{{ sub("^[ \t]*", ""); print "zoned\t" $0 }}'
fi
rules=$(LC_ALL=C ufw status verbose 2>/dev/null | head -n 300)
case $rules in
"Status: active"*)
  say firewall ufw
  printf '%s\n' "$rules" | awk '{{ print "ufw\t" $0 }}' ;;
esac
if grep -qs ' nft_do_chain' /proc/kallsyms; then
  nft list ruleset 2>/dev/null |
    awk '/^table / {{ on = $2 != "ip6" && $3 !~ /^(nat|raw|mangle|firewalld)$/ }} on' |
    head -n 500 | awk '{{ print "nft\t" $0 }}'
fi
save=
if grep -qsx filter /proc/net/ip_tables_names; then
  save=$(command -v iptables-legacy-save || echo iptables-save)
elif grep -qs ' nft_do_chain' /proc/kallsyms &&
  nft list tables ip 2>/dev/null | grep -qx 'table ip filter'; then
  save=iptables-save
fi
[ -z "$save" ] || $save -t filter 2>/dev/null | grep -v '^#' | head -n 500 |
  awk '{{ print "iptables\t" $0 }}'
for one in haproxy_connect_any keepalived_connect_any; do
  getsebool $one 2>/dev/null | awk '{{ print "boolean\t" $1 " " $3 }}'
done
"""
