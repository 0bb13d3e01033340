"""Real firewalls on real hosts: what they keep out is told, and let in and taken back by a step."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from harbor_wizard import solutions
from harbor_wizard.lab.errors import LabError
from harbor_wizard.model import load
from harbor_wizard.step import Command, Step

from .conftest import EXAMPLE, Operator

pytestmark = [pytest.mark.lab, pytest.mark.long]

FIREWALLS = {
    "lb-1": "apt-get install -y --no-install-recommends ufw; ufw allow 22/tcp; ufw --force enable",
    "lb-2": "apt-get install -y --no-install-recommends firewalld; systemctl is-active firewalld",
}
LISTED = {
    "lb-1": "ufw show added",
    "lb-2": "firewall-cmd --list-all; firewall-cmd --permanent --list-all",
}


def sh(operator: Operator, host: str, script: str) -> str:
    return operator.lab.hosts[host].run(["sh", "-eu"], input=script, timeout=300)


@pytest.fixture(scope="module", autouse=True)
def firewalls(operator: Operator) -> Iterator[None]:
    operator.lab.fresh()  # whatever ran there before
    operator.lab.up()
    for host, script in FIREWALLS.items():
        sh(operator, host, f"export DEBIAN_FRONTEND=noninteractive; apt-get update; {script}")
    yield
    sh(operator, "lb-1", "ufw disable")
    sh(operator, "lb-2", "systemctl disable --now firewalld")


def told(operator: Operator) -> dict[tuple[str, str], dict[str, str]]:
    done = operator.run("check", str(EXAMPLE), "--secrets", str(operator.lab.secrets_file), "--output", "json")
    assert done.returncode in (0, 3), done.stdout + done.stderr
    return {(one["check"], one["host"]): one for one in json.loads(done.stdout)["findings"]
            if one["check"] in ("firewall", "vrrp")}  # fmt: skip


def rules(operator: Operator) -> dict[str, str]:
    return {host: sh(operator, host, script) for host, script in LISTED.items()}


def step(host: str) -> Step:
    data = load.read(EXAMPLE)
    plan = solutions.make_plan(load.parse({**data, "firewall": "open"}, "open.yaml"))
    return plan.step(f"{host}/firewall/rules")


def raw(command: object) -> str:
    assert isinstance(command, Command)
    return command.script.masked()


def test_what_is_kept_out_is_told_with_commands_that_let_it_in(operator: Operator) -> None:
    before = told(operator)
    for host in FIREWALLS:
        assert before["firewall", host]["level"] == "warning"
        assert "lets in no 80, 443, VRRP" in before["firewall", host]["seen"]
        assert before["vrrp", host]["level"] == "failed", "the firewall really keeps it out"
        cure = before["firewall", host]["cure"].partition("on the host: ")[2]
        sh(operator, host, cure)
    after = told(operator)
    assert {one["level"] for one in after.values()} == {"ok"}, after
    for host, command in (("lb-1", "ufw --force delete "), ("lb-2", "firewall-cmd ")):
        for line in before["firewall", host]["cure"].partition("on the host: ")[2].split("; "):
            words = line.removeprefix("ufw ").removeprefix("firewall-cmd ").replace("--add-", "--remove-")
            sh(operator, host, command + words)


def test_the_step_adds_just_these_rules_and_undo_removes_them(operator: Operator) -> None:
    sh(operator, "lb-1", "ufw allow 443/tcp")  # the site's own: it stays
    sh(operator, "lb-2", "firewall-cmd --add-port=443/tcp; firewall-cmd --permanent --add-port=443/tcp")
    bare = rules(operator)
    assert {one["level"] for one in told(operator).values() if one["check"] == "vrrp"} == {"failed"}
    for host in FIREWALLS:
        one = step(host)
        with pytest.raises(LabError):
            sh(operator, host, raw(one.check))
        for _ in range(2):  # a second time changes nothing, and keeps what was before the first
            sh(operator, host, raw(one.remember))
            sh(operator, host, raw(one.apply))
        sh(operator, host, raw(one.check))
    opened = told(operator)
    assert {one["level"] for one in opened.values()} == {"ok"}, opened
    for host in FIREWALLS:
        sh(operator, host, raw(step(host).undo))
        sh(operator, host, raw(step(host).undo))
        assert sh(operator, host, "ls /var/lib/harbor-wizard/kept").strip() == ""
    assert rules(operator) == bare


def test_a_whole_run_opens_them_and_its_undo_closes_them(operator: Operator) -> None:
    bare = rules(operator)
    opens = operator.home / "open.yaml"
    text = EXAMPLE.read_text()
    opens.write_text(f"{text}\nfirewall: open\n")
    secrets = ("--secrets", str(operator.lab.secrets_file))
    done = operator.run("check", str(opens), *secrets, "--output", "json")
    found = {(one["check"], one["host"]): one for one in json.loads(done.stdout)["findings"]}
    assert done.returncode == 0, [one for one in found.values() if one["level"] != "ok"]
    for host in FIREWALLS:
        assert found["firewall", host]["level"] == "ok"
        assert found["vrrp", host]["level"] == "warning"
    done = operator.run("apply", str(opens), *secrets, "--yes", timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    done = operator.run("verify", str(opens), *secrets)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {one["level"] for one in told(operator).values()} == {"ok"}
    done = operator.run("undo", "lab-active-active", "--yes", timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert rules(operator) == bare


def test_a_host_without_a_firewall_is_left_as_it_is(operator: Operator) -> None:
    sh(operator, "lb-1", "ufw disable")
    sh(operator, "lb-1", raw(step("lb-1").check))
    assert yaml.safe_load(EXAMPLE.read_text()).get("firewall") is None
