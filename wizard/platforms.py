"""Operating systems of the hosts as data: what is true of each, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Platform:
    """One operating system.

    `os_id` and `os_version` are `ID` and `VERSION_ID` of its /etc/os-release; `packages` are
    the names of what we install by what it is for.
    """

    name: str
    title: str
    os_id: str
    os_version: str
    packages: dict[str, tuple[str, ...]]
    ca_bundle: str = "/etc/ssl/certs/ca-certificates.crt"
    nginx_user: str = "www-data"


PLATFORMS: dict[str, Platform] = {
    "debian-12": Platform(
        name="debian-12",
        title="Debian 12 (bookworm)",
        os_id="debian",
        os_version="12",
        packages={
            "docker": ("docker.io", "docker-compose"),
            "haproxy": ("haproxy",),
            "keepalived": ("keepalived",),
            "nfs": ("nfs-common",),
            "nginx": ("nginx-light", "libnginx-mod-stream"),
            "curl": ("curl",),
            "jq": ("jq",),
            "ipvsadm": ("ipvsadm",),
            "postgresql-client": ("postgresql-client",),
            "mariadb-client": ("mariadb-client",),
        },
    ),
    "debian-13": Platform(
        name="debian-13",
        title="Debian 13 (trixie)",
        os_id="debian",
        os_version="13",
        packages={
            # Debian 13 splits the client off, and docker.io only recommends it.
            "docker": ("docker.io", "docker-cli", "docker-compose"),
            "haproxy": ("haproxy",),
            "keepalived": ("keepalived",),
            "nfs": ("nfs-common",),
            "nginx": ("nginx-light", "libnginx-mod-stream"),
            "curl": ("curl",),
            "jq": ("jq",),
            "ipvsadm": ("ipvsadm",),
            "postgresql-client": ("postgresql-client",),
            "mariadb-client": ("mariadb-client",),
        },
    ),
}


def detect(os_id: str, os_version: str) -> Platform | None:
    """Return the platform that /etc/os-release names, or None where it is not supported."""
    for platform in PLATFORMS.values():
        if (platform.os_id, platform.os_version) == (os_id, os_version):
            return platform
    return None
