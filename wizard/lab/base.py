"""Root file systems and packages: fetched once from the machine's own package sources."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from harbor_wizard.lab.command import run
from harbor_wizard.lab.errors import LabError

Log = Callable[[str], None]

_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
_INCLUDE = (
    "systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "iproute2", "iptables",
    "ca-certificates", "procps", "kmod", "openssl",
)  # fmt: skip
# What hosts may install from the lab's package repository.
_OFFERED = {
    "bookworm": ("docker.io", "docker-compose", "haproxy", "keepalived", "nfs-common", "curl"),
    "trixie": ("docker.io", "docker-cli", "docker-compose", "haproxy", "keepalived", "nfs-common",
               "curl", "postgresql", "redis-server"),
}  # fmt: skip
_HOST_SOURCES = "deb [trusted=yes] file:/srv/lab-packages ./\n"


def sources(suite: str) -> str:
    """Return the machine's own package sources, for another version of Debian."""
    try:
        text = _SOURCES.read_text(encoding="utf-8")
    except OSError:
        raise LabError(f"{_SOURCES} is not there; the lab is made from a Debian's sources") from None
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    current = next((word for word in ("bookworm", "trixie") if word in text), suite)
    return "\n".join(lines).replace(current, suite) + "\n"


def base(suite: str, cache: Path, log: Log) -> Path:
    """Return the root file system of a Debian version, made on the first call (half a minute)."""
    done = cache / f"base-{suite}"
    if not done.exists():
        log(f"making the root file system of Debian {suite}")
        cache.mkdir(parents=True, exist_ok=True)
        part, listed = cache / f"base-{suite}.part", cache / f"{suite}.sources"
        shutil.rmtree(part, ignore_errors=True)
        listed.write_text(sources(suite), encoding="utf-8")
        run(["mmdebstrap", "--variant=minbase", f"--include={','.join(_INCLUDE)}",
             suite, str(part), str(listed)], timeout=900)  # fmt: skip
        # Every host draws host keys of its own.
        for key in (part / "etc/ssh").glob("ssh_host_*"):
            key.unlink()
        part.rename(done)
    return done


def packages(suite: str, cache: Path, log: Log) -> Path:
    """Return a package repository for hosts of a Debian version, made on the first call."""
    done = cache / f"packages-{suite}"
    if not done.exists():
        root = base(suite, cache, log)
        log(f"fetching packages for Debian {suite}")
        part = cache / f"packages-{suite}.part"
        shutil.rmtree(part, ignore_errors=True)
        (part / "partial").mkdir(parents=True)
        options = [f"-oDir::Cache::archives={part}", f"-oRootDir={root}", f"-oDir={root}",
                   "-oAPT::Sandbox::User=root", f"-oDir::State::status={root}/var/lib/dpkg/status"]  # fmt: skip
        work = cache / f"apt-{suite}"
        (work / "lists/partial").mkdir(parents=True, exist_ok=True)
        listed = cache / f"{suite}.sources"
        listed.write_text(sources(suite), encoding="utf-8")
        options = [
            f"-oDir::Etc::sourcelist={listed}", "-oDir::Etc::sourceparts=/dev/null",
            f"-oDir::State::lists={work}/lists", f"-oDir::State::status={root}/var/lib/dpkg/status",
            f"-oDir::Cache={work}", f"-oDir::Cache::archives={part}",
            "-oAPT::Sandbox::User=root", "-oDebug::NoLocking=true",
        ]  # fmt: skip
        run(["apt-get", *options, "update"], timeout=300)
        run(["apt-get", *options, "install", "-y", "--download-only", "--no-install-recommends",
             *_OFFERED[suite]], timeout=900)  # fmt: skip
        shutil.rmtree(part / "partial", ignore_errors=True)
        (part / "lock").unlink(missing_ok=True)
        index = run(["dpkg-scanpackages", "--multiversion", str(part)], timeout=300)
        (part / "Packages").write_text(index.replace(f"{part}/", "./"), encoding="utf-8")
        part.rename(done)
    return done


def settle(root: Path) -> None:
    """Give a host's root file system the lab's repository as its only package source."""
    folder = root / "etc/apt/sources.list.d"
    for listed in folder.glob("*"):
        listed.unlink()
    (root / "etc/apt/sources.list").write_text(_HOST_SOURCES, encoding="utf-8")
