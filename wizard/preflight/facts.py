"""What is so on a host: the script that asks it, in one go."""

from __future__ import annotations

from collections.abc import Iterable

from harbor_wizard.components import host as host_component
from harbor_wizard.components.storage import mounts
from harbor_wizard.model.cluster import Cluster, Host, Role
from harbor_wizard.preflight import packetfilter, room, segment
from harbor_wizard.preflight.answer import Facts
from harbor_wizard.step import quote

__all__ = ["Facts", "script", "shared_folders"]

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
say cgroups "$(stat -fc %T /sys/fs/cgroup 2>/dev/null)"
for one in $(cat /sys/fs/cgroup/cgroup.controllers 2>/dev/null); do say controller $one; done
awk '!/^#/ && $4 == 1 { print "controller\t" $1 }' /proc/cgroups 2>/dev/null
# What is no module yet may be one that is loaded when it is needed.
for one in overlay ip_vs; do
  if grep -qw $one /proc/filesystems /proc/modules || [ -e /proc/net/$one ] ||
    modinfo $one >/dev/null 2>&1; then say module $one; fi
done
[ -d /run/systemd/system ] && say systemd yes || say systemd no
say cpus "$(nproc 2>/dev/null)"
say memory "$(awk '/^MemTotal:/ { print $2 }' /proc/meminfo 2>/dev/null)"
say synchronised "$(timedatectl show -p NTPSynchronized --value 2>/dev/null)"
say name "$(hostname 2>/dev/null || cat /etc/hostname)"
say machine "$(cat /etc/machine-id 2>/dev/null)"
say selinux "$(getenforce 2>/dev/null)"
ip -o addr show 2>/dev/null | awk '{ print "address\t" $2 " " $4 }'
ip -o link show 2>/dev/null | awk '{ sub(":", "", $2); sub("@.*", "", $2);
  for (at = 3; at < NF; at++) if ($at == "mtu") print "mtu\t" $2 " " $(at + 1) }'
{ ip -o route show; ip -o -6 route show; } 2>/dev/null | awk '{ via = "-"; dev = "-"
  for (at = 2; at < NF; at++) {
    if ($at == "via") via = $(at + 1); if ($at == "dev") dev = $(at + 1)
  }
  print "route\t" $1 " " dev " " via }'
# sudo takes the variable away that says from where the login came: a shell before it has it.
pid=$$ from=${SSH_CONNECTION-}
while [ -z "$from" ] && [ "${pid:-1}" -gt 1 ]; do
  from=$(tr '\0' '\n' < /proc/$pid/environ 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p')
  pid=$(sed -n 's/^PPid:[[:space:]]*//p' /proc/$pid/status 2>/dev/null)
done
say operator "${from%% *}"
ss -Hltnp 2>/dev/null | awk '{ print "listens\t" $4 " " $6 }'
say docker "$(docker version --format '{{.Server.Version}}' 2>/dev/null)"
say docker_is "$(docker --version 2>/dev/null)"
say docker_driver "$(docker info --format '{{.Driver}}' 2>/dev/null)"
tr '\n' ' ' < /etc/docker/daemon.json 2>/dev/null |
  grep -o '"\(base\|bip\|fixed-cidr\)"[[:space:]]*:[[:space:]]*"[0-9a-fA-F.:/]*"' |
  awk -F '"' '{ print "pool\t" $4 }'
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
    parts = [_SYSTEM, packetfilter.asked(host), segment.asked(cluster, host)]
    tries = []
    name = quote(cluster.public_name)
    parts.append(f"getent ahosts {name} | awk '!seen[$1]++ {{ print \"resolves\\t\" $1 }}'\n")
    places = " ".join(quote(place.path) for place in room.places(cluster, host))
    parts.append(_ROOM.format(places=places))
    if Role.HARBOR in host.roles:
        left = [f"{cluster.install_dir}/harbor.yml", f"{cluster.install_dir}/harbor.cfg"]
        parts.append(_exists("leftover", left))
        tries += [
            _TRY.format(name=quote(server), port=port, both=quote(f"{server} {port}"))
            for _, server, port in host_component.endpoints(cluster)
        ]
        parts += [_SHARED.format(path=quote(path)) for path in shared_folders(cluster)]
    # What does not answer is waited for once, not once for each: these go on side by side.
    return "".join([*parts, *tries]) + "wait\nexit 0\n"


def shared_folders(cluster: Cluster) -> list[str]:
    """Return the folders of a shared file system that have to be there on each node."""
    return [mount.what for mount in mounts(cluster) if not mount.nfs_options]


def _exists(name: str, paths: Iterable[str]) -> str:
    return "".join(f"[ -e {quote(path)} ] && say {name} {quote(path)}\n" for path in paths)
