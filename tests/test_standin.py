"""The stand-in's own rules: rights, patterns, policies, releases, and what its prepare writes.

Its parts run as in its containers, but for the database, Redis and the registry.
"""

import io
import json
import sys
import tarfile
import time
from importlib import resources
from pathlib import Path

import pytest
import yaml

from harbor_wizard.lab.standin import build as building

PAYLOAD = Path(str(resources.files("harbor_wizard.lab.standin") / "payload"))


@pytest.fixture(autouse=True)
def _payload(monkeypatch):
    monkeypatch.syspath_prepend(str(PAYLOAD))
    yield
    for name in [one for one in sys.modules if one.partition(".")[0] == "standin"]:
        del sys.modules[name]


# Rights.

LIBRARY = {"project_id": 1, "name": "library", "public": True}
SECRET = {"project_id": 2, "name": "secret", "public": False}


def _permission(kind, namespace, *pairs):
    access = [dict(zip(("resource", "action"), one.split(":"), strict=True)) for one in pairs]
    return {"kind": kind, "namespace": namespace, "access": access}


def test_nobody_pushes_but_members_and_the_administrator():
    from standin.rights import USER, Caller

    both = ["pull", "push"]
    assert Caller().pulls_and_pushes(LIBRARY, both) == ["pull"]
    assert Caller().pulls_and_pushes(SECRET, both) == []
    stranger = Caller(USER, "eve", 7)
    assert stranger.pulls_and_pushes(LIBRARY, both) == ["pull"]
    assert stranger.pulls_and_pushes(None, both) == []
    assert Caller(USER, "eve", 7, roles={2: 2}).pulls_and_pushes(SECRET, both) == both
    assert Caller(USER, "eve", 7, roles={2: 3}).pulls_and_pushes(SECRET, both) == ["pull"]
    assert Caller(USER, "admin", 1, admin=True).pulls_and_pushes(SECRET, ["*"]) == [*both, "delete"]
    assert stranger.may("project", "create")
    assert not stranger.may("registry", "list")


def test_a_robot_does_what_it_was_given_and_nothing_else():
    from standin.rights import ROBOT, Caller

    robot = Caller(ROBOT, "robot$repl", 1, permissions=(
        _permission("system", "/", "project:list", "project:create"),
        _permission("project", "*", "repository:push", "repository:pull", "tag:delete"),
    ))  # fmt: skip
    assert robot.may("project", "create")
    assert not robot.may("user", "list")
    assert not robot.may("project", "delete")
    assert robot.pulls_and_pushes(SECRET, ["*"]) == ["pull", "push"]
    assert robot.may_in(SECRET, "tag", "delete")
    assert not robot.may_in(SECRET, "artifact", "delete")
    bound = Caller(ROBOT, "robot$x", 2, permissions=(_permission("project", "other", "repository:pull"),))
    assert not bound.pulls_and_pushes(SECRET, ["pull"])
    assert not bound.sees(SECRET)
    assert robot.sees(SECRET)


@pytest.mark.parametrize(
    "permissions",
    [
        [],
        [{"kind": "moon", "namespace": "*", "access": [{"resource": "tag", "action": "list"}]}],
        [{"kind": "project", "namespace": "*", "access": []}],
        [{"kind": "system", "namespace": "/", "access": [{"resource": "repository", "action": "push"}]}],
    ],
)
def test_permissions_that_are_none_are_refused(permissions):
    from standin.rights import checked

    with pytest.raises(ValueError):
        checked(permissions, "system")


def test_a_secret_is_long_and_mixed():
    from standin.rights import strong

    assert strong("Abcdefg1")
    assert not any(strong(one) for one in ("Abcdef1", "abcdefg1", "ABCDEFG1", "Abcdefgh", "Aa1" * 43))


def test_secrets_are_hashed_and_credentials_sealed_with_the_secret_key(tmp_path, monkeypatch):
    from standin import passwords

    assert passwords.good("one", passwords.hashed("one"))
    assert not passwords.good("two", passwords.hashed("one"))
    key = tmp_path / "secretkey"
    monkeypatch.setenv("STANDIN_SECRET_KEY", str(key))
    key.write_text("0123456789abcdef")
    sealed = passwords.sealed("robot secret")
    assert "robot" not in sealed
    assert passwords.opened(sealed) == "robot secret"
    key.write_text("fedcba9876543210")
    with pytest.raises(ValueError, match="secret key"):
        passwords.opened(sealed)


# Replication.


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("**", "library/a/b", True), ("", "x", True), ("library/*", "library/a", True),
        ("library/*", "library/a/b", False), ("library/**", "library/a/b", True),
        ("library/**", "libraryx/a", False), ("**/b", "library/a/b", True), ("v1.?", "v1.2", True),
        ("v1.?", "v1x2", False), ("{library,apps}/**", "apps/web", True),
        ("{library,apps}/**", "other/web", False), ("v[0-9]", "v3", True), ("v[!0-9]", "v3", False),
    ],
)  # fmt: skip
def test_patterns(pattern, text, expected):
    from standin.patterns import matches

    assert matches(pattern, text) is expected


GIVEN = {"name": "to-b", "dest_registry": {"id": 7}, "trigger": {"type": "event_based"},
         "filters": [{"type": "name", "value": "library/**"},
                     {"type": "tag", "value": "dev-*", "decoration": "excludes"}]}  # fmt: skip


def test_only_deletion_is_read_and_nothing_is_enabled_unasked():
    from standin.policies import checked

    policy = checked({**GIVEN, "replicate_deletion": True})
    assert (policy["deletion"], policy["enabled"]) == (False, False)
    assert checked({**GIVEN, "deletion": True})["deletion"] is True


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""}, {"dest_registry": None}, {"src_registry": {"id": 7}},
        {"src_registry": {"id": 7}, "dest_registry": None}, {"trigger": {"type": "sometimes"}},
        {"single_active_replication": True}, {"filters": [{"type": "moon", "value": "x"}]},
        {"filters": [{"type": "name", "value": "{a"}]},
        {"trigger": {"type": "scheduled", "trigger_settings": {"cron": "0 0 * * *"}}},
        {"trigger": {"type": "scheduled", "trigger_settings": {"cron": "5 0 * * * *"}}},
        {"trigger": {"type": "scheduled", "trigger_settings": {"cron": "0 * * * * *"}}},
    ],
)  # fmt: skip
def test_policies_that_are_none_are_refused(change):
    from standin.policies import checked

    with pytest.raises(ValueError):
        checked({**GIVEN, **change})


def test_a_policy_chooses_by_name_and_tag_and_names_the_destination():
    from standin.policies import checked, chooses_name, chooses_tag, destination

    policy = checked(GIVEN)
    assert chooses_name(policy, "library/a")
    assert not chooses_name(policy, "apps/a")
    assert chooses_tag(policy, "v1")
    assert not chooses_tag(policy, "dev-1")
    assert destination(policy, "library/a/b") == "library/a/b"
    flat = checked({**GIVEN, "dest_namespace": "mirror"})
    assert destination(flat, "library/a/b") == "mirror/b"
    one = checked({**GIVEN, "dest_namespace": "mirror", "dest_namespace_replace_count": 1})
    assert destination(one, "library/a/b") == "mirror/a/b"


def test_a_schedule_is_due():
    from standin.policies import due

    now = time.struct_time((2026, 11, 21, 8, 30, 0, 5, 325, 0))
    assert due("0 30 8 * * *", now)
    assert due("0 */10 * * * *", now)
    assert not due("0 31 * * * *", now)
    assert due("0 30 * * * 6", now)


class Side:
    """A Harbor in memory, as far as a copy needs one."""

    def __init__(self, manifests=(), blobs=()):
        self.manifests, self.blobs, self.projects, self.puts = dict(manifests), set(blobs), [], []

    def digest(self, _repository, reference):
        return (self.manifests.get(reference) or (None,))[0]

    def manifest(self, _repository, reference):
        return self.manifests[reference][1], "application/json"

    def has_blob(self, _repository, digest):
        return digest in self.blobs

    def blob(self, _repository, digest):
        return io.BytesIO(digest.encode())

    def put_blob(self, _repository, digest, _size, chunks):
        assert b"".join(chunks)
        self.blobs.add(digest)

    def put_manifest(self, _repository, reference, body, _kind):
        self.manifests[reference] = (json.loads(body)["is"], body)
        self.puts.append(reference)

    def project(self, name):
        return name if name in self.projects else None

    def api(self, _method, _path, given, good):
        self.projects.append(given["project_name"])
        self.made = given

    def delete(self, _repository, reference, tag=""):
        return self.manifests.pop(tag or reference, None) is not None

    def close(self):
        pass


def _source():
    image = json.dumps({"is": "d1", "config": {"digest": "c", "size": 1}, "layers": [{"digest": "l", "size": 1}]})
    index = json.dumps({"is": "d2", "manifests": [{"digest": "d1"}]})
    return Side({"d1": ("d1", image.encode()), "d2": ("d2", index.encode())}, ("c", "l"))


def _copy(source, destination, **change):
    from standin.copying import Copy

    said = []
    given = {"repository": "lib/a", "destination_repository": "lib/a", "public": True, "override": True,
             "artifacts": [{"digest": "d2", "tags": ["v1"], "whole": True}], **change}  # fmt: skip
    Copy(source, destination, given, said.append, lambda: False).run()
    return said


def test_a_copy_brings_an_index_with_its_parts_once():
    source, destination = _source(), Side()
    _copy(source, destination)
    assert destination.puts == ["d1", "v1"]
    assert destination.blobs == {"c", "l"}
    assert destination.made == {"project_name": "lib", "metadata": {"public": "true"}}
    assert any("skip" in one for one in _copy(source, destination))
    assert destination.puts == ["d1", "v1"]


def test_another_artifact_stays_where_it_is_not_to_be_replaced():
    destination = Side({"v1": ("other", b"")})
    _copy(_source(), destination, override=False)
    assert destination.puts == []
    _copy(_source(), destination)
    assert destination.puts == ["d1", "v1"]


def test_a_deletion_spares_another_artifact_and_skips_what_is_not_there():
    from standin.copying import _delete

    said = []
    given = {"operation": "deletion", "destination_repository": "lib/a",
             "artifacts": [{"digest": "d2", "tags": ["v1"], "whole": True}]}  # fmt: skip
    spared = Side({"v1": ("other", b"")})
    _delete(spared, given, said.append)
    assert "v1" in spared.manifests
    gone = Side({"v1": ("d2", b"")})
    _delete(gone, given, said.append)
    assert not gone.manifests
    _delete(gone, given, said.append)
    assert "not there, skip" in said[-1]


# Requests.


def test_a_list_is_filtered_and_paged():
    from standin.web import Request

    rows = [{"name": f"n{i}", "level": "system"} for i in range(12)]
    answer = Request("GET", "/api/v2.0/robots?q=Level%3Dsystem&page=2&page_size=5", {}, b"", None).listed(rows)
    assert [one["name"] for one in answer.data] == ["n5", "n6", "n7", "n8", "n9"]
    assert answer.headers["X-Total-Count"] == "12"
    assert 'rel="next"' in answer.headers["Link"]
    assert Request("GET", "/x?q=name=n3", {}, b"", None).listed(rows).data == [rows[3]]
    assert len(Request("GET", "/x?q=name=~n1", {}, b"", None).listed(rows).data) == 3


# Releases and prepare.


@pytest.mark.parametrize(
    ("version", "image"),
    [("v2.15.2", "valkey-photon"), ("v2.15.1", "redis-photon"), ("v2.5.0", "redis-photon"),
     ("v2.16.0-rc1", "valkey-photon"), ("v1", "redis-photon")],
)  # fmt: skip
def test_the_cache_has_the_releases_name(version, image):
    from standin.releases import cache_image

    assert cache_image(version) == building.cache_image(version) == image


CONFIG = {
    "hostname": "registry.example", "http": {"port": 80}, "harbor_admin_password": "Harbor12345",
    "data_volume": "/data", "database": {"password": "dbpw"},
    "jobservice": {"max_job_workers": 10, "job_loggers": ["STD_OUTPUT"]},
    "log": {"level": "info", "local": {"location": "/var/log/harbor"}},
}  # fmt: skip
OUTSIDE = {
    "external_database": {"harbor": {"host": "db", "port": 5432, "db_name": "registry",
                                     "username": "harbor", "password": "x"}},
    "external_redis": {"host": "cache:6379", "password": "y"},
}  # fmt: skip


@pytest.fixture
def prepare(tmp_path, monkeypatch):
    pytest.importorskip("bcrypt")
    from standin import prepare as module

    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(module, "key_pair", lambda data: None)

    def run(config, tag="v2.15.2"):
        (tmp_path / "input").mkdir(exist_ok=True)
        (tmp_path / "input/harbor.yml").write_text(yaml.safe_dump(config))
        module.main(*(tmp_path / one for one in ("input", "data", "compose", "config")), tag)
        return yaml.safe_load((tmp_path / "compose/docker-compose.yml").read_text())["services"]

    run.env = lambda name: dict(
        line.split("=", 1) for line in (tmp_path / f"config/{name}/env").read_text().splitlines()
    )
    run.data = tmp_path / "data"
    return run


def test_prepare_brings_a_database_and_redis_along(prepare):
    services = prepare(CONFIG)
    assert services["postgresql"]["image"] == "goharbor/harbor-db:v2.15.2"
    assert services["postgresql"]["container_name"] == "harbor-db"
    assert services["postgresql"]["volumes"] == ["/data/database:/var/lib/postgresql/data"]
    assert services["postgresql"]["env_file"] == ["./common/config/db/env"]
    assert services["redis"]["image"] == "goharbor/valkey-photon:v2.15.2"
    assert services["redis"]["volumes"] == ["/data/redis:/var/lib/redis"]
    assert prepare.env("db") == {"POSTGRES_PASSWORD": "dbpw"}
    core = prepare.env("core")
    assert [core[f"POSTGRESQL_{one}"] for one in ("HOST", "DATABASE", "USERNAME", "PASSWORD")] == [
        "postgresql", "registry", "postgres", "dbpw"]  # fmt: skip
    assert (core["REDIS_HOST"], core["REDIS_PASSWORD"]) == ("redis:6379", "")
    assert prepare.env("jobservice")["REDIS_HOST"] == "redis:6379"
    assert (prepare.data / "database").stat().st_mode & 0o777 == 0o700


def test_prepare_leaves_them_out_where_they_are_outside(prepare):
    services = prepare({**CONFIG, **OUTSIDE})
    assert not {"postgresql", "redis"} & set(services)
    assert prepare.env("core")["REDIS_HOST"] == "cache:6379"
    assert not (prepare.data / "database").exists()


def _without(what, *path):
    config = json.loads(json.dumps(CONFIG))
    place = config
    for one in path:
        place = place[one]
    place.pop(what)
    return config


def test_prepare_rejects_what_its_release_rejects(prepare):
    with pytest.raises(KeyError, match="job_loggers"):
        prepare(_without("job_loggers", "jobservice"))
    prepare(_without("job_loggers", "jobservice"), "v2.8.4")
    with pytest.raises(KeyError, match="harbor_db_password"):
        prepare(_without("database"))
    storage = {"s3": {"bucket": "b"}, "redirect": {"disabled": True}}
    with pytest.raises(KeyError, match="disable"):
        prepare({**CONFIG, "storage_service": storage})
    prepare({**_without("job_loggers", "jobservice"), "storage_service": storage}, "v2.7.0")
    with pytest.raises(SystemExit):
        prepare({**CONFIG, "hostname": "127.0.0.1"})


def test_prepare_joins_the_host_and_port_of_an_old_release(prepare):
    config = {**CONFIG, **OUTSIDE, "external_redis": {"host": "cache", "port": 6380, "password": ""}}
    services = prepare(config, "v2.0.6")
    assert prepare.env("core")["REDIS_HOST"] == "cache:6380"
    assert services["core"]["image"] == "goharbor/harbor-core:v2.0.6"


# The archive of images.


def test_another_list_of_packages_is_another_layer(monkeypatch, tmp_path):
    before = building.root_layer(tmp_path)
    monkeypatch.setattr(building, "_INCLUDE", (*building._INCLUDE, "jq"))
    assert building.root_layer(tmp_path) != before


@pytest.mark.parametrize(("version", "cache"), [("v2.15.2", "valkey"), ("v2.11.0", "redis")])
def test_the_archive_has_the_images_of_the_release(tmp_path, version, cache):
    base, archive = tmp_path / "base.tar", tmp_path / "images.tar"
    with tarfile.open(base, "w"):
        pass
    with archive.open("wb") as stream:
        building.write_archive(stream, base, building._payload_layer(PAYLOAD / "standin"), version)
    with tarfile.open(archive) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))
        configs = {one["RepoTags"][0]: json.load(tar.extractfile(one["Config"]))["config"] for one in manifest}
        layer = io.BytesIO(tar.extractfile(manifest[0]["Layers"][1]).read())
        with tarfile.open(fileobj=layer) as packed:
            names = packed.getnames()
    assert configs[f"goharbor/harbor-db:{version}"]["User"] == "999:999"
    image = configs[f"goharbor/{cache}-photon:{version}"]
    assert image["Cmd"] == [f"{cache}-server", "/etc/redis.conf"]
    assert "Entrypoint" not in image
    for module in ("core", "jobservice", "bundled", "replication"):
        assert f"opt/standin/{module}.py" in names
    assert "usr/local/bin/valkey-server" in names
