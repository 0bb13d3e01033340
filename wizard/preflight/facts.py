"""What is so on a host, as it says itself: the script that asks, and the answer.

The answer is lines `name<TAB>value`; a name may come more than once. It comes from a host that is
not known yet, so nothing in it is trusted: each value is made printable, and parsed with care.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from harbor_wizard.components import host as host_component
from harbor_wizard.components.storage import mounts
from harbor_wizard.model.cluster import Cluster, Host, Role
from harbor_wizard.step import quote
from harbor_wizard.text import printable

_LONGEST = 500  # characters of a value that are of interest


class Facts:
    """What one host said. `clock_off` is its clock less ours in seconds, None where not known."""

    def __init__(self, answer: str, clock_off: float | None = None) -> None:
        self._found: dict[str, list[str]] = defaultdict(list)
        for line in answer.split("\n"):
            name, tab, value = line.partition("\t")
            if tab:
                self._found[name].append(printable(value)[:_LONGEST].strip())
        self.clock_off = clock_off

    def __bool__(self) -> bool:
        return bool(self._found)

    def one(self, name: str) -> str:
        """Return a value, or an empty text where the host did not say it."""
        values = self._found.get(name)
        return values[0] if values else ""

    def all(self, name: str) -> list[str]:
        """Return all values of a name."""
        return list(self._found.get(name, ()))

    def number(self, name: str) -> int | None:
        """Return a value that is a number; None where it is none."""
        value = self.one(name)
        return int(value) if value.isascii() and value.isdigit() else None


# Each line asks one thing, and a program that is missing leaves its own line out only.
_SYSTEM = r"""
say() { printf '%s\t%s\n' "$1" "$2"; }
say clock "$(date +%s.%N)"
. /etc/os-release 2>/dev/null
say system "${ID-} ${VERSION_ID-}"
say title "${PRETTY_NAME-}"
say user "$(id -u)"
say architecture "$(uname -m)"
say kernel "$(uname -r)"
[ -d /run/systemd/system ] && say systemd yes || say systemd no
say cpus "$(nproc 2>/dev/null)"
say memory "$(awk '/^MemTotal:/ { print $2 }' /proc/meminfo 2>/dev/null)"
say synchronised "$(timedatectl show -p NTPSynchronized --value 2>/dev/null)"
say name "$(hostname 2>/dev/null || cat /etc/hostname)"
say machine "$(cat /etc/machine-id 2>/dev/null)"
say selinux "$(getenforce 2>/dev/null)"
for unit in firewalld ufw; do
  systemctl is-active --quiet $unit 2>/dev/null && say firewall $unit
done
ip -o addr show 2>/dev/null | awk '{ print "address\t" $2 " " $4 }'
ip -o link show 2>/dev/null | awk '{ sub(":", "", $2); sub("@.*", "", $2);
  for (at = 3; at < NF; at++) if ($at == "mtu") print "mtu\t" $2 " " $(at + 1) }'
ss -Hltnp 2>/dev/null | awk '{ print "listens\t" $4 " " $6 }'
say docker "$(docker version --format '{{.Server.Version}}' 2>/dev/null)"
say docker_is "$(docker --version 2>/dev/null)"
say docker_driver "$(docker info --format '{{.Driver}}' 2>/dev/null)"
[ -d /var/lib/harbor-wizard ] && say known yes || say known no
"""

_ROOM = r"""
for place in {places}; do
  named=$place
  while [ ! -d "$place" ]; do place=$(dirname "$place"); done
  df -Pk "$place" | awk -v named="$named" 'NR == 2 {{ print "free\t" $4 " " $6 " " named }}'
  df -Pi "$place" | awk -v named="$named" 'NR == 2 {{ print "inodes\t" $4 " " $6 " " named }}'
done
"""

_TRY = r"""
{{ timeout 5 bash -c '</dev/tcp/{name}/{port}' 2>/dev/null && say reaches {both} ||
  say refused {both}; }} &
"""

_SHARED = r"""
if [ -d {path} ]; then
  say mounted {path}" $(findmnt -n -o FSTYPE,SOURCE -T {path} 2>/dev/null | tr -s ' ' | head -n 1)"
else
  say absent {path}
fi
"""


def script(cluster: Cluster, host: Host) -> str:
    """Return the script that prints a host's facts. It changes nothing."""
    parts, tries = [_SYSTEM], []
    name = quote(cluster.public_name)
    parts.append(f"getent ahosts {name} | awk '!seen[$1]++ {{ print \"resolves\\t\" $1 }}'\n")
    if Role.HARBOR in host.roles:
        places = ("/var/lib", cluster.install_dir, cluster.data_volume)
        parts.append(_ROOM.format(places=" ".join(map(quote, places))))
        left = [f"{cluster.install_dir}/harbor.yml", f"{cluster.install_dir}/harbor.cfg"]
        parts.append(_exists("leftover", left))
        tries += [
            _TRY.format(name=quote(server), port=port, both=quote(f"{server} {port}"))
            for _, server, port in host_component.endpoints(cluster)
        ]
        parts += [_SHARED.format(path=quote(path)) for path in shared_folders(cluster)]
    if cluster.vip is not None and host in cluster.vip_holders:
        # A host on this segment that has the address answers for it, whatever its firewall says.
        parts.append(
            f"ping -c 1 -W 1 {quote(cluster.vip)} >/dev/null 2>&1 && say answers yes\n"
            f"say neighbour \"$(ip neigh show to {quote(cluster.vip)} 2>/dev/null | head -n 1)\"\n"
        )
    # What does not answer is waited for once, not once for each: these go on side by side.
    return "".join([*parts, *tries]) + "wait\nexit 0\n"


def shared_folders(cluster: Cluster) -> list[str]:
    """Return the folders of a shared file system that have to be there on each node."""
    return [mount.what for mount in mounts(cluster) if not mount.nfs_options]


def _exists(name: str, paths: Iterable[str]) -> str:
    return "".join(f"[ -e {quote(path)} ] && say {name} {quote(path)}\n" for path in paths)
