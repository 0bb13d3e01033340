"""A plan compared with hosts: what a run would change, with no secret in what is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harbor_wizard.errors import TransportError
from harbor_wizard.inspection.compare import Compared, Standing, compare, difference, masked_now
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.plan import Plan
from harbor_wizard.secrets import SecretValues
from harbor_wizard.solutions import make_plan
from harbor_wizard.step import Step, file
from harbor_wizard.text import MASK, Hole, Text
from harbor_wizard.transport.base import Call, Phase, Result
from harbor_wizard.transport.rehearsal import RehearsalTransport

YAML = Text.of(f"hostname: registry\npassword: {Hole('db', encoding='yaml')}\nport: 5432\n")


def test_a_hosts_file_shows_no_secret_though_nobody_gave_us_any() -> None:
    there = (
        'hostname: registry\npassword: "old-secret-1"\nport: 9999\n# a comment\n\n'
        "forgotten_password: old-secret-2\n  - token = old-secret-3\nold-secret-4\n"
    )
    shown = masked_now(there, YAML, lambda text: text)
    assert "old-secret" not in shown
    assert shown.splitlines() == [
        "hostname: registry", f"password: {MASK}", f"port: {MASK}", "# a comment", "",
        f"forgotten_password: {MASK}", f"  - token = {MASK}", MASK,
    ]  # fmt: skip


def test_a_file_without_secrets_is_shown_as_it_is() -> None:
    assert masked_now("a: 1\n\x1b[2Jb\n", Text.of("a: 2\n"), lambda text: text) == "a: 1\nb"


def test_known_secrets_are_masked_where_they_should_not_be_too() -> None:
    values = SecretValues({"db": "hunter22"}, {})
    assert masked_now("# it is hunter22\n", Text.of("x\n"), values.masker()) == f"# it is {MASK}"


@pytest.mark.parametrize(
    ("compared", "wanted"),
    [
        (Compared(Standing.CREATE), "+hostname: registry"),
        (Compared(Standing.CHANGE, "hostname: other\nport: 5432"), "-hostname: other"),
        (Compared(Standing.CHANGE, YAML.masked()), "Only what is not shown differs"),
        (Compared(Standing.SO, YAML.masked()), "hostname: registry"),
    ],
)
def test_the_difference_is_what_a_reviewer_expects(compared: Compared, wanted: str) -> None:
    step = file("h", "x/file", "/etc/x", YAML, "why")
    assert wanted in difference(step, compared)


class Host0(RehearsalTransport):
    """A simulated host on which nothing is yet, but one file."""

    def run(self, call: Call, on_lines: Any) -> Result:
        if call.phase is Phase.LOOK:
            there = "/etc/haproxy/haproxy.cfg" in call.script
            return Result(0, "Z2xvYmFsCg==", "") if there else Result(9, "", "")
        return Result(1, "", "")


def compared_with(plan: Plan, transport: Any) -> dict[str, tuple[dict[str, Compared], str]]:
    told: dict[str, tuple[dict[str, Compared], str]] = {}
    compare(plan, SecretValues({}, {}), transport,
            lambda host, found, error: told.update({host: (found, error)}))  # fmt: skip
    return told


def test_every_step_is_compared_and_a_host_that_is_away_is_told(
    cluster: Cluster, tmp_path: Path
) -> None:
    plan = make_plan(cluster)

    class Away(Host0):
        def connect(self) -> None:
            raise TransportError("it is away")

    def connect(host: Host) -> Any:
        return (Away if host.name == "lb-2" else Host0)(host, tmp_path)

    told = compared_with(plan, connect)
    assert told["lb-2"] == ({}, "it is away")
    assert set(told["lb-1"][0]) == {step.id for step in plan.on("lb-1")}
    stands = {plan.step(name): one for name, one in told["lb-1"][0].items()}

    def of(step: Step) -> Standing:
        return stands[step].standing

    assert {of(step) for step in stands if step.file and "haproxy.cfg" not in step.file.path} == {
        Standing.CREATE
    }
    assert [of(step) for step in stands if step.file and step.file.path.endswith("haproxy.cfg")] == [
        Standing.CHANGE
    ]
    assert {of(step) for step in stands if step.file is None and step.apply} == {Standing.DO}
    assert {of(step) for step in stands if step.apply is None} == {Standing.UNKNOWN}


def test_what_needs_secrets_that_are_not_here_is_not_guessed(
    cluster: Cluster, tmp_path: Path
) -> None:
    class There(Host0):
        def run(self, call: Call, on_lines: Any) -> Result:
            return Result(0, "Z2xvYmFsCg==", "")

    told = compared_with(make_plan(cluster), lambda host: There(host, tmp_path))
    plan = make_plan(cluster)
    config = next(told["harbor-1"][0][step.id] for step in plan.on("harbor-1")
                  if step.file and step.file.path.endswith("harbor.yml"))  # fmt: skip
    assert config.standing is Standing.UNKNOWN
    assert "secrets" in config.why
