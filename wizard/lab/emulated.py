"""One host with a kernel of its own, emulated in software: SELinux, IPVS, a clock that is its own.

It boots in about twenty seconds, and needs no virtualisation of the processor.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from harbor_wizard.lab import network, packages
from harbor_wizard.lab.base import Log
from harbor_wizard.lab.command import run
from harbor_wizard.lab.errors import LabError
from harbor_wizard.lab.host import LabHost
from harbor_wizard.lab.layout import PREFIX

_DISK = "64G"  # at most: what is not written takes no room
_BOOT_SECONDS = 180
_LABELS = "/etc/selinux/default/contexts/files/file_contexts"

# The booleans of haproxy.te and keepalived.te there, which let these programs connect to any port.
_BALANCERS = "".join(
    f"""(boolean {name}_connect_any false)
(type {name}_t)
(roletype system_r {name}_t)
(booleanif {name}_connect_any (true (allow {name}_t port_type (tcp_socket (name_connect)))))
"""
    for name in ("haproxy", "keepalived")
)


class EmulatedHost(LabHost):
    """A disposable Debian as a machine of its own; else as its parent.

    `root` is what its disk was made of, and does not change any more when it has booted.
    """

    @property
    def _disk(self) -> Path:
        return self.folder / "disk.ext4"

    def _finish(self, log: Log) -> None:
        packages.disk(self.spec.suite, self._cache, log)
        etc = self.root / "etc"
        (etc / "systemd/network/eth0.network").write_text(
            f"[Match]\nName=eth0\n[Network]\nAddress={self.spec.address}/{PREFIX}\n",
            encoding="utf-8",
        )  # fmt: skip
        run(["chroot", str(self.root), "systemctl", "--quiet", "enable", "systemd-networkd"])
        (self.root / packages.MOUNTED.lstrip("/")).mkdir(parents=True, exist_ok=True)
        (etc / "fstab").write_text(f"/dev/vdb {packages.MOUNTED} ext4 ro\n", encoding="utf-8")
        if self.spec.selinux:
            self._enforce(etc / "selinux/config")
        self._disk.unlink(missing_ok=True)
        run(["mke2fs", "-q", "-t", "ext4", "-d", str(self.root), str(self._disk), _DISK],
            timeout=300)  # fmt: skip

    def _enforce(self, config: Path) -> None:
        """Let SELinux be enforced, with what is in Fedora's policy for balancers."""
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace("SELINUX=permissive", "SELINUX=enforcing"), encoding="utf-8")
        (self.root / "root/balancers.cil").write_text(_BALANCERS, encoding="utf-8")
        # Labels are set by way of /proc, which is mounted for this shell only.
        done = """
mount -t proc proc "$1/proc"
chroot "$1" semodule --noreload --install=/root/balancers.cil
chroot "$1" setfiles -e /proc "$2" /
"""
        run(["unshare", "--mount", "sh", "-ec", done, "sh", str(self.root), _LABELS], timeout=300)

    def _arguments(self) -> list[str]:
        boot = self.root / "boot"
        kernel = next(boot.glob("vmlinuz-*"))
        initrd = boot / kernel.name.replace("vmlinuz", "initrd.img")
        security = "security=selinux selinux=1" if self.spec.selinux else "selinux=0"
        address = network.hardware_address(self.spec.address)
        disks = [(self._disk, "off"), (packages.disk(self.spec.suite, self._cache, print), "on")]
        return [
            "ip", "netns", "exec", self.namespace,
            "qemu-system-x86_64", "-accel", "tcg", "-smp", "2", "-m", "4096",
            "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
            "-kernel", str(kernel), "-initrd", str(initrd),
            "-append", f"root=/dev/vda rw console=ttyS0 net.ifnames=0 {security}",
            "-netdev", f"tap,id=net,ifname={network.TAP},script=no,downscript=no",
            "-device", f"virtio-net-pci,netdev=net,romfile=,mac={address}",
            "-device", "virtio-rng-pci",
            *(word for file, only in disks for word in
              ("-drive", f"file={file},format=raw,if=virtio,readonly={only}")),
        ]  # fmt: skip

    def leader(self) -> int | None:
        """Return the id of the process that is the machine; None where the host does not run."""
        return self._supervisor()

    def run(
        self, arguments: Sequence[str], *, timeout: float = 120, input: str | None = None,  # noqa: A002
    ) -> str:  # fmt: skip
        """Run a program in the host as its root, by SSH: there is no other way in."""
        known = f"UserKnownHostsFile={self._lab / 'known_hosts'}"
        options = ["-F", "none", "-o", known, "-o", "BatchMode=yes", "-o", "ConnectTimeout=20",
                   "-o", "LogLevel=ERROR"]  # fmt: skip
        return run(["ip", "netns", "exec", self._operator, "ssh", *options, "-i",
                    str(self._lab / "id_ed25519"), f"root@{self.spec.address}",
                    shlex.join(arguments)], timeout=timeout, input=input)  # fmt: skip

    def wait_ssh(self, timeout: float = _BOOT_SECONDS) -> None:
        """Wait until sshd answers in the host. Raises `LabError` after `timeout` seconds."""
        super().wait_ssh(timeout)

    def reboot(self, timeout: float = _BOOT_SECONDS) -> None:
        """Reboot the host in order, and wait until its sshd answers again. Raises `LabError`."""
        old = self._boot_id()
        self.run(["systemd-run", "--on-active=1", "systemctl", "reboot"])
        deadline = time.monotonic() + timeout
        while True:
            try:
                if self._boot_id() != old:
                    return
            except LabError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.5)

    def _boot_id(self) -> str:
        return self.run(["cat", "/proc/sys/kernel/random/boot_id"], timeout=30)
