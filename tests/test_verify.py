"""What a verification sees of nodes that are one Harbor, and of nodes that only seem to be.

The nodes are servers of this machine that do what Harbor's do with cookies, tokens against forged
requests and jobs; what they share is given to them.
"""

from __future__ import annotations

import datetime
import json
import secrets
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest

from harbor_wizard import certificates
from harbor_wizard.inspection import paths, sharing
from harbor_wizard.inspection.registry import Registry, RegistryError, basic
from harbor_wizard.inspection.seen import ClusterStatus, HostStatus
from harbor_wizard.inspection.verify import as_json
from harbor_wizard.inspection.ways import Check
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.transport.base import Call, Result
from harbor_wizard.transport.rehearsal import RehearsalTransport

from .test_api_calls import FACTS, fact_of, fits

PASSWORD = "Adm1n&pass=word"


class Shared:
    """What nodes have in common: sessions, jobs, and the key against forged requests."""

    def __init__(self, key: str = "one") -> None:
        self.key = key
        self.sessions: set[str] = set()
        self.jobs: dict[str, int] = {}
        self.logs = True
        self.job_ends = "Success"


class Node(BaseHTTPRequestHandler):
    shared: Shared

    def log_message(self, *_: object) -> None:
        pass

    def parse_request(self) -> bool:
        good = super().parse_request()
        if good and self.path.startswith("/api/v2.0/"):
            fact_of(self.command, self.path.removeprefix("/api/v2.0"))  # it is one of Harbor's calls
        return good

    def answer(self, status: int, data: Any = None, **headers: str) -> None:
        body = data.encode() if isinstance(data, str) else json.dumps(data or {}).encode()
        self.send_response(status)
        for name, value in headers.items():
            for one in value.split("|"):
                self.send_header(name.replace("_", "-"), one)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @property
    def cookies(self) -> dict[str, str]:
        pairs = (one.partition("=") for one in self.headers.get("Cookie", "").split("; "))
        return {name: value for name, _, value in pairs}

    def do_GET(self) -> None:
        shared = self.shared
        if self.path == "/api/v2.0/systeminfo":
            drawn = secrets.token_hex(4)
            self.answer(200, Set_Cookie=f"_gorilla_csrf={drawn}; Path=/; HttpOnly|other=1",
                        X_Harbor_CSRF_Token=f"{shared.key}:{drawn}")  # fmt: skip
        elif self.path == "/api/v2.0/users/current":
            known = self.cookies.get("sid") in shared.sessions
            self.answer(200 if known else 401, {"username": "admin"})
        elif self.path == "/c/log_out":
            shared.sessions.discard(self.cookies.get("sid", ""))
            self.answer(200)
        elif self.path.startswith("/api/v2.0/system/purgeaudit/"):
            number = self.path.split("/")[5]
            if number not in shared.jobs:
                self.answer(404)
            elif self.path.endswith("/log"):
                self.answer(200 if shared.logs else 404, "0 rows" if shared.logs else "")
            else:
                shared.jobs[number] += 1
                done = shared.jobs[number] > 1
                self.answer(200, {"job_status": shared.job_ends if done else "Running"})
        else:
            self.answer(404)

    def do_POST(self) -> None:
        shared, body = self.shared, self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/c/login":
            form = parse_qs(body.decode())
            token = f"{shared.key}:{self.cookies.get('_gorilla_csrf')}"
            if self.headers.get("X-Harbor-CSRF-Token") != token:
                self.answer(403)
            elif (form["principal"], form["password"]) != (["admin"], [PASSWORD]):
                self.answer(401)
            else:
                sid = secrets.token_hex(4)
                shared.sessions.add(sid)
                self.answer(200, Set_Cookie=f"sid={sid}; Path=/")
        elif self.path == "/api/v2.0/system/purgeaudit/schedule":
            given = json.loads(body)
            assert fits(given, FACTS["calls"]["/system/purgeaudit/schedule"]["POST"]["body"])
            assert given["parameters"]["dry_run"] is True
            if self.headers["Authorization"] != basic("admin", PASSWORD)["Authorization"]:
                self.answer(401)
                return
            shared.jobs[number := str(len(shared.jobs) + 1)] = 0
            self.answer(201, Location=f"/api/v2.0/system/purgeaudit/{number}")
        else:
            self.answer(404)


def serve(shared: Shared) -> ThreadingHTTPServer:
    handler = type("One", (Node,), {"shared": shared})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


@pytest.fixture
def nodes() -> Iterator[Any]:
    """Makes the ways to servers, one for each given state."""
    servers: list[ThreadingHTTPServer] = []

    def ways(cluster: Cluster, *states: Shared) -> Any:
        made = [serve(one) for one in states]
        servers.extend(made)
        ports = {node.name: one.server_address[1] for node, one in zip(cluster.nodes, made, strict=True)}
        return SimpleNamespace(
            node=lambda node: Registry("127.0.0.1", int(ports[node.name]), cluster.public_name, None)
        )

    yield ways
    for one in servers:
        one.shutdown()
        one.server_close()


def test_a_session_goes_on_at_each_node_that_shares_its_state(nodes: Any, cluster: Cluster) -> None:
    shared = Shared()
    assert sharing._sessions(cluster, nodes(cluster, shared, shared), PASSWORD) == "2 nodes"
    assert not shared.sessions, "it logs out again"


def test_a_key_against_forged_requests_that_differs_is_named(nodes: Any, cluster: Cluster) -> None:
    one, other = Shared(), Shared("another")
    other.sessions = one.sessions
    with pytest.raises(RegistryError, match="CSRF_KEY"):
        sharing._sessions(cluster, nodes(cluster, one, other), PASSWORD)


def test_a_session_that_the_other_node_does_not_know_is_told(nodes: Any, cluster: Cluster) -> None:
    with pytest.raises(RegistryError, match="same Redis"):
        sharing._sessions(cluster, nodes(cluster, Shared(), Shared()), PASSWORD)


def test_a_job_of_each_node_is_seen_to_its_end_at_the_other(nodes: Any, cluster: Cluster) -> None:
    shared = Shared()
    assert sharing._jobs(cluster, nodes(cluster, shared, shared), PASSWORD).startswith("after ")
    assert len(shared.jobs) == 2


def test_a_job_that_fails_or_has_no_log_at_the_other_is_told(nodes: Any, cluster: Cluster) -> None:
    shared = Shared()
    ways = nodes(cluster, shared, shared)
    shared.job_ends = "Error"
    with pytest.raises(RegistryError, match="job 1: Error"):
        sharing._jobs(cluster, ways, PASSWORD)
    shared.job_ends, shared.logs = "Success", False
    with pytest.raises(RegistryError, match="no log"):
        sharing._jobs(cluster, ways, PASSWORD)
    with pytest.raises(RegistryError, match="takes no job: status 401"):
        sharing._jobs(cluster, ways, "wrong")


# Certificates.


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Any]:
    """A server whose certificate is drawn for a name; gives its port and what trusts its CA."""
    listening: list[ThreadingHTTPServer] = []

    def start(name: str) -> tuple[int, ssl.SSLContext]:
        drawn = certificates.draw({}, [name])
        (tmp_path / "crt").write_text(drawn["tls_certificate"])
        (tmp_path / "key").write_text(drawn["tls_key"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
        server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        listening.append(server)
        return int(server.server_address[1]), ssl.create_default_context(cadata=drawn["ca_certificate"])

    yield start
    for one in listening:
        one.shutdown()
        one.server_close()


def test_a_certificate_is_taken_for_its_name_by_who_trusts_its_ca(tls: Any) -> None:
    port, trusting = tls("registry.example.com")
    ends = Registry("127.0.0.1", port, "registry.example.com", trusting).certificate_ends()
    years = (datetime.datetime.fromtimestamp(ends, datetime.UTC) - datetime.datetime.now(datetime.UTC)).days / 365
    assert 0.5 < years < 3
    with pytest.raises(RegistryError, match=r"clients refuse it as other\.example\.com: Hostname mismatch"):
        Registry("127.0.0.1", port, "other.example.com", trusting).certificate_ends()
    with pytest.raises(RegistryError, match=r"clients refuse it .*: .*certificate"):
        Registry("127.0.0.1", port, "registry.example.com", ssl.create_default_context()).certificate_ends()


def test_a_certificate_that_ends_soon_is_not_good(monkeypatch: pytest.MonkeyPatch) -> None:
    way = SimpleNamespace(certificate_ends=lambda: time.time() + 13.5 * 86400)
    with pytest.raises(RegistryError, match="13 days left"):
        paths._days(way)  # type: ignore[arg-type]
    way.certificate_ends = lambda: time.time() + 20.5 * 86400
    assert paths._days(way) == "20 days left"  # type: ignore[arg-type]


# What hosts tell.


def test_units_that_no_boot_would_start_are_named(cluster: Cluster, tmp_path: Path) -> None:
    class Answers(RehearsalTransport):
        def run(self, call: Call, on_lines: Any) -> Result:
            return Result(0, "harbor.service\n" if "harbor.service" in call.script else "", "")

    checks = list(paths.rebooted(cluster, lambda host: Answers(host, tmp_path)))
    bad = {one.what: one.seen for one in checks if not one.good}
    assert bad == {f"harbor-{n} comes back after a reboot": "not enabled: harbor.service" for n in (1, 2)}
    assert [one.seen for one in checks if one.good] == ["haproxy, keepalived"] * 2


def test_a_balancer_that_sees_no_node_is_not_good(cluster: Cluster) -> None:
    def seen(**parts: str) -> str:
        hosts = [HostStatus(one.name, one.address, (), {f"sees {k}": v for k, v in parts.items()})
                 for one in cluster.balancers]  # fmt: skip
        return paths._sees(cluster.balancers[0], ClusterStatus("c", "10.0.0.9", tuple(hosts)))

    assert seen(one="UP", other="DOWN") == "one UP, other DOWN"
    with pytest.raises(RegistryError, match="one DOWN"):
        seen(one="DOWN")
    with pytest.raises(RegistryError, match="says nothing"):
        seen()


def test_programs_read_a_verification_as_json() -> None:
    data = json.loads(as_json("c", [Check("a", "yes", good=True), Check("b", "no", good=False)]))
    assert data == {"cluster": "c", "well": False,
                    "checks": [{"what": "a", "seen": "yes", "good": True},
                               {"what": "b", "seen": "no", "good": False}]}  # fmt: skip
