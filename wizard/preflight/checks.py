"""All checks, in the order of the table."""

from __future__ import annotations

from harbor_wizard.language import mark
from harbor_wizard.preflight import (
    containers,
    database,
    machine,
    network,
    objects,
    packetfilter,
    redis,
    room,
    segment,
    state,
    store,
    supplies,
)
from harbor_wizard.preflight.check import Check

_HARBOR = mark("Harbor's installation prerequisites")
_PLAN = mark("this plan's own steps")
_VRRP = mark("VRRP")
_DATABASE = mark("Harbor's installation prerequisites: an external PostgreSQL")
_REDIS = mark("Harbor's installation prerequisites: an external Redis")
_JOBS = mark("sessions and queued jobs are kept there and nowhere else")
_STORE = mark("all nodes read and write the same images, as user 10000")

CHECKS: tuple[Check, ...] = (
    Check("root", mark("login as root"), _PLAN, machine.root),
    Check("system", mark("system"), _PLAN, machine.system),
    Check("architecture", mark("architecture"), mark("Harbor's images"), machine.architecture),
    Check("kernel", mark("kernel"), mark("Docker's requirements"), containers.kernel),
    Check("cpus", mark("processors"), _HARBOR, machine.cpus),
    Check("memory", mark("memory"), _HARBOR, machine.memory),
    Check("disk", mark("disk"), _HARBOR, room.disk),
    Check("inodes", mark("inodes"), mark("the registry keeps each layer in files"), room.inodes),
    Check("clock", mark("clock"), mark("tokens are refused by a node whose clock is behind"),
          machine.clock),
    Check("identity", mark("identity"), mark("cloned machines clash in DHCP and in logs"),
          machine.identity),
    Check("address", mark("address"), _PLAN, network.address),
    Check("unique", mark("unique address"), mark("two machines with one address lose packets"),
          segment.unique),
    Check("mtu", mark("MTU"), mark("large packets vanish between different sizes"), network.mtu),
    Check("ports", mark("ports"), _PLAN, network.ports),
    Check("docker", mark("Docker"), mark("Harbor's installer refuses older ones"), machine.docker),
    Check("pools", mark("Docker's nets"), mark("Docker's default address pools"),
          containers.pools),
    Check("leftovers", mark("earlier Harbor"), mark("nothing is overwritten unasked"),
          machine.leftovers),
    Check("firewall", mark("firewall"), _PLAN, packetfilter.firewall),
    Check("selinux", mark("SELinux"), mark("SELinux' policy"), packetfilter.selinux),
    Check("name", mark("public name"), mark("nodes and clients log in under it"), network.name),
    Check("virtual", mark("virtual address"), _VRRP, network.virtual),
    Check("vrrp", mark("VRRP"), mark("both would hold the address"), segment.vrrp),
    Check("router", mark("virtual router"), _VRRP, segment.router),
    Check("services", mark("database, Redis"), _PLAN, state.services),
    Check("database-login", mark("database login"), _DATABASE, database.login),
    Check("database-version", mark("DB version"), mark("the PostgreSQL that this release is made "
          "for"), database.version),
    Check("database-encoding", mark("DB encoding"), mark("names and labels in any script"),
          database.encoding),
    Check("database-rights", mark("DB rights"), mark("core makes its tables at its first start; "
          "from PostgreSQL 15 on only the owner may"), database.rights),
    Check("database-tables", mark("DB tables"), mark("nothing is overwritten unasked"),
          database.tables),
    Check("redis-login", mark("Redis login"), _REDIS, redis.login),
    Check("redis-master", mark("Redis master"), _REDIS, redis.master),
    Check("redis-memory", mark("Redis memory"), _JOBS, redis.memory),
    Check("redis-keys", mark("Redis keys"), _JOBS, redis.keys),
    Check("sentinel", mark("Sentinel"), _REDIS, redis.sentinels),
    Check("storage", mark("image store"), _PLAN, state.storage),
    Check("store-writable", mark("store writable"), _STORE, store.writable),
    Check("store-shared", mark("store shared"), _STORE, store.shared),
    Check("nfs", mark("NFS export"), _PLAN, objects.export),
    Check("object-store", mark("object store"), _PLAN, objects.store),
    Check("installer", mark("installer"), _PLAN, supplies.installer),
    Check("signature", mark("signature"), mark("Harbor's releases are signed from 2.15 on"),
          supplies.signature),
    Check("packages", mark("packages"), _PLAN, supplies.packages),
    Check("certificate", mark("certificate"), mark("Docker's clients refuse others"),
          supplies.certificate),
)  # fmt: skip

# What the holders of the virtual address are asked together, when all have answered.
LISTENING_CHECKS = frozenset({"vrrp", "router"})

# What can be tried as soon as the services are answered, from the nodes that will use them.
SERVICE_CHECKS = (
    "name", "services", "database-login", "database-version", "database-encoding",
    "database-rights", "database-tables", "redis-login", "redis-master", "redis-memory",
    "redis-keys", "sentinel", "storage", "store-writable", "store-shared", "nfs", "object-store",
)  # fmt: skip

TITLES: dict[str, str] = {"login": mark("reached by SSH")} | {one.name: one.title for one in CHECKS}
