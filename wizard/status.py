"""What is running now: asked of the hosts, read-only, all at once."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
from dataclasses import dataclass, field

from harbor_wizard.components.docker import COMPOSE
from harbor_wizard.engine.runner import Connect
from harbor_wizard.errors import HarborWizardError
from harbor_wizard.model.cluster import Cluster, Host, Role
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


GOOD = ("active", "running", "UP")


@dataclass(frozen=True)
class ClusterStatus:
    """All hosts."""

    cluster: str
    virtual_address: str
    hosts: tuple[HostStatus, ...]

    @property
    def holders(self) -> tuple[str, ...]:
        """The hosts that hold the virtual address; one, when all is well."""
        return tuple(host.name for host in self.hosts if host.holds_address)

    @property
    def well(self) -> bool:
        """Say whether all is well."""
        return all(host.well for host in self.hosts) and len(self.holders) == 1

    def as_json(self) -> str:
        """Return it for monitoring."""
        data = dataclasses.asdict(self)
        data.update(holders=self.holders, well=self.well)
        for host, seen in zip(data["hosts"], self.hosts, strict=True):
            host["well"] = seen.well
        return json.dumps(data, indent=2)

    def as_text(self) -> str:
        """Return it for people."""
        holders = ", ".join(self.holders) or "nobody"
        mark = "✓" if len(self.holders) == 1 else "✗"
        lines = [f"{self.cluster}: {'all is well' if self.well else 'not all is well'}",
                 f"{mark} {self.virtual_address} is held by {holders}"]  # fmt: skip
        for host in self.hosts:
            roles = ", ".join(host.roles)
            state = "well" if host.well else "not reached" if host.error else "not well"
            sign = "✓" if host.well else "✗"
            lines.append(f"{sign} {host.name} {host.address} ({roles}): {state}")
            if host.error:
                lines.append(f"    {host.error}")
            for part, seen in host.parts.items():
                lines.append(f"    {'✓' if seen in GOOD else '✗'} {part}: {seen}")
        return "\n".join(lines)


def probe(cluster: Cluster, connect: Connect) -> ClusterStatus:
    """Ask every host. One that cannot be asked is told as such; nothing is raised for it."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(cluster.hosts)) as pool:
        seen = pool.map(lambda host: _host(cluster, host, connect), cluster.hosts)
        return ClusterStatus(cluster.name, cluster.front, tuple(seen))


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
    parts = [f"ip -o addr | grep -qwF {quote(cluster.front)} && echo vip=yes || echo vip=no"]
    if Role.BALANCER in host.roles:
        parts.append(_BALANCER)
    if Role.HARBOR in host.roles:
        services = " ".join(find(cluster.release).services)
        parts.append(_harbor(cluster.install_dir, services))
    return "\n".join(parts) + "\n"


# HAProxy's own view of the nodes is on the local port that keepalived asks, too.
_BALANCER = r"""
for unit in haproxy keepalived; do echo "$unit=$(systemctl is-active $unit)"; done
timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8404
  printf "GET /stats;csv HTTP/1.0\r\n\r\n" >&3; cat <&3' 2>/dev/null |
awk -F, '$1 == "harbor" && $2 != "BACKEND" && $2 != "FRONTEND" { print "sees " $2 "=" $18 }'
"""


def _harbor(home: str, services: str) -> str:
    return f"""
echo "docker=$(systemctl is-active docker)"
echo "harbor.service=$(systemctl is-active harbor)"
cd {quote(home)} 2>/dev/null && {{
{COMPOSE}
for service in {services}; do
  id=$(compose ps -q "$service" 2>/dev/null)
  echo "$service=$(docker inspect -f '{{{{.State.Status}}}}' "$id" 2>/dev/null)"
done
}}
"""
