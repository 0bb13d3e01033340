"""Drills: what is promised, what is measured under load, and that what was broken is put back."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from harbor_wizard import session as sessions
from harbor_wizard.cli import app
from harbor_wizard.components import keepalived
from harbor_wizard.drill import breaking, measuring, record, report
from harbor_wizard.drill.load import Load, Target
from harbor_wizard.drill.measuring import Attempt, Figures, Kind
from harbor_wizard.drill.scenario import Failure, Promise, Scenario, scenarios
from harbor_wizard.errors import SessionError
from harbor_wizard.inspection.registry import Registry
from harbor_wizard.model import load as loading
from harbor_wizard.model.cluster import Cluster

from .conftest import EXAMPLES


def parsed(example: str) -> Cluster:
    return loading.parse(loading.read(EXAMPLES / f"{example}.yaml"), example)


# What is promised.


def named(example: str) -> dict[str, Promise]:
    return {one.name: one.promise for one in scenarios(parsed(example))}


def test_active_active_promises_no_failed_pull_after_a_retry_when_a_node_dies() -> None:
    found = named("active-active")
    assert {name.partition("@")[0] for name in found} == {
        "balancer-process", "balancer-host", "balancer-network",
        "node-core", "node-containers", "node-host", "node-network",
    }  # fmt: skip
    for name, promise in found.items():
        assert promise.retried == name.startswith("node"), name
        assert promise.pulls is not None
        assert promise.pushes is not None
    assert found["balancer-network"].address == 3
    assert {name for name in found if name.startswith("node-core")} == {
        "node-core@harbor-1", "node-core@harbor-2",
    }  # fmt: skip


def test_without_balancers_the_nodes_hold_the_address() -> None:
    found = named("active-standby")
    assert not [name for name in found if name.startswith("balancer")]
    assert found["node-network@harbor-1"].address == 3


def test_no_push_is_promised_while_the_master_is_dead() -> None:
    found = named("master-slave")
    assert found["node-host@harbor-1"].pushes is None
    assert found["node-host@harbor-1"].pulls is not None
    assert found["node-host@harbor-2"].pushes is not None


def test_one_balancer_is_not_said_to_be_survived() -> None:
    assert not [name for name in named("master-slave") if name.startswith("balancer")]


def keepalived_of(cluster: Cluster) -> str:
    host = cluster.vip_holders[0]
    (config,) = [one.file for one in keepalived.steps(cluster, host)
                 if one.file is not None and one.file.path.endswith("keepalived.conf")]  # fmt: skip
    return config.content.masked()


def test_a_silent_holder_is_followed_in_less_than_is_promised() -> None:
    cluster = parsed("active-active")
    said = keepalived_of(cluster)
    assert "vrrp_version 3" in said
    assert "authentication" not in said
    assert "vrrp_check_unicast_src" in said
    found = re.search(r"advert_int (\S+)", said)
    assert found is not None
    # RFC 5798: three advertisements and a skew of less than one are awaited.
    assert 4 * float(found[1]) < float(named("active-active")["balancer-network"].address or 0)


def test_the_keepalived_of_centos_7_speaks_what_it_can() -> None:
    cluster = parsed("active-active")
    old = [one.model_copy(update={"platform": "centos-7"}) for one in cluster.hosts]
    said = keepalived_of(cluster.model_copy(update={"hosts": tuple(old)}))
    assert "vrrp_version 2" in said
    assert "advert_int 1\n" in said


def test_sentinels_are_what_lets_the_master_of_redis_fail() -> None:
    assert "redis-master" in named("active-active-sentinel")
    assert "redis-master" not in named("active-active")


def test_sites_without_one_address_have_nothing_to_drill() -> None:
    assert named("master-master-no-balancer") == {}


# What is measured.


def tried(*ends: float, kind: Kind = Kind.PULL) -> list[Attempt]:
    return [Attempt(kind, end - 0.1, end, good=True) for end in ends]


def test_an_outage_is_the_longest_time_without_a_success() -> None:
    assert measuring.outage(tried(1, 2, 2.5, 7, 8), 1, 9) == 4.5


def test_an_outage_that_does_not_end_lasts_until_the_end() -> None:
    assert measuring.outage(tried(1, 2), 0, 30) == 28
    assert measuring.outage([], 5, 30) == 25


def test_a_retry_counts_apart_from_what_failed_first() -> None:
    attempts = [
        *tried(1, 2),
        Attempt(Kind.PULL, 2, 3, good=False, reason="refused"),
        Attempt(Kind.PULL, 4, 5, good=True, retry=True),
        Attempt(Kind.PULL, 5, 6, good=False, reason="refused"),
        Attempt(Kind.PULL, 7, 8, good=False, retry=True, reason="silent"),
        Attempt(Kind.PUSH, 7, 8, good=False, reason="of another kind"),
    ]
    found = measuring.figures(attempts, Kind.PULL, 0, 10)
    assert (found.tried, found.failed, found.failed_again) == (4, 2, 1)
    assert found.reasons == ("refused", "silent")


def test_what_ended_before_the_break_does_not_count() -> None:
    bad = Attempt(Kind.PULL, 0, 1, good=False)
    assert measuring.figures([bad, *tried(3)], Kind.PULL, 2, 4).failed == 0


class Small(http.server.ThreadingHTTPServer):
    """A registry in memory, which can refuse to answer for a while."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.dead = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    server: Small

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_one_request(self) -> None:
        if self.server.dead.is_set():
            self.close_connection = True
            return
        super().handle_one_request()

    def do_GET(self) -> None:
        if self.path == "/v2/":
            self.answer(401, WWW_Authenticate='Bearer realm="http://x/service/token",service="s"')
        elif self.path.startswith("/service/token"):
            self.answer(200, b'{"token": "t"}')
        else:
            kept = self.server.manifests if "/manifests/" in self.path else self.server.blobs
            found = kept.get(self.path.rpartition("/")[2])
            self.answer(404 if found is None else 200, found or b"")

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_POST(self) -> None:
        self.body()
        self.answer(202, Location="/v2/upload/1")

    def do_PUT(self) -> None:
        content = self.body()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if "/manifests/" in self.path:
            self.server.manifests[digest] = self.server.manifests[self.path.rpartition("/")[2]] = content
        else:
            self.server.blobs[digest] = content
        self.answer(201)


@pytest.fixture
def small() -> Iterator[Small]:
    with Small() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def target(server: Small) -> Target:
    port = server.server_address[1]
    front = Registry("127.0.0.1", port, "registry.example.com", None, timeout=2)
    return Target(front, front, "library/drill", "password")


def until(so: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_an_outage_of_two_seconds_is_measured_as_such(small: Small) -> None:
    aim = target(small)
    load = Load(aim, "s", aim.push("seed"))
    load.start()
    until(lambda: all(measuring.succeeded(load.attempts, kind, 0) for kind in Kind))
    since = time.monotonic()
    small.dead.set()
    time.sleep(2)
    small.dead.clear()
    back = time.monotonic()
    until(lambda: all(measuring.succeeded(load.attempts, kind, back) for kind in Kind))
    ended = time.monotonic()
    load.stop()
    for kind in Kind:
        found = measuring.figures(load.attempts, kind, since, ended)
        # A failed one is tried again after a second.
        assert 2 <= found.outage < 3.5, kind
        assert found.failed > 0, kind
    # Each image that was taken is there by its digest.
    assert load.pushed
    for digest in load.pushed.values():
        aim.pull(digest)


# What is judged and reported.


def seen(outage: float = 1, failed_again: int = 0, **more: Any) -> report.Seen:
    figures = Figures(outage, 100, 3, failed_again, ("refused",))
    return report.Seen(figures, figures, figures, 4.0, 20, **more)


@pytest.mark.parametrize(
    ("what", "unkept"),
    [
        (seen(), []),
        (seen(outage=6), ["the address: 6.0 s", "pulls: 6.0 s"]),
        (seen(failed_again=2), ["2 pulls failed after one retry"]),
        (seen(lost=("s1-3",)), ["1 pushed images are lost"]),
        (seen(one_sided=("s1-3",)), []),
    ],
)
def test_a_promise_is_compared_with_what_was_seen(what: report.Seen, unkept: list[str]) -> None:
    found = report.unkept(Promise(5, None, address=3, retried=True), what)
    assert [one.startswith(wanted) for one, wanted in zip(found, unkept, strict=True)] == [True] * len(unkept)


def test_the_report_says_what_was_promised_and_what_was_seen(cluster: Cluster) -> None:
    scenario = Scenario(Failure.NODE_CORE, "harbor-1", Promise(5, 10, retried=True))
    results = [report.Result(scenario, "harbor-1", seen(failed_again=1)),
               report.Result(scenario, "harbor-1", None, "it has no tc")]  # fmt: skip
    made = report.Report(cluster, "2026-01-01", results)
    text = report.as_markdown(made)
    assert "## node-core@harbor-1: not kept" in text
    assert "Promised: pulls again within 5 s; no pull fails after one retry" in text
    assert "1 pulls failed after one retry" in text
    assert "not tried: it has no tc" in text
    assert not made.good
    data = json.loads(report.as_json(made))
    assert [one["verdict"] for one in data["scenarios"]] == ["not kept", "not tried"]
    assert data["scenarios"][0]["seen"]["pulls"]["outage"] == 1


# What is broken, and put back.


def test_a_record_is_read_as_it_was_written_and_forgotten(tmp_path: Path) -> None:
    session = sessions.create("drilled", tmp_path)
    assert record.read(session) is None
    noted = record.Record("2026-01-01", "library", "harbor-wizard-drill-1")
    record.write(session, noted)
    assert record.told(session) == ""
    record.write(session, noted.breaking("node-core@harbor-1", "harbor-1", "unit-1"))
    assert "broke node-core@harbor-1 on harbor-1" in record.told(session)
    found = record.read(session)
    assert found is not None
    assert (found.unit, found.host) == ("unit-1", "harbor-1")
    assert found.mended() == noted
    record.clear(session)
    assert record.read(session) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 1, "since": 3}', "\xff"])
def test_a_damaged_record_is_not_taken_for_none(tmp_path: Path, text: str) -> None:
    session = sessions.create("drilled", tmp_path)
    record.path(session).write_text(text, encoding="latin-1")
    with pytest.raises(SessionError, match="puts itself back"):
        record.read(session)


def every_script() -> Iterator[str]:
    for example in ("active-active", "master-master", "active-standby"):
        cluster = parsed(example)
        for one in scenarios(cluster):
            host = cluster.host(one.host) if one.host else cluster.vip_holders[0]
            made = breaking.breakage(cluster, one.failure, host)
            yield breaking.start(made, "unit-1")
            yield from (made.breaks, made.mends)
    yield breaking.put_back("unit-1", boots=True)


def test_every_script_is_one_for_a_shell() -> None:
    for script in set(every_script()):
        done = subprocess.run(["sh", "-n"], input=script, capture_output=True, text=True)
        assert done.returncode == 0, script + done.stderr


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Callable[[str], subprocess.CompletedProcess[str]]]:
    """Run scripts with the folders and systemctl of a host of the test's own."""
    programs = tmp_path / "bin"
    programs.mkdir()
    # Stands for systemd: a transient unit is a process whose id is kept.
    (programs / "systemd-run").write_text(
        f'#!/bin/sh\nshift 3\nsetsid "$@" >{tmp_path}/said 2>&1 & echo $! >{tmp_path}/unit\n'
    )
    (programs / "systemctl").write_text(
        f'#!/bin/sh\n[ "$1" = stop ] || exit 0\npid=$(cat {tmp_path}/unit) || exit 0\n'
        "kill -s TERM -- -$pid 2>/dev/null\nwhile grep -qs 'State:.[^Z]' /proc/$pid/status; do sleep 0.05; done\n"
    )
    for one in programs.iterdir():
        one.chmod(0o755)

    def run(script: str) -> subprocess.CompletedProcess[str]:
        for folder in ("/var/lib/harbor-wizard/drill", "/run/unit"):
            script = script.replace(folder, f"{tmp_path}{folder}")
        (tmp_path / "run").mkdir(exist_ok=True)
        return subprocess.run(["sh"], input=script, capture_output=True, text=True, timeout=20,
                              env={"PATH": f"{programs}:/usr/bin:/bin"})  # fmt: skip

    yield run
    with suppress(OSError, ValueError):  # what nobody put back does not outlive its test
        os.killpg(int((tmp_path / "unit").read_text()), signal.SIGKILL)


def touching(folder: Path) -> breaking.Breakage:
    return breaking.Breakage(f"touch {folder}/broken\n", f"rm -f {folder}/broken\ntouch {folder}/mended\n")


def test_a_failure_ends_when_it_is_put_back(host: Any, tmp_path: Path) -> None:
    done = host(breaking.start(touching(tmp_path), "unit-1"))
    assert done.returncode == 0, done.stderr
    until((tmp_path / "broken").exists)
    done = host(breaking.put_back("unit-1", boots=False))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mended").exists()
    assert not (tmp_path / "broken").exists()
    assert not (tmp_path / "var/lib/harbor-wizard/drill").exists()
    # Once more does no harm, and does nothing.
    (tmp_path / "mended").unlink()
    assert host(breaking.put_back("unit-1", boots=False)).returncode == 0
    assert not (tmp_path / "mended").exists()


def test_a_failure_ends_by_itself_when_nobody_comes_back(host: Any, tmp_path: Path) -> None:
    host(breaking.start(touching(tmp_path), "unit-1", seconds=1))
    until((tmp_path / "broken").exists)
    until((tmp_path / "mended").exists)
    assert not (tmp_path / "broken").exists()


def test_what_cannot_be_ended_for_sure_is_not_begun(host: Any, tmp_path: Path) -> None:
    made = dataclasses.replace(touching(tmp_path), possible="exit 1")
    assert host(breaking.start(made, "unit-1")).returncode == breaking.IMPOSSIBLE
    assert not (tmp_path / "unit").exists()


def test_a_host_that_has_not_gone_down_yet_is_waited_for(host: Any, tmp_path: Path) -> None:
    host(breaking.start(breaking.Breakage("true\n", ":\n"), "unit-1"))
    assert host(breaking.put_back("unit-1", boots=True)).returncode == breaking.NOT_YET
    (tmp_path / "run/unit-1").unlink()  # as a boot does
    assert host(breaking.put_back("unit-1", boots=True)).returncode == 0


@pytest.fixture
def apart() -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Run programs in a network of their own, with an interface that has an address."""
    name = f"hwt-drill-{time.monotonic_ns()}"
    subprocess.run(["ip", "netns", "add", name], check=True)

    def run(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["ip", "netns", "exec", name, *words], capture_output=True, text=True, **options)

    for words in ("link add one type veth peer name other", "link set one up", "link set other up",
                  "addr add 10.99.0.1/24 dev one"):  # fmt: skip
        assert run("ip", *words.split()).returncode == 0
    try:
        yield run
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def without(folder: Path, *programs: str) -> dict[str, str]:
    """Return an environment without some programs."""
    for one in programs:
        (folder / one).write_text("#!/bin/sh\nexit 127\n")
        (folder / one).chmod(0o755)
    return {"PATH": f"{folder}:/usr/sbin:/usr/bin:/sbin:/bin"}


@pytest.mark.lab
@pytest.mark.parametrize(("lacking", "can"), [((), True), (("tc",), True), (("tc", "nft"), False)])
def test_nothing_leaves_a_host_that_is_cut_off_and_all_does_after(
    apart: Any, tmp_path: Path, lacking: tuple[str, ...], can: bool
) -> None:
    environment = without(tmp_path, *lacking)
    cluster = parsed("active-active")
    moved = cluster.nodes[0].model_copy(update={"address": "10.99.0.1"})
    made = breaking.breakage(cluster, Failure.NODE_NETWORK, moved)

    def done(script: str) -> bool:
        return bool(apart("sh", input=script, env=environment).returncode == 0)

    addresses = iter(range(2, 250))

    def sent() -> int:
        # Each is asked for by ARP at once; one that was asked for already is not.
        apart("timeout", "0.3", "bash", "-c", f"exec 3<>/dev/tcp/10.99.0.{next(addresses)}/80")
        counted = apart("cat", "/sys/class/net/other/statistics/rx_packets").stdout
        return int(counted)

    def state() -> str:
        return str(apart("tc", "qdisc", "show", "dev", "one").stdout + apart("nft", "list", "ruleset").stdout)

    before = state()
    assert done(made.possible) == can
    assert state() == before
    if not can:
        return
    assert done(made.breaks)
    assert sent() == sent()
    assert done(made.mends)
    assert state() == before
    first = sent()
    assert sent() > first
    assert done(made.mends), "once more does no harm"


# The command.


def invoked(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["drill", *arguments])


@pytest.fixture
def file(answers: dict[str, Any], tmp_path: Path) -> str:
    path = tmp_path / "cluster.yaml"
    path.write_text(yaml.safe_dump(answers))
    return str(path)


def test_the_scenarios_are_listed_with_what_is_promised(file: str) -> None:
    said = invoked(file, "--list", "--scenario", "node-core").output
    assert re.findall(r"^\S+", said, re.MULTILINE) == ["node-core@harbor-1", "node-core@harbor-2"]
    assert "no pull fails after one retry" in said


def test_an_unknown_scenario_is_told_with_the_known_ones(file: str) -> None:
    failed = invoked(file, "--list", "--scenario", "earthquake").exception
    assert "balancer-network" in str(failed)


def test_sites_without_one_address_are_refused(answers: dict[str, Any], tmp_path: Path) -> None:
    sites = loading.read(EXAMPLES / "master-master-no-balancer.yaml")
    sites["installer"] = answers["installer"]
    sites["tls"] = {"mode": "passthrough", "issuer": "wizard"}
    (tmp_path / "sites.yaml").write_text(yaml.safe_dump(sites))
    failed = invoked(str(tmp_path / "sites.yaml"), "--list").exception
    assert "nothing to drill" in str(failed)


@pytest.mark.slow
def test_nothing_is_broken_unasked(file: str, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text("passphrase: a long one\ndatabase_password: pass-1\nredis_password: pass-2\n")
    secrets.chmod(0o600)
    failed = invoked(file, "--secrets", str(secrets)).exception
    assert "say --yes" in str(failed)
