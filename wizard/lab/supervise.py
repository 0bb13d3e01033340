"""Keeps one host powered: boots it, and boots it again when it reboots itself.

Run as a process of its own (`python -m harbor_wizard.lab.supervise FOLDER`), so that a host
lives on when the command that booted it has ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from harbor_wizard.lab import cgroup, network
from harbor_wizard.lab.errors import LabError

_REBOOT = 133  # what systemd-nspawn ends with when the host wants to be booted again


@dataclass(frozen=True)
class Launch:
    """How a host is booted. `name` is that of its namespace and of its control groups."""

    name: str
    address: str
    operator: str
    arguments: list[str]
    environment: dict[str, str]
    emulated: bool = False

    def write(self, folder: Path) -> None:
        """Leave it for the supervisor."""
        (folder / "launch.json").write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Launch:
        """Return what was left for the supervisor."""
        return cls(**json.loads((folder / "launch.json").read_text(encoding="utf-8")))


def pid_file(folder: Path) -> Path:
    """Return where a host's supervisor writes down its process id."""
    return folder / "pid"


def cut_marker(folder: Path) -> Path:
    """Return the file that says that a host's cable is pulled: a reboot does not put it back."""
    return folder / "cut"


def supervise(folder: Path) -> None:
    """Boot a host until it powers itself off."""
    pid_file(folder).write_text(str(os.getpid()), encoding="utf-8")
    launch = Launch.read(folder)
    while True:
        try:
            network.join(launch.operator, launch.name, launch.address, emulated=launch.emulated)
        except LabError:  # the lab was taken down while this process was starting
            network.remove(launch.name)
            raise
        if cut_marker(folder).exists():
            network.set_port(launch.operator, launch.address, up=False)
        groups = cgroup.make(launch.name)
        started = subprocess.Popen(
            launch.arguments, env=launch.environment, stdin=subprocess.DEVNULL,
            preexec_fn=lambda groups=groups: cgroup.enter(groups),  # type: ignore[misc]  # noqa: PLW1509
        )  # fmt: skip
        code = started.wait()
        cgroup.kill(launch.name)
        network.remove(launch.name)
        if code != _REBOOT:
            return


if __name__ == "__main__":
    supervise(Path(sys.argv[1]))
