"""The lab: hosts, their network, the services beside them, and what an operator needs for them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from harbor_wizard.lab import credentials, network, requirements, services
from harbor_wizard.lab.base import Log
from harbor_wizard.lab.emulated import EmulatedHost
from harbor_wizard.lab.errors import LabError
from harbor_wizard.lab.host import LabHost
from harbor_wizard.lab.layout import HOSTS, SERVICES, HostSpec
from harbor_wizard.lab.state import State, default_prefix, default_root, locked

__all__ = ["INSTALLER", "Lab", "default_cache", "default_root"]

INSTALLER = "harbor-offline-installer-v2.15.2.tgz"


def default_cache() -> Path:
    """Return the folder of what is fetched or built once, and serves all labs."""
    chosen = os.environ.get("HARBOR_WIZARD_LAB_CACHE")
    return Path(chosen or "~/.cache/harbor-wizard/lab").expanduser()


class Lab:
    """Disposable hosts in a folder `root`.

    `prefix` names their namespaces, so that labs do not collide; another root has another one.
    """

    def __init__(
        self, root: Path, cache: Path | None = None, prefix: str | None = None,
        hosts: Sequence[HostSpec] = HOSTS, log: Log = print,
    ) -> None:  # fmt: skip
        self.root = root
        self.cache = cache or default_cache()
        prefix = prefix or default_prefix(root)
        self.operator = f"{prefix}-op"
        self._log = log
        self._state = State(root, prefix)
        self.hosts = {
            spec.name: (EmulatedHost if spec.emulated else LabHost)(spec, root, self.cache, prefix)
            for spec in hosts
        }

    @property
    def secrets_file(self) -> Path:
        """The secrets for a run against the lab."""
        return self.root / "secrets.yaml"

    def host(self, name: str) -> LabHost:
        """Return the host of that name. Raises `LabError`."""
        if name not in self.hosts:
            there = ", ".join(self.hosts)
            raise LabError(f'there is no host "{name}" in the lab; there are {there}')
        return self.hosts[name]

    def up(
        self, installer: Path | None = None, *, hosts: Sequence[str] | None = None,
        bring_installer: bool = True,
    ) -> None:  # fmt: skip
        """Make and boot what is not there yet, of all hosts or of those named.

        `installer` is Harbor's offline installer; without it a stand-in is built, which
        `bring_installer=False` leaves out. Raises `LabError`.
        """
        lacking = requirements.missing(
            emulated=any(host.spec.emulated for host in self.hosts.values())
        )
        if lacking:
            raise LabError("; ".join(lacking))
        chosen = [self.host(name) for name in self.hosts if hosts is None or name in hosts]
        for name in hosts or ():
            self.host(name)
        self._outside()
        self._state.claim_root()
        self.cache.mkdir(parents=True, exist_ok=True)
        with locked(self.root, "changing the lab"):
            secrets = credentials.make(self.root)
            (self.root / "shared").mkdir(exist_ok=True)
            self._state.claim(self.operator)
            network.make_operator(self.operator)
            for host in chosen:
                self._boot(host, secrets["sudo_password"])
            for host in chosen:
                host.wait_ssh()
                self._log(f"{host.spec.name} answers at {host.spec.address}")
            self._write_known_hosts()
            if any(host.spec.name == SERVICES for host in chosen):
                self._log("setting up PostgreSQL and Redis")
                services.set_up(self.hosts[SERVICES], secrets)
            if bring_installer:
                self._bring_installer(installer)

    def _filling(self) -> AbstractContextManager[None]:
        """Fill the cache alone: another lab's first `up` takes minutes, and is waited for."""
        return locked(self.cache, "filling the cache", wait=900)

    def _boot(self, host: LabHost, sudo_password: str) -> None:
        if host.leader() is not None:
            return
        self._state.claim(host.namespace)
        with self._filling():
            host.make(sudo_password, self._log)
        self._log(f"booting {host.spec.name} ({host.spec.address}, Debian {host.spec.suite})")
        host.boot()

    def _bring_installer(self, given: Path | None) -> None:
        place = self.root / INSTALLER
        if given is not None:
            if not given.is_file():
                raise LabError(f"{given} is not there")
            place.unlink(missing_ok=True)
            try:
                place.hardlink_to(given)
            except OSError:  # another file system
                shutil.copyfile(given, place)
        elif not place.exists():
            from harbor_wizard.lab.standin.build import build  # noqa: PLC0415 - seldom needed

            self._log("building the stand-in for Harbor's installer")
            with self._filling():
                build(place, self.cache)

    def _write_known_hosts(self) -> None:
        lines = []
        for host in self.hosts.values():
            for key in sorted((host.root / "etc/ssh").glob("ssh_host_*_key.pub")):
                kind, text = key.read_text(encoding="utf-8").split()[:2]
                lines.append(f"{host.spec.address} {kind} {text}\n")
        (self.root / "known_hosts").write_text("".join(lines), encoding="utf-8")

    def _outside(self) -> None:
        if network.inside(self._state.namespaces()):
            raise LabError("the lab is changed from outside of it, not by “harbor-wizard lab exec”")

    def status(self) -> dict[str, bool]:
        """Return each host with whether it runs."""
        return {name: host.leader() is not None for name, host in self.hosts.items()}

    def wrap(self, arguments: Sequence[str]) -> list[str]:
        """Return a command that runs in the operator's namespace, where the hosts are reached."""
        if self.operator not in network.namespaces():
            raise LabError("the lab is not up; run “harbor-wizard lab up” first")
        return ["ip", "netns", "exec", self.operator, *arguments]

    def exec(self, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[Any]:  # noqa: A003, ANN401, RUF100 - what subprocess.run takes
        """Run a program in the operator's namespace; `options` are `subprocess.run`'s.

        Ends within 600 s where they say no `timeout`.
        """
        options = {"timeout": 600, "check": False, **options}
        return subprocess.run(self.wrap(argv), **options)  # noqa: PLW1510 - among the options

    def execute(
        self, arguments: Sequence[str], *, timeout: float = 600,
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """Run a program in the operator's namespace, and return how it ended with its text."""
        return self.exec(
            arguments, capture_output=True, text=True, timeout=timeout, env=environment,
            stdin=subprocess.DEVNULL, errors="replace",
        )  # fmt: skip

    def _remove_hosts(self) -> None:
        self._outside()
        mine = self._state.namespaces()
        for host in self.hosts.values():
            if host.namespace in mine:
                host.remove()

    def fresh(self) -> None:
        """Make all hosts bare again; the keys, the secrets and the installer stay."""
        if not self._state.is_lab:
            return
        with locked(self.root, "changing the lab"):
            self._remove_hosts()
            self._delete("hosts", "shared")

    def down(self) -> None:
        """Take away all that the lab made here; the cache stays. Raises `LabError`."""
        if not self.root.exists():
            return
        if not self._state.is_lab:
            raise LabError(f"{self.root} is no lab; nothing was deleted")
        with locked(self.root, "changing the lab"):
            self._remove_hosts()
            if self.operator in self._state.namespaces():
                network.remove(self.operator)
            self._delete(".")

    def _delete(self, *names: str) -> None:
        """Delete folders of ours, where nothing is mounted in them any more."""
        for name in names:
            folder = (self.root / name).resolve()
            for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
                if Path(line.split()[1]).is_relative_to(folder):
                    raise LabError(f"{line.split()[1]} is still mounted; nothing was deleted")
            shutil.rmtree(folder, ignore_errors=True)
