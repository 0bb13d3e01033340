"""Harbor's releases as data: what is true of each, and nowhere else.

The facts are read from the tags of Harbor's own repository: `harbor.yml.tmpl` (before 2.0
`harbor.yml`, in 1.5 `harbor.cfg`), `install.sh`, `common.sh`, the Makefile, and `prepare` with the
templates it renders. `_CHANGES` says each of them once, with the version from which it is so;
a release is what remains when the changes up to it are laid over each other.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Any, Literal

from harbor_wizard import release_keys
from harbor_wizard.language import tr

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Release:
    """One version of Harbor.

    What it is called:
    `known` is false for a release newer than the newest one here, which is treated as that.
    `config_version` is the `_version` of its template: that of the line's first release, but for
    2.1, whose template says 2.0.0. `config_name` is the file that `prepare` reads.

    What a node of ours runs:
    `flags` are what `install.sh` and `prepare` take (`*.sh` of the tag; 2.2 to 2.8 take
    `--with-clair` only to refuse it). `images` are those of a node in the offline installer whose
    tag is exactly the release's (Makefile, `docker_compose.py`: that of registry-photon names the
    registry's version, too, before 1.10.2). `services` are the names in the compose file of a node
    whose database and Redis are outside; `bundled_services` are those added where they are not.
    1.8 starts them in any case. `scanner_images` and `scanner_services` are those added by each
    scanner.

    The database and Redis:
    `database_image`, `redis_image` and the program `redis_server` are those of the installer
    (the templates of the compose file, `make/photon/{redis,valkey}/Dockerfile`). `databases` have
    to be there before the first start (`harbor.yml.tmpl`, `external_database`).
    `database_minimum` is the major version: PostgreSQL's, as bundled with the line's releases or
    as its documentation asks, or MariaDB's with 1.5. `redis_port_apart` says that harbor.yml wants
    Redis' port as a key of its own, `sentinel` that it can find Redis by Sentinel.
    `reads_all_databases`: an external database needs the blocks of all of them, whatever is started
    (`parse_yaml_config` of 1.8); later releases want only those of what is.

    What it needs: `docker_minimum` and `compose_minimum` as `common.sh` says them, but for 1.27 of
    compose, which is the first to take a file without `version:` (2.12 and later).
    `compose_format` is that `version:`; nothing where there is none. `compose_plugin` says whether
    `install.sh` takes the plugin `docker compose`, too.

    How it behaves:
    `health_path` tells its health to anybody, and its answer has `health_wanted` where all is well:
    up to 2.2 the whole comes before its parts (`src/core/api/health.go`), and up to 2.0 with blanks
    and line ends (`runmode = dev`); from 2.3 on after them. 1.5 has no such thing: its systeminfo
    says that the part `ui` answers with its database (`make/ha/sample/active_active/check.sh`).
    `health_in_one_line`: its parts stand there as `{"name":"core","status":"healthy"}` (from 2.1).
    `redirect_key` turns the registry's redirects to the store off (`configs.py`).
    `logs_jobs_to_database`: jobs' logs can be kept where all nodes see them (`job_loggers`).
    `passes_scheme`: its proxy passes on the X-Forwarded-Proto of what is before it
    (`nginx.http.conf.jinja`); else it says its own scheme. `internal_tls`: its parts can speak TLS
    to each other, `internal_portal` that the portal does, too (`InternalTLS`).
    `registry_takes_ca`: an endpoint of the API has a `ca_certificate`.
    `replicates`: it has what we replicate by, the API 2.0 with robots of the whole system.
    `signature` is what its installer is signed by: a PGP signature (`asc`), a bundle of sigstore,
    or nothing but an MD5 sum (`publish_release.yml`, `release_utils.sh`).

    `drawn` are the variables of its containers that `prepare` draws anew at each run and that nodes
    which are one Harbor must have in common, by service (`env.jinja` of each). `csrf_in_file` says
    that the key against forged requests is not among them but in `common/config/core/app.conf`
    (`XSRFKey`), drawn anew as well.
    """

    version: str
    known: bool
    config_version: str
    config_name: Literal["harbor.yml", "harbor.cfg"]
    flags: tuple[str, ...]
    images: tuple[str, ...]
    services: tuple[str, ...]
    bundled_services: tuple[str, ...]
    scanner_images: dict[str, tuple[str, ...]]
    scanner_services: dict[str, tuple[str, ...]]
    database_image: str
    redis_image: str
    redis_server: str
    databases: tuple[str, ...]
    database_minimum: int
    redis_port_apart: bool
    sentinel: bool
    docker_minimum: str
    compose_minimum: str
    compose_format: str
    compose_plugin: bool
    health_path: str
    health_wanted: str
    health_in_one_line: bool
    redirect_key: str
    logs_jobs_to_database: bool
    passes_scheme: bool
    internal_tls: bool
    internal_portal: bool
    registry_takes_ca: bool
    reads_all_databases: bool
    replicates: bool
    signature: Literal["asc", "sigstore", ""]
    drawn: dict[str, tuple[str, ...]]
    csrf_in_file: bool

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
        """The offline installer's file name (Makefile, `PACKAGE_OFFLINE_PARA`)."""
        return f"harbor-offline-installer-{self.tag}.tgz"

    @property
    def image_archive(self) -> str:
        """The archive of images inside the installer (Makefile, `DOCKERIMGFILE`)."""
        return f"harbor.{self.tag}.tar.gz"

    @property
    def uses_mariadb(self) -> bool:
        """Say whether its database is MariaDB (before 1.6)."""
        return self.line < (1, 6)

    @property
    def scanners(self) -> tuple[str, ...]:
        """The scanners that its installer brings."""
        return tuple(self.scanner_services)

    @property
    def keys(self) -> frozenset[str]:
        """The dotted keys that its configuration file may have; see `release_keys`."""
        return release_keys.keys(_numbers(self.version))

    @property
    def required(self) -> frozenset[str]:
        """The dotted keys without which its `prepare` fails; see `release_keys`."""
        return release_keys.required(_numbers(self.version))

    def running(self, scanner: str = "none", *, bundled: bool = False) -> tuple[str, ...]:
        """Return the names of all services of a node in its compose file."""
        own = self.bundled_services if bundled else ()
        return (*self.services, *own, *self.scanner_services.get(scanner, ()))

    def images_with(self, scanner: str = "none", *, bundled: bool = False) -> tuple[str, ...]:
        """Return the images of a node, without tag, whose tag is the release's."""
        own = (self.database_image, self.redis_image) if bundled else ()
        return (*self.images, *own, *self.scanner_images.get(scanner, ()))


def line_of(version: str) -> tuple[int, int]:
    """Return a version's major and minor number."""
    major, minor, *_ = version.split(".")
    return int(major), int(minor)


def _numbers(version: str) -> Version:
    major, minor, patch = (int(number) for number in version.split("."))
    return major, minor, patch


_SECRETS = ("CORE_SECRET", "JOBSERVICE_SECRET")

# From which version on what is so: each row says only what is new. The rows of a patch are facts
# of that patch, as of every one after it, in its line and in later ones.
_CHANGES: tuple[tuple[Version, dict[str, Any]], ...] = (
    ((1, 5, 0), {
        "config_name": "harbor.cfg",
        "flags": ("--ha", "--with-notary", "--with-clair"),
        "images": ("vmware/harbor-log", "vmware/harbor-adminserver", "vmware/harbor-ui",
                   "vmware/harbor-jobservice", "vmware/nginx-photon"),
        "services": ("log", "registry", "adminserver", "ui", "jobservice", "proxy"),
        "bundled_services": ("mysql", "redis"),
        "scanner_images": {"clair": ()},
        "scanner_services": {"clair": ("clair",)},
        "database_image": "vmware/harbor-db",
        "redis_image": "vmware/redis-photon",
        "redis_server": "redis-server",
        "databases": ("registry",),
        "database_minimum": 10,
        "redis_port_apart": False,
        "sentinel": False,
        "docker_minimum": "1.10",
        "compose_minimum": "1.7.1",
        "compose_format": "2",
        "compose_plugin": False,
        "health_path": "/api/systeminfo",
        "health_wanted": '"registry_url"',
        "health_in_one_line": False,
        "redirect_key": "",
        "logs_jobs_to_database": False,
        "passes_scheme": False,
        "internal_tls": False,
        "internal_portal": False,
        "registry_takes_ca": False,
        "reads_all_databases": False,
        "replicates": False,
        "signature": "asc",
        "drawn": {"ui": ("UI_SECRET", "JOBSERVICE_SECRET"),
                  "adminserver": ("UI_SECRET", "JOBSERVICE_SECRET"),
                  "jobservice": ("UI_SECRET", "JOBSERVICE_SECRET")},
        "csrf_in_file": False,
    }),
    ((1, 8, 0), {
        "config_name": "harbor.yml",
        "flags": ("--with-notary", "--with-clair", "--with-chartmuseum"),
        "images": ("goharbor/prepare", "goharbor/harbor-core", "goharbor/harbor-jobservice",
                   "goharbor/harbor-log", "goharbor/harbor-portal", "goharbor/harbor-registryctl",
                   "goharbor/nginx-photon"),
        "services": ("log", "registry", "registryctl", "core", "portal", "jobservice", "proxy",
                     "postgresql", "redis"),
        "bundled_services": (),
        "database_image": "goharbor/harbor-db",
        "redis_image": "goharbor/redis-photon",
        "databases": ("registry", "clair", "notary_server", "notary_signer"),
        "database_minimum": 9,
        "redis_port_apart": True,
        "docker_minimum": "17.6",
        "compose_minimum": "1.18",
        "compose_format": "2.3",
        "health_path": "/api/health",
        "health_wanted": '"status": "healthy",',
        "redirect_key": "disabled",
        "reads_all_databases": True,
        "drawn": dict.fromkeys(("core", "jobservice", "registryctl"), _SECRETS),
    }),
    ((1, 8, 5), {"csrf_in_file": True}),
    ((1, 9, 0), {
        "csrf_in_file": False,
        "reads_all_databases": False,
        "services": ("log", "registry", "registryctl", "core", "portal", "jobservice", "proxy"),
        "bundled_services": ("postgresql", "redis"),
    }),
    ((1, 9, 2), {"csrf_in_file": True}),
    ((1, 10, 0), {"scanner_services": {"clair": ("clair", "clair-adapter")}}),
    ((1, 10, 2), {
        "images": ("goharbor/prepare", "goharbor/harbor-core", "goharbor/harbor-jobservice",
                   "goharbor/harbor-log", "goharbor/harbor-portal", "goharbor/harbor-registryctl",
                   "goharbor/registry-photon", "goharbor/nginx-photon"),
        "scanner_images": {"clair": ("goharbor/clair-photon", "goharbor/clair-adapter-photon")},
    }),
    ((2, 0, 0), {
        "flags": ("--with-notary", "--with-clair", "--with-trivy", "--with-chartmuseum"),
        "scanner_images": {"clair": ("goharbor/clair-photon", "goharbor/clair-adapter-photon"),
                           "trivy": ("goharbor/trivy-adapter-photon",)},
        "scanner_services": {"clair": ("clair", "clair-adapter"), "trivy": ("trivy-adapter",)},
        "health_path": "/api/v2.0/health",
        "internal_tls": True,
        "drawn": {"core": (*_SECRETS, "CSRF_KEY"), "jobservice": _SECRETS, "registryctl": _SECRETS},
        "csrf_in_file": False,
    }),
    ((2, 1, 0), {
        "internal_portal": True,
        "redis_port_apart": False,
        "sentinel": True,
        "health_wanted": '"status":"healthy","components"',
        "health_in_one_line": True,
    }),
    ((2, 2, 0), {
        "flags": ("--with-notary", "--with-trivy", "--with-chartmuseum"),
        "scanner_images": {"trivy": ("goharbor/trivy-adapter-photon",)},
        "scanner_services": {"trivy": ("trivy-adapter",)},
        "databases": ("registry", "notary_server", "notary_signer"),
        "replicates": True,
    }),
    ((2, 3, 0), {"health_wanted": '],"status":"healthy"', "passes_scheme": True}),
    ((2, 5, 4), {"compose_plugin": True}),
    ((2, 8, 0), {
        "flags": ("--with-notary", "--with-trivy"),
        "redirect_key": "disable",
        "drawn": {"core": (*_SECRETS, "CSRF_KEY", "ROBOT_SCANNER_NAME_PREFIX"),
                  "jobservice": _SECRETS, "registryctl": _SECRETS},
    }),
    ((2, 9, 0), {
        "flags": ("--with-trivy",),
        "databases": ("registry",),
        "database_minimum": 12,
        "logs_jobs_to_database": True,
    }),
    ((2, 11, 0), {"docker_minimum": "20.10.10"}),
    ((2, 11, 2), {"signature": ""}),
    ((2, 12, 0), {"signature": "asc", "compose_minimum": "1.27", "compose_format": ""}),
    ((2, 12, 1), {"signature": ""}),
    ((2, 15, 0), {"signature": "sigstore", "registry_takes_ca": True}),
    ((2, 15, 2), {"redis_image": "goharbor/valkey-photon", "redis_server": "valkey-server"}),
)  # fmt: skip

# The newest release of each line.
_LATEST = (
    "1.5.4", "1.8.6", "1.9.4", "1.10.19", "2.0.6", "2.1.6", "2.2.4", "2.3.5", "2.4.3", "2.5.6",
    "2.6.4", "2.7.4", "2.8.6", "2.9.5", "2.10.3", "2.11.2", "2.12.4", "2.13.5", "2.14.4", "2.15.2",
)  # fmt: skip

NEWEST = _LATEST[-1]


def _release(version: str, like: str, *, known: bool = True) -> Release:
    """Return a version for which is true what is true of the version `like`."""
    facts: dict[str, Any] = {}
    for since, change in _CHANGES:
        if since <= _numbers(like):
            facts |= change
    major, minor = line_of(like)
    config_version = "2.0.0" if (major, minor) == (2, 1) else f"{major}.{minor}.0"
    return Release(version=version, known=known, config_version=config_version, **facts)


RELEASES: dict[str, Release] = {version: _release(version, version) for version in _LATEST}


def supported(version: str) -> str:
    """Return why a version cannot be installed, or nothing where it can."""
    if not re.fullmatch(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}", version):
        return tr("is not a version of three numbers")
    lines = {line_of(one) for one in RELEASES}
    if line_of(version) in lines or line_of(version) > max(lines):
        return ""
    known = ", ".join(f"{major}.{minor}" for major, minor in sorted(lines))
    return tr("is of no release that is supported ({known})", known=known)


@functools.cache
def find(version: str) -> Release:
    """Return what is true of a version; one of a newer line than the newest is taken as that.

    Raises `KeyError` for a version that is not supported.
    """
    if supported(version):
        raise KeyError(version)
    newer = line_of(version) > line_of(NEWEST)
    return _release(version, NEWEST if newer else version, known=not newer)
