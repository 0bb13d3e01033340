"""Likely causes of known failures, by what a host printed."""

from __future__ import annotations

import re

from harbor_wizard.language import mark, tr

_KNOWN: tuple[tuple[str, str], ...] = (
    (r"no space left on device",
     mark("the disk is full: make room there (docker system df, df -h)")),
    (r"could not get lock|unable to acquire the dpkg",
     mark("another apt holds the lock: wait for it")),
    (r"unable to locate package|has no installation candidate",
     mark("the package sources do not have it: check /etc/apt/sources.list.d and the network")),
    (r"temporary failure (in name resolution|resolving)|could not resolve",
     mark("the host resolves no names: check its /etc/resolv.conf")),
    (r"address already in use|port is already allocated",
     mark("another program has the port: find it with “ss -ltnp”")),
    (r"cannot connect to the docker daemon",
     mark("Docker does not run; “journalctl -u docker” tells")),
    (r"password authentication failed", mark("the database refuses the user or password")),
    (r"(get|post|put|patch) /\S+: .*\bunauthorized\b",
     mark("Harbor refuses the admin's password: where it was changed there, give the present one")),
    (r"wrongpass|noauth authentication required", mark("Redis refuses the password")),
    (r"unexpected eof|not in gzip format|invalid tar header|unexpected end of file"
     r"|invalid compressed data|crc error",
     mark("the installer is damaged or cut off: compare its checksum with the release's")),
    (r"read-only file system", mark("the file system is mounted read-only")),
    (r"cannot allocate memory|out of memory|oom-kill", mark("the host has too little memory")),
    (r"permission denied", mark("the login may not do this: check sudo, or a read-only mount")),
)  # fmt: skip


def likely(output: str) -> str:
    """Return the likely cause of a failure in a sentence, or nothing where none is known."""
    for pattern, cause in _KNOWN:
        if re.search(pattern, output, re.IGNORECASE):
            return tr(cause)
    return ""
