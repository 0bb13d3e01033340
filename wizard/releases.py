"""Harbor's releases as data: what is true of each, and nowhere else.

The facts are read from Harbor's own `harbor.yml.tmpl`, `install.sh` and `prepare` of the release.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """One version of Harbor.

    `config_version` is the `_version` of its harbor.yml; `images` are what the offline installer
    holds and a node of ours runs; `database_minimum` is PostgreSQL's major version; `data_dirs`
    are the folders below the data volume that `prepare` makes, with their owner.
    """

    version: str
    config_version: str
    images: tuple[str, ...]
    services: tuple[str, ...]
    database_minimum: int
    docker_minimum: str
    compose_minimum: str

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
