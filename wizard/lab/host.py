"""One host: a root file system of its own over a shared base, booted by systemd-nspawn."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from harbor_wizard.lab import cgroup, network, packages
from harbor_wizard.lab.base import Log, base
from harbor_wizard.lab.command import run
from harbor_wizard.lab.errors import LabError
from harbor_wizard.lab.layout import SHARED, HostSpec
from harbor_wizard.lab.supervise import Launch, cut_marker, pid_file

_BOOT_SECONDS = 60


class LabHost:
    """A disposable Debian with systemd and sshd, and a network of its own.

    `lab` is the lab's folder, `cache` that of bases and packages.
    """

    def __init__(self, spec: HostSpec, lab: Path, cache: Path, prefix: str) -> None:
        self.spec = spec
        self.folder = lab / "hosts" / spec.name
        self.namespace = f"{prefix}-{spec.name}"
        self._lab = lab
        self._cache = cache
        self._operator = f"{prefix}-op"
        self._started: subprocess.Popen[bytes] | None = None

    @property
    def root(self) -> Path:
        """The host's root file system, while it is mounted."""
        return self.folder / "root"

    @property
    def _made(self) -> Path:
        return self.folder / "made"

    def make(self, sudo_password: str, log: Log) -> None:
        """Make the host's files and logins, once; what was made before stays as it is.

        root and ops (sudo without a password) log in by the lab's key, admin (sudo with
        `sudo_password`) by the key or by that password. Raises `LabError`.
        """
        packages.packages(self.spec.suite, self._cache, log)
        if not self._made.exists():
            self.remove()
            shutil.rmtree(self.folder, ignore_errors=True)
            for name in ("upper", "work", "root", "docker"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._mount(log)
        if self._made.exists():
            return
        (self.root / "etc/hostname").write_text(f"{self.spec.name}\n", encoding="utf-8")
        hosts = f"127.0.0.1 localhost\n{self.spec.address} {self.spec.name}\n"
        (self.root / "etc/hosts").write_text(hosts, encoding="utf-8")
        (self.root / "etc/resolv.conf").write_text("", encoding="utf-8")
        packages.settle(self.root)
        self._logins(sudo_password)
        self._finish(log)
        self._made.touch()

    def _finish(self, log: Log) -> None:
        """Do what is left of making it, when its files are there."""

    def _mount(self, log: Log) -> None:
        if self.root.is_mount():
            return
        below = base(self.spec.suite, self._cache, log, self.spec.extra)
        options = f"lowerdir={below},upperdir={self.folder}/upper,workdir={self.folder}/work"
        run(["mount", "-t", "overlay", "overlay", "-o", options, str(self.root)])

    def _logins(self, sudo_password: str) -> None:
        key = (self._lab / "id_ed25519.pub").read_text(encoding="utf-8")
        run(["ssh-keygen", "-A", "-f", str(self.root)])
        config = self.root / "etc/ssh/sshd_config.d/lab.conf"
        config.write_text("UseDNS no\nPermitRootLogin prohibit-password\n", encoding="utf-8")
        for user in ("ops", "admin"):
            run(["chroot", str(self.root), "useradd", "-m", "-s", "/bin/bash", user])
        run(["chroot", str(self.root), "chpasswd"], input=f"admin:{sudo_password}\n")
        rules = self.root / "etc/sudoers.d/lab"
        rules.write_text("ops ALL=(ALL) NOPASSWD: ALL\nadmin ALL=(ALL) ALL\n", encoding="utf-8")
        rules.chmod(0o440)
        for user, home in (("ops", "home/ops"), ("admin", "home/admin"), ("root", "root")):
            folder = self.root / home / ".ssh"
            folder.mkdir(mode=0o700, exist_ok=True)
            (folder / "authorized_keys").write_text(key, encoding="utf-8")
            run(["chroot", str(self.root), "chown", "-R", f"{user}:{user}", f"/{home}/.ssh"])

    def boot(self) -> None:
        """Switch the host on; nothing where it runs. Does not wait: see `wait_ssh`.

        Raises `LabError` where the host was never made, or the lab's network is gone.
        """
        self._from_outside()
        if self.leader() is not None:
            return
        if not self._made.exists() or self._operator not in network.namespaces():
            raise LabError(f"{self.spec.name} is not made yet; run “harbor-wizard lab up”")
        self.kill()
        self._mount(lambda _: None)
        Launch(self.namespace, self.spec.address, self._operator, self._arguments(),
               self._environment(), self.spec.emulated).write(self.folder)  # fmt: skip
        with (self.folder / "console.log").open("ab") as console:
            self._started = subprocess.Popen(
                [sys.executable, "-m", "harbor_wizard.lab.supervise", str(self.folder)],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
                cwd="/",
            )  # fmt: skip
        pid_file(self.folder).write_text(str(self._started.pid), encoding="utf-8")

    def _arguments(self) -> list[str]:
        binds = [f"--bind={self.folder}/docker:/var/lib/docker"]
        if self.spec.shares:
            binds.append(f"--bind={self._lab}/shared:{SHARED}")
        repository = packages.place(self.spec.suite, self._cache)
        binds.append(f"--bind-ro={repository}:{packages.MOUNTED}")
        return [
            "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot",
            f"--directory={self.root}", f"--machine={self.namespace}",
            f"--hostname={self.spec.name}",
            f"--network-namespace-path={network.path(self.namespace)}", "--link-journal=no",
            "--resolv-conf=off", "--timezone=off", "--capability=all",
            "--system-call-filter=@keyring bpf @privileged @mount @module", *binds,
        ]  # fmt: skip

    def _environment(self) -> dict[str, str]:
        # Docker sets sysctls, and wants the one hierarchy of control groups.
        return {
            "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1",
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
        }

    def _from_outside(self) -> None:
        # Mounts that are made or undone in there would not be seen outside.
        if network.inside([self._operator]):
            raise LabError(
                f"{self.spec.name} is switched on and off from outside of the lab, "
                "not by “harbor-wizard lab exec”"
            )

    def _supervisor(self) -> int | None:
        """Return our supervisor's process id, where it lives and is really ours."""
        try:
            pid = int(pid_file(self.folder).read_text(encoding="utf-8"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        words = command.split(b"\0")
        mine = {str(self.folder).encode(), f"--directory={self.root}".encode()}
        return pid if mine & set(words) else None

    def leader(self) -> int | None:
        """Return the id of the host's first process; None where the host does not run."""
        supervisor = self._supervisor()
        waiting = [supervisor] if supervisor is not None else []
        while waiting:
            pid = waiting.pop()
            with contextlib.suppress(OSError, ValueError, StopIteration):
                status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
                spaces = next(line for line in status.splitlines() if line.startswith("NSpid"))
                if len(spaces.split()) > 2 and spaces.split()[-1] == "1":
                    return pid
                for task in Path(f"/proc/{pid}/task").iterdir():
                    waiting += map(int, (task / "children").read_text().split())
        return None

    def kill(self) -> None:
        """Cut the power: no process of the host lives on, and none of its addresses answers."""
        self._from_outside()
        supervisor, leader = self._supervisor(), self.leader()
        if supervisor is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(supervisor, signal.SIGKILL)
        if leader is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(leader, signal.SIGKILL)
        cgroup.kill(self.namespace)
        if self._started is not None:
            self._started.wait(30)
            self._started = None
        deadline = time.monotonic() + 30
        while leader is not None and Path(f"/proc/{leader}").exists():
            if time.monotonic() > deadline:
                raise LabError(f"{self.spec.name} does not die; look for process {leader}")
            time.sleep(0.05)
        network.remove(self.namespace)
        pid_file(self.folder).unlink(missing_ok=True)

    def run(
        self, arguments: Sequence[str], *, timeout: float = 120, input: str | None = None,  # noqa: A002
    ) -> str:  # fmt: skip
        """Run a program in the host, from outside: for the lab's own looking."""
        leader = self.leader()
        if leader is None:
            raise LabError(f"{self.spec.name} does not run")
        enter = ["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "-C", "--"]
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return run([*enter, "/usr/bin/env", "-i", path, "HOME=/root", *arguments],
                   timeout=timeout, input=input)  # fmt: skip

    def wait_ssh(self, timeout: float = _BOOT_SECONDS) -> None:
        """Wait until sshd answers in the host. Raises `LabError` after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        greeted = f"read -r -t 2 line </dev/tcp/{self.spec.address}/22; [[ $line == SSH* ]]"
        probe = ["timeout", "2", "bash", "-c", greeted]
        while True:
            try:
                run(["ip", "netns", "exec", self._operator, *probe], timeout=10)
            except LabError:
                if time.monotonic() < deadline and self._supervisor() is not None:
                    time.sleep(0.3)
                    continue
                said = "did not answer" if self._supervisor() is not None else "went off"
                raise LabError(
                    f"{self.spec.name} {said} within {timeout:.0f} s; its console is in "
                    f"{self.folder / 'console.log'}"
                ) from None
            else:
                return

    def reboot(self, timeout: float = _BOOT_SECONDS) -> None:
        """Reboot the host in order, and wait until its sshd answers again. Raises `LabError`."""
        old = self.leader()
        if old is None:
            raise LabError(f"{self.spec.name} does not run")
        with contextlib.suppress(LabError):  # the command dies with the host
            self.run(["systemctl", "--no-block", "reboot"], timeout=10)
        deadline = time.monotonic() + timeout
        while self.leader() in {None, old}:
            if time.monotonic() > deadline:
                raise LabError(f"{self.spec.name} did not go down within {timeout:.0f} s")
            time.sleep(0.1)
        self.wait_ssh(timeout)

    def cut(self) -> None:
        """Pull the host's network cable; it stays pulled when the host reboots."""
        cut_marker(self.folder).touch()
        if self.leader() is not None:
            network.set_port(self._operator, self.spec.address, up=False)

    def mend(self) -> None:
        """Put the host's network cable in again."""
        cut_marker(self.folder).unlink(missing_ok=True)
        if self.leader() is not None:
            network.set_port(self._operator, self.spec.address, up=True)

    def freeze(self) -> None:
        """Stop all processes of the host; its kernel still answers, as a hanging host's does."""
        cgroup.freeze(self.namespace, frozen=True)

    def thaw(self) -> None:
        """Let a frozen host go on."""
        cgroup.freeze(self.namespace, frozen=False)

    def remove(self) -> None:
        """Switch the host off and take its mount away, so that its folder can be deleted."""
        self.kill()
        deadline = time.monotonic() + 20
        while self.root.is_mount():
            try:
                run(["umount", str(self.root)])
            except LabError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)
