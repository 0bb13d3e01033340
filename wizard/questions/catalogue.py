"""All questions, in the order in which they are asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from harbor_wizard.language import mark, tr
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
from harbor_wizard.questions.answers import Data, Section, get, put
from harbor_wizard.questions.conditions import (
    asks_clair_database,
    balanced_by,
    balances,
    existing_state,
    has,
    has_sentinel,
    has_tls,
    holds_address,
    keeps_job_logs,
    one_redis,
    own_certificate,
    passes_through,
    redis_kind,
    release_of,
    replicates,
    roles_of,
    roles_taken,
    scanners,
    shares,
    solved_by,
    stored_in,
    terminates,
)
from harbor_wizard.questions.question import Question, flag, of
from harbor_wizard.questions.writing import (
    sentinels,
    set_balancer,
    set_clair_host,
    set_issuer,
    set_redis_kind,
    set_sentinels,
    set_source,
    set_storage,
    set_tls_mode,
    set_words,
    words_at,
)
from harbor_wizard.releases import NEWEST
from harbor_wizard.secrets import PASSPHRASE

_STORES = ("filesystem", "nfs", "s3", "swift", "gcs", "azure", "oss")

_REDIS_PASSWORD = "secret:redis_password"  # noqa: S105 - references, not values
_SSH_PASSWORD = "secret:ssh_password"  # noqa: S105
_SUDO_PASSWORD = "secret:sudo_password"  # noqa: S105

QUESTIONS: tuple[Question, ...] = (
    of(Cluster, "solution", "solution", "Solution", "choice",
        choices=tuple(one.value for one in Solution)),
    of(Cluster, "public_name", "topology", "Public name"),
    of(Balancer, "balancer.type", "topology", "Balanced by", "choice", default="haproxy",
        choices=("haproxy", "lvs", "existing"), write=set_balancer, when=solved_by("active-active"),
        help="haproxy, lvs (direct routing), or a balancer that is there already (existing)"),
    of(Balancer, "balancer.type", "topology", "Balanced by", "choice", default="haproxy",
        choices=("haproxy", "nginx"), write=set_balancer, variant="masters",
        when=lambda data: solved_by("master-master")(data) and balances(data),
        help="what is on the balancers: haproxy, or nginx with ip_hash"),
    of(VirtualAddress, "virtual_address.address", "topology", "Virtual address",
        when=holds_address),
    of(VirtualAddress, "virtual_address.router_id", "topology", "Router id", number=True,
        when=holds_address),
    of(Balancer, "balancer.mode", "topology", "Nodes are", "choice", default="balanced",
        choices=("balanced", "active-backup"),
        when=lambda data: solved_by("active-active")(data) and balanced_by("haproxy")(data)),
    of(Balancer, "balancer.vip_on_nodes", "topology", "On the nodes", "choice",
        default="loopback", choices=("loopback", "redirect"), when=balanced_by("lvs")),
    of(Balancer, "balancer.statistics", "topology", "Statistics", number=True,
        example="", when=balanced_by("haproxy")),
    of(Replication, "replication.projects", "topology", "Projects", example="library, team-a",
        when=replicates, read=words_at("replication.projects"),
        write=set_words("replication.projects")),
    of(Replication, "replication.repositories", "topology", "Repositories", when=replicates),
    of(Replication, "replication.tags", "topology", "Tags", when=replicates),
    flag("replication.deletion", "topology", "Deletions",
          "yes where a deletion is replicated, too", yes=None, no=False, when=replicates),
    of(Access, "access.user", "access", "User"),
    of(Access, "access.port", "access", "Port", number=True),
    of(Access, "access.key", "access", "Private key", "path"),
    flag("access.password", "access", "By password",
          "yes where no key serves; the password itself is asked for and kept encrypted",
          yes=_SSH_PASSWORD),
    Question("access.password", "access", "Login password", "the login's password on the hosts",
             "secret", _SSH_PASSWORD, when=has("access.password")),
    flag("access.sudo", "access", "Use sudo",
          "yes where the login is not root's and sudo makes it so", yes=True),
    flag("access.sudo_password", "access", "sudo asks",
          "yes where sudo asks for a password", yes=_SUDO_PASSWORD, when=has("access.sudo")),
    Question("access.sudo_password", "access", "sudo password", "the password that sudo asks for",
             "secret", _SUDO_PASSWORD, when=has("access.sudo_password")),
    of(Access, "access.jump", "access", "Jump host"),
    of(Access, "access.known_hosts", "access", "known_hosts", "path"),
    of(Cluster, "firewall", "access", "Firewalls", "choice", choices=("leave", "open")),
    of(Cluster, "release", "services", "Harbor", default=NEWEST),
    of(Installer, "installer.file", "services", "Installer file", "path"),
    of(Installer, "installer.url", "services", "… or its URL", example="https://…"),
    of(Installer, "installer.sha256", "services", "… its SHA-256", example=mark("64 digits")),
    of(Tls, "tls.mode", "services", "TLS ends", "choice", default="terminate",
        choices=("terminate", "passthrough", "none"), write=set_tls_mode,
        when=lambda data: terminates(data) and passes_through(data),
        help="terminate: at the balancers; passthrough: at the nodes; none: plain http"),
    of(Tls, "tls.mode", "services", "TLS ends", "choice", default="passthrough",
        choices=("passthrough", "none"), write=set_tls_mode, variant="nodes",
        when=lambda data: not terminates(data),
        help="passthrough: at the nodes; none: plain http"),
    of(Tls, "tls.mode", "services", "TLS ends", "choice", default="terminate",
        choices=("terminate", "none"), write=set_tls_mode, variant="balancers",
        when=lambda data: terminates(data) and not passes_through(data),
        help="terminate: at the balancers, which send pushes to the master; none: plain http"),
    of(Tls, "tls.issuer", "services", "Certificate of", "choice", default="operator",
        choices=("operator", "wizard"), when=has_tls, write=set_issuer,
        help="operator: yours; wizard: made here, by a private CA that clients have to trust"),
    of(Tls, "tls.certificate", "services", "Certificate", "path", when=own_certificate),
    of(Tls, "tls.key", "services", "Certificate's key", "path", when=own_certificate),
    of(Tls, "tls.ca", "services", "CA certificate", "path", when=own_certificate),
    of(Tls, "tls.clients", "services", "Trusted by", example="harbor-1", when=has_tls,
        read=words_at("tls.clients"), write=set_words("tls.clients"),
        help="names of hosts here whose Docker shall trust the CA"),
    flag("tls.internal", "services", "TLS inside", "yes for TLS between Harbor's own parts, too",
          yes=True, when=lambda data: release_of(data).internal_tls or has("tls.internal")(data)),
    of(Database, "database.host", "services", "Database host", when=existing_state),
    of(Database, "database.port", "services", "Database port", number=True, default="5432",
        when=existing_state),
    of(Database, "database.name", "services", "Database name", when=existing_state),
    of(Database, "database.user", "services", "Database user", when=existing_state),
    of(Database, "database.ssl_mode", "services", "Database TLS", "choice",
        choices=("disable", "require", "verify-ca", "verify-full"),
        when=lambda data: existing_state(data) and not release_of(data).uses_mariadb,
        help="how PostgreSQL is spoken to: without TLS, with it, or with its certificate checked"),
    Question("database.password", "services", "Database password",
             "the database user's password", "secret", "secret:database_password",
             when=existing_state),
    of(Database, "database.admin", "services", "Database admin", example="postgres",
        when=existing_state,
        help="an account that may make the user and database; empty where they are there"),
    Question("database.admin_password", "services", "… its password",
             "the password of the account that may make them", "secret",
             "secret:database_admin_password",
             when=lambda data: existing_state(data) and has("database.admin")(data)),
    of(Database, "database.schema_file", "services", "Schema file", "path",
        when=lambda data: existing_state(data)
        and (release_of(data).uses_mariadb or has("database.schema_file")(data))),
    Question("redis", "services", "Redis is", "one host, or found by Redis Sentinel", "choice",
             "one host", choices=("one host", "sentinel"), read=redis_kind,
             write=set_redis_kind,
             when=lambda data: (release_of(data).sentinel and existing_state(data))
             or has_sentinel(data)),
    of(Redis, "redis.host", "services", "Redis host", when=one_redis),
    of(Redis, "redis.port", "services", "Redis port", number=True, when=one_redis),
    of(Sentinel, "redis.sentinel.master", "services", "Sentinel master", when=has_sentinel),
    of(Sentinel, "redis.sentinel.nodes", "services", "Sentinels", when=has_sentinel,
        example="10.0.0.31:26379, 10.0.0.32:26379", read=sentinels, write=set_sentinels,
        help="the sentinels as host:port, with commas between them"),
    flag("redis.password", "services", "Redis asks",
          "yes where Redis asks for a password", yes=_REDIS_PASSWORD, when=existing_state),
    Question("redis.password", "services", "Redis password", "Redis' password", "secret",
             _REDIS_PASSWORD,
             when=lambda data: existing_state(data) and has("redis.password")(data)),
    Question("storage.type", "services", "Images kept in",
             "a mounted shared file system, an NFS export, or an object store", "choice",
             "filesystem", choices=_STORES, write=set_storage, when=shares),
    of(FilesystemStorage, "storage.path", "services", "Shared folder",
        when=stored_in("filesystem")),
    of(NfsStorage, "storage.server", "services", "NFS server", when=stored_in("nfs")),
    of(NfsStorage, "storage.export", "services", "NFS export", when=stored_in("nfs")),
    of(NfsStorage, "storage.options", "services", "Mount options", when=stored_in("nfs")),
    of(S3Storage, "storage.bucket", "services", "S3 bucket", when=stored_in("s3")),
    of(S3Storage, "storage.region", "services", "S3 region", when=stored_in("s3")),
    of(S3Storage, "storage.endpoint", "services", "S3 endpoint", when=stored_in("s3")),
    of(S3Storage, "storage.root", "services", "S3 folder", when=stored_in("s3")),
    flag("storage.redirect", "services", "S3 redirects",
          "no where the clients cannot reach the bucket themselves", yes=None, no=False,
          when=stored_in("s3")),
    Question("storage.access_key", "services", "S3 access key", "the bucket's access key",
             "secret", "secret:s3_access_key", when=stored_in("s3")),
    Question("storage.secret_key", "services", "S3 secret key", "the bucket's secret key",
             "secret", "secret:s3_secret_key", when=stored_in("s3")),
    of(SwiftStorage, "storage.container", "services", "Swift container",
        when=stored_in("swift"), variant="swift"),
    of(SwiftStorage, "storage.auth_url", "services", "Keystone URL", when=stored_in("swift")),
    of(SwiftStorage, "storage.username", "services", "Swift user", when=stored_in("swift")),
    of(SwiftStorage, "storage.tenant", "services", "Swift project", when=stored_in("swift")),
    of(SwiftStorage, "storage.domain", "services", "Swift domain", when=stored_in("swift")),
    of(SwiftStorage, "storage.region", "services", "Swift region", when=stored_in("swift"),
        variant="swift"),
    Question("storage.password", "services", "Swift password", "the Swift user's password",
             "secret", "secret:swift_password", when=stored_in("swift")),
    of(GcsStorage, "storage.bucket", "services", "GCS bucket", when=stored_in("gcs"),
        variant="gcs"),
    of(GcsStorage, "storage.key_file", "services", "GCS key file", "path",
        when=stored_in("gcs")),
    of(AzureStorage, "storage.account", "services", "Azure account", when=stored_in("azure")),
    of(AzureStorage, "storage.container", "services", "Azure container",
        when=stored_in("azure"), variant="azure"),
    Question("storage.account_key", "services", "Azure key", "the storage account's key",
             "secret", "secret:azure_account_key", when=stored_in("azure")),
    of(OssStorage, "storage.bucket", "services", "OSS bucket", when=stored_in("oss"),
        variant="oss"),
    of(OssStorage, "storage.region", "services", "OSS region", when=stored_in("oss"),
        variant="oss"),
    of(OssStorage, "storage.endpoint", "services", "OSS endpoint", when=stored_in("oss"),
        variant="oss"),
    Question("storage.access_key", "services", "OSS access key", "the bucket's access key",
             "secret", "secret:oss_access_key", when=stored_in("oss"), variant="oss"),
    Question("storage.secret_key", "services", "OSS secret key", "the bucket's secret key",
             "secret", "secret:oss_secret_key", when=stored_in("oss"), variant="oss"),
    of(Cluster, "job_logs", "services", "Job logs", when=keeps_job_logs),
    *(of(Cluster, "scanner", "services", "Scanner", "choice", default="none", choices=choices,
         variant=variant, when=lambda data, choices=choices: scanners(data) == choices)
      for variant, choices in (("", ("none", "trivy")), ("clair", ("none", "clair")),
                               ("both", ("none", "trivy", "clair")))),
    of(Database, "clair_database.host", "services", "Clair's database",
        when=asks_clair_database, write=set_clair_host,
        help="the name or address of a PostgreSQL for clair"),
    of(Database, "clair_database.name", "services", "… its name", when=asks_clair_database),
    of(Database, "clair_database.user", "services", "… its user", when=asks_clair_database),
    of(Database, "clair_database.password", "services", "… its password", "secret",
        default="secret:clair_database_password", when=asks_clair_database,
        help="the password of that user of clair's database"),
    of(Packages, "packages.source", "services", "Docker from", "choice", default="distribution",
        choices=("distribution", "docker", "bundle"), write=set_source,
        help="the distribution, Docker's own repository, or a bundle made for an isolated site"),
    of(Packages, "packages.mirror", "services", "Docker mirror",
        when=lambda data: get(data, "packages.source") == "docker"),
    of(Packages, "packages.bundle", "services", "Bundle", "path",
        when=lambda data: get(data, "packages.source") == "bundle"),
    of(Cluster, "data_volume", "services", "Data volume"),
    of(Cluster, "install_dir", "services", "Install folder"),
    Question("admin_password", "services", "Admin password",
             "the admin's first password; drawn where it is left empty", "secret",
             "secret:harbor_admin_password"),
    Question(PASSPHRASE, "services", "Passphrase",
             "it encrypts the secrets that this session keeps; asked for again before a run",
             "secret", PASSPHRASE),
)  # fmt: skip

# Asked of each host; their paths are within the host.
HOST_QUESTIONS: tuple[Question, ...] = (
    of(Host, "name", "topology", "Name"),
    Question("roles", "topology", "Role", "balancer takes clients, harbor serves them, services "
             "has a database and Redis for a proof of concept", "choice", "harbor",
             choices=tuple(one.value for one in Role),
             read=lambda host: ", ".join(map(str, host.get("roles") or [])),
             write=lambda host, text: put(host, "roles",
                                          [r for r in re.split(r"[,\s]+", text) if r] or None)),
    of(Host, "address", "topology", "Address"),
    of(Host, "interface", "topology", "Interface",
        help="the network interface that gets the virtual address"),
    of(Host, "public_name", "topology", "Own name",
        help="this Harbor's own name, if it has one; else it is reached by its address"),
    Question("platform", "topology", "System",
             "the operating system; “find out” asks the host when access is tried", "choice",
             "find out", choices=("find out", *PLATFORMS),
             read=lambda host: str(host.get("platform") or "find out"),
             write=lambda host, text: put(host, "platform",
                                          None if text == "find out" else text)),
)  # fmt: skip

_ROLES_TOLD = {
    "balancer": mark("balancer takes clients"), "harbor": mark("harbor serves them"),
    "services": mark("services has a database and Redis for a proof of concept"),
}  # fmt: skip


def host_questions(data: Data) -> tuple[Question, ...]:
    """Return the questions of a host, given the cluster's answers; their `when` takes a host."""
    taken = roles_taken(data)
    roles = tuple(one.value for one in Role if one.value in taken)
    told = tr(", ").join(tr(_ROLES_TOLD[one]) for one in roles)
    holder = "harbor" if data.get("solution") == "active-standby" else "balancer"
    limits: dict[str, Callable[[Data], bool]] = {
        "interface": lambda host: holder in roles_of(host),
        "public_name": lambda host: replicates(data) and "harbor" in roles_of(host),
    }
    made = []
    for one in HOST_QUESTIONS:
        if one.path == "roles":
            made.append(replace(one, choices=roles, help=told))
        else:
            made.append(replace(one, when=limits.get(one.path, one.when)))
    return tuple(made)


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
