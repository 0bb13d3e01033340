"""Checks of the disks: is there room in every folder that is written to?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Host, Role
from harbor_wizard.preflight.check import Seen, Verdict
from harbor_wizard.preflight.finding import Level

_GB = 1024 * 1024  # in the KiB that the hosts count in
_NEEDED = 6_000_000  # KiB: the plan's own look refuses less
_INODES_WANTED = 200_000


@dataclass(frozen=True)
class Place:
    """A folder that is written to: what it takes at the least, and to live with, in KiB."""

    path: str
    needed: int
    wanted: int


def places(cluster: Cluster, host: Host) -> tuple[Place, ...]:
    """Return the folders that this plan, Docker and Harbor write to on a host."""
    kept = Place("/var/lib/harbor-wizard", _GB // 4, _GB)
    if not {Role.HARBOR, Role.SERVICES} & set(host.roles):
        return (kept,)
    # The installer and its archive take 2 GB, the images 2 GB unpacked and as much on their way.
    # 40 GB for the data are from Harbor's installation prerequisites.
    return (
        Place("/var/lib/docker", _NEEDED, 20 * _GB),
        Place(kept.path, _GB, 2 * _GB),
        Place(cluster.install_dir, _NEEDED, _NEEDED),
        Place(cluster.data_volume, _NEEDED, 40 * _GB),
    )


def _counted(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    """Yield `<number> <mount> <folder>` lines as they are told."""
    for line in lines:
        number, _, rest = line.partition(" ")
        mount, _, path = rest.partition(" ")
        if number.isascii() and number.isdigit():
            yield int(number), mount, path


def disk(at: Seen) -> Verdict | None:
    """Each folder that is written to has room."""
    asked = {place.path: place for place in places(at.cluster, at.host)}
    free = {path: (size, mount) for size, mount, path in _counted(at.facts.all("free"))
            if path in asked}  # fmt: skip
    if not free:
        return None
    short = {path: size for path, (size, _) in free.items() if size < asked[path].wanted}
    failed = {path: size for path, size in short.items() if size < asked[path].needed}
    # What is on one file system is told once, by the folder that wants the most of it.
    told: dict[str, str] = {}
    for path in sorted(failed or short or free, key=lambda path: -asked[path].wanted):
        told.setdefault(free[path][1], path)
    worst = min(told.values(), key=lambda path: free[path][0])
    wanted = ", ".join(
        tr("{path}: {needed} GB at the least, {wanted} GB to live with", path=path,
           needed=f"{round(asked[path].needed / 1_000_000, 1):g}",
           wanted=f"{asked[path].wanted / _GB:.0f}")
        for path in told.values()
    )  # fmt: skip
    seen = ", ".join(tr("{free} GB free for {place}", free=f"{free[path][0] / _GB:.1f}", place=path)
                     for path in told.values())  # fmt: skip
    level = Level.FAILED if failed else Level.WARNING if short else Level.OK
    cure = tr("make room there, or mount a larger disk at {place}", place=", ".join(told.values()))
    return Verdict(level, seen, f"{free[worst][0] / _GB:.0f} GB", wanted, cure)


def inodes(at: Seen) -> Verdict | None:
    """There are inodes enough."""
    if Role.HARBOR not in at.host.roles:
        return None
    # A file system that makes them as it needs says 0.
    counted = [(free, path) for free, _, path in _counted(at.facts.all("inodes")) if free]
    if not counted:
        return None
    free, place = min(counted)
    level = Level.OK if free >= _INODES_WANTED else Level.WARNING
    seen = tr("{free} inodes free for {place}", free=free, place=place)
    return Verdict(level, seen, f"{free // 1000} k", f"{_INODES_WANTED}",
                   tr("use a file system with more inodes at {place}", place=place))  # fmt: skip
