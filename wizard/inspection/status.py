"""What is running now: asked of the hosts, read-only, all at once."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from harbor_wizard.components import services
from harbor_wizard.components.docker import COMPOSE
from harbor_wizard.engine.runner import Connect
from harbor_wizard.errors import HarborWizardError
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import BalancerType, Cluster, Host, Role
from harbor_wizard.releases import find
from harbor_wizard.step import quote
from harbor_wizard.text import printable
from harbor_wizard.transport.base import Call, Phase


@dataclass(frozen=True)
class HostStatus:
    """One host: `parts` are what should run there with whether it does, `error` why unknown."""

    name: str
    address: str
    roles: tuple[str, ...]
    parts: dict[str, str] = field(default_factory=dict)
    holds_address: bool = False
    error: str = ""

    @property
    def well(self) -> bool:
        """Say whether all that should run there does."""
        return not self.error and all(state in GOOD for state in self.parts.values())

    @property
    def sign(self) -> str:
        """A sign for whether it is well."""
        return "✓" if self.well else "✗"

    @property
    def summary(self) -> str:
        """Whether it is well, in words."""
        if self.well:
            return tr("well")
        return tr("not reached") if self.error else tr("not well")


GOOD = ("active", "running", "UP")


@dataclass(frozen=True)
class ClusterStatus:
    """All hosts."""

    cluster: str
    virtual_address: str
    hosts: tuple[HostStatus, ...]
    movable: bool = True

    @property
    def holders(self) -> tuple[str, ...]:
        """The hosts that hold the virtual address; one, when all is well."""
        return tuple(host.name for host in self.hosts if host.holds_address)

    @property
    def well(self) -> bool:
        """Say whether all is well."""
        held = not self.movable or len(self.holders) == 1
        return all(host.well for host in self.hosts) and held

    def as_json(self) -> str:
        """Return it for monitoring."""
        data = dataclasses.asdict(self)
        data.update(holders=self.holders, well=self.well)
        for host, seen in zip(data["hosts"], self.hosts, strict=True):
            host["well"] = seen.well
        return json.dumps(data, indent=2)

    def as_text(self) -> str:
        """Return it for people."""
        holders = ", ".join(self.holders) or tr("nobody")
        sign = "✓" if len(self.holders) == 1 else "✗"
        lines = [
            tr("{cluster}: all is well", cluster=self.cluster)
            if self.well
            else tr("{cluster}: not all is well", cluster=self.cluster)
        ]
        if self.movable:
            held = tr("{address} is held by {holders}", address=self.virtual_address,
                      holders=holders)  # fmt: skip
            lines.append(f"{sign} {held}")
        for host in self.hosts:
            roles = ", ".join(host.roles)
            if "services" in host.roles:
                roles = tr("{roles}: a single point of failure, for a proof of concept",
                           roles=roles)  # fmt: skip
            lines.append(f"{host.sign} {host.name} {host.address} ({roles}): {host.summary}")
            if host.error:
                lines.append(f"    {host.error}")
            for part, seen in host.parts.items():
                lines.append(f"    {'✓' if seen in GOOD else '✗'} {part}: {seen}")
        return "\n".join(lines)


def probe(cluster: Cluster, connect: Connect) -> ClusterStatus:
    """Ask every host. One that cannot be asked is told as such; nothing is raised for it."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(cluster.hosts)) as pool:
        seen = pool.map(lambda host: _host(cluster, host, connect), cluster.hosts)
        return ClusterStatus(cluster.name, cluster.front, tuple(seen), bool(cluster.vip_holders))


def _host(cluster: Cluster, host: Host, connect: Connect) -> HostStatus:
    roles = tuple(role.value for role in host.roles)
    transport = connect(host)
    try:
        transport.connect()
        call = Call("status", Phase.HOUSEKEEPING, _script(cluster, host), timeout=60)
        answer = transport.run(call, lambda _: None)
    except HarborWizardError as error:
        return HostStatus(host.name, host.address, roles, error=str(error))
    finally:
        transport.close()
    parts: dict[str, str] = {}
    holds = False
    for line in answer.out.splitlines():
        part, found, state = printable(line).partition("=")
        if part == "vip":
            holds = state == "yes"
        elif found:
            parts[part] = state or "missing"
    return HostStatus(host.name, host.address, roles, parts, holds)


def _script(cluster: Cluster, host: Host) -> str:
    parts = ["echo vip=no"]
    units = list(_units(cluster, host))
    if host in cluster.vip_holders:
        # On a node of LVS the address is on the loopback interface, too: that is not holding it.
        parts = [f"ip -o addr show dev {quote(str(host.interface))} | "
                 f"grep -qwF {quote(str(cluster.vip))} && echo vip=yes || echo vip=no"]  # fmt: skip
    if units:
        state = 'echo "$unit=$(systemctl is-active $unit)"'
        parts.append(f"for unit in {' '.join(units)}; do {state}; done")
    if "haproxy" in units and Role.BALANCER in host.roles:
        parts.append(_HAPROXY)
    release = find(cluster.release)
    if Role.HARBOR in host.roles:
        bundled = cluster.used_database is None
        names = release.running(cluster.scanner, bundled=bundled)
        parts.append(_harbor(cluster.install_dir, " ".join(names)))
    if Role.SERVICES in host.roles:
        parts.append(_compose(services.HOME, "database redis"))
    return "\n".join(parts) + "\n"


def _units(cluster: Cluster, host: Host) -> Iterator[str]:
    """Yield the units that should be active on a host, beside those of Harbor itself."""
    kind = cluster.balancer.type
    if Role.BALANCER in host.roles and kind in (BalancerType.HAPROXY, BalancerType.NGINX):
        yield kind.value
    if host in cluster.replicas():
        yield "haproxy"
    if host in cluster.vip_holders:
        yield "keepalived"
    if Role.SERVICES in host.roles:
        yield services.UNIT


# HAProxy's own view of the nodes is on the local port that keepalived asks, too.
_HAPROXY = r"""
timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8404
  printf "GET /stats;csv HTTP/1.0\r\n\r\n" >&3; cat <&3' 2>/dev/null |
awk -F, '$1 == "harbor" && $2 != "BACKEND" && $2 != "FRONTEND" { print "sees " $2 "=" $18 }'
"""


def _harbor(home: str, names: str) -> str:
    return f"""
echo "docker=$(systemctl is-active docker)"
echo "harbor.service=$(systemctl is-active harbor)"
{_compose(home, names)}
"""


def _compose(home: str, names: str) -> str:
    return f"""
cd {quote(home)} 2>/dev/null && {{
{COMPOSE}
for service in {names}; do
  id=$(compose ps -q "$service" 2>/dev/null)
  echo "$service=$(docker inspect -f '{{{{.State.Status}}}}' "$id" 2>/dev/null)"
done
}}
"""
