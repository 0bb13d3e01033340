"""The lab: hosts, their network, the services beside them, and what an operator needs for them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from harbor_wizard.lab import base, credentials, network, requirements
from harbor_wizard.lab.command import run
from harbor_wizard.lab.errors import LabError
from harbor_wizard.lab.host import LabHost
from harbor_wizard.lab.layout import HOSTS, SHARED, HostSpec

Log = Callable[[str], None]

_MARKER = ".harbor-wizard-lab"
INSTALLER = "harbor-offline-installer-v2.15.2.tgz"


def default_root() -> Path:
    """Return the lab's folder, where nothing else is said."""
    return Path("~/.local/share/harbor-wizard/lab").expanduser()


def default_cache() -> Path:
    """Return the folder of what is fetched or built once, and serves all labs."""
    chosen = os.environ.get("HARBOR_WIZARD_LAB_CACHE")
    return Path(chosen or "~/.cache/harbor-wizard/lab").expanduser()


class Lab:
    """Disposable hosts. `prefix` names its namespaces, so that labs do not collide."""

    def __init__(
        self, root: Path, cache: Path | None = None, prefix: str = "hwlab",
        hosts: Sequence[HostSpec] = HOSTS, log: Log = print,
    ) -> None:  # fmt: skip
        self.root = root
        self.cache = cache or default_cache()
        self.operator = f"{prefix}-op"
        self._log = log
        self._prefix = prefix
        self.hosts = {
            spec.name: LabHost(spec, root / "hosts" / spec.name, self.operator, prefix)
            for spec in hosts
        }

    @property
    def secrets_file(self) -> Path:
        """The secrets for a run against the lab."""
        return self.root / "secrets.yaml"

    def up(self, installer: Path | None = None) -> None:
        """Make and boot what is not there yet. Raises `LabError`."""
        lacking = requirements.missing()
        if lacking:
            raise LabError("; ".join(lacking))
        self._claim()
        self._bring_installer(installer)
        secrets = credentials.make(self.root)
        network.make_operator(self.operator)
        for host in self.hosts.values():
            if host.leader() is None:
                self._log(f"booting {host.spec.name} ({host.spec.address}, {host.spec.suite})")
                self._boot(host, secrets["sudo_password"])
        known = []
        for host in self.hosts.values():
            host.wait()
            known += self._known(host)
        (self.root / "known_hosts").write_text("".join(known), encoding="utf-8")
        if "services" in self.hosts:
            self._services(self.hosts["services"], secrets)

    def _claim(self) -> None:
        marker = self.root / _MARKER
        if self.root.exists() and any(self.root.iterdir()) and not marker.exists():
            raise LabError(f"{self.root} is not empty and is no lab; name another folder")
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
        marker.touch()
        (self.root / "shared").mkdir(exist_ok=True)

    def _bring_installer(self, given: Path | None) -> None:
        place = self.root / INSTALLER
        if given is not None:
            place.unlink(missing_ok=True)
            shutil.copyfile(given, place)
        elif not place.exists():
            from harbor_wizard.lab.standin.build import build  # noqa: PLC0415 - seldom needed

            build(place, self.cache, log=self._log)

    def _boot(self, host: LabHost, sudo_password: str) -> None:
        suite = host.spec.suite
        host.make(base.base(suite, self.cache, self._log))
        repository = base.packages(suite, self.cache, self._log)
        base.settle(host.root)
        if not (host.root / "root/.ssh/authorized_keys").exists():
            self._people(host, sudo_password)
        network.join(self.operator, host.namespace, host.spec.address)
        binds = {self.root / "shared": SHARED} if host.spec.name.startswith("harbor") else {}
        host.boot(binds, {repository: "/srv/lab-packages"})

    def _people(self, host: LabHost, sudo_password: str) -> None:
        """Make the logins: root; ops (sudo without a password); admin (sudo with one)."""
        key = (self.root / "id_ed25519.pub").read_text(encoding="utf-8")
        run(["ssh-keygen", "-A", "-f", str(host.root)])
        config = host.root / "etc/ssh/sshd_config.d/lab.conf"
        config.write_text("UseDNS no\nPermitRootLogin prohibit-password\n", encoding="utf-8")
        for user in ("ops", "admin"):
            run(["chroot", str(host.root), "useradd", "-m", "-s", "/bin/bash", user])
        run(["chroot", str(host.root), "chpasswd"], input=f"admin:{sudo_password}\n")
        rules = host.root / "etc/sudoers.d/lab"
        rules.write_text("ops ALL=(ALL) NOPASSWD: ALL\nadmin ALL=(ALL) ALL\n", encoding="utf-8")
        rules.chmod(0o440)
        for user, home in (("ops", "home/ops"), ("admin", "home/admin"), ("root", "root")):
            folder = host.root / home / ".ssh"
            folder.mkdir(mode=0o700, exist_ok=True)
            (folder / "authorized_keys").write_text(key, encoding="utf-8")
            run(["chroot", str(host.root), "chown", "-R", f"{user}:{user}", f"/{home}/.ssh"])

    def _known(self, host: LabHost) -> list[str]:
        keys = sorted((host.root / "etc/ssh").glob("ssh_host_*_key.pub"))
        return [f"{host.spec.address} {' '.join(key.read_text().split()[:2])}\n" for key in keys]

    def _services(self, host: LabHost, secrets: dict[str, str]) -> None:
        """Bring PostgreSQL and Redis up, with the lab's passwords."""
        done = host.root / "var/lib/lab-services"
        if done.exists():
            return
        self._log("installing PostgreSQL and Redis on services")
        host.run(["apt-get", "update", "-q"], timeout=120)
        host.run(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-q",
                  "--no-install-recommends", "postgresql", "redis-server"], timeout=400)  # fmt: skip
        setup = f"""
set -eu
cd /
conf=$(echo /etc/postgresql/*/main)
echo "listen_addresses = '*'" > "$conf/conf.d/lab.conf"
echo "host all all 10.77.0.0/24 scram-sha-256" >> "$conf/pg_hba.conf"
systemctl restart postgresql
runuser -u postgres -- psql -q <<'SQL'
CREATE ROLE harbor LOGIN PASSWORD '{secrets["database_password"]}';
CREATE DATABASE registry OWNER harbor;
SQL
sed -i -e 's/^bind .*/bind 0.0.0.0/' -e '/^requirepass/d' /etc/redis/redis.conf
echo 'requirepass {secrets["redis_password"]}' >> /etc/redis/redis.conf
systemctl restart redis-server
touch /var/lib/lab-services
"""
        host.run(["/bin/sh"], input=setup, timeout=120)

    def status(self) -> dict[str, bool]:
        """Return each host with whether it runs."""
        return {name: host.leader() is not None for name, host in self.hosts.items()}

    def wrap(self, arguments: Sequence[str]) -> list[str]:
        """Return a command that runs in the operator's namespace, where the hosts are reached."""
        if self.operator not in network.namespaces():
            raise LabError("the lab is not up; run “harbor-wizard lab up” first")
        return ["ip", "netns", "exec", self.operator, *arguments]

    def execute(
        self, arguments: Sequence[str], *, timeout: float = 600, environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """Run a program in the operator's namespace and return how it ended."""
        return subprocess.run(
            self.wrap(arguments), check=False, capture_output=True, text=True, timeout=timeout,
            env=environment, stdin=subprocess.DEVNULL, errors="replace",
        )  # fmt: skip

    def fresh(self) -> None:
        """Make all hosts bare again; the keys, the secrets and the installer stay."""
        for host in self.hosts.values():
            host.remove()
            network.remove(host.namespace)
        for name in ("hosts", "shared"):
            shutil.rmtree(self.root / name, ignore_errors=True)

    def down(self) -> None:
        """Take away all that the lab made here; the cache stays. Raises `LabError`."""
        if self.root.exists() and not (self.root / _MARKER).exists():
            raise LabError(f"{self.root} is no lab; nothing was deleted")
        for host in self.hosts.values():
            host.remove()
            network.remove(host.namespace)
        network.remove(self.operator)
        shutil.rmtree(self.root, ignore_errors=True)
