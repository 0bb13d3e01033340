"""The cluster's model: what a cluster file may say, and what each field means.

Descriptions and examples here are what the JSON Schema, the error messages and the wizard's help
show. Checks that look at more than one field are in `checks`.
"""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from harbor_wizard.platforms import PLATFORMS
from harbor_wizard.releases import NEWEST, find, supported


class Solution(StrEnum):
    """The four ways in which a Harbor stays up."""

    ACTIVE_ACTIVE = "active-active"
    ACTIVE_STANDBY = "active-standby"
    MASTER_SLAVE = "master-slave"
    MASTER_MASTER = "master-master"


class Role(StrEnum):
    """What a host is there for."""

    BALANCER = "balancer"
    HARBOR = "harbor"
    SERVICES = "services"


class BalancerType(StrEnum):
    """What spreads the clients over the nodes."""

    HAPROXY = "haproxy"
    LVS = "lvs"
    NGINX = "nginx"
    EXISTING = "existing"


class TlsMode(StrEnum):
    """Where TLS ends."""

    TERMINATE = "terminate"
    PASSTHROUGH = "passthrough"
    NONE = "none"


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("is not an IP address") from None


def _virtual(value: str) -> str:
    if "/" not in value:
        raise ValueError("has no prefix length")
    try:
        return str(ipaddress.ip_interface(value))
    except ValueError:
        raise ValueError("is not an IP address with a prefix length") from None


def _domain(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        pass
    else:
        return value
    labels = value.split(".")
    good = all(re.fullmatch(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)", label) for label in labels)
    if not good or len(value) > 253:
        raise ValueError("is not a host name")
    if labels[-1].isdigit():
        raise ValueError("is neither an IP address nor a host name")
    return value.lower()


def _release(value: str) -> str:
    reason = supported(value)
    if reason:
        raise ValueError(reason)
    return value


def _platform(value: str) -> str:
    if value not in PLATFORMS:
        raise ValueError(f"is not a platform that is supported ({', '.join(PLATFORMS)})")
    return value


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s'\"\\]+", value):
        raise ValueError("is not an http or https URL")
    return value


def _absolute(value: str) -> str:
    # Harbor's prepare reads data_volume by grep and awk: no blank, no quote, no comment.
    if not re.fullmatch(r"/[A-Za-z0-9._/+@-]+", value) or ".." in value.split("/"):
        raise ValueError("is not an absolute path made of letters, digits and ._/+@-")
    return value.rstrip("/")


def _secret(value: str) -> str:
    if not re.fullmatch(r"secret:[a-z][a-z0-9_]{0,62}", value):
        raise ValueError("is not a reference to a secret")
    return value


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$")]
Address = Annotated[str, AfterValidator(_address)]
Domain = Annotated[str, AfterValidator(_domain)]
AbsolutePath = Annotated[str, AfterValidator(_absolute)]
LocalPath = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/-]{1,128}$")]
Interface = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,15}$")]
Pattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/*?{},-]{1,255}$")]
User = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_.-]{0,31}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
SecretReference = Annotated[str, AfterValidator(_secret), Field(json_schema_extra={"secret": True})]


class Part(BaseModel):
    """A part of the cluster file: unknown keys are mistakes, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, use_enum_values=False)


class Installer(Part):
    """Where Harbor's offline installer comes from: a file here, or a URL the hosts can reach."""

    file: LocalPath | None = Field(
        None, description="the offline installer's path on this machine",
        examples=["~/harbor-offline-installer-v2.15.2.tgz"],
    )  # fmt: skip
    url: Annotated[str, AfterValidator(_url)] | None = Field(
        None, description="an http or https URL that every Harbor node can reach",
        examples=["https://files.example.com/harbor-offline-installer-v2.15.2.tgz"],
    )  # fmt: skip
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="its SHA-256 in 64 hexadecimal digits; required with a URL",
        examples=["0" * 64],
    )  # fmt: skip


class Packages(Part):
    """Where Docker and the other programs come from."""

    source: Literal["distribution", "docker", "bundle"] = Field(
        "distribution",
        description="distribution, docker (Docker's own repository, for Docker alone) or bundle",
        examples=["distribution"],
    )
    mirror: Annotated[str, AfterValidator(_url)] | None = Field(
        None, description="the URL of a mirror of https://download.docker.com",
        examples=["https://mirror.example.com/docker-ce"],
    )  # fmt: skip
    bundle: LocalPath | None = Field(
        None, description='the folder that "harbor-wizard bundle" made, on this machine',
        examples=["~/harbor-bundle"],
    )  # fmt: skip


class Balancer(Part):
    """What stands before the nodes, and how it chooses between them."""

    type: BalancerType = Field(
        BalancerType.HAPROXY,
        description="haproxy, lvs (direct routing), nginx (before two masters only) or existing "
        "(a balancer of the site's own)",
        examples=["haproxy"],
    )
    mode: Literal["balanced", "active-backup"] = Field(
        "balanced", description="balanced, or active-backup: one node takes all while it lives",
        examples=["balanced"],
    )  # fmt: skip
    vip_on_nodes: Literal["loopback", "redirect"] = Field(
        # By the loopback address Docker's own rule (destination is local) takes the packet; the
        # redirect of the 1.5 guide has to be repeated by a unit at each boot.
        "loopback", description="with lvs: how the nodes take packets for the virtual address, "
        "loopback or redirect",
        examples=["loopback"],
    )  # fmt: skip
    statistics: Port | None = Field(
        None, description="with haproxy: a port for the statistics page on each balancer's address",
        examples=[7000],
    )  # fmt: skip


class Replication(Part):
    """What is replicated between Harbors that each have a state of their own."""

    projects: tuple[Word, ...] = Field(
        (), description="the projects to replicate; all where none is named",
        examples=[["library", "team-a"]],
    )  # fmt: skip
    repositories: Pattern = Field(
        "**", description="a pattern of repositories within those projects", examples=["app-*"]
    )
    tags: Pattern = Field("**", description="a pattern of tags", examples=["v*"])
    deletion: bool = Field(
        True, description="true where a deletion is replicated, too", examples=[True]
    )


class VirtualAddress(Part):
    """The address that clients use, held by one of the balancers (VRRP)."""

    address: Annotated[str, AfterValidator(_virtual)] = Field(
        description="the virtual address with its prefix length", examples=["10.0.0.10/24"]
    )
    router_id: Annotated[int, Field(ge=1, le=255)] = Field(
        51, description="the VRRP virtual router id, 1 to 255, not in use on this segment",
        examples=[51],
    )  # fmt: skip


class Access(Part):
    """How a host is reached by SSH; what is not said comes from ~/.ssh/config."""

    user: User | None = Field(None, description="the login name", examples=["root"])
    port: Port | None = Field(None, description="sshd's port, 1 to 65535", examples=[22])
    key: LocalPath | None = Field(
        None, description="a private key's path; without one, the agent's and the usual ones",
        examples=["~/.ssh/id_ed25519"],
    )  # fmt: skip
    password: SecretReference | None = Field(
        None, description="a reference to the login password, where no key serves",
        examples=["secret:ssh_password"],
    )  # fmt: skip
    known_hosts: LocalPath | None = Field(
        None, description="a known_hosts file to read besides ~/.ssh/known_hosts",
        examples=["~/.ssh/known_hosts_prod"],
    )  # fmt: skip
    sudo: bool | None = Field(
        None, description="true where the login is not root's and sudo makes it so",
        examples=[True],
    )  # fmt: skip
    sudo_password: SecretReference | None = Field(
        None, description="a reference to the password that sudo asks for",
        examples=["secret:sudo_password"],
    )  # fmt: skip
    jump: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9@._:-]{1,255}$")] | None = Field(
        None, description="a jump host as user@host:port", examples=["ops@bastion.example.com"]
    )


class Host(Part):
    """One machine."""

    name: Name = Field(
        description="a name of small letters, digits and hyphens, unique here", examples=["lb-1"]
    )
    roles: Annotated[tuple[Role, ...], Field(min_length=1)] = Field(
        description="a list of roles: balancer, harbor, services", examples=[["harbor"]]
    )
    address: Address = Field(description="the host's IP address", examples=["10.0.0.11"])
    interface: Interface | None = Field(
        None, description="the network interface that gets the virtual address",
        examples=["eth0"],
    )  # fmt: skip
    platform: Annotated[str, AfterValidator(_platform)] = Field(
        description="the operating system", examples=["debian-13"]
    )
    public_name: Domain | None = Field(
        None, description="with master-slave and master-master: this Harbor's own name",
        examples=["harbor-1.example.com"],
    )  # fmt: skip
    access: Access = Field(Access(), description="what differs from the cluster's access",
                           examples=[{"user": "root"}])  # fmt: skip


class Tls(Part):
    """Where TLS ends, and the certificate."""

    mode: TlsMode = Field(
        description="terminate (at the balancer), passthrough (TLS ends at the nodes) or none",
        examples=["terminate"],
    )
    issuer: Literal["operator", "wizard"] = Field(
        "operator", description="operator (a certificate of yours) or wizard (a private CA)",
        examples=["operator"],
    )  # fmt: skip
    certificate: LocalPath | None = Field(
        None, description="the path of the certificate with its chain (PEM)",
        examples=["certs/registry.crt"],
    )  # fmt: skip
    key: LocalPath | None = Field(
        None, description="the path of the certificate's private key (PEM)",
        examples=["certs/registry.key"],
    )  # fmt: skip
    ca: LocalPath | None = Field(
        None, description="the path of the CA's certificate (PEM), where clients need it",
        examples=["certs/ca.crt"],
    )  # fmt: skip
    clients: tuple[Name, ...] = Field(
        (), description="the names of hosts here whose Docker shall trust the CA",
        examples=[["harbor-1"]],
    )  # fmt: skip
    internal: bool = Field(
        False, description="true for TLS between Harbor's own parts, too (2.0 and later)",
        examples=[False],
    )  # fmt: skip


class Database(Part):
    """An existing PostgreSQL (MariaDB with Harbor 1.5), and the database in it."""

    host: Domain = Field(description="the database's name or address", examples=["10.0.0.31"])
    port: Port | None = Field(
        None, description="the database's port; 5432, or 3306 with Harbor 1.5", examples=[5432]
    )
    name: Word = Field("registry", description="the database's name", examples=["registry"])
    user: Word = Field("harbor", description="the database's owner", examples=["harbor"])
    password: SecretReference = Field(
        "secret:database_password", description="a reference to the user's password",
        examples=["secret:database_password"],
    )  # fmt: skip
    ssl_mode: Literal["disable", "require", "verify-ca", "verify-full"] = Field(
        "disable", description="disable, require, verify-ca or verify-full", examples=["require"]
    )
    admin: Word | None = Field(
        None, description="an account that may create the user and the databases, where they are "
        "not there yet",
        examples=["postgres"],
    )  # fmt: skip
    admin_password: SecretReference = Field(
        "secret:database_admin_password", description="a reference to that account's password",
        examples=["secret:database_admin_password"],
    )  # fmt: skip
    schema_file: LocalPath | None = Field(
        None, description="with Harbor 1.5: the path of registry.sql of that release's sources",
        examples=["registry.sql"],
    )  # fmt: skip


class Endpoint(Part):
    """A host and a port."""

    host: Domain = Field(description="a name or address", examples=["10.0.0.31"])
    port: Port = Field(description="a port, 1 to 65535", examples=[26379])


class Sentinel(Part):
    """Redis Sentinel: the master's name and the sentinels."""

    master: Word = Field(description="the master's name", examples=["mymaster"])
    nodes: Annotated[tuple[Endpoint, ...], Field(min_length=1)] = Field(
        description="a list of sentinels with host and port",
        examples=[[{"host": "10.0.0.31", "port": 26379}]],
    )


class Redis(Part):
    """An existing Redis: one host, or found by Sentinel."""

    host: Domain | None = Field(
        None, description="Redis' name or address, unless there is a sentinel",
        examples=["10.0.0.31"],
    )  # fmt: skip
    port: Port = Field(6379, description="Redis' port", examples=[6379])
    sentinel: Sentinel | None = Field(
        None, description="the sentinels, instead of host",
        examples=[{"master": "mymaster", "nodes": [{"host": "10.0.0.31", "port": 26379}]}],
    )  # fmt: skip
    password: SecretReference | None = Field(
        None, description="a reference to Redis' password, where it has one",
        examples=["secret:redis_password"],
    )  # fmt: skip


class FilesystemStorage(Part):
    """A shared file system that is mounted on every Harbor node already."""

    type: Literal["filesystem"] = Field(description="filesystem", examples=["filesystem"])
    path: AbsolutePath = Field(
        description="a folder of a shared file system, mounted on every Harbor node",
        examples=["/mnt/shared/harbor"],
    )


class NfsStorage(Part):
    """An NFS export, mounted on every Harbor node by the wizard."""

    type: Literal["nfs"] = Field(description="nfs", examples=["nfs"])
    server: Domain = Field(description="the NFS server", examples=["10.0.0.41"])
    export: AbsolutePath = Field(description="the exported path", examples=["/export/harbor"])
    options: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.,=:-]+$")] = Field(
        # Several registries on one export read stale directories otherwise (harbor #15234).
        "vers=4.2,hard,sync,noac", description="mount options", examples=["vers=4.2,hard,sync"]
    )


class S3Storage(Part):
    """A bucket of S3 or of what speaks its protocol."""

    type: Literal["s3"] = Field(description="s3", examples=["s3"])
    bucket: Word = Field(description="the bucket's name", examples=["harbor"])
    region: Word = Field(description="the bucket's region", examples=["eu-central-1"])
    endpoint: Annotated[str, AfterValidator(_url)] | None = Field(
        None, description="the URL of an S3 service other than Amazon's",
        examples=["https://s3.example.com"],
    )  # fmt: skip
    access_key: SecretReference = Field(
        "secret:s3_access_key", description="a reference to the access key",
        examples=["secret:s3_access_key"],
    )  # fmt: skip
    secret_key: SecretReference = Field(
        "secret:s3_secret_key", description="a reference to the secret key",
        examples=["secret:s3_secret_key"],
    )  # fmt: skip
    root: Word | None = Field(
        None, description="a folder within the bucket", examples=["registry"]
    )
    redirect: bool = Field(
        True, description="false where the clients cannot reach the bucket themselves",
        examples=[False],
    )  # fmt: skip


class SwiftStorage(Part):
    """A container of OpenStack Swift."""

    type: Literal["swift"] = Field(description="swift", examples=["swift"])
    container: Word = Field(description="the container's name", examples=["harbor"])
    auth_url: Annotated[str, AfterValidator(_url)] = Field(
        description="Keystone's URL", examples=["https://keystone.example.com:5000/v3"]
    )
    username: Word = Field(description="the user's name", examples=["harbor"])
    password: SecretReference = Field(
        "secret:swift_password", description="a reference to the user's password",
        examples=["secret:swift_password"],
    )  # fmt: skip
    tenant: Word | None = Field(None, description="the project", examples=["admin"])
    domain: Word | None = Field(None, description="the domain", examples=["default"])
    region: Word | None = Field(None, description="the region", examples=["RegionOne"])
    redirect: bool = Field(
        True, description="false where the clients cannot reach the store themselves",
        examples=[False],
    )  # fmt: skip


class GcsStorage(Part):
    """A bucket of Google Cloud Storage."""

    type: Literal["gcs"] = Field(description="gcs", examples=["gcs"])
    bucket: Word = Field(description="the bucket's name", examples=["harbor"])
    key_file: LocalPath = Field(
        description="the path of the service account's key (JSON)", examples=["gcs.json"]
    )
    root: Word | None = Field(
        None, description="a folder within the bucket", examples=["registry"]
    )
    redirect: bool = Field(
        True, description="false where the clients cannot reach the bucket themselves",
        examples=[False],
    )  # fmt: skip


class AzureStorage(Part):
    """A container of Azure's blob storage."""

    type: Literal["azure"] = Field(description="azure", examples=["azure"])
    account: Word = Field(description="the storage account's name", examples=["harborimages"])
    container: Word = Field(description="the container's name", examples=["harbor"])
    account_key: SecretReference = Field(
        "secret:azure_account_key", description="a reference to the account's key",
        examples=["secret:azure_account_key"],
    )  # fmt: skip
    realm: Domain | None = Field(
        None, description="the endpoint's domain, where it is not Azure's public cloud",
        examples=["core.chinacloudapi.cn"],
    )  # fmt: skip
    redirect: bool = Field(
        True, description="false where the clients cannot reach the container themselves",
        examples=[False],
    )  # fmt: skip


class OssStorage(Part):
    """A bucket of Alibaba Cloud's object storage."""

    type: Literal["oss"] = Field(description="oss", examples=["oss"])
    bucket: Word = Field(description="the bucket's name", examples=["harbor"])
    region: Word = Field(description="the bucket's region", examples=["oss-cn-hangzhou"])
    endpoint: Word | None = Field(
        None, description="the endpoint's host name, where it is not the public one",
        examples=["harbor.oss-cn-hangzhou-internal.aliyuncs.com"],
    )  # fmt: skip
    access_key: SecretReference = Field(
        "secret:oss_access_key", description="a reference to the access key",
        examples=["secret:oss_access_key"],
    )  # fmt: skip
    secret_key: SecretReference = Field(
        "secret:oss_secret_key", description="a reference to the secret key",
        examples=["secret:oss_secret_key"],
    )  # fmt: skip
    root: Word | None = Field(
        None, description="a folder within the bucket", examples=["registry"]
    )
    redirect: bool = Field(
        True, description="false where the clients cannot reach the bucket themselves",
        examples=[False],
    )  # fmt: skip


class LocalStorage(Part):
    """Each Harbor's own data volume: for solutions that replicate instead of sharing."""

    type: Literal["local"] = Field(description="local", examples=["local"])


ObjectStorage = S3Storage | SwiftStorage | GcsStorage | AzureStorage | OssStorage

Storage = Annotated[
    LocalStorage | FilesystemStorage | NfsStorage | ObjectStorage,
    Field(discriminator="type", description="where the images are kept",
          examples=[{"type": "filesystem", "path": "/mnt/shared/harbor"}]),
]  # fmt: skip


class Cluster(Part):
    """One highly available Harbor."""

    name: Name = Field(
        description="a name of small letters, digits and hyphens", examples=["prod-eu"]
    )
    solution: Solution = Field(
        description="active-active, active-standby, master-slave or master-master",
        examples=["active-active"],
    )
    release: Annotated[str, AfterValidator(_release)] = Field(
        description="Harbor's version", examples=[NEWEST]
    )
    installer: Installer = Field(
        description="Harbor's offline installer",
        examples=[{"file": "~/harbor-offline-installer-v2.15.2.tgz"}],
    )
    packages: Packages = Field(
        Packages(), description="where Docker and the other programs come from",
        examples=[{"source": "distribution"}],
    )  # fmt: skip
    public_name: Domain = Field(
        description="the name that clients use", examples=["registry.example.com"]
    )
    virtual_address: VirtualAddress | None = Field(
        None, description="the address behind that name", examples=[{"address": "10.0.0.10/24"}]
    )
    balancer: Balancer = Field(
        Balancer(), description="what stands before the nodes", examples=[{"type": "haproxy"}]
    )
    access: Access = Field(
        Access(), description="how all hosts are reached", examples=[{"user": "root"}]
    )
    hosts: Annotated[tuple[Host, ...], Field(min_length=1)] = Field(
        description="the hosts",
        examples=[[{"name": "lb-1", "roles": ["balancer"], "address": "10.0.0.21",
                    "interface": "eth0", "platform": "debian-13"}]],
    )  # fmt: skip
    tls: Tls = Field(description="where TLS ends", examples=[{"mode": "none"}])
    database: Database | None = Field(
        None, description="an existing database", examples=[{"host": "10.0.0.31"}]
    )
    redis: Redis | None = Field(
        None, description="an existing Redis", examples=[{"host": "10.0.0.31"}]
    )
    storage: Storage = LocalStorage(type="local")
    job_logs: AbsolutePath | None = Field(
        None, description="below Harbor 2.9: a folder of a shared file system for the logs of jobs",
        examples=["/mnt/shared/job_logs"],
    )  # fmt: skip
    scanner: Literal["none", "trivy", "clair"] = Field(
        "none", description="none, trivy (2.0 and later) or clair (up to 2.1)", examples=["trivy"]
    )
    clair_database: Database | None = Field(
        None, description="with Harbor 1.5 and clair: an existing PostgreSQL for it",
        examples=[{"host": "10.0.0.32"}],
    )  # fmt: skip
    replication: Replication = Field(
        Replication(), description="with master-slave and master-master: what is replicated",
        examples=[{"projects": ["library"]}],
    )  # fmt: skip
    admin_password: SecretReference = Field(
        "secret:harbor_admin_password", description="a reference to the admin's first password",
        examples=["secret:harbor_admin_password"],
    )  # fmt: skip
    data_volume: AbsolutePath = Field(
        "/data", description="Harbor's data volume on each node", examples=["/data"]
    )
    install_dir: AbsolutePath = Field(
        "/opt/harbor", description="where the installer is unpacked", examples=["/opt/harbor"]
    )

    @property
    def shares_state(self) -> bool:
        """Say whether all nodes are one Harbor with one database, one Redis and one store."""
        return self.solution in (Solution.ACTIVE_ACTIVE, Solution.ACTIVE_STANDBY)

    @property
    def balancers(self) -> tuple[Host, ...]:
        """The hosts that balance, in the order of their priority."""
        return self._with(Role.BALANCER)

    @property
    def nodes(self) -> tuple[Host, ...]:
        """The hosts that run Harbor; the first one migrates the database, or is the master."""
        return self._with(Role.HARBOR)

    @property
    def services_host(self) -> Host | None:
        """The host that runs the database and Redis as containers: for a proof of concept."""
        return next(iter(self._with(Role.SERVICES)), None)

    @property
    def used_database(self) -> Database | None:
        """The database that the nodes use; None where each Harbor brings its own."""
        if self.database is not None or self.services_host is None:
            return self.database
        # The containers are those of Harbor's own images, which have this user and database.
        legacy = find(self.release).uses_mariadb
        return Database(host=self.services_host.address, name="registry",
                        user="root" if legacy else "postgres")  # fmt: skip

    @property
    def database_port(self) -> int:
        """The database's port."""
        used = self.used_database
        default = 3306 if find(self.release).uses_mariadb else 5432
        return (used.port if used else None) or default

    @property
    def used_redis(self) -> Redis | None:
        """The Redis that the nodes use; None where each Harbor brings its own."""
        if self.redis is not None or self.services_host is None:
            return self.redis
        return Redis(host=self.services_host.address, password="secret:redis_password")  # noqa: S106

    def _with(self, role: Role) -> tuple[Host, ...]:
        return tuple(host for host in self.hosts if role in host.roles)

    @property
    def vip(self) -> str | None:
        """The virtual address without its prefix length; None where there is none."""
        held = self.virtual_address
        return held.address.partition("/")[0] if held else None

    @property
    def front(self) -> str:
        """The address or name at which clients arrive."""
        if self.vip is not None:
            return self.vip
        return self.public_name if self.shares_state else self.nodes[0].address

    @property
    def vip_holders(self) -> tuple[Host, ...]:
        """The hosts one of which holds the virtual address."""
        if self.virtual_address is None or self.balancer.type is BalancerType.EXISTING:
            return ()
        return self.nodes if self.solution is Solution.ACTIVE_STANDBY else self.balancers

    @property
    def scheme(self) -> str:
        """What clients speak: https or http."""
        return "http" if self.tls.mode is TlsMode.NONE else "https"

    @property
    def external_url(self) -> str:
        """The URL that clients use."""
        return f"{self.scheme}://{self.public_name}"

    @property
    def node_tls(self) -> bool:
        """Say whether the nodes themselves speak TLS.

        Harbors that replicate send credentials to each other, so theirs is never left plain
        where the clients' is not.
        """
        return self.tls.mode is TlsMode.PASSTHROUGH or (
            not self.shares_state and self.tls.mode is not TlsMode.NONE
        )

    @property
    def has_front(self) -> bool:
        """Say whether clients reach one address before all nodes."""
        return bool(self.balancers) or self.virtual_address is not None or self.shares_state

    def name_of(self, node: Host) -> str:
        """Return the name under which a node's Harbor is reached by itself.

        Nodes that share their state are one Harbor with one name. Others have each their own,
        or their address; without an address in front, the cluster's name is the first one's.
        """
        if self.shares_state:
            return self.public_name
        first = node is self.nodes[0] and not self.has_front
        return node.public_name or (self.public_name if first else node.address)

    def url_of(self, node: Host) -> str:
        """Return the URL under which a node's Harbor is reached by itself."""
        return f"{self.scheme}://{self.name_of(node)}"

    def replicas(self) -> tuple[Host, ...]:
        """The nodes that only serve pulls."""
        return self.nodes[1:] if self.solution is Solution.MASTER_SLAVE else ()

    def names(self) -> tuple[str, ...]:
        """Return all names and addresses that a certificate has to be good for."""
        own = [] if self.shares_state else [self.name_of(node) for node in self.nodes]
        return tuple(dict.fromkeys((self.public_name, *own)))

    def issued_names(self) -> tuple[str, ...]:
        """Return what a certificate of the private CA is made for: the virtual address, too."""
        return (*self.names(), *((self.vip,) if self.vip else ()))

    def host(self, name: str) -> Host:
        """Return the host of that name; raises `KeyError`."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError(name)

    def reached_by(self, host: Host) -> Access:
        """Return how a host is reached: its own access over the cluster's."""
        merged: dict[str, Any] = self.access.model_dump(exclude_none=True)
        merged.update(host.access.model_dump(exclude_none=True))
        return Access(**merged)
