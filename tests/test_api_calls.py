"""The calls of Harbor's API that the plan makes, made for real to a server that checks each.

The steps' own scripts run, with curl and jq as on a host. What the API takes stands in
`data/harbor-api.yaml`, facts of its specification.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from harbor_wizard.components import replication
from harbor_wizard.model import load
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.secrets import SecretValues
from harbor_wizard.solutions import make_plan
from harbor_wizard.step import Command, Step

FACTS: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "data/harbor-api.yaml").read_text())
SECRETS = {"harbor_admin_password": 'Adm1n"pass\\word', "robot": "Robot$ecret'1"}

pytestmark = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("jq")), reason="curl and jq are not installed"
)


def fits(value: Any, wanted: Any) -> bool:
    """Say whether a JSON value is of a type of the facts; fields that are not there are none."""
    if isinstance(wanted, list):
        return isinstance(value, list) and all(fits(one, wanted[0]) for one in value)
    if wanted in FACTS["types"]:
        fields = FACTS["types"][wanted]
        return isinstance(value, dict) and all(k in fields and fits(v, fields[k]) for k, v in value.items())
    if wanted == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    kinds: dict[str, type] = {"string": str, "boolean": bool, "object": dict}
    return wanted == "any" or isinstance(value, kinds[wanted])


def fact_of(method: str, path: str) -> tuple[str, dict[str, Any]]:
    """Return the facts of a call; raises `KeyError` for one that the API does not have."""
    for template, methods in FACTS["calls"].items():
        pattern = re.sub(r"\\{\w+\\}", r"[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method in methods:
            return template, methods[method]
    raise KeyError(f"{method} {path}")


class Harbor:
    """Keeps what is made, answers as Harbor does, and notes every call and what is wrong with it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []
        self.wrong: list[str] = []
        self.kept: dict[str, list[dict[str, Any]]] = {"/robots": [], "/registries": [],
                                                      "/replication/policies": []}  # fmt: skip
        self.executions: list[dict[str, Any]] = []
        self.ends_as = "Succeed"

    def take(self, method: str, target: str, login: str, body: Any) -> tuple[int, Any]:
        path, query = urlsplit(target).path.removeprefix("/api/v2.0"), parse_qs(urlsplit(target).query)
        try:
            template, fact = fact_of(method, path)
        except KeyError as error:
            self.wrong.append(f"no such call: {error}")
            return 404, {"errors": [{"code": "NOT_FOUND", "message": "no such call"}]}
        self.wrong += [f"{method} {path} has no parameter {name}" for name in query
                       if name not in fact.get("query", [])]  # fmt: skip
        if (body is not None) != ("body" in fact) or ("body" in fact and not fits(body, fact["body"])):
            self.wrong.append(f"{method} {path} takes {fact.get('body')}, got {body}")
        self.calls.append((method, template, body))
        user, _, password = base64.b64decode(login.removeprefix("Basic ")).decode().partition(":")
        known = SECRETS["harbor_admin_password"] if user == "admin" else SECRETS["robot"]
        if password != known:
            return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "unauthorized"}]}
        return self.answer(method, path, template, body)

    def answer(self, method: str, path: str, template: str, body: Any) -> tuple[int, Any]:
        if path in self.kept:
            if method == "GET":
                return 200, self.kept[path]
            made = {**body, "id": len(self.kept[path]) + 1}
            if path == "/robots":
                made["name"] = f"robot${body['name']}"
            if "dest_registry" in body:
                (made["dest_registry"],) = [r for r in self.kept["/registries"]
                                            if r["id"] == body["dest_registry"]["id"]]  # fmt: skip
            self.kept[path].append(made)
            return 201, {"id": made["id"], "name": made["name"]} if path == "/robots" else None
        if template == "/replication/executions":
            if method == "GET":
                return 200, self.executions
            self.executions.append({"id": len(self.executions) + 1, "status": "InProgress", "total": 2,
                                    "succeed": 0, "failed": 0, "in_progress": 2})  # fmt: skip
            return 201, None
        if template == "/replication/executions/{id}":
            self.executions[-1].update(status=self.ends_as, succeed=2, in_progress=0)
            return 200, self.executions[-1]
        if template.endswith("/tasks"):
            return 200, [{"id": 7, "status": "Failed"}]
        if template.endswith("/log"):
            return 200, "the image is not there"
        return 200, [] if template == "/projects" else None


@pytest.fixture
def harbor() -> Iterator[tuple[Harbor, str]]:
    kept = Harbor()

    class Handler(BaseHTTPRequestHandler):
        def serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, data = kept.take(self.command, self.path, self.headers["Authorization"], body)
            said = b"" if data is None else json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_PUT = do_PATCH = serve

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield kept, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def cluster(**more: Any) -> Cluster:
    data: dict[str, Any] = {
        "name": "pair", "solution": "master-slave", "release": "2.15.2", "installer": {"file": "i.tgz"},
        "public_name": "10.0.0.11", "tls": {"mode": "none"},
        "hosts": [{"name": f"harbor-{n}", "roles": ["harbor"], "address": f"10.0.0.1{n}",
                   "platform": "debian-13"} for n in (1, 2)],
        **more,
    }  # fmt: skip
    return load.parse(data, "test")


def steps(made: Cluster) -> list[Step]:
    """Return the steps that call the API, in their order."""
    return [step for step in make_plan(made).steps if step.component == "replication" and step.file is None]


def on_a_host(command: Command, values: SecretValues, there: str) -> str:
    """Return a step's script with the functions that it reads on a host, and where Harbor is."""
    functions = make_plan(cluster()).step("harbor-1/replication/api").file
    assert functions is not None
    script = command.script.raw(values)
    assert f". {functions.path}\n" in script
    script = script.replace(f". {functions.path}\n", functions.content.raw(values))
    return re.sub(r"http://10\.0\.0\.1\d", there, script)


def run(command: Command, there: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a step's script as on a host, but for where its Harbor is."""
    values = SecretValues({"harbor_admin_password": SECRETS["harbor_admin_password"],
                           "replication_harbor_1_to_harbor_2": SECRETS["robot"]}, {})  # fmt: skip
    script = on_a_host(command, values, there)
    assert command.input is not None
    # What a host shows of its processes: the arguments of curl and jq.
    for name in ("curl", "jq"):
        wrapper = folder / name
        wrapper.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {folder}/arguments\nexec {shutil.which(name)} "$@"\n')
        wrapper.chmod(0o755)
    return subprocess.run(["sh", "-c", script], input=command.input.raw(values), capture_output=True,
                          text=True, timeout=30, env={"PATH": f"{folder}:/usr/bin:/bin"})  # fmt: skip


def test_every_call_is_one_of_harbors_api_and_a_second_run_makes_none_that_changes(
    harbor: tuple[Harbor, str], tmp_path: Path
) -> None:
    kept, there = harbor
    for step in steps(cluster()):
        assert isinstance(step.apply, Command)
        assert run(step.check, there, tmp_path).returncode != 0, step.id
        done = run(step.apply, there, tmp_path)
        assert done.returncode == 0, f"{step.id}: {done.stderr}"
        again = run(step.check, there, tmp_path)
        assert again.returncode == 0, f"{step.id}: {again.stderr}"
    assert kept.wrong == []
    changing = {(m, p) for m, p, _ in kept.calls if m != "GET"}
    assert changing == {("POST", "/robots"), ("PATCH", "/robots/{robot_id}"), ("POST", "/registries"),
                        ("POST", "/registries/ping"), ("POST", "/replication/policies"),
                        ("POST", "/replication/executions")}  # fmt: skip
    (policy,) = kept.kept["/replication/policies"]
    assert (policy["enabled"], policy["deletion"], policy["trigger"]) == (True, True, {"type": "event_based"})
    (endpoint,) = kept.kept["/registries"]
    assert endpoint["credential"] == {"type": "basic", "access_key": "robot$harbor-wizard-from-harbor-1",
                                      "access_secret": SECRETS["robot"]}  # fmt: skip
    arguments = (tmp_path / "arguments").read_text()
    assert "Authorization" not in arguments
    assert not any(value in arguments for value in SECRETS.values())


def test_a_policy_that_was_changed_by_hand_is_put_right(harbor: tuple[Harbor, str], tmp_path: Path) -> None:
    kept, there = harbor
    _, endpoint, policy, _ = steps(cluster())
    for step in (endpoint, policy):
        assert isinstance(step.apply, Command)
        run(step.apply, there, tmp_path)
    for change in ({"enabled": False}, {"deletion": False}, {"filters": []}, {"trigger": {"type": "manual"}}):
        before = dict(kept.kept["/replication/policies"][0])
        kept.kept["/replication/policies"][0].update(change)
        assert run(policy.check, there, tmp_path).returncode != 0, change
        kept.kept["/replication/policies"][0] = before
    assert isinstance(policy.apply, Command)
    run(policy.apply, there, tmp_path)
    assert ("PUT", "/replication/policies/{id}") in {(m, p) for m, p, _ in kept.calls}
    assert isinstance(endpoint.apply, Command)
    run(endpoint.apply, there, tmp_path)
    assert ("PUT", "/registries/{id}") in {(m, p) for m, p, _ in kept.calls}
    assert kept.wrong == []


def test_a_first_execution_that_fails_says_why_in_harbors_words(
    harbor: tuple[Harbor, str], tmp_path: Path
) -> None:
    kept, there = harbor
    kept.ends_as = "Failed"
    *before, first = steps(cluster())
    for step in before:
        assert isinstance(step.apply, Command)
        run(step.apply, there, tmp_path)
    assert isinstance(first.apply, Command)
    done = run(first.apply, there, tmp_path)
    assert done.returncode != 0
    assert "2 of 2 replicated, 0 failed" in done.stdout
    assert "the image is not there" in done.stderr
    assert kept.wrong == []


def test_a_wrong_password_is_told_with_harbors_answer(harbor: tuple[Harbor, str], tmp_path: Path) -> None:
    _, there = harbor
    robot = steps(cluster())[0]
    assert isinstance(robot.apply, Command)
    SECRETS["harbor_admin_password"], kept = "another", SECRETS["harbor_admin_password"]
    try:
        command = robot.apply
        values = SecretValues({"harbor_admin_password": kept, "replication_harbor_1_to_harbor_2": "x"}, {})
        assert command.input is not None
        script = on_a_host(command, values, there)
        done = subprocess.run(["sh", "-c", script], input=command.input.raw(values), capture_output=True,
                              text=True, timeout=30)  # fmt: skip
    finally:
        SECRETS["harbor_admin_password"] = kept
    assert done.returncode != 0
    assert "GET /robots?page_size=100" in done.stderr
    assert "unauthorized" in done.stderr


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        ({}, ["**", "**"]),
        ({"projects": ["library"]}, ["library/**", "**"]),
        ({"projects": ["library", "team-a"], "tags": "v*"}, ["{library,team-a}/**", "v*"]),
        ({"repositories": "app-*"}, ["*/app-*", "**"]),
    ],
)
def test_filters_say_projects_repositories_and_tags(chosen: dict[str, Any], wanted: list[str]) -> None:
    made = replication.filters(cluster(replication=chosen).replication)
    assert [one["value"] for one in made] == wanted
    assert fits(made, ["ReplicationFilter"])


def test_the_facts_tell_a_wrong_call() -> None:
    assert not fits({"name": "x", "deletes": True}, "ReplicationPolicy")
    assert not fits({"enabled": "yes"}, "ReplicationPolicy")
    with pytest.raises(KeyError):
        fact_of("POST", "/replication/rules")
