"""Checks of the network: addresses, ports, names, and the virtual address."""

from __future__ import annotations

import ipaddress

from harbor_wizard.language import tr
from harbor_wizard.model.cluster import BalancerType, Cluster, Host, Role
from harbor_wizard.preflight.answer import Facts
from harbor_wizard.preflight.check import Seen, Verdict, well
from harbor_wizard.preflight.finding import Level
from harbor_wizard.preflight.segment import answering


def _addresses(facts: Facts) -> dict[str, list[str]]:
    """Return the addresses of each interface, without their prefix lengths."""
    found: dict[str, list[str]] = {}
    for line in facts.all("address"):
        interface, _, address = line.partition(" ")
        found.setdefault(interface, []).append(address.partition("/")[0])
    return found


def address(at: Seen) -> Verdict | None:
    """The host has the address that the others will use."""
    there = _addresses(at.facts)
    interface, address = at.host.interface, at.host.address
    wanted = f"{address} ({interface})" if interface else address
    if interface and interface not in there:
        known = ", ".join(sorted(set(there) - {"lo"})) or "-"
        cure = tr("choose one that is there in Topology: {known}", known=known)
        return Verdict(Level.FAILED, tr("there is no interface {name}", name=interface), "-",
                       wanted, cure)  # fmt: skip
    carried = [name for name, all_of in there.items() if address in all_of]
    if (interface or None) in (*carried, None) and carried:
        return well(f"{address} ({', '.join(carried)})", ", ".join(carried), wanted)
    seen = ", ".join(one for name, all_of in there.items() if name != "lo" for one in all_of)
    return Verdict(Level.FAILED, seen or "-", "-", wanted,
                   tr("correct the address or the interface in Topology"))  # fmt: skip


_OURS = ("haproxy", "nginx", "docker-proxy", "keepalived", "dockerd")


def _ports_of(cluster: Cluster, host: Host) -> list[int]:
    """Return the ports that are listened on, when all is installed."""
    ports: set[int] = set()
    front = {80} if cluster.scheme == "http" else {80, 443}
    if Role.BALANCER in host.roles and cluster.balancer.type is not BalancerType.LVS:
        ports |= front | {8404}
        if cluster.balancer.statistics:
            ports.add(cluster.balancer.statistics)
    if Role.HARBOR in host.roles:
        ports |= front if cluster.node_tls else {80}
    if Role.SERVICES in host.roles:
        redis = cluster.used_redis
        ports |= {cluster.database_port, redis.port if redis else 6379}
    return sorted(ports)


def ports(at: Seen) -> Verdict | None:
    """The ports that will be listened on are free."""
    wanted = _ports_of(at.cluster, at.host)
    if not wanted:
        return None
    numbers = ", ".join(map(str, wanted))
    free = tr("{ports} free", ports=numbers)
    taken = []
    for line in at.facts.all("listens"):
        place, _, who = line.partition(" ")
        port = place.rpartition(":")[2]
        if port.isdigit() and int(port) in wanted:
            taken.append((int(port), who.partition('"')[2].partition('"')[0] or "?"))
    # What an earlier run brought is there for good.
    foreign = [(port, who) for port, who in taken
               if who not in _OURS or at.facts.one("known") != "yes"]  # fmt: skip
    if foreign:
        seen = ", ".join(tr("{port} is taken by {program}", port=port, program=who)
                         for port, who in sorted(set(foreign)))  # fmt: skip
        cure = tr("stop that program there, and keep it from starting at boot")
        return Verdict(Level.FAILED, seen, str(foreign[0][0]), free, cure)
    if taken:
        seen = tr("{ports} are listened on by what an earlier run installed", ports=numbers)
        return well(seen, tr("ours"), free)
    return well(tr("{ports} are free", ports=numbers), tr("free"), free)


def mtu(at: Seen) -> Verdict | None:
    """Packets have the same size everywhere."""
    def own(name: str, facts: Facts) -> str:
        carried = [i for i, all_of in _addresses(facts).items()
                   if at.cluster.host(name).address in all_of]  # fmt: skip
        sizes = dict(line.split(" ", 1) for line in facts.all("mtu") if " " in line)
        return sizes.get(carried[0], "") if carried else ""

    sizes = {name: own(name, facts) for name, facts in at.hosts.items()}
    mine = sizes.get(at.host.name)
    if not mine:
        return None
    others = sorted({size for size in sizes.values() if size})
    if len(others) > 1:
        return Verdict(Level.WARNING, mine, mine, tr("the same on all hosts, not {sizes}",
                       sizes=", ".join(others)), tr("set the same MTU on all of them"))  # fmt: skip
    return well(mine, mine, tr("the same on all hosts"))


def name(at: Seen) -> Verdict | None:
    """The public name leads to where clients arrive."""
    name = at.cluster.public_name
    try:
        ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        return None
    wanted = at.cluster.vip or (at.cluster.nodes[0].address if at.cluster.nodes else "")
    if not at.cluster.vip and at.cluster.has_front:
        wanted = ""  # it leads to a balancer of the site's own
    found = at.facts.all("resolves")
    cure = tr("make a record for {name} that leads to {address}", name=name,
              address=wanted or tr("your balancer"))  # fmt: skip
    if not found:
        return Verdict(Level.WARNING, tr("{name} does not resolve", name=name), "-", wanted, cure)
    if wanted and wanted not in found:
        return Verdict(Level.WARNING, ", ".join(found), found[0], wanted, cure)
    return well(", ".join(found), found[0], wanted)


def virtual(at: Seen) -> Verdict | None:
    """The virtual address is free, and on the right network."""
    cluster = at.cluster
    if cluster.virtual_address is None or at.host not in cluster.vip_holders:
        return None
    vip = str(cluster.vip)
    network = ipaddress.ip_interface(cluster.virtual_address.address).network
    on_it = [line.partition(" ")[2] for line in at.facts.all("address")
             if line.partition(" ")[0] == at.host.interface]  # fmt: skip
    wanted = tr("free, and on the network of {interface}", interface=at.host.interface)
    networks = set()
    for one in on_it:
        try:
            networks.add(ipaddress.ip_interface(one).network)
        except ValueError:
            continue
    if networks and not any(
        network.version == one.version and ipaddress.ip_address(vip) in one for one in networks
    ):
        return Verdict(Level.FAILED, ", ".join(map(str, sorted(networks, key=str))), "-", wanted,
                       tr("choose an address of that network in Topology"))  # fmt: skip
    holders = [name for name, facts in at.hosts.items()
               if any(vip in all_of for all_of in _addresses(facts).values())]  # fmt: skip
    if holders:
        return well(tr("held by {host}", host=", ".join(holders)), holders[0], wanted)
    heard = answering(at.facts, vip)
    if heard or at.facts.one("answers") == "yes":
        neighbour = ", ".join(heard) or at.facts.one("neighbour") or "?"
        return Verdict(Level.FAILED, tr("another machine answers for {address}: {neighbour}",
                       address=vip, neighbour=neighbour), tr("in use"), wanted,
                       tr("choose another address, or free this one"))  # fmt: skip
    return well(tr("nobody answers for {address}", address=vip), tr("free"), wanted)
