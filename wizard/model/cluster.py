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
from harbor_wizard.releases import NEWEST, RELEASES


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
    if value not in RELEASES:
        raise ValueError(f"is not a release that is supported ({', '.join(RELEASES)})")
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
        description="a list of roles: balancer, harbor", examples=[["harbor"]]
    )
    address: Address = Field(description="the host's IP address", examples=["10.0.0.11"])
    interface: Interface | None = Field(
        None, description="the network interface that gets the virtual address",
        examples=["eth0"],
    )  # fmt: skip
    platform: Annotated[str, AfterValidator(_platform)] = Field(
        description="the operating system", examples=["debian-13"]
    )
    access: Access = Field(Access(), description="what differs from the cluster's access",
                           examples=[{"user": "root"}])  # fmt: skip


class Tls(Part):
    """Where TLS ends, and the certificate."""

    mode: TlsMode = Field(
        description="terminate (at the balancer), passthrough (to the nodes) or none",
        examples=["terminate"],
    )
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


class Database(Part):
    """An existing PostgreSQL with an empty database whose owner is the user."""

    host: Domain = Field(description="PostgreSQL's name or address", examples=["10.0.0.31"])
    port: Port = Field(5432, description="PostgreSQL's port", examples=[5432])
    name: Word = Field("registry", description="the database's name", examples=["registry"])
    user: Word = Field("harbor", description="the database's owner", examples=["harbor"])
    password: SecretReference = Field(
        "secret:database_password", description="a reference to the user's password",
        examples=["secret:database_password"],
    )  # fmt: skip
    ssl_mode: Literal["disable", "require", "verify-ca", "verify-full"] = Field(
        "disable", description="disable, require, verify-ca or verify-full", examples=["require"]
    )


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


Storage = Annotated[
    FilesystemStorage | NfsStorage | S3Storage,
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
    public_name: Domain = Field(
        description="the name that clients use", examples=["registry.example.com"]
    )
    virtual_address: VirtualAddress = Field(
        description="the address behind that name", examples=[{"address": "10.0.0.10/24"}]
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
    database: Database = Field(
        description="an existing PostgreSQL", examples=[{"host": "10.0.0.31"}]
    )
    redis: Redis = Field(description="an existing Redis", examples=[{"host": "10.0.0.31"}])
    storage: Storage
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
    def balancers(self) -> tuple[Host, ...]:
        """The hosts that balance, in the order of their priority."""
        return tuple(host for host in self.hosts if Role.BALANCER in host.roles)

    @property
    def nodes(self) -> tuple[Host, ...]:
        """The hosts that run Harbor; the first one migrates the database."""
        return tuple(host for host in self.hosts if Role.HARBOR in host.roles)

    @property
    def vip(self) -> str:
        """The virtual address without its prefix length."""
        return self.virtual_address.address.partition("/")[0]

    @property
    def scheme(self) -> str:
        """What clients speak: https or http."""
        return "http" if self.tls.mode is TlsMode.NONE else "https"

    @property
    def external_url(self) -> str:
        """The URL that clients use."""
        return f"{self.scheme}://{self.public_name}"

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
