"""The host itself: is it what the cluster file says, and has it room?"""

from __future__ import annotations

from collections.abc import Iterator

from harbor_wizard.language import mark, tr
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.platforms import PLATFORMS
from harbor_wizard.releases import find
from harbor_wizard.step import Step, look, quote


def preflight(host: Host) -> Iterator[Step]:
    """Yield the looks that come before any change."""
    platform = PLATFORMS[host.platform]
    yield look(
        host.name, "preflight/platform", tr("runs {system}", system=platform.title),
        tr("the packages and paths of this plan are those of that system"),
        check=f"""
. /etc/os-release
if ! {platform.matches_script}; then
  echo "this host runs $ID $VERSION_ID, the cluster file says {platform.name}" >&2
  exit 1
fi
if [ ! -d /run/systemd/system ]; then
  echo 'systemd does not run here, and Harbor and its balancers are started by it' >&2
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  echo 'this login is not root; set "sudo: true" in its access' >&2
  exit 1
fi
""",
    )  # fmt: skip
    yield look(
        host.name, "preflight/address", tr("has the address {address}", address=host.address),
        tr("the peers and the balancers will speak to it under this address"),
        check=_address(host),
    )  # fmt: skip


def _address(host: Host) -> str:
    interface = f" dev {quote(host.interface)}" if host.interface else ""
    where = f" on {host.interface}" if host.interface else ""
    return f"""
if ! ip -o addr show{interface} | grep -qwF {quote(host.address)}; then
  echo {quote(f"no interface here has {host.address}{where}")} >&2
  ip -br addr show >&2
  exit 1
fi
"""


_CHECK = "check its address and firewall"


def room(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the looks at a Harbor node's disk and at the services that it needs."""
    # The images take about 2 GB unpacked, the installer and its archive another 2 GB.
    yield look(
        host.name, "preflight/disk", tr("has 6 GB free for Docker and the installer"),
        tr("an installation that runs out of disk in `docker load` is half there"),
        check=f"""
for place in /var/lib {quote(cluster.install_dir)} {quote(cluster.data_volume)}; do
  while [ ! -d "$place" ]; do place=$(dirname "$place"); done
  free=$(df -Pk "$place" | awk 'NR == 2 {{ print $4 }}')
  if [ "$free" -lt 6000000 ]; then
    echo "$place has $((free / 1024)) MB free, 6000 MB are wanted; make room there" >&2
    exit 1
  fi
done
""",
    )  # fmt: skip
    found = endpoints(cluster)
    if not found:
        return
    tries = "\n".join(
        f"""
if ! timeout 5 bash -c '</dev/tcp/{name}/{port}' 2>/dev/null; then
  echo {quote(f"{what} at {name} port {port} does not answer this node; {_CHECK}")} >&2
  exit 1
fi"""
        for what, name, port in found
    )
    yield look(
        host.name, "preflight/services",
        tr("reaches {services}", services=tr(" and ").join(tr(one) for one in _names(found))),
        tr("all nodes share their state there"), check=tries,
    )  # fmt: skip


def endpoints(cluster: Cluster) -> list[tuple[str, str, int]]:
    """Return what exists already and the nodes need, with its address and port."""
    found = []
    if cluster.database is not None:
        what = "MariaDB" if find(cluster.release).uses_mariadb else "PostgreSQL"
        found.append((what, cluster.database.host, cluster.database_port))
    if cluster.clair_database is not None:
        used = cluster.clair_database
        found.append((mark("Clair's PostgreSQL"), used.host, used.port or 5432))
    redis = cluster.redis
    if redis is not None and redis.sentinel:
        found += [("Redis Sentinel", node.host, node.port) for node in redis.sentinel.nodes]
    elif redis is not None:
        found.append(("Redis", str(redis.host), redis.port))
    return found


def _names(endpoints: list[tuple[str, str, int]]) -> list[str]:
    return list(dict.fromkeys(what for what, _, _ in endpoints))
