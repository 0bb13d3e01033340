"""A control group of its own for every host.

Without one, all hosts share the group `payload` that systemd-nspawn makes, and a systemd that
stops its `docker.service` waits for, or kills, the processes of another host.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from harbor_wizard.lab.errors import LabError


def hierarchies() -> list[Path]:
    """Return where systemd's groups are here: cgroup v2 first, then v1's `name=systemd`."""
    unified, named = [], []
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, where, kind, options, *_ = line.split()
        if kind == "cgroup2":
            unified.append(Path(where))
        elif kind == "cgroup" and "name=systemd" in options.split(","):
            named.append(Path(where))
    return unified[:1] + named[:1]


def make(name: str) -> list[Path]:
    """Make a host's groups anew, empty, and return them. Raises `LabError`."""
    groups = [hierarchy / name for hierarchy in hierarchies()]
    for group in groups:
        remove_tree(group)
        group.mkdir(exist_ok=True)
    return groups


def enter(groups: list[Path]) -> None:
    """Put this process into the groups."""
    for group in groups:
        (group / "cgroup.procs").write_text("0", encoding="utf-8")


def kill(name: str, timeout: float = 30) -> None:
    """End all processes of a host at once, and remove its groups. Raises `LabError`."""
    for group in (hierarchy / name for hierarchy in hierarchies()):
        if (group / "cgroup.kill").exists():
            (group / "cgroup.kill").write_text("1", encoding="utf-8")
    deadline = time.monotonic() + timeout
    for group in (hierarchy / name for hierarchy in hierarchies()):
        while group.exists():
            try:
                remove_tree(group)
            except LabError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def freeze(name: str, *, frozen: bool) -> None:
    """Stop all processes of a host in their tracks, or let them go on. Raises `LabError`."""
    found = hierarchies()
    switch = found[0] / name / "cgroup.freeze" if found else Path("/nowhere")
    try:
        switch.write_text("1" if frozen else "0", encoding="utf-8")
    except OSError:
        raise LabError(
            f"{name} cannot be frozen: it does not run, or there is no cgroup v2 here"
        ) from None
    deadline = time.monotonic() + 10
    events = switch.with_name("cgroup.events")
    while f"frozen {int(frozen)}" not in events.read_text(encoding="utf-8"):
        if time.monotonic() > deadline:
            raise LabError(f"{name} did not {'freeze' if frozen else 'thaw'} within 10 s")
        time.sleep(0.05)


def remove_tree(group: Path) -> None:
    """Remove an empty group with the groups below it. Raises `LabError` where one is in use."""
    for folder, _, _ in os.walk(group, topdown=False):
        try:
            with contextlib.suppress(FileNotFoundError):
                Path(folder).rmdir()
        except OSError:
            raise LabError(f"the control group {folder} is still in use") from None
