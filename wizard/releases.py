"""Harbor's releases as data: what is true of each, and nowhere else.

The facts are read from Harbor's own `harbor.yml.tmpl`, `install.sh` and `prepare` of the release.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """One version of Harbor.

    `config_version` is the `_version` of its harbor.yml; `images` are what the offline installer
    holds and a node of ours runs; `services` are the names in its compose file;
    `database_minimum` is PostgreSQL's major version; `known` is false for a release that is newer
    than the newest one this program knows, and is treated as that.
    """

    version: str
    config_version: str
    images: tuple[str, ...]
    services: tuple[str, ...]
    database_minimum: int
    docker_minimum: str
    compose_minimum: str
    known: bool = True

    @property
    def line(self) -> tuple[int, int]:
        """Its major and minor number."""
        return line_of(self.version)

    @property
    def tag(self) -> str:
        """The tag of its images and of its installer's file name."""
        return f"v{self.version}"

    @property
    def installer_name(self) -> str:
        """The offline installer's file name."""
        return f"harbor-offline-installer-{self.tag}.tgz"

    @property
    def image_archive(self) -> str:
        """The archive of images inside the installer."""
        return f"harbor.{self.tag}.tar.gz"

    @property
    def uses_mariadb(self) -> bool:
        """Say whether its database is MariaDB (before 1.6)."""
        return self.line < (1, 6)

    @property
    def replicates(self) -> bool:
        """Say whether it has what we replicate by: the API 2.0 with robots of the whole system."""
        return self.line >= (2, 2)


def line_of(version: str) -> tuple[int, int]:
    """Return a version's major and minor number."""
    major, minor, *_ = version.split(".")
    return int(major), int(minor)

_IMAGES_2_15 = (
    "goharbor/prepare",
    "goharbor/harbor-core",
    "goharbor/harbor-jobservice",
    "goharbor/harbor-log",
    "goharbor/harbor-portal",
    "goharbor/harbor-registryctl",
    "goharbor/registry-photon",
    "goharbor/nginx-photon",
)
_SERVICES_2_15 = ("log", "registry", "registryctl", "core", "portal", "jobservice", "proxy")

RELEASES: dict[str, Release] = {
    "2.15.2": Release(
        version="2.15.2",
        config_version="2.15.0",  # the template of 2.15.2 still says 2.15.0
        images=_IMAGES_2_15,
        services=_SERVICES_2_15,
        database_minimum=12,
        docker_minimum="17.6",
        compose_minimum="1.27",
    ),
}

NEWEST = "2.15.2"


def supported(version: str) -> str:
    """Return why a version cannot be installed, or nothing where it can."""
    if not re.fullmatch(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}", version):
        return "is not a version of three numbers"
    lines = {line_of(one) for one in RELEASES}
    if line_of(version) in lines or line_of(version) > max(lines):
        return ""
    known = ", ".join(f"{major}.{minor}" for major, minor in sorted(lines))
    return f"is of no release that is supported ({known})"


def find(version: str) -> Release:
    """Return what is true of a version; a newer one than the newest is taken as that.

    Raises `KeyError` for a version that is not supported.
    """
    if version in RELEASES:
        return RELEASES[version]
    newest = RELEASES[NEWEST]
    if line_of(version) > newest.line:
        return dataclasses.replace(newest, version=version, known=False)
    for release in RELEASES.values():
        if release.line == line_of(version):
            return dataclasses.replace(release, version=version)
    raise KeyError(version)
