"""A bug of ours leaves a sentence and a report, and no secret in either."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from harbor_wizard import crash
from harbor_wizard.redaction import redact
from harbor_wizard.secrets import SecretValues
from harbor_wizard.text import MASK

EXAMPLE = Path(__file__).parent.parent / "examples/rehearsal.yaml"

# The program with a bug in it: the named function raises an error that quotes all it was given.
BUGGY = """
import sys, threading
from harbor_wizard import start
import {module} as module

def broken(*given, **named):
    if not {when}:
        return intact(*given, **named)
    raise RuntimeError(f"a bug with {{given}} {{named}} and s3cret-of-the-store")

from harbor_wizard.text import remember
remember(["s3cret-of-the-store"])
intact = {owner}.{name}
{owner}.{name} = broken
sys.argv = ["harbor-wizard", *{arguments}]
start.main()
"""


def crashed(tmp_path: Path, code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HARBOR_WIZARD_HOME": str(tmp_path / "home"),
                   "HARBOR_WIZARD_SECRET_PASSPHRASE": "an-opener-of-the-store"}  # fmt: skip
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60,
                          env=environment, stdin=subprocess.DEVNULL)  # fmt: skip


def told(done: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    """Return the events of a run that failed and told no secret."""
    assert done.returncode == 1, done.stderr[-2000:]
    assert "s3cret-of-the-store" not in done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def reports(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "home/crashes").glob("*.txt"))


def test_a_bug_is_told_as_a_sentence_and_its_report_holds_no_secret(tmp_path: Path) -> None:
    code = BUGGY.format(module="harbor_wizard.show", owner="module", name="as_text", when="True",
                        arguments=["plan", str(EXAMPLE)])  # fmt: skip
    done = crashed(tmp_path, code)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    said = done.stderr.splitlines()[-1]
    (report,) = reports(tmp_path)
    assert said.startswith("harbor-wizard: a bug of harbor-wizard ended this (RuntimeError)")
    assert str(report) in said
    text = report.read_text()
    assert "Traceback" in text
    assert "RuntimeError: a bug with" in text
    assert MASK in text
    for secret in ("s3cret-of-the-store", "an-opener-of-the-store"):
        assert secret not in done.stdout + done.stderr + text
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert stat.S_IMODE(report.parent.stat().st_mode) == 0o700


def test_a_bug_in_one_hosts_thread_fails_its_step_and_no_other_host_waits_for_it(tmp_path: Path) -> None:
    # Nothing is changed on any host before all have passed their looks, this one too.
    code = BUGGY.format(
        module="harbor_wizard.transport.rehearsal", owner="module.RehearsalTransport",
        name="run", when="given[1].step == 'lb-1/preflight/address'",
        arguments=["rehearse", str(EXAMPLE), "--speed", "1000", "--output", "json"],
    )  # fmt: skip
    done = crashed(tmp_path, code)
    events = told(done)
    failed = {e["step"]: e["detail"] for e in events if e["event"] == "StepChanged" and e["state"] == "failed"}
    assert set(failed) == {"lb-1/preflight/address"}
    assert "a bug of harbor-wizard ended this" in failed["lb-1/preflight/address"]
    (report,) = reports(tmp_path)
    assert "s3cret-of-the-store" not in report.read_text()


def test_a_bug_outside_of_any_step_ends_the_work_on_that_host_only(tmp_path: Path) -> None:
    code = BUGGY.format(
        module="harbor_wizard.transport.rehearsal", owner="module.RehearsalTransport",
        name="connect", when="given[0]._host.name == 'lb-1'",
        arguments=["rehearse", str(EXAMPLE), "--speed", "1000", "--output", "json"],
    )  # fmt: skip
    done = crashed(tmp_path, code)
    events = told(done)
    failed = {e["host"]: e["detail"] for e in events if e["event"] == "HostChanged" and e["state"] == "failed"}
    assert set(failed) == {"lb-1"}
    assert "a bug of harbor-wizard ended this" in failed["lb-1"]
    assert len(reports(tmp_path)) == 1


def test_a_report_is_masked_with_every_value_that_was_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARBOR_WIZARD_HOME", str(tmp_path / "home"))
    (tmp_path / "key").write_text("-----BEGIN PRIVATE KEY-----\nabcdef0123\n-----END PRIVATE KEY-----\n")
    values = SecretValues({"one": 'with "quotes" in it'}, {"tls_key": tmp_path / "key"})
    error = RuntimeError(f"{values.value('one')!r} {json.dumps(values.value('one'))} {values.value('tls_key')}")
    said = crash.report(error)
    text = reports(tmp_path)[0].read_text()
    for secret in ("quotes", "abcdef0123"):
        assert secret not in text.split("RuntimeError", 1)[1]
    assert "resume goes on" in str(said)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("POSTGRESQL_PASSWORD=abc", f"POSTGRESQL_PASSWORD={MASK}"),
        ('"core_secret": "a b"', f'"core_secret": {MASK}'),
        ("password: abc", f"password: {MASK}"),
        ("    auth_pass abcd1234", f"    auth_pass {MASK}"),
        ("requirepass abc", f"requirepass {MASK}"),
        ("redis://user:abc@10.0.0.1:6379/0", f"redis://user:{MASK}@10.0.0.1:6379/0"),
        ("Authorization: Basic YWRtaW46eA==", f"Authorization: {MASK}"),
        ("CSRF_KEY=abc X=1", f"CSRF_KEY={MASK} X=1"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nafter",
         f"-----BEGIN RSA PRIVATE KEY-----{MASK}\nafter"),
        ("GET https://registry.lab/service/token?service=x", "GET https://registry.lab/service/token?service=x"),
        ("the password was refused", "the password was refused"),
    ],
)  # fmt: skip
def test_what_is_named_as_a_secret_is_taken_out_without_being_known(text: str, wanted: str) -> None:
    assert redact(text) == wanted


def test_a_secret_of_the_environment_that_is_not_utf_8_is_refused_in_a_sentence(tmp_path: Path) -> None:
    environment = {**os.environb, b"HARBOR_WIZARD_SECRET_REDIS_PASSWORD": b"\xff\xfe1234",
                   b"HARBOR_WIZARD_HOME": bytes(tmp_path / "home")}  # fmt: skip
    done = subprocess.run([sys.executable, "-m", "harbor_wizard", "sessions"], capture_output=True,
                          text=True, timeout=60, env=environment, stdin=subprocess.DEVNULL)  # fmt: skip
    assert done.returncode != 0
    assert "HARBOR_WIZARD_SECRET_REDIS_PASSWORD is not UTF-8" in done.stderr
    assert "Traceback" not in done.stderr
