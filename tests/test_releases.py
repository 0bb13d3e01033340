"""The releases: their facts, the keys of their configuration, and the files we render for them."""

from __future__ import annotations

import configparser
import hashlib
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from harbor_wizard import release_keys
from harbor_wizard.components.harbor_config import gcs_key_file, settings
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.releases import NEWEST, RELEASES, find, line_of, supported
from harbor_wizard.text import Text

YML = [version for version, one in RELEASES.items() if one.config_name == "harbor.yml"]
STORAGES: dict[str, dict[str, Any]] = {
    "filesystem": {"path": "/mnt/harbor"},
    "nfs": {"server": "10.0.0.41", "export": "/export/harbor"},
    "s3": {"bucket": "b", "region": "eu", "endpoint": "http://s3.example.com", "redirect": False,
           "root": "x"},
    "swift": {"container": "c", "auth_url": "https://k.example.com:5000/v3", "username": "harbor",
              "tenant": "admin", "redirect": False},
    "gcs": {"bucket": "b", "key_file": "gcs.json", "root": "x"},
    "azure": {"account": "a", "container": "c", "realm": "core.chinacloudapi.cn"},
    "oss": {"bucket": "b", "region": "oss-cn-hangzhou", "endpoint": "o.example.com"},
}  # fmt: skip
SENTINEL = {"sentinel": {"master": "mymaster", "nodes": [{"host": "10.0.0.31", "port": 26379},
                                                         {"host": "10.0.0.32", "port": 26380}]}}  # fmt: skip


class Canaries:
    """Gives for each secret its name, with characters that have to be quoted."""

    def value(self, name: str) -> str:
        return f'{name}: "#'


class Plain:
    """Gives for each secret its name."""

    def value(self, name: str) -> str:
        return name


def made(release: str, **changes: Any) -> Cluster:
    """A cluster that shares its state; the checks of whole files are not what is tested here."""
    base: dict[str, Any] = {
        "name": "prod-eu", "solution": "active-active", "release": release,
        "installer": {"file": "i.tgz"}, "public_name": "registry.example.com",
        "virtual_address": {"address": "10.0.0.10/24"}, "tls": {"mode": "none"},
        "hosts": [
            {"name": "lb-1", "roles": ["balancer"], "address": "10.0.0.2", "platform": "debian-13"},
            *({"name": f"harbor-{n}", "roles": ["harbor"], "address": f"10.0.0.2{n}",
               "platform": "debian-13"} for n in (1, 2)),
        ],
        "database": {"host": "10.0.0.31"},
        "redis": {"host": "10.0.0.32", "port": 6380, "password": "secret:redis_password"},
        "storage": {"type": "filesystem", "path": "/mnt/harbor"},
    }  # fmt: skip
    return Cluster(**{**base, **changes})


BUNDLED: dict[str, Any] = {
    "solution": "master-master", "database": None, "redis": None, "storage": {"type": "local"},
    "virtual_address": None,
    "hosts": [
        {"name": "harbor-1", "roles": ["harbor"], "address": "10.0.0.21", "platform": "debian-13"},
        {"name": "harbor-2", "roles": ["harbor"], "address": "10.0.0.22", "platform": "debian-13",
         "public_name": "two.example.com"},
    ],
}  # fmt: skip


def shapes(release: str) -> dict[str, Cluster]:
    has = find(release)
    found = {name: made(release, storage={"type": name, **of}) for name, of in STORAGES.items()}
    found["bundled"] = made(release, **BUNDLED)
    found["passthrough"] = made(release, tls={"mode": "passthrough"})
    for scanner in has.scanners:
        found[scanner] = made(release, scanner=scanner)
    if has.sentinel:
        found["sentinel"] = made(release, redis=SENTINEL)
    if has.internal_tls:
        found["internal"] = made(release, tls={"mode": "none", "internal": True}, scanner="trivy")
    if has.replicates:
        tls = {"mode": "terminate", "issuer": "wizard"}
        found["own-ca"] = made(release, **{**BUNDLED, "tls": tls})
    return found


def text(cluster: Cluster, node: int = 0, **more: Any) -> Text:
    return settings(cluster, cluster.nodes[node], tls_dir="/tls", **more)


def parsed(cluster: Cluster, node: int = 0, **more: Any) -> dict[str, Any]:
    loaded = yaml.safe_load(text(cluster, node, **more).raw(Canaries()))
    assert isinstance(loaded, dict)
    return loaded


def dotted(data: dict[str, Any], parent: str = "") -> set[str]:
    found = set()
    for key, value in data.items():
        found.add(parent + key)
        if isinstance(value, dict):
            found |= dotted(value, f"{parent}{key}.")
    return found


def numbers(version: str) -> tuple[int, int, int]:
    major, minor, patch = map(int, version.split("."))
    return major, minor, patch


# What the rendered files hold.


@pytest.mark.parametrize("release", YML)
def test_harbor_yml_has_only_keys_of_its_release_and_all_that_prepare_needs(release: str) -> None:
    has = find(release)
    within = release_keys.required_within(numbers(release))
    for shape, cluster in shapes(release).items():
        data = parsed(cluster)
        keys = dotted(data)
        drivers = tuple(f"storage_service.{name}" for name in STORAGES if name != "filesystem")
        assert {key for key in keys if not key.startswith(drivers)} <= has.keys, shape
        assert has.required <= keys, shape
        assert any(one in keys for one in release_keys.DATABASES), shape
        for block, names in within.items():
            if block in keys:
                assert {f"{block}.{name}" for name in names} <= keys, (shape, block)
        assert data["_version"] == has.config_version
        assert data["harbor_admin_password"] == 'harbor_admin_password: "#'
        # It is read by grep and awk: no quotes, no comment.
        assert "\ndata_volume: /data\n" in text(cluster).masked()


@pytest.mark.parametrize("release", YML)
def test_redis_and_database_have_the_releases_form(release: str) -> None:
    has, data = find(release), parsed(made(release))
    redis = data["external_redis"]
    if has.redis_port_apart:
        assert (redis["host"], redis["port"]) == ("10.0.0.32", 6380)
    else:
        assert redis["host"] == "10.0.0.32:6380"
        assert "port" not in redis
    assert redis["password"] == 'redis_password: "#'
    wanted = {"harbor", "clair", "notary_server", "notary_signer"} if release == "1.8.6" else {"harbor"}
    assert set(data["external_database"]) == wanted
    assert data["external_database"]["harbor"]["db_name"] == "registry"
    assert data["external_database"]["harbor"]["password"] == 'database_password: "#'
    if has.sentinel:
        redis = parsed(made(release, redis=SENTINEL))["external_redis"]
        assert redis["host"] == "10.0.0.31:26379,10.0.0.32:26380"
        assert redis["sentinel_master_set"] == "mymaster"
        assert redis["password"] is None
    if "clair" in has.scanners:
        blocks = parsed(made(release, scanner="clair"))["external_database"]
        assert blocks["clair"]["db_name"] == "clair"
    bundled = parsed(made(release, **BUNDLED))
    assert bundled["database"]["password"] == 'harbor_database_password_harbor_1: "#'
    assert "external_redis" not in bundled
    assert "external_database" not in bundled


@pytest.mark.parametrize("release", YML)
def test_storage_is_handed_to_the_registry(release: str) -> None:
    s3 = parsed(made(release, storage={"type": "s3", **STORAGES["s3"]}))["storage_service"]
    assert s3["s3"] == {
        "accesskey": 's3_access_key: "#', "secretkey": 's3_secret_key: "#', "region": "eu",
        "bucket": "b", "regionendpoint": "http://s3.example.com", "secure": False, "v4auth": True,
        "rootdirectory": "x",
    }  # fmt: skip
    assert s3["redirect"] == {"disabled" if numbers(release) < (2, 8, 0) else "disable": True}
    gcs = parsed(made(release, storage={"type": "gcs", **STORAGES["gcs"]}))["storage_service"]
    assert gcs["gcs"]["keyfile"] == "/var/lib/harbor-wizard/storage/gcs.json"
    assert set(gcs["redirect"].values()) == {False}
    assert "storage_service" not in parsed(made(release))


def test_every_storage_says_what_its_driver_asks_for() -> None:
    wanted = {
        "swift": {"username", "password", "authurl", "tenant", "container"},
        "gcs": {"bucket", "keyfile", "rootdirectory"},
        "azure": {"accountname", "accountkey", "container", "realm"},
        "oss": {"accesskeyid", "accesskeysecret", "region", "bucket", "endpoint"},
    }
    for name, keys in wanted.items():
        data = parsed(made(NEWEST, storage={"type": name, **STORAGES[name]}))
        assert set(data["storage_service"][name]) == keys


def test_a_node_is_known_by_its_own_name_where_it_is_a_harbor_of_its_own() -> None:
    shared, apart = made(NEWEST), made(NEWEST, **BUNDLED)
    for node in (0, 1):
        data = parsed(shared, node)
        assert (data["hostname"], data["external_url"]) == (
            "registry.example.com", "http://registry.example.com")  # fmt: skip
    names = [(d["hostname"], d["external_url"]) for d in (parsed(apart, 0), parsed(apart, 1))]
    assert names == [("registry.example.com", "http://registry.example.com"),
                     ("two.example.com", "http://two.example.com")]  # fmt: skip
    behind = made(NEWEST, **{**BUNDLED, "virtual_address": {"address": "10.0.0.10/24"}})
    data = parsed(behind, 1)
    assert (data["hostname"], data["external_url"]) == (
        "two.example.com", "http://registry.example.com")  # fmt: skip


def test_tls_and_ports_are_as_asked() -> None:
    plain = parsed(made(NEWEST))
    assert plain["http"]["port"] == 80
    assert "https" not in plain
    through = made(NEWEST, tls={"mode": "passthrough", "internal": True})
    data = parsed(through)
    assert data["https"] == {"port": 443, "certificate": "/tls/server.crt",
                             "private_key": "/tls/server.key"}  # fmt: skip
    assert data["internal_tls"] == {"enabled": True, "dir": "/var/lib/harbor-wizard/internal-tls"}
    behind = parsed(through, https=False, http_port="127.0.0.1:8080")
    assert behind["http"]["port"] == "127.0.0.1:8080"
    assert "https" not in behind


def test_a_harbor_trusts_the_ca_of_the_other_by_the_bundle_before_2_15() -> None:
    changes = {**BUNDLED, "tls": {"mode": "terminate", "issuer": "wizard"}}
    assert parsed(made("2.14.4", **changes))["storage_service"]["ca_bundle"].endswith(".crt")
    assert "storage_service" not in parsed(made("2.15.2", **changes))


def test_harbor_cfg_is_complete_and_its_storage_is_one_line() -> None:
    release = find("1.5.4")
    for shape in (*STORAGES, "clair"):
        changes: dict[str, Any] = (
            {"scanner": "clair", "clair_database": {"host": "10.0.0.33", "name": "clair",
                                                    "password": "secret:clair_password"}}
            if shape == "clair"
            else {"storage": {"type": shape, **STORAGES[shape]}}
        )  # fmt: skip
        cluster = made("1.5.4", **changes)
        reader = configparser.RawConfigParser()
        reader.read_string("[configuration]\n" + text(cluster).raw(Plain()))
        data = dict(reader["configuration"])
        assert release.required <= set(data) <= release.keys, shape
        assert data["_version"] == "1.5.0"
        assert (data["db_host"], data["db_port"]) == ("10.0.0.31", "3306")
        assert data["db_password"] == "database_password"
        assert data["redis_url"] == "10.0.0.32:6380,100,redis_password"
        assert data["ui_url_protocol"] == "http"
        provider = data["registry_storage_provider_config"]
        if shape in ("filesystem", "nfs", "clair"):
            assert (data["registry_storage_provider_name"], provider) == ("filesystem", "")
        else:
            assert data["registry_storage_provider_name"] == shape
            # What prepare makes of it: split at commas, one line of YAML each.
            lines = [one.strip() for one in provider.replace(":", ": ", 1).split(",")]
            made_of = yaml.safe_load("\n".join(lines))
            assert all(isinstance(one, str | bool) for one in made_of.values()), made_of
        if shape == "clair":
            assert data["clair_db_password"] == "clair_password"
    assert "secure: false, v4auth: true" in text(
        made("1.5.4", storage={"type": "s3", **STORAGES["s3"]})
    ).masked()
    gcs = made("1.5.4", storage={"type": "gcs", **STORAGES["gcs"]})
    assert gcs_key_file(gcs) == "/data/registry/gcs.json"
    assert "keyfile: /storage/gcs.json" in text(gcs).masked()
    through = text(made("1.5.4", tls={"mode": "passthrough"})).masked()
    assert "\nui_url_protocol = https\nssl_cert = /tls/server.crt\n" in through


# The keys.

# The first digits of the SHA-256 of each line's keys, as read from the templates of its newest tag.
DIGESTS = {
    "1.5.4": "5b3e89f8ab6c", "1.8.6": "eeb71a2c34bd", "1.9.4": "40f2a5b9e8e4",
    "1.10.19": "98474678e4c9", "2.0.6": "007cd2980406", "2.1.6": "643e26c7e103",
    "2.2.4": "5feb947e934c", "2.3.5": "5feb947e934c", "2.4.3": "fba0bebd8e96",
    "2.5.6": "26f903438f11", "2.6.4": "9ce52ac61125", "2.7.4": "15290f0731be",
    "2.8.6": "e3950d1a41ff", "2.9.5": "d5d778e80f0f", "2.10.3": "27e9d2bae67d",
    "2.11.2": "3a94b823effe", "2.12.4": "3a94b823effe", "2.13.5": "3ed883d73561",
    "2.14.4": "3ed883d73561", "2.15.2": "f6eeb9e7abdc",
}  # fmt: skip


def template_keys(lines: str) -> set[str]:
    """The dotted keys of a template, commented ones included."""
    found, stack = set(), list[tuple[int, str]]()
    for line in lines.splitlines():
        match = re.match(r"([ #]*)([a-z_]\w*):(\s|$)", line)
        if match is None:
            continue
        indent = len(re.sub(r"# ?", "", match[1]))
        while stack and stack[-1][0] >= indent:
            stack.pop()
        stack.append((indent, match[2]))
        found.add(".".join(name for _, name in stack))
    return found


def test_the_keys_are_those_of_the_templates() -> None:
    """Against what was recorded, and against the templates themselves where they are at hand."""
    digests = {
        version: hashlib.sha256("\n".join(sorted(one.keys)).encode()).hexdigest()[:12]
        for version, one in RELEASES.items()
    }
    assert digests == DIGESTS
    beside = Path(__file__).parents[2] / "shared/harbor/templates"
    folder = Path(os.environ.get("HARBOR_TEMPLATES", beside))
    for path in sorted(folder.glob("harbor.yml.tmpl-v*")):
        version = path.name.partition("-v")[2]
        assert template_keys(path.read_text()) == find(version).keys, version
    for path in folder.glob("harbor.cfg-v*"):
        listed = re.findall(r"(?m)^#?([a-z_]+) ?=", path.read_text())
        assert set(listed) == find(path.name.partition("-v")[2]).keys


def test_a_template_is_read_with_its_comments() -> None:
    sample = "a:\n  b: 1\n  # c: 2\n# d:\n#   # e: 3\n#   #f:\n#     g:\n# Note: no key\n# see a\n"
    assert template_keys(sample) == {"a", "a.b", "a.c", "d", "d.e", "d.f", "d.f.g"}


def test_what_is_required_is_a_key() -> None:
    for one in RELEASES.values():
        assert one.required <= one.keys
        for block, names in release_keys.required_within(numbers(one.version)).items():
            if block in one.keys:
                assert {f"{block}.{name}" for name in names} <= one.keys, (one.version, block)


# The facts.


def test_versions_are_found_by_their_line() -> None:
    assert [line_of(version) for version in RELEASES] == [
        (1, 5), (1, 8), (1, 9), (1, 10), *((2, minor) for minor in range(16))
    ]  # fmt: skip
    assert list(RELEASES)[-1] == NEWEST
    for version, one in RELEASES.items():
        assert find(version) == one
        assert one.known
    newer = find("2.16.0")
    assert (newer.known, newer.version, newer.config_version) == (False, "2.16.0", "2.15.0")
    assert newer.keys >= find(NEWEST).keys
    assert find("2.13.9").known
    for version in ("1.4.0", "1.6.3", "1.7.8", "2.1", "v2.1.0", "latest"):
        assert supported(version)
        with pytest.raises(KeyError):
            find(version)


def test_config_versions() -> None:
    wanted = {"1.5.0": "1.5.0", "1.8.3": "1.8.0", "1.10.19": "1.10.0", "2.0.6": "2.0.0",
              "2.1.3": "2.0.0", "2.2.0": "2.2.0", "2.14.1": "2.14.0", "2.15.2": "2.15.0"}  # fmt: skip
    assert {version: find(version).config_version for version in wanted} == wanted


def test_databases_and_images() -> None:
    every = ("registry", "clair", "notary_server", "notary_signer")
    assert find("1.8.0").databases == find("2.1.6").databases == every
    assert find("2.2.0").databases == find("2.8.6").databases == (every[0], *every[2:])
    assert find("2.9.0").databases == find("1.5.0").databases == ("registry",)
    assert find("1.5.4").uses_mariadb
    assert find("1.5.4").database_image == "vmware/harbor-db"
    assert not find("1.8.0").uses_mariadb
    redis = [(one.redis_image, one.redis_server) for one in map(find, ("2.15.1", "2.15.2"))]
    assert redis == [("goharbor/redis-photon", "redis-server"),
                     ("goharbor/valkey-photon", "valkey-server")]  # fmt: skip
    # Before 1.10.2, the registry's image has the registry's version in its tag.
    assert "goharbor/registry-photon" not in find("1.10.1").images_with("clair")
    assert "goharbor/registry-photon" in find("1.10.2").images
    assert "goharbor/trivy-adapter-photon" in find("2.0.0").images_with("trivy", bundled=True)
    assert find("1.8.6").running() == find("1.8.6").running(bundled=True)
    assert find("1.8.6").running()[-2:] == ("postgresql", "redis")
    assert find("1.9.4").running("clair", bundled=True)[-3:] == ("postgresql", "redis", "clair")
    assert find("2.15.2").running("trivy")[-1] == "trivy-adapter"


def test_flags_scanners_and_what_else_changed() -> None:
    assert find("1.5.4").flags == ("--ha", "--with-notary", "--with-clair")
    assert find("2.1.0").scanners == ("clair", "trivy")
    assert find("2.2.0").scanners == ("trivy",)
    assert find("1.10.0").scanners == ("clair",)
    assert "--with-chartmuseum" in find("2.7.4").flags
    assert find("2.9.0").flags == ("--with-trivy",)
    assert [find(v).redirect_key for v in ("2.7.4", "2.8.0")] == ["disabled", "disable"]
    assert [find(v).sentinel for v in ("2.0.6", "2.1.0")] == [False, True]
    assert [find(v).logs_jobs_to_database for v in ("2.8.6", "2.9.0")] == [False, True]
    assert [find(v).passes_scheme for v in ("2.2.4", "2.3.0")] == [False, True]
    assert [find(v).compose_format for v in ("1.5.4", "2.11.2", "2.12.0")] == ["2", "2.3", ""]
    assert [find(v).signature for v in ("2.11.1", "2.11.2", "2.12.0", "2.12.1", "2.15.0")] == [
        "asc", "", "asc", "", "sigstore"]  # fmt: skip
    drawn = [find(v).drawn["core"] for v in ("1.8.0", "2.0.0", "2.8.0")]
    assert [len(one) for one in drawn] == [2, 3, 4]
    in_file = ("1.8.4", "1.8.5", "1.9.1", "1.9.2", "1.10.0", "2.0.0")
    assert [find(v).csrf_in_file for v in in_file] == [False, True, False, True, True, False]


def test_the_health_answer_is_told_apart_from_that_of_a_part() -> None:
    """Each form of the answer, with one part that is not well: only the whole one counts."""
    last = '{"components":[{"name":"core","status":"healthy"}],"status":"STATE"}'
    first = '{"status":"STATE","components":[{"name":"core","status":"healthy"}]}'
    spaced = '{\n  "status": "STATE",\n  "components": [\n    {\n      "name": "core",\n' \
             '      "status": "healthy"\n    }\n  ]\n}'  # fmt: skip
    for version, answer in (("1.8.0", spaced), ("1.10.19", spaced), ("2.0.6", spaced),
                            ("2.1.0", first), ("2.2.4", first), ("2.3.0", last), (NEWEST, last)):  # fmt: skip
        wanted = find(version).health_wanted
        assert wanted in answer.replace("STATE", "healthy"), version
        assert wanted not in answer.replace("STATE", "unhealthy"), version
    assert find("1.10.0").health_path == "/api/health"
    assert find("2.0.0").health_path == "/api/v2.0/health"
    assert find("1.5.0").health_path == "/api/systeminfo"
