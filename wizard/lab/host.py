"""One host: a root file system of its own over a shared base, booted by systemd-nspawn."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from harbor_wizard.lab import network
from harbor_wizard.lab.command import run
from harbor_wizard.lab.errors import LabError
from harbor_wizard.lab.layout import HostSpec

_BOOT_SECONDS = 60

# nspawn ends with 133 when the host wants to be rebooted; anything else is its end.
_SUPERVISE = 'while :; do "$@"; [ $? -eq 133 ] || exit 0; done'


class LabHost:
    """A disposable Debian with systemd and sshd, and a network of its own."""

    def __init__(self, spec: HostSpec, folder: Path, operator: str, prefix: str) -> None:
        self.spec = spec
        self.folder = folder
        self._operator = operator
        self.namespace = f"{prefix}-{spec.name}"

    @property
    def root(self) -> Path:
        """The host's root file system."""
        return self.folder / "root"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    def make(self, base: Path) -> None:
        """Lay a writable layer over the base. What was there before stays."""
        for name in ("upper", "work", "root", "docker"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        if not self.root.is_mount():
            options = f"lowerdir={base},upperdir={self.folder}/upper,workdir={self.folder}/work"
            run(["mount", "-t", "overlay", "overlay", "-o", options, str(self.root)])
        (self.root / "etc/hostname").write_text(f"{self.spec.name}\n", encoding="utf-8")
        hosts = f"127.0.0.1 localhost\n{self.spec.address} {self.spec.name}\n"
        (self.root / "etc/hosts").write_text(hosts, encoding="utf-8")

    def boot(self, binds: dict[Path, str], read_only: dict[Path, str]) -> None:
        """Start the host. `binds` are folders of this machine with where they are in the host."""
        if self.leader() is not None:
            return
        arguments = [
            "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot",
            f"--directory={self.root}", f"--machine={self.namespace}",
            f"--network-namespace-path={network.path(self.namespace)}", "--link-journal=no",
            "--resolv-conf=off", "--timezone=off", "--capability=all",
            "--system-call-filter=@keyring bpf @privileged @mount @module",
            f"--bind={self.folder}/docker:/var/lib/docker",
            *(f"--bind={here}:{there}" for here, there in binds.items()),
            *(f"--bind-ro={here}:{there}" for here, there in read_only.items()),
        ]  # fmt: skip
        environment = {"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
                       # Docker sets sysctls, and wants the one hierarchy of control groups.
                       "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1",
                       "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}  # fmt: skip
        with (self.folder / "console.log").open("ab") as console:
            started = subprocess.Popen(
                ["/bin/sh", "-c", _SUPERVISE, "lab-host", *arguments], env=environment,
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
            )  # fmt: skip
        self._pid_file.write_text(str(started.pid), encoding="utf-8")

    def _supervisor(self) -> int | None:
        """Return our supervisor's process id, where it lives and is really ours."""
        try:
            pid = int(self._pid_file.read_text(encoding="utf-8"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if f"--directory={self.root}".encode() in command else None

    def leader(self) -> int | None:
        """Return the id of the host's first process; None where the host does not run."""
        supervisor = self._supervisor()
        waiting = [supervisor] if supervisor is not None else []
        while waiting:
            pid = waiting.pop()
            with contextlib.suppress(OSError, ValueError):
                status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
                spaces = next(line for line in status.splitlines() if line.startswith("NSpid"))
                if len(spaces.split()) > 2 and spaces.split()[-1] == "1":
                    return pid
                for task in Path(f"/proc/{pid}/task").iterdir():
                    waiting += map(int, (task / "children").read_text().split())
        return None

    def kill(self) -> None:
        """Cut the power."""
        supervisor = self._supervisor()
        leader = self.leader()
        if supervisor is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(supervisor, signal.SIGKILL)
        if leader is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(leader, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while leader is not None and Path(f"/proc/{leader}").exists():
            if time.monotonic() > deadline:
                raise LabError(f"{self.spec.name} does not die; look for process {leader}")
            time.sleep(0.1)
        self._pid_file.unlink(missing_ok=True)

    def run(self, arguments: Sequence[str], *, timeout: float = 120, input: str | None = None) -> str:  # noqa: A002
        """Run a program in the host, from outside: for the lab's own looking."""
        leader = self.leader()
        if leader is None:
            raise LabError(f"{self.spec.name} does not run")
        enter = ["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "--"]
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return run([*enter, "/usr/bin/env", "-i", path, "HOME=/root", *arguments],
                   timeout=timeout, input=input)  # fmt: skip

    def wait(self, timeout: float = _BOOT_SECONDS) -> None:
        """Wait until sshd answers in the host. Raises `LabError` after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        probe = ["timeout", "2", "bash", "-c",
                 f"read -r -t 2 line </dev/tcp/{self.spec.address}/22; [[ $line == SSH* ]]"]  # fmt: skip
        while True:
            try:
                run(["ip", "netns", "exec", self._operator, *probe], timeout=10)
            except LabError:
                if time.monotonic() > deadline:
                    raise LabError(
                        f"{self.spec.name} did not answer within {timeout:.0f} s; its console is "
                        f"in {self.folder / 'console.log'}"
                    ) from None
                time.sleep(0.3)
            else:
                return

    def reboot(self) -> None:
        """Reboot the host in order."""
        with contextlib.suppress(LabError):
            self.run(["systemctl", "reboot"], timeout=20)

    def cut(self) -> None:
        """Cut the host off its network."""
        run(["ip", "-n", self.namespace, "link", "set", "eth0", "down"])

    def mend(self) -> None:
        """Put the host on its network again."""
        run(["ip", "-n", self.namespace, "link", "set", "eth0", "up"])

    def remove(self) -> None:
        """Take the host's mount away, so that its folder can be deleted."""
        self.kill()
        deadline = time.monotonic() + 20
        while self.root.is_mount():
            try:
                run(["umount", str(self.root)])
            except LabError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)
