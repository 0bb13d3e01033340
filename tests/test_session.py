"""Sessions, their journal, lock and secrets."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from harbor_wizard import run, secrets, session
from harbor_wizard.errors import LockedError, SecretsError, SessionError
from harbor_wizard.journal import Journal, summarise
from harbor_wizard.lock import Lock
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.solutions import make_plan

GIVEN = {"passphrase": "a passphrase", "database_password": "dbpw-1234", "redis_password": "rdpw-1234"}


def test_secrets_are_drawn_once_kept_encrypted_and_read_again(
    answers: dict[str, Any], cluster: Cluster, tmp_path: Path
) -> None:
    made = session.create("s1", tmp_path)
    plan = make_plan(cluster)
    first = run.open_secrets(made, plan, GIVEN, None)
    again = run.open_secrets(made, plan, {"passphrase": "a passphrase"}, None)
    for name in run.needed_secrets(plan):
        assert first.value(name) == again.value(name)
        for file in made.path.rglob("*"):
            if file.is_file():
                assert first.value(name).encode() not in file.read_bytes()
    assert stat.S_IMODE(made.store.path.stat().st_mode) == 0o600


@pytest.mark.slow
def test_a_wrong_passphrase_and_missing_secrets_are_told(cluster: Cluster, tmp_path: Path) -> None:
    made = session.create("s2", tmp_path)
    plan = make_plan(cluster)
    with pytest.raises(SecretsError, match="database_password, redis_password"):
        run.open_secrets(made, plan, {"passphrase": "a passphrase"}, None)
    run.open_secrets(made, plan, GIVEN, None)
    with pytest.raises(SecretsError, match="does not open"):
        run.open_secrets(made, plan, {**GIVEN, "passphrase": "another"}, None)


@pytest.mark.slow
def test_a_store_that_a_busy_machine_takes_for_too_much_work_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyrage

    store = secrets.Store(tmp_path / "secrets.age")
    store.write({"one": "long enough"}, "a passphrase")
    monkeypatch.setattr(secrets, "_TRIES_AGAIN", (0.0, 0.0))
    tries = []

    def busy(data: bytes, passphrase: str) -> bytes:
        tries.append(passphrase)
        if len(tries) < 3:
            # As age says it of a file whose work factor is 2^30.
            return decrypt(re.sub(rb"(scrypt \S+ )\d+", rb"\g<1>30", data), passphrase)
        return decrypt(data, passphrase)

    decrypt = pyrage.passphrase.decrypt
    monkeypatch.setattr(pyrage.passphrase, "decrypt", busy)
    assert store.read("a passphrase") == {"one": "long enough"}
    assert len(tries) == 3
    tries.clear()
    monkeypatch.setattr(secrets, "_TRIES_AGAIN", ())
    with pytest.raises(SecretsError, match="cannot be opened now: this machine is too busy"):
        store.read("a passphrase")


def test_a_secret_with_a_line_break_is_refused_before_anything_is_kept(cluster: Cluster, tmp_path: Path) -> None:
    found = session.create("prod", tmp_path)
    given = {"passphrase": "a passphrase", "redis_password": "one\ntwo", "database_password": "long enough"}
    with pytest.raises(SecretsError, match="redis_password cannot be used: there is a line break"):
        run.open_secrets(found, make_plan(cluster), given, None)
    assert not found.store.exists


def test_a_secrets_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("database_password: hunter2hunter2\n")
    path.chmod(0o640)
    with pytest.raises(SecretsError, match="chmod 600"):
        secrets.from_file(path)
    path.chmod(0o600)
    assert secrets.from_file(path) == {"database_password": "hunter2hunter2"}
    path.write_text("hunter2: [")
    with pytest.raises(SecretsError) as caught:
        secrets.from_file(path)
    assert "hunter2" not in str(caught.value)


def test_secrets_of_the_environment_are_taken_out_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARBOR_WIZARD_SECRET_REDIS_PASSWORD", "fromenv1")
    assert secrets.scrub_environment() == {"redis_password": "fromenv1"}
    assert "HARBOR_WIZARD_SECRET_REDIS_PASSWORD" not in os.environ


def test_one_run_at_a_time_and_the_second_is_told_who(tmp_path: Path) -> None:
    with Lock(tmp_path / "lock"), pytest.raises(LockedError, match=str(os.getpid())), Lock(
        tmp_path / "lock"
    ):
        pass
    with Lock(tmp_path / "lock"):
        pass


def test_a_session_of_another_version_is_refused(tmp_path: Path) -> None:
    made = session.create("s3", tmp_path)
    (made.path / "session.json").write_text('{"format": 9, "id": "x", "folder": "/"}')
    with pytest.raises(SessionError, match="another version"):
        session.find("s3")


def written(path: Path) -> bytes:
    with Journal(path) as journal:
        journal.write("run", steps=2)
        journal.write("begun", step="a/b/c")
        journal.write("ended", step="a/b/c", state="done", seconds=1.5)
        journal.write("begun", step="a/b/d")
    return path.read_bytes()


def test_a_step_begun_and_not_ended_is_unknown(tmp_path: Path) -> None:
    written(tmp_path / "j")
    told = summarise(Journal(tmp_path / "j").records())
    assert told.done == {"a/b/c"}
    assert told.unknown == {"a/b/d"}
    assert told.durations == {"a/b/c": 1.5}


def test_sessions_of_the_lab_are_in_the_lab_and_go_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from harbor_wizard.lab import cli as lab_cli
    from harbor_wizard.lab.lab import Lab

    lab = Lab(tmp_path / "lab", tmp_path / "cache")
    monkeypatch.setattr(lab, "wrap", list)
    monkeypatch.setattr(lab_cli, "_lab", lambda: lab)
    monkeypatch.delenv("HARBOR_WIZARD_HOME", raising=False)
    seen: list[str] = []

    def instead(_program: str, _arguments: list[str], environment: dict[str, str]) -> None:
        seen.append(environment["HARBOR_WIZARD_HOME"])

    monkeypatch.setattr("os.execvpe", instead)
    for chosen in (None, "/elsewhere"):
        if chosen:
            monkeypatch.setenv("HARBOR_WIZARD_HOME", chosen)
        result = CliRunner().invoke(lab_cli.app, ["exec", "true"])
        assert result.exit_code == 0, result.output
    assert seen == [str(lab.root / "wizard"), "/elsewhere"]
