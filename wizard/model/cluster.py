"""The cluster's model: what a cluster file may say, and what each field means.

Descriptions and examples here are what the JSON Schema, the error messages and the wizard's help
show. Checks that look at more than one field are in `checks`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from harbor_wizard.model.fields import (
    AbsolutePath,
    Address,
    BalancerType,
    Domain,
    Interface,
    Name,
    Part,
    PlatformName,
    ReleaseVersion,
    Role,
    SecretReference,
    Solution,
    TlsMode,
)
from harbor_wizard.model.parts import (
    Access,
    Balancer,
    Database,
    Endpoint,
    Installer,
    Packages,
    Redis,
    Replication,
    Sentinel,
    Tls,
    VirtualAddress,
)
from harbor_wizard.model.storage import (
    AzureStorage,
    FilesystemStorage,
    GcsStorage,
    LocalStorage,
    NfsStorage,
    ObjectStorage,
    OssStorage,
    S3Storage,
    Storage,
    SwiftStorage,
)
from harbor_wizard.releases import NEWEST, find

__all__ = [
    "Access",
    "AzureStorage",
    "Balancer",
    "BalancerType",
    "Cluster",
    "Database",
    "Endpoint",
    "FilesystemStorage",
    "GcsStorage",
    "Host",
    "Installer",
    "LocalStorage",
    "NfsStorage",
    "ObjectStorage",
    "OssStorage",
    "Packages",
    "Part",
    "Redis",
    "Replication",
    "Role",
    "S3Storage",
    "Sentinel",
    "Solution",
    "Storage",
    "SwiftStorage",
    "Tls",
    "TlsMode",
    "VirtualAddress",
]


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
    platform: PlatformName = Field(
        description="the operating system", examples=["debian-13"]
    )
    public_name: Domain | None = Field(
        None, description="with master-slave and master-master: this Harbor's own name",
        examples=["harbor-1.example.com"],
    )  # fmt: skip
    access: Access = Field(Access(), description="what differs from the cluster's access",
                           examples=[{"user": "root"}])  # fmt: skip


class Cluster(Part):
    """One highly available Harbor."""

    name: Name = Field(
        description="a name of small letters, digits and hyphens", examples=["prod-eu"]
    )
    solution: Solution = Field(
        description="active-active, active-standby, master-slave or master-master",
        examples=["active-active"],
    )
    release: ReleaseVersion = Field(
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
    firewall: Literal["leave", "open"] = Field(
        "leave", description="leave, or open: rules that lack in firewalld or ufw are added",
        examples=["open"],
    )  # fmt: skip
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
                        user="root" if legacy else "postgres",
                        password="secret:harbor_database_password")  # fmt: skip  # noqa: S106

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
        return Redis(host=self.services_host.address, password="secret:harbor_redis_password")  # noqa: S106

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
