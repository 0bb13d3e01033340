"""The one script that asks a host how it stands, and what its answer means. It changes nothing."""

from __future__ import annotations

import base64
import binascii
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from harbor_wizard.components import haproxy, harbor, keepalived, lvs, probe, services, storage
from harbor_wizard.components.docker import COMPOSE
from harbor_wizard.inspection.seen import Disk
from harbor_wizard.model.cluster import BalancerType, Cluster, Host, Role
from harbor_wizard.releases import Release, find
from harbor_wizard.step import quote
from harbor_wizard.text import printable

# Seconds: a file system that hangs answers `df` never, and Docker's daemon may hang as well.
ANSWER_WITHIN = 40.0


@dataclass(frozen=True)
class Answer:
    """What a host said, and whether that is `whole`. `certificates` are DER, by where they are."""

    whole: bool = False
    parts: dict[str, str] = field(default_factory=dict)
    holds_address: bool = False
    health: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    disks: tuple[Disk, ...] = ()
    certificates: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Shown:
    """Where clients see a certificate: `name` is what they ask for at `address`."""

    where: str
    address: str
    name: str


def shown(cluster: Cluster, host: Host) -> Iterator[Shown]:
    """Yield the certificates that can be seen from a host: its own, and that in front."""
    if cluster.scheme != "https":
        return
    if cluster.has_front and host in (cluster.vip_holders or cluster.nodes[:1]):
        yield Shown(cluster.public_name, cluster.front, cluster.public_name)
    if host in cluster.nodes and cluster.node_tls:
        yield Shown(host.name, host.address, cluster.name_of(host))


def units(cluster: Cluster, host: Host) -> Iterator[str]:
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


def boot_units(cluster: Cluster, host: Host) -> Iterator[str]:
    """Yield all units that bring a host's parts back after a reboot."""
    yield from units(cluster, host)
    if Role.HARBOR in host.roles or Role.SERVICES in host.roles:
        yield "docker.service"
    if Role.HARBOR in host.roles:
        yield "harbor.service"
        yield from (mount.unit for mount in storage.mounts(cluster))
        if cluster.balancer.type is BalancerType.LVS and cluster.vip_holders:
            yield lvs.UNIT


# A value never breaks the frame of a line: what has tabs or ends of lines is cut there.
_HEAD = r"""
say() { printf '%s\t%s\t%s\n' "$1" "$2" "$(printf '%s' "$3" | tr '\t\n' '  ')"; }
version() { [ -z "$2" ] || say version "$1" "$2"; }
"""

# HAProxy's own view of the nodes is on the local port that keepalived asks, too.
_HAPROXY = r"""
timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8404
  printf "GET /stats;csv HTTP/1.0\r\n\r\n" >&3; cat <&3' 2>/dev/null |
awk -F, '$2 != "BACKEND" && $2 != "FRONTEND" && $18 != "" && NF > 20 && $1 !~ /^#/ {
  printf "part\tsees %s%s\t%s\n", $2, ($1 == "harbor" ? "" : " for " $1), $18 }'
"""

# Its process is well where its script fails; yet it would not take the address.
_KEEPALIVED = f"""
if [ "$(systemctl is-active keepalived)" = active ] && [ "$({keepalived.STATE})" = FAULT ]; then
  say part keepalived fault
fi
"""

_VERSIONS = {
    "docker": "docker version --format '{{.Server.Version}}' 2>/dev/null",
    "haproxy": "haproxy -v 2>/dev/null | sed -n '1s/^HA-*Proxy version \\([^ ]*\\).*/\\1/p'",
    "nginx": "nginx -v 2>&1 | sed -n 's|^nginx version: nginx/||p'",
    "keepalived": "keepalived --version 2>&1 | sed -n '1s/^Keepalived v\\([^ ]*\\).*/\\1/p'",
}


def script(cluster: Cluster, host: Host) -> str:
    """Return the script that prints how a host stands."""
    parts = [_HEAD, "say vip vip no"]
    names = list(units(cluster, host))
    if host in cluster.vip_holders:
        held = keepalived.holds(cluster, host)
        parts = [_HEAD, f"{held} && say vip vip yes || say vip vip no"]
    if names:
        state = 'say part "$unit" "$(systemctl is-active "$unit")"'
        parts.append(f"for unit in {' '.join(names)}; do {state}; done")
    if "keepalived" in names:
        parts.append(_KEEPALIVED)
    if "haproxy" in names and Role.BALANCER in host.roles:
        parts.append(_HAPROXY)
    if Role.BALANCER in host.roles and cluster.balancer.type is BalancerType.LVS:
        parts += ["table=$(ipvsadm -Ln 2>/dev/null)", *map(_in_table, cluster.nodes)]
    release = find(cluster.release)
    programs = [name for name in _VERSIONS if name in names]
    if Role.HARBOR in host.roles or Role.SERVICES in host.roles:
        programs.insert(0, "docker")
    if Role.HARBOR in host.roles:
        bundled = cluster.used_database is None
        running = release.running(cluster.scanner, bundled=bundled)
        parts.append(_harbor(cluster, host, release, " ".join(running)))
    if Role.SERVICES in host.roles:
        parts.append(_compose(services.HOME, "database redis"))
    parts += [f'version {name} "$(timeout 10 sh -c {quote(_VERSIONS[name])})"' for name in programs]
    parts.append(_disks(places(cluster, host)))
    parts += [_certificate(one) for one in shown(cluster, host)]
    return "\n".join(parts) + "\nsay end end yes\nexit 0\n"


def expected(cluster: Cluster, host: Host) -> Iterator[str]:
    """Yield the parts that a host has to tell of: what it leaves out is missing there."""
    yield from units(cluster, host)
    if Role.BALANCER in host.roles and cluster.balancer.type is BalancerType.HAPROXY:
        first = haproxy.backends(cluster)[0]
        yield from (f"sees {node.name}" for node in (*first.nodes, *first.spares))
    if Role.BALANCER in host.roles and cluster.balancer.type is BalancerType.LVS:
        yield from (f"sees {node.name}" for node in cluster.nodes)
    if Role.HARBOR in host.roles:
        yield from ("docker", "harbor.service")
        bundled = cluster.used_database is None
        yield from find(cluster.release).running(cluster.scanner, bundled=bundled)
    if Role.SERVICES in host.roles:
        yield from ("database", "redis")


def _in_table(node: Host) -> str:
    """Print whether the kernel passes clients on to a node: keepalived takes out what is ill."""
    address = f"[{node.address}]" if ":" in node.address else node.address
    seen, row = f"say part {quote(f'sees {node.name}')}", quote(f"-> {address}:")
    return f"case $table in *{row}*) {seen} UP ;; *) {seen} DOWN ;; esac"


def places(cluster: Cluster, host: Host) -> list[str]:
    """Return the directories that are used on a host, whose disks may get full."""
    found = ["/", "/var/lib/harbor-wizard", "/var/log"]
    if Role.HARBOR in host.roles or Role.SERVICES in host.roles:
        found += ["/var/lib/docker", cluster.install_dir, cluster.data_volume]
    if Role.HARBOR in host.roles:
        found += ["/var/log/harbor", *(mount.where for mount in storage.mounts(cluster))]
    return found


def _harbor(cluster: Cluster, host: Host, release: Release, names: str) -> str:
    at = harbor.listening(cluster, host)
    name = cluster.name_of(host)
    ask = probe.ask(at.address, at.port, name, release.health_path, tls=at.tls)
    return f"""
say part docker "$(systemctl is-active docker)"
say part harbor.service "$(systemctl is-active harbor)"
{_compose(cluster.install_dir, names)}
say health answer "$({ask} | sed '1,/^\\r*$/d' | base64 -w 0)"
for core in harbor-core harbor-ui; do
  image=$(timeout 10 docker inspect -f '{{{{.Config.Image}}}}' $core 2>/dev/null) &&
    version harbor "${{image##*:}}"
done
"""


def _compose(home: str, names: str) -> str:
    """Print each container of a compose file; those of old programs have to be asked one by one."""
    inspect = ('{{index .Config.Labels "com.docker.compose.service"}}={{.State.Status}} '
               "{{if .State.Health}}{{.State.Health.Status}}{{end}}")  # fmt: skip
    return f"""
cd {quote(home)} 2>/dev/null && {{
{COMPOSE}
label="label=com.docker.compose.project.working_dir=$PWD"
containers=$(timeout 10 docker ps -aq --filter "$label" 2>/dev/null)
all=$([ -z "$containers" ] || timeout 10 docker inspect -f {quote(inspect)} $containers 2>/dev/null)
for service in {names}; do
  if [ -n "$all" ]; then
    state=$(printf '%s\\n' "$all" | sed -n "s/^$service=//p" | head -n 1)
  else
    id=$(timeout 10 docker ps -q >/dev/null 2>&1 && compose ps -q "$service" 2>/dev/null)
    state=$([ -z "$id" ] || docker inspect -f '{{{{.State.Status}}}}' "$id" 2>/dev/null)
  fi
  case $state in *' unhealthy') state=unhealthy ;; esac
  say part "$service" "${{state%% *}}"
done
}} || for service in {names}; do say part "$service" missing; done
"""


def _disks(wanted: list[str]) -> str:
    return f"""
for place in {" ".join(map(quote, wanted))}; do
  [ -d "$place" ] || continue
  bytes=$(timeout 5 df -Pk "$place" 2>/dev/null | awk 'NR == 2 {{ print $4, $3 + $4, $6 }}')
  inodes=$(timeout 5 df -Pi "$place" 2>/dev/null | awk 'NR == 2 {{ print $4, $2 }}')
  say disk "$place" "${{inodes:-0 0}} ${{bytes:-hangs}}"
done
"""


def _certificate(one: Shown) -> str:
    address = f"[{one.address}]" if ":" in one.address else one.address
    connect = quote(f"{address}:443")
    return (
        f"say certificate {quote(one.where)} \"$(timeout 10 openssl s_client -connect {connect} "
        f"-servername {quote(one.name)} </dev/null 2>/dev/null | "
        "openssl x509 -outform der 2>/dev/null | base64 -w 0)\""
    )


def parsed(cluster: Cluster, host: Host, text: str) -> Answer:
    """Return what a host's answer means. What it has that is not ours to read is left out."""
    said: dict[str, dict[str, str]] = defaultdict(dict)
    for line in text.splitlines():
        kind, _, rest = line.partition("\t")
        name, tab, value = rest.partition("\t")
        if tab:
            said[kind][printable(name)] = printable(value).strip()
    health: dict[str, str] = {}
    if Role.HARBOR in host.roles:
        health = _health(find(cluster.release), _decoded(said["health"].get("answer", "")))
    told = {name: _state(state) for name, state in said["part"].items()}
    parts = {name: told.get(name, "missing") for name in expected(cluster, host)}
    return Answer(
        said["end"].get("end") == "yes",
        {**parts, **told},
        said["vip"].get("vip") == "yes",
        health,
        said["version"],
        _read_disks(said["disk"]),
        {where: _decoded(one) for where, one in said["certificate"].items()},
    )


def _state(said: str) -> str:
    # HAProxy says "UP 1/2" of a node that is on its way down.
    return "UP" if said.startswith("UP ") else said or "missing"


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _health(release: Release, body: bytes) -> dict[str, str]:
    """Return the parts of a health answer with their states."""
    if release.config_name == "harbor.cfg":  # 1.5 tells nothing of its parts
        well = release.health_wanted.encode() in b"".join(body.split())
        return {"answer": "healthy" if well else "none"}
    try:
        components = json.loads(body)["components"]
        found = {printable(str(one["name"])): printable(str(one["status"])) for one in components}
    except (ValueError, KeyError, TypeError):
        return {"answer": "none"}
    return found or {"answer": "none"}


def _read_disks(said: dict[str, str]) -> tuple[Disk, ...]:
    found: dict[str, Disk] = {}
    for place, value in said.items():
        words = value.split(" ", 4)
        numbers = [int(word) if word.isascii() and word.isdigit() else 0 for word in words[:4]]
        if len(words) != 5:
            # A file system that does not answer is one that cannot be written to.
            found[place] = Disk(place, (place,), 0, 0)
            continue
        inodes_free, inodes, free, total = numbers
        before = found.get(words[4])
        paths = (*(before.paths if before else ()), place)
        share = inodes_free * 100 // inodes if inodes else None
        found[words[4]] = Disk(words[4], paths, free * 1024, total * 1024, share)
    return tuple(found.values())
