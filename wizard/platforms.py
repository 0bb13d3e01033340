"""Operating systems of the hosts as data: what is true of each, and nowhere else.

What is said of Debian 12 and 13 is run in the lab. What is said of the others is known of these
systems and not run here; a host that does not fit stops in the package manager's own words, before
anything of Harbor is there.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harbor_wizard.language import mark, tr

Manager = Literal["apt", "dnf", "yum"]
Source = Literal["distribution", "docker", "bundle"]

DOCKER_URL = "https://download.docker.com"
# https://docs.docker.com/engine/install/ (Debian and Ubuntu; CentOS and RHEL)
_DOCKER_KEY_DEB = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
_DOCKER_KEY_RPM = "060A61C51B558A7F742B77AAC52FEB6B621E9F35"
DOCKER_PACKAGES = ("docker-ce", "docker-ce-cli", "containerd.io", "docker-compose-plugin")


@dataclass(frozen=True)
class DockerRepository:
    """Docker's own packages for a platform.

    `path` is below https://download.docker.com or a mirror of it; `suite` is apt's word for the
    version. The key is the file `gpg` of the distribution's folder, with this fingerprint.
    """

    path: str
    fingerprint: str
    suite: str = ""

    @property
    def key_path(self) -> str:
        """The key's path, below the same address."""
        return "/".join([*self.path.split("/")[:2], "gpg"])


@dataclass(frozen=True)
class Platform:
    """One operating system.

    `os_id` and `os_version` are `ID` and `VERSION_ID` of its /etc/os-release; where `minors` is
    true, `VERSION_ID` has a second part (9.4) that makes no difference to us. `packages` are the
    names of what we install by what it is for; one that the distribution has not got is left out,
    or is in `extra` with the repository that has it. `docker` is Docker's own repository, None
    where Docker makes no packages for it. `peculiar` is what an operator has to know of it, to be
    looked up by `tr` where it is shown.
    """

    name: str
    title: str
    os_id: str
    os_version: str
    packages: Mapping[str, tuple[str, ...]]
    manager: Manager = "apt"
    family: Literal["debian", "rhel", "openeuler"] = "debian"
    minors: bool = False
    docker: DockerRepository | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    ca_bundle: str = "/etc/ssl/certs/ca-certificates.crt"
    nginx_user: str = "www-data"
    selinux: bool = False
    firewalld: bool = False
    peculiar: str = ""

    def matches(self, os_id: str, os_version: str) -> bool:
        """Say whether a host that calls itself so is of this platform."""
        same = os_version == self.os_version
        return os_id == self.os_id and (
            same or (self.minors and os_version.startswith(f"{self.os_version}."))
        )

    @property
    def matches_script(self) -> str:
        """The same as a command of the shell, after `. /etc/os-release`."""
        name = shlex.quote(f"{self.os_id} {self.os_version}")
        minor = shlex.quote(f"{self.os_id} {self.os_version}.")
        pattern = f"{name}|{minor}*" if self.minors else name
        return f'case "${{ID-}} ${{VERSION_ID-}}" in {pattern}) ;; *) false ;; esac'


def _debian(version: str, codename: str, docker: tuple[str, ...]) -> Platform:
    return Platform(
        name=f"debian-{version}", title=f"Debian {version} ({codename})",
        os_id="debian", os_version=version,
        packages={
            "docker": docker,
            "nginx": ("nginx-light", "libnginx-mod-stream"),
            **_DEB,
        },
        docker=DockerRepository("linux/debian", _DOCKER_KEY_DEB, codename),
    )  # fmt: skip


def _ubuntu(version: str, codename: str) -> Platform:
    return Platform(
        name=f"ubuntu-{version}", title=f"Ubuntu {version} ({codename})",
        os_id="ubuntu", os_version=version,
        packages={
            # Compose is the plugin, of "universe".
            "docker": ("docker.io", "docker-compose-v2"),
            "nginx": ("nginx", "libnginx-mod-stream"),
            **_DEB,
        },
        docker=DockerRepository("linux/ubuntu", _DOCKER_KEY_DEB, codename),
    )  # fmt: skip


_DEB = {
    "haproxy": ("haproxy",),
    "keepalived": ("keepalived",),
    "nfs": ("nfs-common",),
    "curl": ("curl",),
    "jq": ("jq",),
    "ipvsadm": ("ipvsadm",),
    "iptables": ("iptables",),
    "postgresql-client": ("postgresql-client",),
    "mariadb-client": ("mariadb-client",),
    "openssl": ("openssl",),
}
_RPM = {
    "haproxy": ("haproxy",),
    "keepalived": ("keepalived",),
    "nfs": ("nfs-utils",),
    "nginx": ("nginx", "nginx-mod-stream"),
    "curl": ("curl",),
    "jq": ("jq",),
    "ipvsadm": ("ipvsadm",),
    "iptables": ("iptables",),
    "postgresql-client": ("postgresql",),
    "mariadb-client": ("mariadb",),
    "openssl": ("openssl",),
}
_CLONES = {"rhel": "Red Hat Enterprise Linux", "rocky": "Rocky Linux", "almalinux": "AlmaLinux"}
_PODMAN = mark(
    'its own "docker" is Podman, which Harbor does not run on; podman, buildah and runc of the '
    "distribution stand in the way of Docker's packages where they are installed"
)
_CA_BUNDLE = "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"  # of RHEL 7 to 10


def _rhel(os_id: str, version: str) -> Platform:
    # Docker makes packages for RHEL and CentOS; its page sends the rebuilds of RHEL to CentOS's.
    folder = "rhel" if os_id == "rhel" else "centos"
    nft = {"iptables": ("iptables-nft",)} if version != "8" else {}
    return Platform(
        name=f"{os_id}-{version}", title=f"{_CLONES[os_id]} {version}",
        os_id=os_id, os_version=version, minors=True, manager="dnf", family="rhel",
        packages={**_RPM, **nft},
        docker=DockerRepository(f"linux/{folder}/{version}/$basearch/stable", _DOCKER_KEY_RPM),
        ca_bundle=_CA_BUNDLE, nginx_user="nginx",
        selinux=True, firewalld=True, peculiar=_PODMAN,
    )  # fmt: skip


def _openeuler(version: str, docker: str, peculiar: str) -> Platform:
    return Platform(
        name=f"openeuler-{version}", title=f"openEuler {version}",
        os_id="openEuler", os_version=version, manager="dnf", family="openeuler",
        packages={**_RPM, "docker": (docker, "docker-compose")},
        ca_bundle=_CA_BUNDLE, nginx_user="nginx",
        selinux=True, firewalld=True, peculiar=peculiar,
    )  # fmt: skip


def _centos_7() -> Platform:
    return Platform(
        name="centos-7", title="CentOS 7",
        os_id="centos", os_version="7", manager="yum", family="rhel",
        packages=_RPM,
        docker=DockerRepository("linux/centos/7/$basearch/stable", _DOCKER_KEY_RPM),
        extra={"jq": "EPEL", "nginx": "EPEL"},
        ca_bundle=_CA_BUNDLE, nginx_user="nginx",
        selinux=True, firewalld=True,
        peculiar=mark(
            "it has had no updates since 2024-07, and its repositories are in the vault only "
            "(vault.centos.org or a mirror of it, to be set up beforehand); its own Docker is "
            "1.13; its psql (9.2) knows no SCRAM passwords"
        ),
    )  # fmt: skip


PLATFORMS: dict[str, Platform] = {
    one.name: one
    for one in (
        _debian("12", "bookworm", ("docker.io", "docker-compose")),
        # Debian 13 splits the client off, and docker.io only recommends it.
        _debian("13", "trixie", ("docker.io", "docker-cli", "docker-compose")),
        _ubuntu("22.04", "jammy"),
        _ubuntu("24.04", "noble"),
        _ubuntu("26.04", "resolute"),
        *(_rhel(os_id, version) for os_id in _CLONES for version in ("8", "9", "10")),
        _openeuler("22.03", "docker-engine", mark("its Docker is 18.09, older than Harbor's "
                   "documentation wants from 2.11 on (20.10.10)")),
        _openeuler("24.03", "moby", ""),
        _centos_7(),
    )
}  # fmt: skip


def detect(os_id: str, os_version: str) -> Platform | None:
    """Return the platform that /etc/os-release names, or None where it is not supported."""
    for platform in PLATFORMS.values():
        if platform.matches(os_id, os_version):
            return platform
    return None


def docker_refusal(platform: Platform, source: Source) -> str:
    """Return why Docker cannot come from that source, and what to do; nothing where it can."""
    if source == "distribution" and "docker" not in platform.packages:
        return tr(
            "{platform} has no Docker that Harbor runs on in its own packages; write "
            '"source: docker" (Docker\'s repository or a mirror of it) or "source: bundle"',
            platform=platform.title,
        )
    if source == "docker" and platform.docker is None:
        return tr(
            'Docker makes no packages for {platform}; write "source: distribution" or '
            '"source: bundle"',
            platform=platform.title,
        )
    return ""


def packages_for(platform: Platform, what: str, source: Source) -> tuple[str, ...]:
    """Return the names of the packages for `what`. Raises `KeyError` where there are none."""
    if what == "docker" and source == "docker":
        return DOCKER_PACKAGES
    return platform.packages[what]
