"""The keys of Harbor's configuration files: which release has which, and needs which.

`keys` are those of the template of each release, commented ones included, read from the tags of
Harbor's own repository (`make/harbor.yml.tmpl`, before 2.0 `make/harbor.yml`); they name no key of
a storage driver but one, since `storage_service.<driver>` is handed to the registry as it is.
`required` is what the release's `prepare` reads without a default
(`make/photon/prepare/utils/configs.py` and what uses it; `make/prepare` for 1.5).
"""

from __future__ import annotations

import functools

Version = tuple[int, int, int]
Group = tuple[str, str]

# From which version on which keys are there, and which are gone: a parent and its keys.
_CHANGES: tuple[tuple[Version, tuple[Group, ...], tuple[Group, ...]], ...] = (
    ((1, 8, 0), (
        ("", "hostname external_url harbor_admin_password data_volume _version"),
        ("http", "port"),
        ("https", "port certificate private_key"),
        ("database", "password"),
        ("storage_service", "ca_bundle"),
        ("storage_service.filesystem", "maxthreads"),
        ("storage_service.redirect", "disabled"),
        ("clair", "updaters_interval http_proxy https_proxy no_proxy"),
        ("jobservice", "max_job_workers"),
        ("chart", "absolute_url"),
        ("log", "level rotate_count rotate_size location"),
        ("external_database.harbor", "host port db_name username password ssl_mode"),
        ("external_database.clair", "host port db_name username password ssl_mode"),
        ("external_database.notary_signer", "host port db_name username password ssl_mode"),
        ("external_database.notary_server", "host port db_name username password ssl_mode"),
        ("external_redis",
         "host port password registry_db_index jobservice_db_index "
         "chartmuseum_db_index"),
        ("uaa", "ca_file"),
    ), (
    )),
    ((1, 9, 0), (
        ("database", "max_idle_conns max_open_conns"),
        ("notification", "webhook_job_max_retry"),
        ("log.local", "rotate_count rotate_size location"),
        ("log.external_endpoint", "protocol host port"),
        ("external_database.harbor", "max_idle_conns max_open_conns"),
        ("proxy", "http_proxy https_proxy no_proxy components"),
    ), (
        ("clair", "http_proxy https_proxy no_proxy"),
        ("log", "rotate_count rotate_size location"),
    )),
    ((1, 10, 0), (
        ("external_redis", "clair_db_index"),
    ), (
    )),
    ((2, 0, 0), (
        ("internal_tls", "enabled dir"),
        ("trivy", "ignore_unfixed skip_update insecure github_token"),
        ("external_redis", "trivy_db_index idle_timeout_seconds"),
    ), (
    )),
    ((2, 1, 0), (
        ("external_redis", "sentinel_master_set"),
    ), (
        ("external_redis", "port"),
    )),
    ((2, 2, 0), (
        ("metric", "enabled port path"),
    ), (
        ("clair", "updaters_interval"),
        ("external_database.clair", "host port db_name username password ssl_mode"),
        ("external_redis", "clair_db_index"),
    )),
    ((2, 4, 0), (
        ("trace", "enabled sample_rate namespace"),
        ("trace.attributes", "application"),
        ("trace.jaeger", "endpoint username password agent_host agent_port"),
        ("trace.otel", "endpoint url_path compression insecure timeout"),
    ), (
    )),
    ((2, 4, 2), (
        ("trivy", "offline_scan"),
    ), (
    )),
    ((2, 5, 0), (
        ("upload_purging", "enabled age interval dryrun"),
    ), (
    )),
    ((2, 6, 0), (
        ("cache", "enabled expire_hours"),
    ), (
    )),
    ((2, 6, 2), (
        ("trivy", "security_check"),
    ), (
    )),
    ((2, 7, 0), (
        ("database", "conn_max_lifetime conn_max_idle_time"),
    ), (
    )),
    ((2, 7, 3), (
        ("redis",
         "registry_db_index jobservice_db_index trivy_db_index harbor_db_index "
         "cache_layer_db_index"),
        ("external_redis", "harbor_db_index cache_layer_db_index"),
    ), (
    )),
    ((2, 8, 0), (
        ("storage_service.redirect", "disable"),
        ("jobservice", "logger_sweeper_duration"),
        ("notification", "webhook_job_http_client_timeout"),
        ("external_redis", "username"),
    ), (
        ("storage_service.redirect", "disabled"),
        ("chart", "absolute_url"),
        ("redis",
         "registry_db_index jobservice_db_index trivy_db_index harbor_db_index "
         "cache_layer_db_index"),
        ("external_redis", "chartmuseum_db_index harbor_db_index cache_layer_db_index"),
    )),
    ((2, 8, 4), (
        ("redis",
         "registry_db_index jobservice_db_index trivy_db_index harbor_db_index "
         "cache_layer_db_index"),
        ("external_redis", "harbor_db_index cache_layer_db_index"),
    ), (
    )),
    ((2, 9, 0), (
        ("internal_tls", "strong_ssl_ciphers"),
        ("jobservice", "job_loggers"),
        ("redis", "cache_db_index"),
        ("core", "quota_update_provider"),
    ), (
        ("external_database.notary_signer", "host port db_name username password ssl_mode"),
        ("external_database.notary_server", "host port db_name username password ssl_mode"),
    )),
    ((2, 9, 3), (
        ("trivy", "skip_java_db_update"),
    ), (
    )),
    ((2, 10, 0), (
    ), (
        ("trivy", "skip_java_db_update"),
    )),
    ((2, 10, 1), (
        ("https", "strong_ssl_ciphers"),
        ("trivy", "skip_java_db_update"),
    ), (
        ("internal_tls", "strong_ssl_ciphers"),
    )),
    ((2, 11, 0), (
        ("ip_family.ipv6", "enabled"),
        ("ip_family.ipv4", "enabled"),
        ("trivy", "timeout"),
    ), (
        ("redis", "cache_db_index"),
    )),
    ((2, 13, 0), (
        ("jobservice", "max_job_duration_hours"),
        ("external_redis.tlsOptions", "enable rootCA"),
    ), (
    )),
    ((2, 15, 0), (
        ("trivy", "db_repository java_db_repository"),
    ), (
    )),
)  # fmt: skip

# The keys of Harbor 1.5's flat file (`make/harbor.cfg`), and those that came with 1.5.2.
_FLAT = (
    "_version hostname ui_url_protocol max_job_workers customize_crt ssl_cert ssl_cert_key "
    "secretkey_path admiral_url log_rotate_count log_rotate_size http_proxy https_proxy no_proxy "
    "email_identity email_server email_server_port email_username email_password email_from "
    "email_ssl email_insecure harbor_admin_password auth_mode ldap_url ldap_searchdn "
    "ldap_search_pwd ldap_basedn ldap_filter ldap_uid ldap_scope ldap_timeout ldap_verify_cert "
    "ldap_group_basedn ldap_group_filter ldap_group_gid ldap_group_scope self_registration "
    "token_expiration project_creation_restriction db_host db_password db_port db_user redis_url "
    "clair_db_host clair_db_password clair_db_port clair_db_username clair_db uaa_endpoint "
    "uaa_clientid uaa_clientsecret uaa_verify_cert uaa_ca_cert registry_storage_provider_name "
    "registry_storage_provider_config"
)
_FLAT_LATER = "reload_config skip_reload_env_pattern"
# Of these, `prepare` of 1.5 has a default for, or never asks.
_FLAT_OPTIONAL = (
    "_version admiral_url ldap_searchdn ldap_search_pwd ldap_filter ssl_cert ssl_cert_key"
)

# What `prepare` cannot do without, from which version on; and what it no longer asks for.
_REQUIRED: tuple[tuple[Version, tuple[Group, ...], tuple[Group, ...]], ...] = (
    ((1, 8, 0), (
        ("", "hostname harbor_admin_password data_volume"),
        ("jobservice", "max_job_workers"),
        ("log", "level rotate_count rotate_size location"),
    ), ()),
    ((1, 9, 0), (
        ("notification", "webhook_job_max_retry"),
        ("log", "local"),
    ), (
        ("log", "rotate_count rotate_size location"),
    )),
    ((2, 8, 0), (
        ("jobservice", "logger_sweeper_duration"),
        ("notification", "webhook_job_http_client_timeout"),
    ), ()),
    ((2, 9, 0), (("jobservice", "job_loggers"),), ()),
)  # fmt: skip

# One of these has to be there from 1.8 on: `prepare` fails without a password of a database.
DATABASES = ("database", "external_database")

_DATABASE = "host port db_name username password ssl_mode"
# What a block has to have where it is there; 1.8 alone reads all four databases of the second.
_WITHIN: tuple[tuple[Version, dict[str, str]], ...] = (
    ((1, 8, 0), {
        "https": "certificate private_key",
        "external_database.harbor": _DATABASE,
        "external_database.clair": _DATABASE,
        "external_database.notary_signer": _DATABASE,
        "external_database.notary_server": _DATABASE,
        "external_database": "harbor clair notary_signer notary_server",
        "external_redis": "host port",
        "storage_service.redirect": "disabled",
    }),
    ((1, 9, 0), {"external_database": "harbor"}),
    ((2, 0, 0), {"internal_tls": "enabled dir"}),
    ((2, 1, 0), {"external_redis": "host"}),
    ((2, 2, 0), {"metric": "enabled port path"}),
    ((2, 8, 0), {"storage_service.redirect": "disable"}),
)  # fmt: skip


def _join(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name


def _fold(
    changes: tuple[tuple[Version, tuple[Group, ...], tuple[Group, ...]], ...], version: Version
) -> set[str]:
    found: set[str] = set()
    for since, added, gone in changes:
        if since > version:
            break
        found -= {_join(parent, name) for parent, names in gone for name in names.split()}
        found |= {_join(parent, name) for parent, names in added for name in names.split()}
    return found


@functools.cache
def keys(version: Version) -> frozenset[str]:
    """Return the dotted keys of a release's template, those of blocks and of what is in them."""
    if version < (1, 6, 0):
        later = _FLAT_LATER.split() if version >= (1, 5, 2) else ()
        return frozenset((*_FLAT.split(), *later))
    leaves = [leaf.split(".") for leaf in _fold(_CHANGES, version)]
    return frozenset(".".join(leaf[:depth]) for leaf in leaves for depth in range(1, len(leaf) + 1))


@functools.cache
def required(version: Version) -> frozenset[str]:
    """Return the dotted keys without which a release's `prepare` fails, whatever is configured."""
    if version < (1, 6, 0):
        return frozenset(_FLAT.split()) - frozenset(_FLAT_OPTIONAL.split())
    return frozenset(_fold(_REQUIRED, version))


def required_within(version: Version) -> dict[str, tuple[str, ...]]:
    """Return, for blocks that may be left out, the keys that they need where they are there."""
    found: dict[str, str] = {}
    for since, blocks in _WITHIN:
        if since <= version:
            found |= blocks
    return {block: tuple(names.split()) for block, names in found.items()}
