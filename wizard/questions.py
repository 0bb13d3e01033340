"""The questions about a cluster: asked by the screens and by the plain prompts alike.

Answers are the plain data of the cluster file. What each field means, its default and an example
are the model's own; what is wrong with an answer is said by the model too.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harbor_wizard.errors import ClusterError
from harbor_wizard.model import load
from harbor_wizard.model.cluster import (
    Access,
    AzureStorage,
    Balancer,
    Cluster,
    Database,
    FilesystemStorage,
    GcsStorage,
    Host,
    Installer,
    NfsStorage,
    OssStorage,
    Packages,
    Part,
    Redis,
    Replication,
    Role,
    S3Storage,
    Sentinel,
    Solution,
    SwiftStorage,
    Tls,
    VirtualAddress,
)
from harbor_wizard.platforms import PLATFORMS
from harbor_wizard.releases import NEWEST, find, supported
from harbor_wizard.secrets import MINIMUM_LENGTH, PASSPHRASE

Data = dict[str, Any]
Section = Literal["solution", "topology", "access", "services"]
Kind = Literal["text", "choice", "path", "secret", "bool"]

SECTIONS: tuple[Section, ...] = ("solution", "topology", "access", "services")


def get(data: Data, path: str) -> Any:
    """Return what stands at a path such as `database.host`, or None."""
    value: Any = data
    for part in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def put(data: Data, path: str, value: Any) -> None:
    """Put a value at a path; None or an empty text takes it away."""
    *parents, last = path.split(".")
    holder = data
    for part in parents:
        inside = holder.get(part)
        if not isinstance(inside, dict):
            if value in (None, ""):
                return
            inside = holder[part] = {}
        holder = inside
    if value in (None, ""):
        holder.pop(last, None)
    else:
        holder[last] = value


class SecretAnswers(dict[str, str]):
    """Secrets that were typed, held in memory only; their values are in no representation."""

    def __repr__(self) -> str:
        return f"SecretAnswers({', '.join(sorted(self))})"


def _always(_: Data) -> bool:
    return True


@dataclass(frozen=True)
class Question:
    """One question. `when` says whether it is asked, given the other answers.

    `read` and `write` turn the cluster file's data into the text of the answer and back, where
    it is more than a text at `path`. A secret's answer is not in the data: `path` is where its
    reference stands.
    """

    path: str
    section: Section
    label: str
    help: str
    kind: Kind = "text"
    default: str = ""
    example: str = ""
    choices: tuple[str, ...] = ()
    when: Callable[[Data], bool] = _always
    number: bool = False
    read: Callable[[Data], str] | None = None
    write: Callable[[Data, str], None] | None = None
    variant: str = ""

    @property
    def key(self) -> str:
        """A name that no other question has; `variant` tells two for one path apart."""
        words = [self.kind, self.path.replace(".", "-").replace("_", "-"), self.variant]
        return "-".join(word for word in words if word)

    def answer(self, data: Data) -> str:
        """Return the present answer as text; empty where there is none."""
        if self.read is not None:
            return self.read(data)
        value = get(data, self.path)
        return "" if value is None else str(value)

    def store(self, data: Data, text: str) -> None:
        """Put an answer into the data."""
        text = text.strip()
        if self.write is not None:
            self.write(data, text)
        else:
            put(data, self.path, int(text) if self.number and _is_number(text) else text)

    def secret_name(self, data: Data) -> str:
        """Return the name of the secret that is asked for."""
        reference = get(data, self.path)
        return str(reference or self.default).removeprefix("secret:")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _of(
    model: type[Part], path: str, section: Section, label: str, kind: Kind = "text", **more: Any
) -> Question:
    """Return the question for a field of the model, in the model's own words."""
    field = model.model_fields[path.rpartition(".")[2]]
    if "default" not in more and isinstance(field.default, str | int):
        more["default"] = str(field.default)
    example = field.examples[0] if field.examples else ""
    if "example" not in more and isinstance(example, str | int):
        more["example"] = str(example)
    more.setdefault("help", field.description or "")
    return Question(path, section, label, kind=kind, **more)


def _flag(
    path: str, section: Section, label: str, about: str, *, yes: Any, no: Any = None,
    when: Callable[[Data], bool] = _always,
) -> Question:  # fmt: skip
    """Return a question for yes or no; None for one of them leaves the key out."""

    def read(data: Data) -> str:
        value = get(data, path)
        if no is None:
            return "no" if value in (None, False) else "yes"
        return "no" if value == no else "yes"

    def write(data: Data, text: str) -> None:
        if text != read(data):
            put(data, path, yes if text == "yes" else no)

    default = "no" if no is None else "yes"
    return Question(path, section, label, about, "bool", default, choices=("no", "yes"), when=when,
                    read=read, write=write)  # fmt: skip


def _redis_kind(data: Data) -> str:
    return "one host" if get(data, "redis.sentinel") is None else "sentinel"


def _set_redis_kind(data: Data, text: str) -> None:
    if text == _redis_kind(data):
        return
    redis = data.get("redis") if isinstance(data.get("redis"), dict) else {}
    kept = {key: value for key, value in dict(redis or {}).items() if key == "password"}
    if text == "sentinel":
        kept["sentinel"] = {"master": "mymaster"}
    data["redis"] = kept


def _sentinels(data: Data) -> str:
    nodes = get(data, "redis.sentinel.nodes")
    if not isinstance(nodes, list):
        return ""
    found = (node if isinstance(node, dict) else {} for node in nodes)
    return ", ".join(f"{node.get('host', '')}:{node.get('port', '')}" for node in found)


def _set_sentinels(data: Data, text: str) -> None:
    nodes = []
    for one in re.split(r"[,\s]+", text):
        if one:
            host, _, port = one.rpartition(":") if ":" in one else (one, "", "26379")
            nodes.append({"host": host, "port": int(port) if _is_number(port) else port})
    put(data, "redis.sentinel.nodes", nodes or None)


def _set_tls_mode(data: Data, text: str) -> None:
    put(data, "tls.mode", text)
    if text == "none":
        for key in ("certificate", "key", "ca", "issuer", "clients"):
            put(data, f"tls.{key}", None)


def _set_issuer(data: Data, text: str) -> None:
    put(data, "tls.issuer", None if text == "operator" else text)
    if text == "wizard":
        for key in ("certificate", "key", "ca"):
            put(data, f"tls.{key}", None)


def _shares(data: Data) -> bool:
    return data.get("solution") not in ("master-slave", "master-master")


def _replicates(data: Data) -> bool:
    return not _shares(data)


def _is(*solutions: str) -> Callable[[Data], bool]:
    return lambda data: data.get("solution") in solutions


def _with_role(data: Data, role: str) -> bool:
    hosts = data.get("hosts")
    listed = hosts if isinstance(hosts, list) else []
    return any(role in (host.get("roles") or []) for host in listed if isinstance(host, dict))


def _brings_services(data: Data) -> bool:
    return _with_role(data, "services")


def _existing_state(data: Data) -> bool:
    """Say whether the nodes share a database and Redis that are there already."""
    return _shares(data) and not _brings_services(data)


def _balancer(data: Data) -> str:
    return str(get(data, "balancer.type") or "haproxy")


def _balances(data: Data) -> bool:
    return data.get("solution") == "active-active" or _with_role(data, "balancer")


def _holds_address(data: Data) -> bool:
    """Say whether there is a virtual address: with nodes or balancers of ours that hold it."""
    if data.get("solution") == "active-standby":
        return True
    return _balances(data) and _balancer(data) != "existing"


def _balanced_by(*kinds: str) -> Callable[[Data], bool]:
    return lambda data: _balances(data) and _balancer(data) in kinds


def _set_balancer(data: Data, text: str) -> None:
    put(data, "balancer.type", None if text == "haproxy" else text)
    if text != "haproxy":
        put(data, "balancer.mode", None)
        put(data, "balancer.statistics", None)
    if text != "lvs":
        put(data, "balancer.vip_on_nodes", None)
    if text == "lvs" and get(data, "tls.mode") == "terminate":
        put(data, "tls.mode", "passthrough")
    if not data.get("balancer"):
        data.pop("balancer", None)


def _set_solution(data: Data, text: str) -> None:
    """Choose a solution: what the other ones have and this one has not goes."""
    if text == data.get("solution"):
        return
    put(data, "solution", text)
    put(data, "balancer", None)
    if _shares(data):
        put(data, "replication", None)
        data.setdefault("storage", {"type": "filesystem"})
    else:
        for key in ("database", "redis", "storage", "job_logs"):
            put(data, key, None)
    # Without a balancer TLS ends at the nodes.
    if text == "active-active":
        if get(data, "tls.mode") == "passthrough":
            put(data, "tls.mode", "terminate")
    elif get(data, "tls.mode") == "terminate" and not _balances(data):
        put(data, "tls.mode", "passthrough")


def _words(path: str) -> Callable[[Data], str]:
    def read(data: Data) -> str:
        listed = get(data, path)
        return ", ".join(map(str, listed)) if isinstance(listed, list) else ""

    return read


def _set_words(path: str) -> Callable[[Data, str], None]:
    def write(data: Data, text: str) -> None:
        put(data, path, [word for word in re.split(r"[,\s]+", text) if word] or None)

    return write


def _line(data: Data) -> tuple[int, int]:
    version = str(data.get("release") or NEWEST)
    return find(version if not supported(version) else NEWEST).line


def _set_source(data: Data, text: str) -> None:
    put(data, "packages.source", None if text == "distribution" else text)
    if text != "docker":
        put(data, "packages.mirror", None)
    if text != "bundle":
        put(data, "packages.bundle", None)
    if not data.get("packages"):
        data.pop("packages", None)


def _set_storage(data: Data, text: str) -> None:
    if get(data, "storage.type") != text:
        data["storage"] = {"type": text} if text else {}


def _has_tls(data: Data) -> bool:
    return bool(get(data, "tls.mode") != "none")


def _one_redis(data: Data) -> bool:
    return _redis_kind(data) == "one host"


def _has_sentinel(data: Data) -> bool:
    return _redis_kind(data) == "sentinel"


def _stored_in(kind: str) -> Callable[[Data], bool]:
    return lambda data: bool(get(data, "storage.type") == kind)


def _has(path: str) -> Callable[[Data], bool]:
    return lambda data: get(data, path) not in (None, "", False)


def _own_certificate(data: Data) -> bool:
    return _has_tls(data) and get(data, "tls.issuer") != "wizard"


_STORES = ("filesystem", "nfs", "s3", "swift", "gcs", "azure", "oss")

_REDIS_PASSWORD = "secret:redis_password"  # noqa: S105 - references, not values
_SSH_PASSWORD = "secret:ssh_password"  # noqa: S105
_SUDO_PASSWORD = "secret:sudo_password"  # noqa: S105

QUESTIONS: tuple[Question, ...] = (
    _of(Cluster, "solution", "solution", "Solution", "choice",
        choices=tuple(one.value for one in Solution), write=_set_solution),
    _of(Cluster, "public_name", "topology", "Public name"),
    _of(Balancer, "balancer.type", "topology", "Balanced by", "choice", default="haproxy",
        choices=("haproxy", "lvs", "existing"), write=_set_balancer, when=_is("active-active"),
        help="haproxy, lvs (direct routing), or a balancer that is there already (existing)"),
    _of(Balancer, "balancer.type", "topology", "Balanced by", "choice", default="haproxy",
        choices=("haproxy", "nginx"), write=_set_balancer, variant="masters",
        when=lambda data: _is("master-master")(data) and _balances(data),
        help="what is on the balancers: haproxy, or nginx with ip_hash"),
    _of(VirtualAddress, "virtual_address.address", "topology", "Virtual address",
        when=_holds_address),
    _of(VirtualAddress, "virtual_address.router_id", "topology", "Router id", number=True,
        when=_holds_address),
    _of(Balancer, "balancer.mode", "topology", "Nodes are", "choice", default="balanced",
        choices=("balanced", "active-backup"),
        when=lambda data: _is("active-active")(data) and _balanced_by("haproxy")(data)),
    _of(Balancer, "balancer.vip_on_nodes", "topology", "On the nodes", "choice",
        default="loopback", choices=("loopback", "redirect"), when=_balanced_by("lvs")),
    _of(Balancer, "balancer.statistics", "topology", "Statistics", number=True,
        example="", when=_balanced_by("haproxy")),
    _of(Replication, "replication.projects", "topology", "Projects", example="library, team-a",
        when=_replicates, read=_words("replication.projects"),
        write=_set_words("replication.projects")),
    _of(Replication, "replication.repositories", "topology", "Repositories", when=_replicates),
    _of(Replication, "replication.tags", "topology", "Tags", when=_replicates),
    _flag("replication.deletion", "topology", "Deletions",
          "yes where a deletion is replicated, too", yes=None, no=False, when=_replicates),
    _of(Access, "access.user", "access", "User"),
    _of(Access, "access.port", "access", "Port", number=True),
    _of(Access, "access.key", "access", "Private key", "path"),
    _flag("access.password", "access", "By password",
          "yes where no key serves; the password itself is asked for and kept encrypted",
          yes=_SSH_PASSWORD),
    Question("access.password", "access", "Login password", "the login's password on the hosts",
             "secret", _SSH_PASSWORD, when=_has("access.password")),
    _flag("access.sudo", "access", "Use sudo",
          "yes where the login is not root's and sudo makes it so", yes=True),
    _flag("access.sudo_password", "access", "sudo asks",
          "yes where sudo asks for a password", yes=_SUDO_PASSWORD, when=_has("access.sudo")),
    Question("access.sudo_password", "access", "sudo password", "the password that sudo asks for",
             "secret", _SUDO_PASSWORD, when=_has("access.sudo_password")),
    _of(Access, "access.jump", "access", "Jump host"),
    _of(Access, "access.known_hosts", "access", "known_hosts", "path"),
    _of(Cluster, "release", "services", "Harbor", default=NEWEST),
    _of(Installer, "installer.file", "services", "Installer file", "path"),
    _of(Installer, "installer.url", "services", "… or its URL", example="https://…"),
    _of(Installer, "installer.sha256", "services", "… its SHA-256", example="64 digits"),
    _of(Tls, "tls.mode", "services", "TLS ends", "choice", default="terminate",
        choices=("terminate", "passthrough", "none"), write=_set_tls_mode,
        help="terminate: at the balancers; passthrough: at the nodes; none: plain http"),
    _of(Tls, "tls.issuer", "services", "Certificate of", "choice", default="operator",
        choices=("operator", "wizard"), when=_has_tls, write=_set_issuer,
        help="operator: yours; wizard: made here, by a private CA that clients have to trust"),
    _of(Tls, "tls.certificate", "services", "Certificate", "path", when=_own_certificate),
    _of(Tls, "tls.key", "services", "Certificate's key", "path", when=_own_certificate),
    _of(Tls, "tls.ca", "services", "CA certificate", "path", when=_own_certificate),
    _of(Tls, "tls.clients", "services", "Trusted by", example="harbor-1", when=_has_tls,
        read=_words("tls.clients"), write=_set_words("tls.clients"),
        help="names of hosts here whose Docker shall trust the CA"),
    _flag("tls.internal", "services", "TLS inside", "yes for TLS between Harbor's own parts, too",
          yes=True, when=lambda data: _line(data) >= (2, 0)),
    _of(Database, "database.host", "services", "Database host", when=_existing_state),
    _of(Database, "database.port", "services", "Database port", number=True, default="5432",
        when=_existing_state),
    _of(Database, "database.name", "services", "Database name", when=_existing_state),
    _of(Database, "database.user", "services", "Database user", when=_existing_state),
    _of(Database, "database.ssl_mode", "services", "Database TLS", "choice",
        choices=("disable", "require", "verify-ca", "verify-full"), when=_existing_state,
        help="how PostgreSQL is spoken to: without TLS, with it, or with its certificate checked"),
    Question("database.password", "services", "Database password",
             "the database user's password", "secret", "secret:database_password",
             when=_existing_state),
    _of(Database, "database.admin", "services", "Database admin", example="postgres",
        when=_existing_state,
        help="an account that may make the user and database; empty where they are there"),
    Question("database.admin_password", "services", "… its password",
             "the password of the account that may make them", "secret",
             "secret:database_admin_password", when=_has("database.admin")),
    _of(Database, "database.schema_file", "services", "Schema file", "path",
        when=lambda data: _existing_state(data) and _line(data) < (1, 6)),
    Question("redis", "services", "Redis is", "one host, or found by Redis Sentinel", "choice",
             "one host", choices=("one host", "sentinel"), read=_redis_kind,
             write=_set_redis_kind, when=_existing_state),
    _of(Redis, "redis.host", "services", "Redis host", when=_one_redis),
    _of(Redis, "redis.port", "services", "Redis port", number=True, when=_one_redis),
    _of(Sentinel, "redis.sentinel.master", "services", "Sentinel master", when=_has_sentinel),
    _of(Sentinel, "redis.sentinel.nodes", "services", "Sentinels", when=_has_sentinel,
        example="10.0.0.31:26379, 10.0.0.32:26379", read=_sentinels, write=_set_sentinels,
        help="the sentinels as host:port, with commas between them"),
    _flag("redis.password", "services", "Redis asks",
          "yes where Redis asks for a password", yes=_REDIS_PASSWORD, when=_existing_state),
    Question("redis.password", "services", "Redis password", "Redis' password", "secret",
             _REDIS_PASSWORD,
             when=lambda data: _existing_state(data) and _has("redis.password")(data)),
    Question("storage.type", "services", "Images kept in",
             "a mounted shared file system, an NFS export, or an object store", "choice",
             "filesystem", choices=_STORES, write=_set_storage, when=_shares),
    _of(FilesystemStorage, "storage.path", "services", "Shared folder",
        when=_stored_in("filesystem")),
    _of(NfsStorage, "storage.server", "services", "NFS server", when=_stored_in("nfs")),
    _of(NfsStorage, "storage.export", "services", "NFS export", when=_stored_in("nfs")),
    _of(NfsStorage, "storage.options", "services", "Mount options", when=_stored_in("nfs")),
    _of(S3Storage, "storage.bucket", "services", "S3 bucket", when=_stored_in("s3")),
    _of(S3Storage, "storage.region", "services", "S3 region", when=_stored_in("s3")),
    _of(S3Storage, "storage.endpoint", "services", "S3 endpoint", when=_stored_in("s3")),
    _of(S3Storage, "storage.root", "services", "S3 folder", when=_stored_in("s3")),
    _flag("storage.redirect", "services", "S3 redirects",
          "no where the clients cannot reach the bucket themselves", yes=None, no=False,
          when=_stored_in("s3")),
    Question("storage.access_key", "services", "S3 access key", "the bucket's access key",
             "secret", "secret:s3_access_key", when=_stored_in("s3")),
    Question("storage.secret_key", "services", "S3 secret key", "the bucket's secret key",
             "secret", "secret:s3_secret_key", when=_stored_in("s3")),
    _of(SwiftStorage, "storage.container", "services", "Swift container",
        when=_stored_in("swift"), variant="swift"),
    _of(SwiftStorage, "storage.auth_url", "services", "Keystone URL", when=_stored_in("swift")),
    _of(SwiftStorage, "storage.username", "services", "Swift user", when=_stored_in("swift")),
    _of(SwiftStorage, "storage.tenant", "services", "Swift project", when=_stored_in("swift")),
    _of(SwiftStorage, "storage.domain", "services", "Swift domain", when=_stored_in("swift")),
    _of(SwiftStorage, "storage.region", "services", "Swift region", when=_stored_in("swift"),
        variant="swift"),
    Question("storage.password", "services", "Swift password", "the Swift user's password",
             "secret", "secret:swift_password", when=_stored_in("swift")),
    _of(GcsStorage, "storage.bucket", "services", "GCS bucket", when=_stored_in("gcs"),
        variant="gcs"),
    _of(GcsStorage, "storage.key_file", "services", "GCS key file", "path",
        when=_stored_in("gcs")),
    _of(AzureStorage, "storage.account", "services", "Azure account", when=_stored_in("azure")),
    _of(AzureStorage, "storage.container", "services", "Azure container",
        when=_stored_in("azure"), variant="azure"),
    Question("storage.account_key", "services", "Azure key", "the storage account's key",
             "secret", "secret:azure_account_key", when=_stored_in("azure")),
    _of(OssStorage, "storage.bucket", "services", "OSS bucket", when=_stored_in("oss"),
        variant="oss"),
    _of(OssStorage, "storage.region", "services", "OSS region", when=_stored_in("oss"),
        variant="oss"),
    _of(OssStorage, "storage.endpoint", "services", "OSS endpoint", when=_stored_in("oss"),
        variant="oss"),
    Question("storage.access_key", "services", "OSS access key", "the bucket's access key",
             "secret", "secret:oss_access_key", when=_stored_in("oss"), variant="oss"),
    Question("storage.secret_key", "services", "OSS secret key", "the bucket's secret key",
             "secret", "secret:oss_secret_key", when=_stored_in("oss"), variant="oss"),
    _of(Cluster, "job_logs", "services", "Job logs",
        when=lambda data: _shares(data) and _line(data) < (2, 9)),
    _of(Cluster, "scanner", "services", "Scanner", "choice", default="none",
        choices=("none", "trivy"), when=lambda data: _line(data) >= (2, 0)),
    _of(Packages, "packages.source", "services", "Docker from", "choice", default="distribution",
        choices=("distribution", "docker", "bundle"), write=_set_source,
        help="the distribution, Docker's own repository, or a bundle made for an isolated site"),
    _of(Packages, "packages.mirror", "services", "Docker mirror",
        when=lambda data: get(data, "packages.source") == "docker"),
    _of(Packages, "packages.bundle", "services", "Bundle", "path",
        when=lambda data: get(data, "packages.source") == "bundle"),
    _of(Cluster, "data_volume", "services", "Data volume"),
    _of(Cluster, "install_dir", "services", "Install folder"),
    Question("admin_password", "services", "Admin password",
             "the admin's first password; drawn where it is left empty", "secret",
             "secret:harbor_admin_password"),
    Question(PASSPHRASE, "services", "Passphrase",
             "it encrypts the secrets that this session keeps; asked for again before a run",
             "secret", PASSPHRASE),
)  # fmt: skip

# Asked of each host; their paths are within the host.
HOST_QUESTIONS: tuple[Question, ...] = (
    _of(Host, "name", "topology", "Name"),
    Question("roles", "topology", "Role", "balancer takes clients, harbor serves them, services "
             "has a database and Redis for a proof of concept", "choice", "harbor",
             choices=tuple(one.value for one in Role),
             read=lambda host: ", ".join(map(str, host.get("roles") or [])),
             write=lambda host, text: put(host, "roles",
                                          [r for r in re.split(r"[,\s]+", text) if r] or None)),
    _of(Host, "address", "topology", "Address"),
    _of(Host, "interface", "topology", "Interface",
        help="the network interface that gets the virtual address"),
    _of(Host, "public_name", "topology", "Own name",
        help="this Harbor's own name, where each has a state of its own; else leave it empty"),
    Question("platform", "topology", "System",
             "the operating system; “find out” asks the host when access is tried", "choice",
             "find out", choices=("find out", *PLATFORMS),
             read=lambda host: str(host.get("platform") or "find out"),
             write=lambda host, text: put(host, "platform",
                                          None if text == "find out" else text)),
)  # fmt: skip


def fresh(name: str) -> Data:
    """Return the first answers of a new session."""
    return {
        "name": name,
        "release": NEWEST,
        "tls": {"mode": "terminate"},
        "storage": {"type": "filesystem"},
    }


def asked(data: Data, section: Section) -> list[Question]:
    """Return the questions of a section that are to be asked, given the other answers."""
    return [one for one in QUESTIONS if one.section == section and one.when(data)]


def shaped(data: Data) -> Data:
    """Return a copy in which every part is there, so that what is missing is named in full."""
    made = copy.deepcopy(data)
    parts = ["installer", "tls"]
    if _holds_address(data):
        parts.append("virtual_address")
    if _existing_state(data):
        parts += ["database", "redis"]
    if _shares(data):
        parts.append("storage")
    for part in parts:
        made.setdefault(part, {})
    made.setdefault("hosts", [])
    return made


@dataclass(frozen=True)
class Problem:
    """Something that is wrong: where, and why, as a sentence."""

    path: str
    reason: str

    @property
    def section(self) -> Section:
        """The section whose answers mend it."""
        if self.path.startswith("hosts"):
            unknown = self.path.endswith(".platform") and self.reason.startswith("is missing")
            return "access" if ".access" in self.path or unknown else "topology"
        return _SECTION_OF.get(re.split(r"[.\[]", self.path)[0], "services")

    def sentence(self, data: Data) -> str:
        """Return it in the words of the questions: labels and hosts' names, not paths."""
        if self.path == "solution" and self.reason.startswith("is missing"):
            return "Choose a solution: Enter takes the one under the cursor"
        if self.path == "hosts" and self.reason.startswith("[]"):
            return "Hosts: there are none yet; add the machines that the solution needs"
        if self.path == "installer" and "neither" in self.reason:
            return "Installer: is missing; give its file here, or a URL that the nodes can reach"
        if self.path == "redis" and "neither" in self.reason:
            return "Redis host: is missing; give its name or address"
        found = re.fullmatch(r"hosts\[(\d+)\]\.?(.*)", self.path)
        if found is not None:
            where = f"{_host_name(data, int(found[1]))} {found[2]}".strip()
        else:
            where = next((q.label for q in QUESTIONS if q.path == self.path), self.path)
        if self.path.endswith(".platform") and self.reason.startswith("is missing"):
            return f"{where}: is not known yet; try the hosts with Ctrl+T, or choose it in Topology"
        reason = re.sub(r"hosts\[(\d+)\]", lambda at: _host_name(data, int(at[1])), self.reason)
        # The field is in front of the operator: what it is for does not have to be said again.
        reason = re.sub(r"^is missing; expected .*, for example ", "is missing, e.g. ", reason)
        return f"{where}: {reason}"


_SECTION_OF: dict[str, Section] = {
    "name": "solution", "solution": "solution", "public_name": "topology",
    "virtual_address": "topology", "access": "access", "balancer": "topology",
    "replication": "topology",
}  # fmt: skip


def _host_name(data: Data, index: int) -> str:
    hosts = data.get("hosts")
    host = hosts[index] if isinstance(hosts, list) and index < len(hosts) else None
    name = host.get("name") if isinstance(host, dict) else None
    return str(name or f"host {index + 1}")


def problems(data: Data, folder: Path | None = None) -> list[Problem]:
    """Return all that is wrong with the answers; with a folder, also files that are not there."""
    try:
        load.parse(shaped(data), "", folder)
    except ClusterError as error:
        found = [_problem(sentence) for sentence in error.problems]
        # Of a list whose items are wrong, the items' own sentences say it all.
        return [one for one in found if not (_whole(one) and _has_inner(one, found))]
    return []


def _whole(problem: Problem) -> bool:
    return "is not right; expected" in problem.reason


def _has_inner(problem: Problem, found: list[Problem]) -> bool:
    return any(other.path.startswith((f"{problem.path}.", f"{problem.path}["))
               for other in found)  # fmt: skip


def _problem(sentence: str) -> Problem:
    path, _, reason = sentence.partition(": ")
    return Problem(path, reason)


def validate(path: str, value: Any, data: Data, folder: Path | None = None) -> str | None:
    """Return why a value cannot stand at a path, as a sentence; None where it can."""
    changed = shaped(data)
    put(changed, path, value)
    return reason_at(path, problems(changed, folder))


def reason_at(path: str, found: list[Problem]) -> str | None:
    """Return the first reason that is given for a path or what is below it."""
    for one in found:
        if one.path == path or one.path.startswith((f"{path}.", f"{path}[")):
            return one.reason
    return None


def check(question: Question, text: str, data: Data, folder: Path | None = None) -> str | None:
    """Return why an answer is not right, as a sentence; None where it is."""
    if question.kind == "secret":
        return secret_reason(question.secret_name(data), text)
    changed = shaped(data)
    question.store(changed, text)
    if not text.strip() and get(changed, question.path) is None and question.path != "redis":
        return None  # what is missing is said where all is looked at together
    return reason_at(question.path, problems(changed, folder))


def secret_reason(name: str, value: str) -> str | None:
    """Return why a secret cannot be used, or None. An empty one is asked for later."""
    if not value:
        return None
    if len(value) < MINIMUM_LENGTH:
        return f"is too short; at least {MINIMUM_LENGTH} characters, so that it can be masked"
    if name == "harbor_admin_password":
        kinds = (str.isupper, str.islower, str.isdigit)
        if not 8 <= len(value) <= 128 or not all(any(map(kind, value)) for kind in kinds):
            return "is not one that Harbor takes: 8 to 128 characters with A-Z, a-z and 0-9"
    return None


def host_reasons(host: Data, index: int, data: Data) -> dict[str, str]:
    """Return what is wrong with one host's answers, by field; `index` is its place in the list."""
    changed = shaped(data)
    hosts = list(changed["hosts"]) if isinstance(changed["hosts"], list) else []
    hosts[index : index + 1] = [host]
    changed["hosts"] = hosts
    found: dict[str, str] = {}
    for one in problems(changed):
        prefix = f"hosts[{min(index, len(hosts) - 1)}]."
        if one.path.startswith(prefix) and one.section == "topology":
            field = re.split(r"[.\[]", one.path.removeprefix(prefix))[0]
            found.setdefault(field, one.sentence(changed).partition(": ")[2])
    return found


def pasted_hosts(text: str, solution: str = "active-active") -> list[Data]:
    """Return hosts for pasted lines, each `name address` or an address alone.

    A name that begins with lb, bal, ha, proxy or vip makes a balancer; without names, the first
    two are balancers where the solution cannot do without.
    """
    nameless = 2 if solution == "active-active" else 0
    hosts: list[Data] = []
    for line in text.splitlines():
        words = line.replace(",", " ").replace(";", " ").split()
        if not words or words[0].startswith("#"):
            continue
        address = next((word for word in words if re.fullmatch(r"[0-9.]+|.*:.*", word)), words[-1])
        name = next((word.lower() for word in words if word != address), "")
        named = bool(re.match(r"lb|bal|haproxy|proxy|vip", name))
        balancer = named if name else len(hosts) < nameless
        same = sum((h["roles"] == ["balancer"]) == balancer for h in hosts) + 1
        host: Data = {
            "name": name or (f"lb-{same}" if balancer else f"harbor-{same}"),
            "roles": ["balancer" if balancer else "harbor"],
            "address": address,
        }
        if balancer or solution == "active-standby":
            host["interface"] = "eth0"
        hosts.append(host)
    return hosts


def for_access(data: Data) -> Cluster:
    """Return a cluster that is good for trying the access, whatever else is not answered yet.

    Raises `ClusterError` where the hosts or the access themselves are wrong.
    """
    hosts = data.get("hosts")
    known = [dict(host) for host in hosts if isinstance(host, dict)] if hosts else []
    for host in known:
        host.setdefault("platform", next(iter(PLATFORMS)))
    filled = {
        "name": data.get("name"), "solution": data.get("solution"), "release": NEWEST,
        "installer": {"file": "-"}, "public_name": data.get("public_name"),
        "virtual_address": data.get("virtual_address"), "access": data.get("access") or {},
        "hosts": known, "tls": {"mode": "none"}, "balancer": data.get("balancer") or {},
    }  # fmt: skip
    if _existing_state(data):
        filled.update(database={"host": "localhost"}, redis={"host": "localhost"})
    if _shares(data):
        filled["storage"] = {"type": "filesystem", "path": "/mnt"}
    return load.parse(filled, "")
