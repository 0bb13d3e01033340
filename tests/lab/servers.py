"""What a site has beside Harbor, on the lab's host for services: an NFS server and a clock."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harbor_wizard.lab import packages
from harbor_wizard.lab.lab import Lab
from harbor_wizard.lab.layout import SERVICES


def bring(lab: Lab, names: Sequence[str], folder: Path) -> str:
    """Bring packages onto the host, with what they need; return where they are there."""
    host, into = lab.host(SERVICES), folder / names[0]
    there = host.root / "root" / names[0]
    if not there.exists():
        has = lab.cache / "base-trixie-postgresql-redis-server/var/lib/dpkg/status"
        packages.fetch("trixie", names, into, lab.cache, installed=has)
        shutil.copytree(into, there)
    return f"/root/{names[0]}"


@contextmanager
def nfs(lab: Lab, folder: Path, export: str = "/srv/nfs") -> Iterator[None]:
    """Run a real NFS server, in user space and with files in memory: not every kernel has one."""
    host = lab.host(SERVICES)
    there = bring(lab, ["nfs-ganesha", "nfs-ganesha-mem"], folder)
    # Without a way to say that it does I/O for others, which containers have not, it ends at once.
    # It keeps the first 64 KB of a file, and no state that a client would take up again.
    conf = f"""
NFS_CORE_PARAM {{ Protocols = 3, 4; allow_set_io_flusher_fail = true; }}
EXPORT {{
  Export_Id = 1; Path = {export}; Pseudo = {export};
  Access_Type = RW; Squash = No_Root_Squash; FSAL {{ Name = MEM; }}
}}
MEM {{ Inode_Size = 65536; }}
NFSv4 {{ Graceless = true; }}
"""
    host.run(["sh", "-eu"], input=f"""
command -v ganesha.nfsd >/dev/null ||
  DEBIAN_FRONTEND=noninteractive dpkg --install {there}/*.deb >/dev/null 2>&1
cat >/etc/ganesha/ganesha.conf <<'E'{conf}E
systemctl restart rpcbind nfs-ganesha
for try in $(seq 100); do rpcinfo -t 127.0.0.1 mountd 3 >/dev/null 2>&1 && exit 0; sleep 0.2; done
grep CRIT /var/log/ganesha/ganesha.log >&2; exit 1
""")
    try:
        yield
    finally:
        host.run(["sh", "-c", "systemctl stop nfs-ganesha rpcbind.socket rpcbind; exit 0"])


@contextmanager
def clock(lab: Lab, folder: Path) -> Iterator[None]:
    """Run an NTP server. It tells the time of this machine and, by -x, never sets it."""
    host = lab.host(SERVICES)
    there = bring(lab, ["chrony"], folder)
    host.run(["sh", "-eu"], input=f"""
for one in {there}/*.deb; do dpkg-deb --extract $one {there}/root; done
printf 'local stratum 8\\nallow\\nuser root\\n' > {there}/chrony.conf
systemd-run --quiet --unit=clock --setenv=LD_LIBRARY_PATH={there}/root/usr/lib/x86_64-linux-gnu \
  {there}/root/usr/sbin/chronyd -x -d -f {there}/chrony.conf
""")
    try:
        yield
    finally:
        host.run(["systemctl", "stop", "clock"])
