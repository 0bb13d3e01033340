"""Root file systems: made once from the machine's own package sources."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from harbor_wizard.lab.command import run
from harbor_wizard.lab.errors import LabError

Log = Callable[[str], None]

_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
_INCLUDE = (
    "systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "iproute2", "iptables",
    "ca-certificates", "procps", "kmod", "openssl",
)  # fmt: skip


def sources(suite: str) -> str:
    """Return the machine's own package sources, for another version of Debian."""
    try:
        text = _SOURCES.read_text(encoding="utf-8")
    except OSError:
        raise LabError(f"{_SOURCES} is not there; the lab is made from Debian's sources") from None
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    current = next((word for word in ("bookworm", "trixie") if word in text), suite)
    return "\n".join(lines).replace(current, suite) + "\n"


def listed_sources(suite: str, cache: Path) -> Path:
    """Return a file of those sources in the cache."""
    listed = cache / f"{suite}.sources"
    listed.write_text(sources(suite), encoding="utf-8")
    return listed


def base(suite: str, cache: Path, log: Log, extra: Sequence[str] = ()) -> Path:
    """Return the root file system of a Debian version, made on the first call (half a minute).

    `extra` are packages that it has beyond those of a bare host.
    """
    done = cache / "-".join(["base", suite, *extra])
    if not done.exists():
        log("making the root file system of Debian " + " with ".join([suite, *extra]))
        cache.mkdir(parents=True, exist_ok=True)
        part = done.with_name(f"{done.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        run(["mmdebstrap", "--variant=minbase", f"--include={','.join([*_INCLUDE, *extra])}",
             suite, str(part), str(listed_sources(suite, cache))], timeout=900)  # fmt: skip
        # Every host draws host keys of its own.
        for key in (part / "etc/ssh").glob("ssh_host_*"):
            key.unlink()
        part.rename(done)
    return done
