"""What services answer is judged by its own look only; and they are spoken to as they speak."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harbor_wizard import preflight, run
from harbor_wizard.errors import ConnectionLost, NotAnswering, NotForwarded, SecretsError
from harbor_wizard.lab.credentials import _certificates
from harbor_wizard.model import load
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.preflight import Level, fetching, objects, postgres, resp, store, supplies
from harbor_wizard.preflight.dialling import Line
from harbor_wizard.preflight.facts import Facts
from harbor_wizard.preflight.looking import judge
from harbor_wizard.secrets import SecretValues
from harbor_wizard.session import create
from harbor_wizard.solutions import make_plan
from harbor_wizard.transport.base import Call, Result
from tests.test_preflight import EXAMPLE, healthy

DATABASE = {"host": "10.0.0.31"}
SENTINEL = {"sentinel": {"master": "mymaster", "nodes": [{"host": "10.0.0.31", "port": 6379}]},
            "password": "secret:redis_password"}  # fmt: skip
S3 = {"type": "s3", "bucket": "harbor", "region": "eu-central-1", "endpoint": "http://10.0.0.51:9000"}
NFS = {"type": "nfs", "server": "10.0.0.41", "export": "/export/harbor", "options": "vers=3,hard"}


def cluster(**changes: Any) -> Cluster:
    return load.parse({**load.read(EXAMPLE), **changes}, "rehearsal.yaml")


def bad(of: Cluster, changed: dict[str, Any], on: str = "harbor-1") -> list[preflight.Finding]:
    """Look at healthy hosts, one of which says something else; what is None is not said at all."""
    answers: dict[str, Any] = {}
    for host in of.hosts:
        text = healthy(host)
        if host.name == on:
            for name, value in changed.items():
                kept = [line for line in text.splitlines() if not line.startswith(f"{name}\t")]
                values = value if isinstance(value, list) else [] if value is None else [value]
                text = "\n".join([*kept, *(f"{name}\t{one}" for one in values)]) + "\n"
        answers[host.name] = Facts(text, 0.0)
    return [one for one in judge(of, of.hosts, answers).findings if one.level is not Level.OK]


NO_DB = dict.fromkeys(("db_login", "db_version", "db_tls", "db_encoding", "db_rights", "db_tables",
                       "db_replica", "db_wanted"))  # fmt: skip
NO_REDIS = dict.fromkeys(("redis_login", "redis_version", "redis_role", "redis_memory"))
F, W = Level.FAILED, Level.WARNING
ADMIN = {"database": {**DATABASE, "admin": "postgres"}}
CERTIFIED = {"tls": {"mode": "terminate", "issuer": "wizard"}}
UPLOADED = {"installer": {"file": __file__, "sha256": "a" * 64}}

# The look that finds it, what is said otherwise, the cluster's other answers, level, what is told.
CAUSES: list[tuple[str, str, dict[str, Any], dict[str, Any], Level, str]] = [
    ("a wrong password", "database-login", {**NO_DB, "db_wanted": "registry",
     "db_refused": 'registry 28P01 password authentication failed for user "harbor"'}, {}, F,
     "secret:database_password"),
    ("no such database", "database-login", {**NO_DB, "db_refused": "registry 3D000 no such"}, {}, F,
     "CREATE DATABASE"),
    ("a database without TLS", "database-login",
     {**NO_DB, "db_refused": "registry protocol Server refuses SSL"}, {}, F, "refuses SSL"),
    ("a database of an unknown CA", "database-login",
     {**NO_DB, "db_refused": "registry certificate self-signed"}, {}, W, "tls.ca"),
    ("too many connections", "database-login",
     {**NO_DB, "db_refused": "registry 53300 too many clients already"}, {}, F, "too many clients"),
    ("no PostgreSQL there", "database-login",
     {**NO_DB, "db_refused": "registry unreadable error"}, {}, F, "database.host"),
    ("no password for the database", "database-login",
     {**NO_DB, "db_unlooked": "secret database_password"}, {}, W, "not here yet"),
    ("no password for the administrator", "database-login",
     {**NO_DB, "db_admin_unlooked": "database_admin_password",
      "db_refused": "registry 28P01 password authentication failed"}, ADMIN, W,
     "database_admin_password"),
    ("an administrator who is refused", "database-login",
     {**NO_DB, "db_admin_refused": "postgres 28P01 password authentication failed"}, ADMIN, F,
     "secret:database_admin_password"),
    ("an sshd that forwards nothing", "database-login", {**NO_DB, "db_unlooked": "forwarding"}, {},
     W, "AllowTcpForwarding"),
    ("an old PostgreSQL", "database-version", {"db_version": "11.22 (Debian)"}, {}, F, "11.22"),
    ("not UTF8", "database-encoding", {"db_encoding": "registry SQL_ASCII"}, {}, F, "SQL_ASCII"),
    ("no right to make tables", "database-rights", {"db_rights": "registry no postgres"}, {}, F,
     "OWNER TO"),
    ("a replica", "database-rights", {"db_replica": "yes"}, {}, F, "primary"),
    ("an administrator who may not", "database-rights",
     {**NO_DB, "db_admin": "- createrole", "db_to_make": "registry", "db_version": "17.2"}, ADMIN, F,
     "CREATEDB"),
    ("an earlier Harbor", "database-tables", {"db_tables": "registry harbor 50"}, {}, W,
     "50 tables"),
    ("somebody's tables", "database-tables", {"db_tables": "registry other 3"}, {}, W,
     "something else"),
    ("a wrong password of Redis", "redis-login",
     {**NO_REDIS, "redis_refused": "10.0.0.31:6379 WRONGPASS invalid username-password pair"}, {}, F,
     "secret:redis_password"),
    ("no password in Redis", "redis-login", {**NO_REDIS, "redis_refused": "10.0.0.31:6379 ERR AUTH "
     "<password> called without any password configured"}, {}, F, "requirepass"),
    ("no Redis there", "redis-login",
     {**NO_REDIS, "redis_refused": "10.0.0.31:6379 - Unreadable"}, {}, F, "redis.host"),
    ("a replica of Redis", "redis-master",
     {"redis_role": "10.0.0.31:6379 slave 10.0.0.32:6379"}, {}, F, "10.0.0.32:6379"),
    ("an eviction policy", "redis-memory", {"redis_memory": "104857600 allkeys-lru"}, {}, W,
     "100 MB"),
    ("another Harbor's keys", "redis-keys", {"redis_keys": ["1 7", "9 4"]}, {}, W,
     "database 1 has 7 keys"),
    ("a sentinel with a password", "sentinel",
     {**NO_REDIS, "sentinel": None, "sentinel_refused": "10.0.0.31:6379 NOAUTH Authentication required."},
     {"redis": SENTINEL}, F, "22538"),
    ("a sentinel of others", "sentinel",
     {**NO_REDIS, "sentinel": None, "sentinel_unknown": "10.0.0.31:6379"}, {"redis": SENTINEL}, F,
     "redis.sentinel.master"),
    ("sentinels that do not agree", "sentinel",
     {"sentinel": ["10.0.0.31:6379 10.0.0.31:6380", "10.0.0.32:6379 10.0.0.32:6380"]},
     {"redis": SENTINEL}, F, "10.0.0.32:6380"),
    ("a master out of reach", "sentinel",
     {**NO_REDIS, "redis_silent": "127.0.0.1:6379", "sentinel": "10.0.0.31:6379 127.0.0.1:6379"},
     {"redis": SENTINEL}, F, "announce"),
    ("no quorum", "sentinel", {"sentinel_quorum": "10.0.0.31:6379 NOQUORUM 1 usable Sentinels"},
     {"redis": SENTINEL}, W, "NOQUORUM"),
    ("a store that is read-only", "store-writable", {"store_wrote": None, "store_sees":
     "harbor-2 /mnt/shared/harbor", "store_refused": "/mnt/shared/harbor sh: 1: cannot create "
     "./x: Read-only file system"}, {}, F, "Read-only"),
    ("a file that stays", "store-writable", {"store_left": "/mnt/shared/harbor/.x"}, {}, W, "rm -f"),
    ("another store", "store-shared", {"store_sees": None}, {}, F, "harbor-2"),
    ("an NFS server that exports something else", "nfs", {"nfs_export": ["/home", "/srv"]},
     {"storage": NFS}, F, "/home, /srv"),
    ("no NFS server", "nfs", {"nfs_version": None, "store_silent": "10.0.0.41:2049"},
     {"storage": NFS}, F, "10.0.0.41:2049"),
    ("a wrong key of S3", "object-store", {"store_bucket": "403 SignatureDoesNotMatch"},
     {"storage": S3}, F, "secret:s3_secret_key"),
    ("no such bucket", "object-store", {"store_bucket": "404 NoSuchBucket"}, {"storage": S3}, F,
     "storage.bucket"),
    ("another region", "object-store", {"store_bucket": "400 AuthorizationHeaderMalformed"},
     {"storage": S3}, F, "storage.region"),
    ("no object store", "object-store", {"store_bucket": None, "store_silent": "10.0.0.51:9000"},
     {"storage": S3}, F, "10.0.0.51:9000"),
    ("an installer that cannot be fetched", "installer",
     {"installer_url": "no https://files.example.com/x.tgz curl: (6) Could not resolve host"}, {}, F,
     "Could not resolve"),
    ("another installer", "installer", {"installer_file": f"700000000 gzip {'b' * 64}"}, UPLOADED, F,
     "bbbbbbbb"),
    ("a page in the installer's place", "installer", {"installer_file": "900 other "}, UPLOADED, F,
     "no .tgz"),
    ("an installer that is gone", "installer",
     {"installer_file": None, "installer_error": "Permission denied"}, UPLOADED, F, "denied"),
    ("a forged installer", "signature", {"installer_signature": "bad it is not signed"}, UPLOADED, F,
     "not signed"),
    ("nothing to check a signature with", "signature",
     {"installer_signature": "unchecked not checked: cosign is not here"}, UPLOADED, W, "cosign"),
    ("a silent package source", "packages",
     {"package_source": ["yes http://a/debian", "no http://b/debian Connection refused"]}, {}, W,
     "http://b/debian"),
    ("no package source that answers", "packages",
     {"package_source": "no http://b/debian Connection refused"}, {}, F, "http://b/debian"),
    ("no package source", "packages", {"package_source": None}, {}, F, "no package source"),
    ("an installer that could not be tried", "installer",
     {"installer_url": None, "installer_url_unlooked": "forwarding"}, {}, W, "AllowTcpForwarding"),
    ("no repository of Docker's", "packages",
     {"docker_source": "no https://download.docker.com/linux/debian/gpg"},
     {"packages": {"source": "docker"}}, F, "download.docker.com"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "changed", "answers", "level", "says"), [one[1:] for one in CAUSES],
    ids=[one[0] for one in CAUSES],
)  # fmt: skip
def test_each_cause_is_found_by_its_own_look_only(
    check: str, changed: dict[str, Any], answers: dict[str, Any], level: Level, says: str
) -> None:
    found = bad(cluster(**answers), changed)
    assert [(one.check, one.host, one.level) for one in found] == [(check, "harbor-1", level)]
    assert says in " ".join([found[0].seen, found[0].wanted, found[0].cure])
    assert found[0].wanted
    assert found[0].source
    assert found[0].cure


@pytest.mark.parametrize(
    "answers", [{}, {"redis": SENTINEL}, {"storage": S3}, {"storage": NFS}, ADMIN, UPLOADED, CERTIFIED]
)
def test_services_that_are_well_pass_all(answers: dict[str, Any]) -> None:
    assert bad(cluster(**answers), {}) == []


def test_what_an_earlier_run_left_in_services_is_no_fault() -> None:
    ours = {"known": "yes", "db_tables": "registry harbor 50", "redis_keys": "0 12"}
    assert bad(cluster(), ours) == []


def test_what_is_not_there_yet_is_made_by_an_administrator() -> None:
    to_make = {**NO_DB, "db_admin": "createdb createrole", "db_to_make": "registry",
               "db_user_to_make": "harbor", "db_version": "17.2"}  # fmt: skip
    assert bad(cluster(**ADMIN), to_make) == []


def test_a_database_that_does_not_answer_at_all_is_said_once() -> None:
    silent = {**NO_DB, "db_unlooked": "silent", "reaches": "10.0.0.31 6379"}
    assert [one.check for one in bad(cluster(), silent)] == ["services"]


def test_certificates_and_bundles_are_looked_at_here(tmp_path: Path) -> None:
    _certificates(tmp_path)
    tls = {"mode": "terminate", "certificate": "registry.crt", "key": "registry.key", "ca": "ca.crt"}
    data = {**load.read(EXAMPLE), "tls": tls, "public_name": "registry.lab.internal"}
    of = load.parse(data, "x.yaml", tmp_path)
    said = supplies.here(of, tmp_path, {"certificate"})
    assert Facts(said).one("certificate_until").endswith((" 364", " 365"))
    assert "certificate_error" not in said
    other = load.parse({**data, "public_name": "other.example.com"}, "x.yaml", tmp_path)
    said = supplies.here(other, tmp_path, {"certificate"})
    plain = {one.name: healthy(one).replace("certificate_ours\tyes\n", "") for one in other.hosts}
    answers: dict[str, Any] = {name: Facts(text + said, 0.0) for name, text in plain.items()}
    found = judge(other, other.hosts, answers).of(F)
    assert {(one.check, one.host) for one in found} == {("certificate", "lb-1"), ("certificate", "lb-2")}
    assert "other.example.com" in found[0].seen


def test_a_bundle_is_looked_at_here(tmp_path: Path) -> None:
    of = cluster(packages={"source": "bundle", "bundle": "made"}, installer={"file": "x"})
    made = tmp_path / "made"
    made.mkdir()

    def found() -> list[preflight.Finding]:
        said = supplies.here(of, tmp_path, {"packages"})
        answers: dict[str, Any] = {one.name: Facts(healthy(one) + said, 0.0) for one in of.hosts}
        seen = judge(of, of.hosts, answers, {"packages"}).findings
        return [one for one in seen if one.check == "packages"]

    assert {(one.level, "is no bundle" in one.seen) for one in found()} == {(F, True)}
    (made / "debian-12.tar").write_bytes(b"packages")
    about = {"size": 8, "sha256": hashlib.sha256(b"packages").hexdigest()}
    (made / "bundle.json").write_text(json.dumps(
        {"schema": 1, "files": {"debian-12.tar": about}, "platforms": {"debian-12": {}}}))  # fmt: skip
    levels = {one.host: one.level for one in found()}
    assert levels == {"lb-1": Level.OK, "lb-2": F, "harbor-1": Level.OK, "harbor-2": F}
    (made / "debian-12.tar").write_bytes(b"damaged!")
    assert "debian-12.tar is damaged" in found()[0].seen


def test_the_installer_is_read_here_and_its_sum_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "h.tgz"
    path.write_bytes(b"\x1f\x8b harbor")
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    of = cluster(installer={"file": str(path), "sha256": right})
    said = supplies.here(of, None, {"installer", "signature"})
    assert Facts(said).one("installer_file") == f"9 gzip {right}"
    assert Facts(said).one("installer_signature").startswith("none not checked: there is no h.tgz.")
    path.unlink()
    assert Facts(supplies.here(of, None, {"installer"})).one("installer_error")


# Speaking.


class Dialled:
    """A transport whose dials end at a function of the test's, each in a thread."""

    def __init__(self, *speak: Callable[[socket.socket], None]) -> None:
        self._speak = list(speak)
        self.places: list[tuple[str, int]] = []

    def dial(self, address: str, port: int, timeout: float) -> socket.socket:
        self.places.append((address, port))
        speak = self._speak.pop(0) if len(self._speak) > 1 else self._speak[0]
        if isinstance(speak, Exception):
            raise speak
        ours, theirs = socket.socketpair()
        threading.Thread(target=self._serve, args=(speak, theirs), daemon=True).start()
        return ours

    @staticmethod
    def _serve(speak: Callable[[socket.socket], None], theirs: socket.socket) -> None:
        with theirs:
            speak(theirs)


VALUES = SecretValues({"redis_password": "pw", "database_password": "pw", "s3_access_key": "AK",
                       "s3_secret_key": "SK"}, {})  # fmt: skip
INFO = ("# Server\r\nredis_version:7.2.4\r\nrole:slave\r\nmaster_host:10.0.0.9\r\nmaster_port:6379\r\n"
        "maxmemory:1000\r\nmaxmemory_policy:noeviction\r\ndb0:keys=12,expires=3\r\ndb15:keys=1,expires=0\r\n")  # fmt: skip


def redis_that(*answers: bytes) -> Callable[[socket.socket], None]:
    def speak(made: socket.socket) -> None:
        for answer in answers:
            made.recv(4096)
            made.sendall(answer)

    return speak


def bulk(text: str) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text.encode()), text.encode())


def test_redis_is_asked_by_its_own_protocol() -> None:
    asked: list[bytes] = []

    def speak(made: socket.socket) -> None:
        asked.append(made.recv(4096))
        made.sendall(b"+OK\r\n")
        asked.append(made.recv(4096))
        made.sendall(bulk(INFO))

    said = Facts(resp.ask(cluster(), Dialled(speak), VALUES))  # type: ignore[arg-type]
    assert asked == [b"*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n", b"*1\r\n$4\r\nINFO\r\n"]
    assert said.one("redis_version") == "7.2.4"
    assert said.one("redis_role") == "10.0.0.31:6379 slave 10.0.0.9:6379"
    assert said.one("redis_memory") == "1000 noeviction"
    assert said.all("redis_keys") == ["0 12", "15 1"]


@pytest.mark.parametrize("answer", [
    b"-WRONGPASS no\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"$99999999999\r\n", b"*1000\r\n" * 9,
    b"$-5\r\n", b":x\r\n", b"\xff" * 100, b"*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n",
])  # fmt: skip
def test_whatever_answers_in_place_of_redis_is_a_finding(answer: bytes) -> None:
    said = Facts(resp.ask(cluster(), Dialled(redis_that(answer)), VALUES))  # type: ignore[arg-type]
    assert said.one("redis_refused").startswith("10.0.0.31:6379 ")


def test_sentinels_are_asked_and_the_master_that_they_name() -> None:
    named = b"*2\r\n" + bulk("10.0.0.33") + bulk("6380")
    transport = Dialled(redis_that(named, b"+OK 3 usable Sentinels\r\n"), redis_that(b"+OK\r\n", bulk(INFO)))
    said = Facts(resp.ask(cluster(redis=SENTINEL), transport, VALUES))  # type: ignore[arg-type]
    assert said.one("sentinel") == "10.0.0.31:6379 10.0.0.33:6380"
    assert said.one("redis_login") == "10.0.0.33:6380"
    assert transport.places == [("10.0.0.31", 6379), ("10.0.0.33", 6380)]
    nobody = Dialled(redis_that(b"*-1\r\n"))
    said = Facts(resp.ask(cluster(redis=SENTINEL), nobody, VALUES))  # type: ignore[arg-type]
    assert said.one("sentinel_unknown") == "10.0.0.31:6379"


@pytest.mark.parametrize("ask", [postgres.ask, resp.ask, objects.ask])
@pytest.mark.parametrize("error", [NotForwarded("x"), NotAnswering("x"), ConnectionLost("x: gone")])
def test_what_cannot_be_dialled_is_said(ask: Callable[..., str], error: Exception) -> None:
    said = ask(cluster(storage=S3), Dialled(error), VALUES)  # type: ignore[arg-type]
    assert "unlooked\t" in said or "silent\t" in said


def test_a_secret_that_is_not_here_makes_no_call() -> None:
    nobody = Dialled(AssertionError("nobody is called"))  # type: ignore[arg-type]
    none = SecretValues({}, {})
    assert postgres.ask(cluster(), nobody, none) == "db_unlooked\tsecret database_password\n"  # type: ignore[arg-type]
    assert resp.ask(cluster(), nobody, none) == "redis_unlooked\tsecret redis_password\n"  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad\r\n\r\n", b"E\0\0\0\x04", b"R\0\0\0\x08\0\0\0\x63",
                                    b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0" + b"R\0\0\0\x09\0\0\0\x0bx"])  # fmt: skip
def test_whatever_answers_in_place_of_postgresql_is_a_finding(answer: bytes) -> None:
    def speak(made: socket.socket) -> None:
        made.recv(4096)
        made.sendall(answer)

    said = Facts(postgres.ask(cluster(), Dialled(speak), VALUES))  # type: ignore[arg-type]
    assert said.one("db_refused").startswith("registry ")


def test_a_service_that_says_nothing_is_left_when_its_time_is_over() -> None:
    begun = time.monotonic()
    with Line(Dialled(lambda made: time.sleep(3)), seconds=0.3) as line:  # type: ignore[arg-type]
        made = line.dial("x", 1)
        with contextlib.suppress(OSError):
            assert made.recv(1) == b""
    assert time.monotonic() - begun < 2


def test_a_request_to_s3_is_signed_as_its_manual_says() -> None:
    # The example “GET Bucket Lifecycle” of the manual.
    headers = objects.signed(
        "GET", "examplebucket.s3.amazonaws.com", "/", "lifecycle=", "us-east-1",
        "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        datetime.datetime(2013, 5, 24, tzinfo=datetime.UTC),
    )  # fmt: skip
    assert headers["Authorization"].endswith(
        "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    )


def test_s3_is_asked_for_the_bucket_and_its_reason_is_told() -> None:
    asked: list[bytes] = []

    def speak(made: socket.socket) -> None:
        asked.append(made.recv(4096))
        body = b"<Error><Code>NoSuchBucket</Code></Error>"
        made.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    said = Facts(objects.ask(cluster(storage=S3), Dialled(speak), VALUES))  # type: ignore[arg-type]
    assert said.one("store_bucket") == "404 NoSuchBucket"
    assert asked[0].startswith(b"GET /harbor?list-type=2&max-keys=1 HTTP/1.1\r\n")
    assert asked[0].count(b"\r\nhost: 10.0.0.51:9000\r\n") == 1
    assert b"SK" not in asked[0]


def http(status: bytes, *headers: bytes) -> Callable[[socket.socket], None]:
    return redis_that(b"HTTP/1.1 " + b"\r\n".join([status, *headers, b"Content-Length: 1", b"", b"x"]))


def test_what_a_host_fetches_is_tried_without_a_program_there() -> None:
    of = cluster(packages={"source": "docker", "mirror": "http://10.0.0.61/docker"},
                 installer={"url": "http://10.0.0.62:81/h.tgz?a=b", "sha256": "0" * 64})  # fmt: skip
    moved = http(b"302 Found", b"Location: http://10.0.0.63/other")
    transport = Dialled(moved, http(b"206 Partial Content"), http(b"404 Not Found"))
    said = Facts(fetching.ask(of, of.nodes[0], transport))  # type: ignore[arg-type]
    assert said.one("installer_url") == "yes http://10.0.0.62:81/h.tgz?a=b"
    assert said.one("docker_source") == "no http://10.0.0.61/docker/linux/debian/gpg HTTP 404"
    assert transport.places == [("10.0.0.62", 81), ("10.0.0.63", 80), ("10.0.0.61", 80)]
    round_and_round = Dialled(moved)
    assert "no " in Facts(fetching.ask(of, of.nodes[0], round_and_round)).one("installer_url")  # type: ignore[arg-type]
    assert fetching.ask(of, of.balancers[0], Dialled(moved)) == ""  # type: ignore[arg-type]


def rpc(*results: bytes, status: int = 0) -> Callable[[socket.socket], None]:
    def speak(made: socket.socket) -> None:
        for result in results:
            made.recv(4096)
            answer = struct.pack(">6I", 1, 1, 0, 0, 0, status) + result
            made.sendall(struct.pack(">I", 0x80000000 | len(answer)) + answer)

    return speak


def test_an_nfs_server_is_asked_for_its_exports() -> None:
    path = b"/export/harbor"
    listed = struct.pack(">2I", 1, len(path)) + path + b"\0\0" + struct.pack(">I", 1)
    listed += struct.pack(">I", 2) + b"*x\0\0" + struct.pack(">2I", 0, 0)
    transport = Dialled(rpc(b""), rpc(struct.pack(">I", 20048)), rpc(listed))
    said = Facts(objects.ask(cluster(storage=NFS), transport, VALUES))  # type: ignore[arg-type]
    assert (said.one("nfs_version"), said.all("nfs_export")) == ("4", ["/export/harbor"])
    assert [port for _, port in transport.places] == [2049, 111, 20048]
    old = Dialled(rpc(struct.pack(">2I", 2, 3), status=2), rpc(b""), NotAnswering("x"))  # type: ignore[arg-type]
    said = Facts(objects.ask(cluster(storage=NFS), old, VALUES))  # type: ignore[arg-type]
    assert (said.one("nfs_version"), said.all("nfs_export")) == ("3", [])
    other = Dialled(redis_that(b"SSH-2.0-x\r\n"))
    said = Facts(objects.ask(cluster(storage=NFS), other, VALUES))  # type: ignore[arg-type]
    assert said.one("store_refused_by")


# The image store, by real shells.


def shell(text: str) -> str:
    done = subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, timeout=20)
    return done.stdout


def test_a_store_is_written_to_read_and_left_as_it_was(tmp_path: Path) -> None:
    of = cluster(storage={"type": "filesystem", "path": str(tmp_path)})
    token = store.new_token("harbor-1")
    wrote = Facts(shell(store.write(of, token)))
    if os.getuid() == 0:  # others cannot give files away, and say so
        assert wrote.one("store_wrote") == f"root {tmp_path}"
    assert (tmp_path / token).read_text() == token
    seen = Facts(shell(store.read(of, {"harbor-1": token, "harbor-2": "another"})))
    assert seen.all("store_sees") == [f"harbor-1 {tmp_path}"]
    assert shell(store.remove(of, token)) == ""
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    of = cluster(storage={"type": "filesystem", "path": str(tmp_path)})
    (tmp_path / "mine").write_text("as it was")
    said = Facts(shell(store.write(of, "mine")))
    assert said.one("store_refused").startswith(str(tmp_path))
    assert (tmp_path / "mine").read_text() == "as it was"


def test_what_was_left_behind_is_removed_by_the_host_itself(tmp_path: Path) -> None:
    of = cluster(storage={"type": "filesystem", "path": str(tmp_path)})
    shell(store.write(of, "left").replace("-lt 60", "-lt 1"))
    assert (tmp_path / "left").exists()
    deadline = time.monotonic() + 10
    while list(tmp_path.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.1)


class Local:
    """This machine in each host's place; `broken` breaks when the others' files are looked for."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def connect(self) -> None:
        pass

    def run(self, call: Call, _: object) -> Result:
        if "store_sees" in call.script and self._host.name == "harbor-2":
            raise ConnectionLost("harbor-2: the connection broke")
        done = subprocess.run(["sh", "-s"], input=call.script, capture_output=True, text=True, timeout=40)
        # As it comes through SSH: without the end of the last line.
        return Result(done.returncode, done.stdout.rstrip("\n"), done.stderr)

    def dial(self, address: str, port: int, timeout: float) -> socket.socket:
        raise NotForwarded("no")

    def close(self) -> None:
        pass


def test_what_was_written_is_removed_when_the_look_ends_badly(tmp_path: Path) -> None:
    of = cluster(storage={"type": "filesystem", "path": str(tmp_path)},
                 packages={"source": "bundle", "bundle": "x"}, installer={"file": "x"})  # fmt: skip
    found = preflight.look(of, Local, values=VALUES, folder=tmp_path, hosts=of.nodes)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
    assert found.at("login", "harbor-2").level is Level.FAILED  # type: ignore[union-attr]
    for name in ("database-login", "redis-login"):
        one = found.at(name, "harbor-1")
        assert one is not None
        assert (one.level, "AllowTcpForwarding" in one.cure) == (Level.WARNING, True)


# The secrets of a look.


@pytest.mark.slow  # age takes a second for each look into the store
def test_a_look_asks_for_nothing_but_what_opens_the_store(tmp_path: Path) -> None:
    session = create("look", tmp_path)
    plan = make_plan(cluster())
    assert run.values_for_looking(session, plan, {"redis_password": "x"}, None).has("redis_password")
    session.store.write({"database_password": "kept"}, "opener")
    assert not run.values_for_looking(session, plan, {}, None).has("database_password")
    given = {"passphrase": "opener"}
    assert run.values_for_looking(session, plan, given, None).value("database_password") == "kept"
    asked: list[str] = []

    def ask(name: str) -> str:
        asked.append(name)
        return "opener"

    assert run.values_for_looking(session, plan, {}, ask).has("database_password")
    assert asked == ["passphrase"]
    logins = make_plan(cluster(access={"user": "root", "password": "secret:login"}))
    with pytest.raises(SecretsError, match="passphrase"):
        run.values_for_looking(session, logins, {}, None)


def test_the_scripts_are_taken_by_the_shells_of_hosts() -> None:
    of = cluster(packages={"source": "docker"})
    wanted = set(preflight.TITLES)
    hosts = [*of.hosts, of.hosts[2].model_copy(update={"platform": "rocky-9"})]
    for text in (store.write(of, "a b"), store.read(of, {"x": "'y"}), store.remove(of, "z"),
                 *(supplies.script(of, host, wanted) for host in hosts)):
        for one in ("sh", "bash"):
            done = subprocess.run([one, "-n"], input=text, text=True, capture_output=True)
            assert done.stderr == ""
