"""Each trouble with a service is really made on bare hosts, and found by its own look alone."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from harbor_wizard import secrets
from harbor_wizard.lab import credentials
from harbor_wizard.lab.host import LabHost
from harbor_wizard.lab.layout import OPERATOR_ADDRESS

from . import servers
from .conftest import EXAMPLE, Operator

pytestmark = pytest.mark.lab

NODES = ("harbor-1", "harbor-2")
SHARED = "/mnt/harbor-shared"
# What hosts of the lab have not got, whatever is made of its services.
LAB = {(look, host, "warning") for look in ("clock", "name")
       for host in ("lb-1", "lb-2", "harbor-1", "harbor-2")}  # fmt: skip
SERVICES = "10.77.0.31"


class Site:
    """The lab's cluster as its operator looks at it."""

    def __init__(self, operator: Operator, folder: Path) -> None:
        self.operator = operator
        self.folder = folder
        self.secrets = secrets.from_file(operator.lab.secrets_file)

    def host(self, name: str) -> LabHost:
        return self.operator.lab.hosts[name]

    def sh(self, name: str, script: str) -> str:
        return self.host(name).run(["sh"], input=script)

    def sql(self, *statements: str, database: str = "postgres") -> None:
        self.host("services").run(
            ["runuser", "-u", "postgres", "--", "psql", "-qd", database, "-v", "ON_ERROR_STOP=1"],
            input=";\n".join(statements) + ";\n",
        )  # fmt: skip

    def redis(self, *words: str) -> None:
        self.host("services").run(["sh", "-c", 'IFS= read -r REDISCLI_AUTH; export REDISCLI_AUTH; '
                                   'exec redis-cli --no-auth-warning "$@"', "sh", *words],
                                  input=self.secrets["redis_password"] + "\n")  # fmt: skip

    def look(
        self, changes: dict[str, Any], given: dict[str, str] | None = None
    ) -> tuple[set[tuple[str, str, str]], list[dict[str, str]]]:  # fmt: skip
        """Look; return what is not well, and all findings."""
        data = yaml.safe_load(EXAMPLE.read_text())
        data["name"] = "causes"
        for path, value in changes.items():
            *above, last = path.split(".")
            at = data
            for key in above:
                at = at.setdefault(key, {})
            if value is None:
                at.pop(last, None)
            else:
                at[last] = value
        file = self.folder / "causes.yaml"
        file.write_text(yaml.safe_dump(data))
        words = ["check", str(file), "--output", "json"]
        values = {**self.secrets, **(given or {})}
        if given is None or given:
            kept = self.folder / "secrets.yaml"
            kept.write_text(yaml.safe_dump(values))
            kept.chmod(0o600)
            words += ["--secrets", str(kept)]
        done = self.operator.run(*words, timeout=120)
        assert done.stdout.startswith("{"), done.stdout + done.stderr
        assert not [one for one in values.values() if len(one) > 8 and one in done.stdout]
        found = json.loads(done.stdout)["findings"]
        bad = {(one["check"], one["host"], one["level"]) for one in found if one["level"] != "ok"}
        assert done.returncode == (3 if {"failed", "unknown"} & {one[2] for one in bad} else 0)
        return bad - LAB, found

    def left(self) -> str:
        """Return what the look left in the store, on any node."""
        return "".join(self.sh(name, f"ls -A {SHARED}") for name in NODES)


@pytest.fixture(scope="module")
def site(operator: Operator, tmp_path_factory: pytest.TempPathFactory) -> Site:
    if any(operator.lab.hosts[name].root.joinpath("var/lib/harbor-wizard").exists() for name in NODES):
        operator.lab.fresh()  # whatever ran there before
        operator.lab.up()
    return Site(operator, tmp_path_factory.mktemp("causes"))


Made = AbstractContextManager[None]


@contextmanager
def on(site: Site, host: str, make: str, undo: str) -> Iterator[None]:
    """A script makes the trouble on a host, another one mends it."""
    try:
        site.sh(host, f"set -e\n{make}\n")
        yield
    finally:
        site.sh(host, f"{undo}\nexit 0\n")


def script(host: str, make: str, undo: str) -> Callable[[Site], Made]:
    return lambda site: on(site, host, make, undo)


def sql(make: str, undo: str, database: str = "postgres") -> Callable[[Site], Made]:
    @contextmanager
    def made(site: Site) -> Iterator[None]:
        try:
            site.sql(*make.split(";"), database=database)
            yield
        finally:
            site.sql(*undo.split(";"), database=database)

    return made


def redis(make: str, undo: str) -> Callable[[Site], Made]:
    @contextmanager
    def made(site: Site) -> Iterator[None]:
        try:
            for line in make.split(";"):
                site.redis(*line.split())
            yield
        finally:
            for line in undo.split(";"):
                site.redis(*line.split())

    return made


UP = "until runuser -u postgres -- psql -qc 'SELECT 1' >/dev/null 2>&1; do sleep 0.2; done"
STANDBY = "data=$(echo /var/lib/postgresql/*/main)\n"
SENTINEL = {"redis.host": None, "redis.sentinel": {
    "master": "mymaster", "nodes": [{"host": SERVICES, "port": 26379}]}}  # fmt: skip


@contextmanager
def sentinel(site: Site, announced: str = SERVICES) -> Iterator[None]:
    conf = f"""port 26379
bind 0.0.0.0
dir /tmp
protected-mode no
sentinel monitor mymaster {announced} 6379 1
sentinel auth-pass mymaster {site.secrets["redis_password"]}
"""
    write = "cat >/run/sentinel.conf; chmod 600 /run/sentinel.conf"
    host = site.host("services")
    host.run(["sh", "-c", write], input=conf)
    host.run(["systemd-run", "--quiet", "--unit=lab-sentinel", "redis-server", "/run/sentinel.conf",
              "--sentinel"])  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while "OK" not in host.run(["sh", "-c", "redis-cli -p 26379 sentinel ckquorum mymaster; true"]):
            # One that watches an address of its own never finds a quorum to be there.
            assert time.monotonic() < deadline
            time.sleep(0.3)
        yield
    finally:
        host.run(["sh", "-c", "systemctl stop lab-sentinel; rm -f /run/sentinel.conf"])


@contextmanager
def served(site: Site) -> Iterator[None]:
    """The installer is served where the hosts reach it."""
    (site.folder / "served").mkdir(exist_ok=True)
    (site.folder / "served/harbor.tgz").write_bytes(b"\x1f\x8b" + bytes(1000))
    arguments = site.operator.lab.wrap(["python3", "-m", "http.server", "8099", "--bind",
                                        OPERATOR_ADDRESS, "-d", str(site.folder / "served")])  # fmt: skip
    server = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        site.sh("harbor-1", f"until bash -c '</dev/tcp/{OPERATOR_ADDRESS}/8099' 2>/dev/null; do sleep 0.1; done")
        yield
    finally:
        server.kill()
        server.wait()


NFS = {"storage": {"type": "nfs", "server": SERVICES, "export": "/srv/nfs/harbor"}}


def s3(site: Site) -> dict[str, Any]:
    return {"storage": {"type": "s3", "bucket": "harbor", "region": "us-east-1",
                        "endpoint": f"http://{OPERATOR_ADDRESS}:8098"}}  # fmt: skip


@contextmanager
def object_store(site: Site) -> Iterator[None]:
    """An S3 that checks its callers; the operator gets the key that opens its bucket."""
    program = Path(__file__).with_name("object_store.py")
    words = site.operator.lab.wrap([sys.executable, str(program), OPERATOR_ADDRESS, "8098"])
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.DEVNULL) as server:  # fmt: skip
        assert server.stdout is not None
        assert server.stdin is not None
        try:
            key = next(json.loads(line) for line in server.stdout if line.startswith("{"))
            site.secrets.update(key)
            yield
        finally:
            for name in key:
                del site.secrets[name]
            server.stdin.close()
            server.wait(20)


def signed_by_nobody(site: Site) -> dict[str, Any]:
    """The installer, with a signature that cannot be checked without cosign."""
    given = Path(yaml.safe_load(EXAMPLE.read_text())["installer"]["file"].replace("~", str(site.operator.home)))
    copy = site.folder / given.name
    copy.unlink(missing_ok=True)
    os.link(given, copy)
    Path(f"{copy}.sigstore.json").write_text("{}")
    return {"installer.file": str(copy)}


def expired(site: Site) -> dict[str, Any]:
    """Certificates that were made when a year ago was today."""

    class Then(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
            return datetime.datetime.now(tz) - datetime.timedelta(days=366)

    then = SimpleNamespace(datetime=Then, timedelta=datetime.timedelta, UTC=datetime.UTC)
    folder = site.folder / "expired"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(credentials, "datetime", then)
        credentials._certificates(folder)
    return {f"tls.{key}": str(folder / name) for key, name in
            (("certificate", "registry.crt"), ("key", "registry.key"), ("ca", "ca.crt"))}  # fmt: skip


def another_key(site: Site) -> dict[str, Any]:
    credentials._certificates(site.folder / "other")
    return {"tls.key": str(site.folder / "other/registry.key")}


@dataclass(frozen=True)
class Cause:
    """How the trouble is made, and which look finds it where; `says` is told there."""

    name: str
    found: dict[str, str]  # a look, and its level
    says: str
    make: Callable[[Site], Made] | None = None
    changes: dict[str, Any] | Callable[[Site], dict[str, Any]] = field(default_factory=dict)
    given: dict[str, str] | None = None
    hosts: tuple[str, ...] = NODES


F, W = "failed", "warning"
BALANCERS = ("lb-1", "lb-2")

CAUSES = [
    Cause("the wrong password", {"database-login": F}, "password authentication failed",
          given={"database_password": "certainly-not-it"}),
    Cause("a user of another password beside an administrator", {"database-login": F},
          "password authentication failed", given={"database_password": "certainly-not-it"},
          changes={"database.name": "later", "database.admin": "labadmin"}),
    Cause("no such database", {"database-login": F}, "nonesuch",
          changes={"database.name": "nonesuch"}),
    Cause("no TLS there", {"database-login": F}, "ssl = on",
          make=sql("ALTER SYSTEM SET ssl = off;SELECT pg_reload_conf()",
                   "ALTER SYSTEM RESET ssl;SELECT pg_reload_conf()"),
          changes={"database.ssl_mode": "require"}),
    Cause("a certificate of nobody", {"database-login": W}, "not trusted",
          changes={"database.ssl_mode": "verify-full"}),
    Cause("PostgreSQL is stopped", {"services": F}, "5432",
          make=script("services", "systemctl stop postgresql@*", f"systemctl start postgresql\n{UP}")),
    Cause("PostgreSQL hangs", {"database-login": F}, "does not speak",
          make=script("services", "kill -STOP $(pgrep -o -x postgres)",
                      "kill -CONT $(pgrep -o -x postgres)")),
    Cause("a replica that is only read", {"database-rights": F}, "replica",
          make=script("services", f"{STANDBY}touch $data/standby.signal; systemctl restart postgresql\n{UP}",
                      f"{UP}\nrunuser -u postgres -- psql -qc 'SELECT pg_promote()'")),
    Cause("not in UTF8", {"database-encoding": F}, "LATIN1",
          make=sql("CREATE DATABASE latin OWNER harbor ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
                   " TEMPLATE template0", "DROP DATABASE latin WITH (FORCE)"),
          changes={"database.name": "latin"}),
    Cause("no right to make tables", {"database-rights": F}, "owned",
          make=sql("CREATE DATABASE owned ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE"
                   " template0", "DROP DATABASE owned WITH (FORCE)"),
          changes={"database.name": "owned"}),
    Cause("an administrator who may not", {"database-rights": F}, "CREATEDB",
          make=sql("ALTER ROLE labadmin NOCREATEDB", "ALTER ROLE labadmin CREATEDB"),
          changes={"database.name": "later", "database.admin": "labadmin"}),
    Cause("an earlier Harbor's tables", {"database-tables": W}, "earlier Harbor",
          make=sql("CREATE TABLE schema_migrations (version bigint);CREATE TABLE harbor_user (id int);"
                   "CREATE TABLE project (id int)",
                   "DROP TABLE schema_migrations, harbor_user, project", "registry")),
    Cause("somebody's tables", {"database-tables": W}, "something else",
          make=sql("CREATE TABLE orders (id int)", "DROP TABLE orders", "registry")),
    Cause("the wrong password of Redis", {"redis-login": F}, "WRONGPASS",
          given={"redis_password": "certainly-not-it"}),
    Cause("no password for Redis", {"redis-login": F}, "wants a password", changes={"redis.password": None}),
    Cause("Redis is stopped", {"services": F}, "6379",
          make=script("services", "systemctl stop redis-server", "systemctl start redis-server")),
    Cause("Redis throws keys away", {"redis-memory": W}, "allkeys-lru",
          make=redis("CONFIG SET maxmemory 100mb;CONFIG SET maxmemory-policy allkeys-lru",
                     "CONFIG SET maxmemory 0;CONFIG SET maxmemory-policy noeviction")),
    Cause("Redis is a replica", {"redis-master": F}, "replica",
          make=redis("REPLICAOF 10.77.0.99 6379", "REPLICAOF NO ONE")),
    Cause("keys of another Harbor", {"redis-keys": W}, "database 2 has 1 keys",
          make=redis("-n 2 SET harbor_job_service_namespace:x 1", "-n 2 FLUSHDB")),
    Cause("sentinels of another master", {"sentinel": F}, "other",
          make=sentinel, changes={**SENTINEL, "redis.sentinel": {
              **SENTINEL["redis.sentinel"], "master": "other"}}),  # type: ignore[dict-item]
    Cause("sentinels name an address of their own", {"sentinel": F}, "127.0.0.1",
          make=lambda site: sentinel(site, "127.0.0.1"), changes=SENTINEL),
    Cause("a store that cannot be written to", {"store-writable": F}, "Read-only",
          make=script("harbor-2", f"mount -o remount,bind,ro {SHARED}",
                      f"mount -o remount,bind,rw {SHARED}"), hosts=("harbor-2",)),
    Cause("a store that is another folder", {"store-shared": F}, "findmnt",
          make=script("harbor-2", f"mount -t tmpfs -o mode=777 tmpfs {SHARED}", f"umount {SHARED}")),
    Cause("no store", {"storage": F}, "/mnt/none", changes={"storage.path": "/mnt/none"}),
    Cause("NFS exports something else", {"nfs": W}, "/srv/other", changes=NFS,
          make=lambda site: servers.nfs(site.operator.lab, site.folder, "/srv/other")),
    Cause("NFS 3 exports something else", {"nfs": F}, "/srv/other",
          changes={"storage": {**NFS["storage"], "options": "vers=3,hard"}},
          make=lambda site: servers.nfs(site.operator.lab, site.folder, "/srv/other")),
    Cause("no NFS server", {"nfs": F}, f"{SERVICES}:2049 does not answer", changes=NFS),
    Cause("a key of S3 that is nobody's", {"object-store": F}, "InvalidAccessKeyId",
          changes=s3, make=object_store, given={"s3_access_key": "nobody"}),
    Cause("the wrong secret key of S3", {"object-store": F}, "SignatureDoesNotMatch",
          changes=s3, make=object_store, given={"s3_secret_key": "certainly-not-it"}),
    Cause("no such bucket", {"object-store": F}, "NoSuchBucket", make=object_store,
          changes=lambda site: {"storage": {**s3(site)["storage"], "bucket": "nonesuch"}}),
    Cause("no S3 there", {"object-store": F}, "does not answer", changes=s3,
          given={"s3_access_key": "anybody", "s3_secret_key": "anything"}),
    Cause("a signature that nobody checks", {"signature": W if shutil.which("cosign") is None else F},
          "", changes=signed_by_nobody),
    Cause("another installer", {"installer": F}, "SHA-256", changes={"installer.sha256": "0" * 64}),
    Cause("an installer that cannot be fetched", {"installer": F}, "HTTP 404", make=served,
          changes={"installer": {"url": f"http://{OPERATOR_ADDRESS}:8099/gone.tgz",
                                 "sha256": "0" * 64}}),
    Cause("a package source that does not answer", {"packages": F}, "10.77.0.99",
          make=script("lb-2", "cp /etc/apt/sources.list /root/kept\n"
                      "echo 'deb http://10.77.0.99/debian trixie main' >/etc/apt/sources.list",
                      "mv /root/kept /etc/apt/sources.list"), hosts=("lb-2",)),
    Cause("no package source", {"packages": F}, "no package source",
          make=script("harbor-1", "mv /etc/apt/sources.list /root/kept",
                      "mv /root/kept /etc/apt/sources.list"), hosts=("harbor-1",)),
    Cause("a certificate that has expired", {"certificate": F}, "has expired", changes=expired,
          hosts=BALANCERS),
    Cause("a key of another certificate", {"certificate": F}, "does not belong",
          changes=another_key, hosts=BALANCERS),
    Cause("passwords that are not here", {"database-login": W, "redis-login": W}, "not here yet",
          given={}),
    Cause("an sshd that forwards nothing", {"database-login": W, "redis-login": W},
          "AllowTcpForwarding", hosts=("harbor-1",),
          make=script("harbor-1", "echo 'AllowTcpForwarding no' >/etc/ssh/sshd_config.d/no.conf\n"
                      "systemctl reload ssh", "rm /etc/ssh/sshd_config.d/no.conf\nsystemctl reload ssh")),
]  # fmt: skip


def test_bare_hosts_with_good_services_pass_all(site: Site) -> None:
    bad, found = site.look({})
    assert bad == set(), found
    looks = {one["check"] for one in found if one["host"] == "harbor-1"}
    assert {"database-login", "database-version", "database-encoding", "database-rights",
            "database-tables", "redis-login", "redis-master", "redis-memory", "redis-keys",
            "store-writable", "store-shared", "installer", "signature", "packages"} <= looks  # fmt: skip
    assert {"certificate", "packages"} <= {one["check"] for one in found if one["host"] == "lb-1"}
    assert site.left() == ""


def test_what_is_to_be_made_and_what_sentinels_find_passes_too(site: Site) -> None:
    to_make = {"database.name": "later", "database.user": "later", "database.admin": "labadmin"}
    assert site.look(to_make)[0] == set()
    with servers.nfs(site.operator.lab, site.folder):
        bad, found = site.look(NFS)
        assert bad == set(), found
        assert [one["seen"] for one in found if one["check"] == "nfs"] == ["it answers (NFS 4) and exports it"] * 2
    with object_store(site):
        bad, found = site.look(s3(site))
        assert bad == set(), found
        assert [one["seen"] for one in found if one["check"] == "object-store"] == ["the bucket harbor opens"] * 2
    with sentinel(site):
        bad, found = site.look(SENTINEL)
        assert bad == set(), found
        assert "sentinel" in {one["check"] for one in found}
    with served(site):
        url = {"url": f"http://{OPERATOR_ADDRESS}:8099/harbor.tgz", "sha256": "0" * 64}
        assert site.look({"installer": url})[0] == set()


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name.replace(" ", "-"))
def test_each_cause_is_found_by_its_own_look_only(site: Site, cause: Cause) -> None:
    with ExitStack() as stack:
        if cause.make is not None:
            stack.enter_context(cause.make(site))
        changes = cause.changes(site) if callable(cause.changes) else cause.changes
        begun = time.monotonic()
        bad, found = site.look(changes, cause.given)
        took = time.monotonic() - begun
    told = [one for one in found if one["level"] != "ok" and one["check"] not in ("clock", "name")]
    wanted = {(look, host, level) for look, level in cause.found.items() for host in cause.hosts}
    assert bad == wanted, told
    assert any(cause.says in f"{one['seen']} {one['wanted']} {one['cure']}" for one in told), told
    assert all(one["wanted"] and one["source"] and one["cure"] for one in told)
    assert site.left() == ""
    print(f"{cause.name}: {took:.1f} s")
    assert took < 25
