"""The parts of a cluster, but for its hosts and its image store."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from harbor_wizard.model.fields import (
    BalancerType,
    Domain,
    LocalPath,
    Name,
    Part,
    Pattern,
    Port,
    SecretReference,
    TlsMode,
    Url,
    User,
    VirtualInterface,
    Word,
)


class Installer(Part):
    """Where Harbor's offline installer comes from: a file here, or a URL the hosts can reach."""

    file: LocalPath | None = Field(
        None, description="the offline installer's path on this machine",
        examples=["~/harbor-offline-installer-v2.15.2.tgz"],
    )  # fmt: skip
    url: Url | None = Field(
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
    mirror: Url | None = Field(
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

    address: VirtualInterface = Field(
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
