"""Harbor's own configuration file, `harbor.yml` or `harbor.cfg`, as its release wants it."""

from __future__ import annotations

from collections.abc import Iterator

from harbor_wizard.components import trust
from harbor_wizard.model.cluster import (
    AzureStorage,
    Cluster,
    GcsStorage,
    Host,
    ObjectStorage,
    OssStorage,
    Redis,
    S3Storage,
    SwiftStorage,
)
from harbor_wizard.releases import Release, find
from harbor_wizard.render import render
from harbor_wizard.secrets import of_host, reference, secret
from harbor_wizard.text import Hole, Text

Value = str | bool | Hole

# The connections of a node to its database: three nodes' fit into PostgreSQL's default of 100 as
# long as they are idle, and a bundled one has the place (harbor.yml.tmpl of 1.9: 50 and 100).
MAX_IDLE, MAX_OPEN = 50, 100


def config_path(cluster: Cluster) -> str:
    """Return where `prepare` looks for its configuration (`make/prepare` of each release)."""
    return f"{cluster.install_dir}/{find(cluster.release).config_name}"


def gcs_key_file(cluster: Cluster) -> str:
    """Return where a node has the key of Google's storage, which a step writes there.

    From 1.8 on `prepare` mounts it (`gcs_keyfile` in the template of the compose file). 1.5 mounts
    nothing but the registry's own folder (`make/ha/docker-compose.tpl`), as `/storage`.
    """
    if find(cluster.release).config_name == "harbor.cfg":
        return f"{cluster.data_volume}/registry/gcs.json"
    return "/var/lib/harbor-wizard/storage/gcs.json"


def settings(
    cluster: Cluster,
    host: Host,
    *,
    tls_dir: str,
    http_port: int | str = 80,
    https: bool | None = None,
) -> Text:
    """Return a node's harbor.yml, or its harbor.cfg with 1.5.

    `tls_dir` has server.crt and server.key. `http_port` may have an address before it: `prepare`
    writes it as it is into the compose file's ports (`docker-compose.yml.jinja`, all releases from
    1.8 on; 1.5 has no such key). `https` says whether the node's proxy speaks TLS; by default as
    the cluster's nodes do, but for replicas, before which their guard does.
    """
    release = find(cluster.release)
    database, redis, clair = cluster.used_database, cluster.used_redis, cluster.clair_database
    values = {
        "cluster": cluster, "release": release, "tls_dir": tls_dir,
        "hostname": cluster.name_of(host),
        "external_url": cluster.external_url if cluster.has_front else cluster.url_of(host),
        "https": cluster.node_tls and host not in cluster.replicas() if https is None else https,
        "admin_password": reference(cluster.admin_password),
        "database": database, "database_port": cluster.database_port,
        # A Harbor that brings its own database has a password of its own for it.
        "database_password": reference(database.password) if database else secret(
            of_host("harbor_database_password", host.name)
        ),
        "redis": redis,
        "redis_password": reference(redis.password) if redis and redis.password else None,
        "storage": cluster.storage if isinstance(cluster.storage, ObjectStorage) else None,
        "driver": list(driver(cluster)),
    }  # fmt: skip
    if release.config_name == "harbor.cfg":
        return render(
            "harbor/harbor.cfg", **values, clair=clair,
            clair_password=reference(clair.password) if clair else None,
        )  # fmt: skip
    return render(
        "harbor/harbor.yml", **values, http_port=http_port, has=release.keys.__contains__,
        needs=release.required.__contains__, max_idle=MAX_IDLE, max_open=MAX_OPEN,
        databases=list(_databases(cluster, release)),
        redis_host=_redis_host(redis, release) if redis else None,
        ca_bundle=trust.bundle(cluster), internal_tls=trust.INTERNAL,
    )  # fmt: skip


def _databases(cluster: Cluster, release: Release) -> Iterator[tuple[str, str]]:
    """Yield the blocks of an external database and the name of the database of each.

    1.8 reads all of them, whatever it is started with; later ones read Clair's with Clair only,
    and Notary's, which we never start, not at all (`parse_yaml_config`).
    """
    if cluster.used_database is None:
        return
    yield "harbor", cluster.used_database.name
    for name in release.databases[1:]:
        if release.reads_all_databases or name == cluster.scanner:
            yield name, name


def _redis_host(redis: Redis, release: Release) -> str:
    """Return Redis' host as the release wants it: alone, with its port, or the sentinels."""
    if redis.sentinel is not None:
        return ",".join(_with_port(node.host, node.port) for node in redis.sentinel.nodes)
    host = str(redis.host)
    return host if release.redis_port_apart else _with_port(host, redis.port)


def _with_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def driver(cluster: Cluster) -> Iterator[tuple[str, Value]]:
    """Yield the parameters of the registry's storage driver; none for a file system.

    `prepare` hands them over as they are (`get_storage_provider_info`), so that the names are those
    of distribution's drivers (`registry/storage/driver/*` of 2.8, the same in 2.6 and 2.7).
    """
    storage = cluster.storage
    if isinstance(storage, S3Storage):
        yield "accesskey", reference(storage.access_key)
        yield "secretkey", reference(storage.secret_key)
        yield "region", storage.region
        yield "bucket", storage.bucket
        if storage.endpoint:
            yield "regionendpoint", storage.endpoint
        yield "secure", (storage.endpoint or "https:").startswith("https:")
        yield "v4auth", True
    elif isinstance(storage, SwiftStorage):
        yield "username", storage.username
        yield "password", reference(storage.password)
        yield "authurl", storage.auth_url
        for key in ("tenant", "domain", "region"):
            if getattr(storage, key):
                yield key, getattr(storage, key)
        yield "container", storage.container
    elif isinstance(storage, GcsStorage):
        yield "bucket", storage.bucket
        legacy = find(cluster.release).config_name == "harbor.cfg"
        yield "keyfile", "/storage/gcs.json" if legacy else gcs_key_file(cluster)
    elif isinstance(storage, AzureStorage):
        yield "accountname", storage.account
        yield "accountkey", reference(storage.account_key)
        yield "container", storage.container
        if storage.realm:
            yield "realm", storage.realm
    elif isinstance(storage, OssStorage):
        yield "accesskeyid", reference(storage.access_key)
        yield "accesskeysecret", reference(storage.secret_key)
        yield "region", storage.region
        yield "bucket", storage.bucket
        if storage.endpoint:
            yield "endpoint", storage.endpoint
    if isinstance(storage, S3Storage | GcsStorage | OssStorage) and storage.root:
        yield "rootdirectory", storage.root
