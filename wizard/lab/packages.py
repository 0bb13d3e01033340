"""A package repository for the hosts, which have no way out, fetched once per Debian version."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from harbor_wizard.lab.base import Log, base, listed_sources
from harbor_wizard.lab.command import run

MOUNTED = "/srv/lab-packages"

_COMMON = ("docker.io", "docker-compose", "haproxy", "keepalived", "nfs-common", "skopeo", "curl",
           "python3-minimal", "jq", "nginx-light", "libnginx-mod-stream", "postgresql-client",
           "ipvsadm", "ufw", "firewalld")  # fmt: skip
OFFERED = {"bookworm": _COMMON, "trixie": (*_COMMON, "docker-cli")}
_HOST_SOURCES = f"deb [trusted=yes] file:{MOUNTED} ./\n"


def place(suite: str, cache: Path) -> Path:
    """Return where the repository is, or will be: another list of packages, another folder."""
    mark = hashlib.sha256(" ".join(OFFERED[suite]).encode()).hexdigest()[:6]
    return cache / f"packages-{suite}-{mark}"


def packages(suite: str, cache: Path, log: Log) -> Path:
    """Return the repository for hosts of a Debian version, made on the first call."""
    done = place(suite, cache)
    if done.exists():
        return done
    root = base(suite, cache, log)
    log(f"fetching packages for Debian {suite}")
    part = done.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    fetch(suite, OFFERED[suite], part, cache, installed=root / "var/lib/dpkg/status")
    index = run(["dpkg-scanpackages", "--multiversion", str(part)], timeout=300)
    (part / "Packages").write_text(index.replace(f"{part}/", "./"), encoding="utf-8")
    part.rename(done)
    return done


def disk(suite: str, cache: Path, log: Log) -> Path:
    """Return a disk with that repository, for a host that shares no folder with this machine."""
    repository = packages(suite, cache, log)
    done = repository.with_suffix(".ext4")
    if not done.exists():
        part = done.with_name(f"{done.name}.part")
        part.unlink(missing_ok=True)
        run(["mke2fs", "-q", "-t", "ext4", "-d", str(repository), str(part), "1G"], timeout=300)
        part.rename(done)
    return done


def fetch(
    suite: str, names: Sequence[str], into: Path, cache: Path, *, installed: Path
) -> None:
    """Fetch packages of a Debian version into a new folder, from the machine's own sources.

    They come with what they depend on and is not in `installed`, dpkg's list of what a host has.
    Raises `LabError`.
    """
    work = cache / f"apt-{suite}"
    (into / "partial").mkdir(parents=True)
    (work / "lists/partial").mkdir(parents=True, exist_ok=True)
    options = [
        f"-oDir::Etc::sourcelist={listed_sources(suite, cache)}",
        "-oDir::Etc::sourceparts=/dev/null",
        f"-oDir::State::lists={work}/lists",
        f"-oDir::State::status={installed}",
        f"-oDir::Cache={work}", f"-oDir::Cache::archives={into}",
        "-oAPT::Sandbox::User=root", "-oDebug::NoLocking=true",
    ]  # fmt: skip
    run(["apt-get", *options, "update"], timeout=300)
    run(["apt-get", *options, "install", "-y", "--download-only", "--no-install-recommends",
         *names], timeout=900)  # fmt: skip
    shutil.rmtree(into / "partial")
    (into / "lock").unlink(missing_ok=True)


def settle(root: Path) -> None:
    """Give a host's root file system the lab's repository as its only package source."""
    for listed in (root / "etc/apt/sources.list.d").glob("*"):
        listed.unlink()
    (root / "etc/apt/sources.list").write_text(_HOST_SOURCES, encoding="utf-8")
