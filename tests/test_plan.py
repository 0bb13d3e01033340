"""The plan: pure, complete, and free of secrets."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harbor_wizard import run, secrets, show
from harbor_wizard.model import load
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.plan import Plan
from harbor_wizard.render import render
from harbor_wizard.secrets import SecretValues, secret
from harbor_wizard.solutions import make_plan
from harbor_wizard.step import quote
from harbor_wizard.text import FixedValues, Masker, Text, printable

from .conftest import EXAMPLES

# The keys of the release's own harbor.yml template, commented ones included.
TEMPLATE_KEYS = {
    "hostname", "http", "https", "external_url", "harbor_admin_password", "database", "data_volume",
    "storage_service", "trivy", "jobservice", "notification", "log", "_version",
    "external_database", "redis", "external_redis", "uaa", "proxy", "metric", "trace",
    "upload_purging", "cache", "core", "internal_tls", "ip_family",
}  # fmt: skip
# Without these, prepare of 2.15.2 fails.
REQUIRED_KEYS = {"hostname", "data_volume", "jobservice", "log", "external_database", "_version"}


def values(plan: Plan, tmp_path: Path) -> SecretValues:
    names = run.needed_secrets(plan)
    # The key that signs tokens takes seconds to draw, and what it is does not matter here.
    made = secrets.draw([name for name in names if "token" not in name], {})
    made.update({name: f"canary-{name}" for name in names if name not in made})
    files = {name: tmp_path / Path(path) for name, path in run.files(plan.cluster).items()}
    return SecretValues(made, files)


def variants(answers: dict[str, Any]) -> list[dict[str, Any]]:
    """The example with each TLS mode, storage and kind of Redis."""
    base = json.dumps(answers)
    found = []
    for change in (
        {},
        {"tls": {**answers["tls"], "mode": "passthrough"}},
        {"tls": {"mode": "none"}},
        {"storage": {"type": "s3", "bucket": "b", "region": "eu", "endpoint": "https://s3.example.com",
                     "redirect": False, "root": "x"}},
        {"storage": {"type": "nfs", "server": "10.0.0.41", "export": "/export/harbor"}},
        {"redis": {"sentinel": {"master": "mymaster", "nodes": [{"host": "10.0.0.31", "port": 26379},
                                                                {"host": "10.0.0.32", "port": 26379}]}}},
    ):  # fmt: skip
        found.append({**json.loads(base), **change})
    return found


def test_the_same_cluster_gives_the_same_plan(cluster: Cluster) -> None:
    assert make_plan(cluster) == make_plan(cluster)


def test_a_plan_shows_no_secret_and_its_files_hold_them(cluster: Cluster, tmp_path: Path) -> None:
    plan = make_plan(cluster)
    known = values(plan, tmp_path)
    hosts = {host.name for host in plan.hosts}
    shown = show.as_text(plan, hosts) + show.as_json(plan, hosts) + show.as_markdown(plan, hosts)
    for name in run.needed_secrets(plan):
        assert known.value(name) not in shown, name
    config = plan.step("harbor-1/harbor/harbor.yml").file
    assert config is not None
    assert yaml.safe_load(config.content.raw(known))["external_database"]["harbor"]["password"] == (
        "canary-database_password"
    )


def test_no_secret_is_in_a_script_only_in_input(cluster: Cluster) -> None:
    """A script could become an argument of something; input cannot."""
    for step in make_plan(cluster).steps:
        for command in (step.check, step.apply, step.verify):
            if command is not None and hasattr(command, "script"):
                assert command.script.holes == (), step.id


def test_what_all_nodes_share_is_there_before_the_first_prepare(cluster: Cluster) -> None:
    plan = make_plan(cluster)
    for node in cluster.nodes:
        order = [step.id.partition("/")[2] for step in plan.on(node.name)]
        prepare = order.index("harbor/prepare")
        for name in ("secret-key", "token-key", "token-certificate", "override", "harbor.yml"):
            assert order.index(f"harbor/{name}") < prepare


def test_the_other_nodes_wait_for_the_first_ones_health(cluster: Cluster) -> None:
    plan = make_plan(cluster)
    assert "harbor-1/harbor/healthy" in plan.step("harbor-2/harbor/up").needs


def test_the_override_makes_equal_what_prepare_draws_anew(cluster: Cluster, tmp_path: Path) -> None:
    plan = make_plan(cluster)
    known = values(plan, tmp_path)
    written = [plan.step(f"{node.name}/harbor/override").file for node in cluster.nodes]
    texts = {one.content.raw(known) for one in written if one is not None}
    (text,) = texts
    core = yaml.safe_load(text)["services"]["core"]["environment"]
    assert set(core) == {"CORE_SECRET", "JOBSERVICE_SECRET", "CSRF_KEY", "ROBOT_SCANNER_NAME_PREFIX"}
    assert len(core["CSRF_KEY"]) == 32


def test_harbor_yml_has_the_releases_keys_and_no_others(
    answers: dict[str, Any], tmp_path: Path
) -> None:
    for data in variants(answers):
        cluster = load.parse(data, "c", tmp_path)
        plan = make_plan(cluster)
        config = plan.step("harbor-1/harbor/harbor.yml").file
        assert config is not None
        parsed = yaml.safe_load(config.content.raw(values(plan, tmp_path)))
        assert set(parsed) <= TEMPLATE_KEYS
        assert set(parsed) >= REQUIRED_KEYS
        assert parsed["_version"] == "2.15.0"
        assert parsed["jobservice"]["job_loggers"] == ["STD_OUTPUT", "DB"]
        host = parsed["external_redis"]["host"]
        assert all(one.rpartition(":")[2].isdigit() for one in host.split(","))


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed")
def test_haproxy_accepts_its_file_in_each_mode(answers: dict[str, Any], tmp_path: Path) -> None:
    from harbor_wizard.lab.credentials import _certificates

    _certificates(tmp_path / "made")
    pem = tmp_path / "harbor.pem"
    pem.write_text((tmp_path / "made/registry.crt").read_text()
                   + (tmp_path / "made/registry.key").read_text())  # fmt: skip
    for data in variants(answers):
        plan = make_plan(load.parse(data, "c", tmp_path))
        config = plan.step("lb-1/haproxy/config").file
        assert config is not None
        written = tmp_path / "haproxy.cfg"
        text = config.content.raw(values(plan, tmp_path))
        # A test may not need the haproxy user of a package; the rest is as it would be.
        text = text.replace("    user haproxy\n    group haproxy\n", "")
        written.write_text(text.replace("/etc/haproxy/certs/harbor.pem", str(pem)))
        done = subprocess.run(["haproxy", "-c", "-f", str(written)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed")
def test_keepalived_accepts_its_file_and_priorities_differ(cluster: Cluster, tmp_path: Path) -> None:
    plan = make_plan(cluster)
    known = values(plan, tmp_path)
    interface = next((one.name for one in Path("/sys/class/net").iterdir()
                      if (one / "device").exists() or one.name.startswith("eth")), None)  # fmt: skip
    if interface is None:
        pytest.skip("this machine has no interface but the loopback, which keepalived refuses")
    script = tmp_path / "alive"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    priorities = []
    for balancer in cluster.balancers:
        config = plan.step(f"{balancer.name}/keepalived/config").file
        assert config is not None
        text = config.content.raw(known)
        priorities.append(next(line.split()[1] for line in text.splitlines() if "priority" in line))
        written = tmp_path / "keepalived.conf"
        text = text.replace("/usr/local/lib/harbor-wizard/haproxy-alive", str(script))
        written.write_text(text.replace("eth0", interface))
        done = subprocess.run(["setsid", "-w", "keepalived", "--config-test", "-f", str(written)],
                              capture_output=True, text=True)  # fmt: skip
        assert done.returncode in (0,), done.stderr + done.stdout
    assert len(set(priorities)) == len(priorities)


def test_every_script_is_one_that_the_shell_can_read(answers: dict[str, Any], tmp_path: Path) -> None:
    scripts: dict[str, str] = {}
    for data in variants(answers):
        for step in make_plan(load.parse(data, "c", tmp_path)).steps:
            for command in (step.check, step.apply):
                if command is not None and hasattr(command, "script"):
                    scripts[command.script.masked()] = step.id
    assert len(scripts) > 60
    for script, step_id in scripts.items():
        done = subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True)
        assert done.returncode == 0, (step_id, done.stderr)


def test_render_writes_each_file_at_its_place_masked(cluster: Cluster, tmp_path: Path) -> None:
    out = tmp_path / "out"
    show.write_files(make_plan(cluster), out, None)
    text = (out / "harbor-1/opt/harbor/harbor.yml").read_text()
    assert "password: ••••••" in text
    assert (out / "lb-2/etc/keepalived/keepalived.conf").is_file()


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00\x02\x03\x1f")))
def test_any_secret_arrives_unchanged_in_yaml_and_shell(value: str) -> None:
    text = Text((secret("x").encoded("yaml"),))
    assert yaml.safe_load(text.raw(FixedValues({"x": value}))) == value
    shell = Text(("printf %s ", secret("x").encoded("shell")))
    done = subprocess.run(["sh"], input=shell.raw(FixedValues({"x": value})).encode(), capture_output=True)
    assert done.stdout == value.encode()
    assert quote(value)


@given(st.text(min_size=4), st.text(), st.text())
def test_a_masker_leaves_no_secret(value: str, before: str, after: str) -> None:
    masked = Masker([value])(before + value + after)
    for line in value.splitlines():
        if len(line) >= 4 and "•" not in line:
            assert line not in masked


@given(st.text())
def test_nothing_that_a_host_prints_reaches_the_terminal_as_a_control(text: str) -> None:
    assert not any(c < " " or "\x7f" <= c <= "\x9f" for c in printable(text))


def test_a_template_with_a_missing_name_is_an_error(cluster: Cluster) -> None:
    import jinja2

    with pytest.raises(jinja2.UndefinedError):
        render("harbor/harbor.yml", cluster=cluster)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_planned(path: Path) -> None:
    """Without a folder to start from, the files that it names need not be there."""
    cluster = load.parse(load.read(path), path.name)
    plan = make_plan(cluster)
    assert plan.hosts == cluster.hosts
    assert {step.host for step in plan.steps} == {host.name for host in cluster.hosts}
