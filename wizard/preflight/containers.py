"""Checks of what containers need of a host: its kernel, and networks that are nobody's."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from harbor_wizard.language import tr
from harbor_wizard.model.cluster import BalancerType, Role
from harbor_wizard.preflight.answer import Facts
from harbor_wizard.preflight.check import Seen, Verdict, well
from harbor_wizard.preflight.finding import Level

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# https://docs.docker.com/engine/install/binaries/ and /engine/containers/runmetrics/
_KERNEL, _KERNEL_CGROUP2 = (3, 10), (4, 15)
_CONTROLLERS = ("cpu", "memory", "pids")


def _uses_docker(at: Seen) -> bool:
    return bool({Role.HARBOR, Role.SERVICES} & set(at.host.roles))


def kernel(at: Seen) -> Verdict | None:
    """The kernel is one that Docker runs on, and LVS where that is used."""
    said = at.facts.one("kernel")
    found = re.match(r"(\d+)\.(\d+)", said)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    if at.host in at.cluster.balancers and at.cluster.balancer.type is BalancerType.LVS:
        if "ip_vs" not in at.facts.all("module"):
            return Verdict(Level.FAILED, tr("{kernel} without ip_vs", kernel=said), "-",
                           tr("a kernel with IPVS"),
                           tr("install the distribution's full kernel (and its modules), or "
                              "choose haproxy"))  # fmt: skip
    elif not _uses_docker(at):
        return well(said, said)
    if not _uses_docker(at):
        return well(said, said)
    unified = at.facts.one("cgroups") == "cgroup2fs"
    least = _KERNEL_CGROUP2 if unified else _KERNEL
    shown = tr("{kernel}, cgroups {number}", kernel=said, number=2 if unified else 1)
    wanted = tr("Linux {least} or later with overlay and the cgroups {names}",
                least=".".join(map(str, least)), names=", ".join(_CONTROLLERS))  # fmt: skip
    if version < least:
        return Verdict(Level.FAILED, shown, said, wanted, tr("boot a newer kernel"))
    # With version 1 there is a tmpfs, with a folder for each hierarchy.
    if at.facts.one("cgroups") not in ("cgroup2fs", "tmpfs"):
        return Verdict(Level.FAILED, tr("{kernel}, no cgroups", kernel=said), "-", wanted,
                       tr("use a host where systemd has mounted /sys/fs/cgroup"))  # fmt: skip
    if "overlay" not in at.facts.all("module"):
        return Verdict(Level.FAILED, tr("{seen}, without overlay", seen=shown), "-", wanted,
                       tr("boot a kernel that has it: the distribution's own does"))  # fmt: skip
    lacks = [one for one in _CONTROLLERS if one not in at.facts.all("controller")]
    if lacks:
        return Verdict(Level.WARNING, tr("{seen}, without {names}", seen=shown,
                       names=", ".join(lacks)), lacks[0], wanted,
                       tr("boot with cgroup_enable={names}", names=",".join(lacks)))  # fmt: skip
    return well(shown, said, wanted)


# What the engine takes networks from unless it is told: moby, libnetwork/ipamutils.
_POOLS = ("172.17.0.0/16", "172.18.0.0/16", "172.19.0.0/16", "172.20.0.0/14", "172.24.0.0/14",
          "172.28.0.0/14", "192.168.0.0/16")  # fmt: skip
_FREE = ("10.213.0.0/16", "172.30.0.0/16", "192.168.224.0/20", "100.99.0.0/16")


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _site(at: Seen) -> Iterator[tuple[str, Network]]:
    """Yield what a node has to speak to, by its name."""
    cluster = at.cluster
    named = [(host.name, host.address) for host in cluster.hosts if host is not at.host]
    named.append((tr("your machine"), at.facts.one("operator")))
    if cluster.vip is not None:
        named.append((tr("the virtual address"), cluster.vip))
    if cluster.database is not None:
        named.append((tr("the database"), cluster.database.host))
    if cluster.redis is not None and cluster.redis.host is not None:
        named.append(("Redis", cluster.redis.host))
    for name, address in named:
        found = _network(address)
        if found is not None:
            yield name, found


def _routes(facts: Facts) -> Iterator[tuple[Network, str, bool]]:
    """Yield a host's routes but for the default: the network, its interface, and if it is far."""
    for line in facts.all("route"):
        words = line.split()
        found = _network(words[0]) if len(words) == 3 else None
        if found is not None and found.prefixlen:
            yield found, words[1], words[2] != "-"


def _of_docker(interface: str) -> bool:
    return interface == "docker0" or interface.startswith("br-")


def pools(at: Seen) -> Verdict | None:
    """No network of Docker is one that the site uses.

    Docker takes none that a route of the host leads to directly; of what is reached through a
    gateway it knows nothing.
    """
    if not _uses_docker(at):
        return None
    said = at.facts.all("pool")
    taken = [one for one in (_network(text) for text in (said or _POOLS)) if one is not None]
    routes = list(_routes(at.facts))
    near = [net for net, interface, far in routes if not far and not _of_docker(interface)]
    made = [net for net, interface, _ in routes if _of_docker(interface)]
    site = [*_site(at), *((tr("a route of this host"), net) for net, _, far in routes if far)]
    shown = ", ".join(map(str, taken)) if said else "172.17.0.0 - 172.31.255.255, 192.168.0.0/16"
    wanted = tr("no network of the site's in Docker's ({pools})", pools=shown)
    used = [*near, *(net for _, net in site)]
    unused = (one for one in _FREE
              if not any(_overlap(ipaddress.ip_network(one), net) for net in used))  # fmt: skip
    setting = '{"default-address-pools": [{"base": "' + next(unused, "…") + '", "size": 24}]}'
    cure = tr('write to /etc/docker/daemon.json on the host: {setting}, and restart Docker',
              setting=setting)  # fmt: skip
    clashes = [(name, net) for name, net in site if any(_overlap(net, one) for one in made)]
    if clashes:
        seen = ", ".join(f"{name} ({_text(net)})" for name, net in clashes)
        return Verdict(Level.FAILED, tr("a network that Docker made hides {names}", names=seen),
                       _text(clashes[0][1]), wanted, cure)  # fmt: skip
    clashes = [(name, net) for name, net in site if any(_overlap(net, one) for one in taken)
               and not any(_overlap(net, one) for one in near)]  # fmt: skip
    if clashes:
        seen = ", ".join(f"{name} ({_text(net)})" for name, net in dict.fromkeys(clashes))
        return Verdict(Level.WARNING, tr("{names} is where Docker makes its networks", names=seen),
                       _text(clashes[0][1]), wanted, cure)  # fmt: skip
    return well(tr("Docker's {pools} is free", pools=shown), tr("free"), wanted)


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _text(net: Network) -> str:
    return str(net.network_address) if net.prefixlen == net.max_prefixlen else str(net)
