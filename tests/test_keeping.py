"""Secrets are kept where the operator chose, and drawn anew on request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import keyring
import pytest
import yaml
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked
from typer.testing import CliRunner

from harbor_wizard import cli, keeping, run, secrets
from harbor_wizard import session as sessions
from harbor_wizard.errors import InputError, SecretsError
from harbor_wizard.keeping import Keeping
from harbor_wizard.rotation import rotated
from harbor_wizard.session import Session
from harbor_wizard.solutions import make_plan

# Each opening of the store takes a second, as it should: that is what keeps guessers away.
pytestmark = pytest.mark.slow

PHRASE = {"passphrase": "correct horse"}
OWN = {"database_password": "database-pass-1", "redis_password": "redis-pass-1"}


class Memory(KeyringBackend):
    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked("locked")
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key of 4096 bits takes seconds to draw, and is no matter here."""
    numbers = count()

    def pair(existing: str | None) -> tuple[str, str]:
        number = next(numbers)
        return existing or f"key number {number}", f"certificate number {number}"

    monkeypatch.setattr(secrets, "_token_pair", pair)


@pytest.fixture
def ring() -> Iterator[Memory]:
    before, made = keyring.get_keyring(), Memory()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


@pytest.fixture
def session(answers: dict[str, Any], tmp_path: Path) -> Session:
    made = sessions.create("prod-eu", tmp_path)
    made.save_answers({**answers, "name": "prod-eu", "tls": {"mode": "none"}})
    return made


def opened(session: Session, given: dict[str, str]) -> dict[str, str]:
    plan = make_plan(session.cluster())
    values = run.open_secrets(session, plan, given, None)
    return {name: values.value(name) for name in run.needed_secrets(plan)}


def test_the_keyring_opens_what_was_kept_without_a_passphrase(session: Session, ring: Memory) -> None:
    first = opened(session, {**PHRASE, **OWN})
    keeping.move(session, Keeping.KEYRING, PHRASE, None)
    assert len(ring.held) == 1
    assert opened(session, {}) == first
    with pytest.raises(SecretsError, match="does not open"):
        session.store.read("correct horse")


def test_a_keyring_from_the_start_draws_its_own_passphrase(session: Session, ring: Memory) -> None:
    keeping.move(session, Keeping.KEYRING, {"passphrase": "unused"}, None)
    first = opened(session, OWN)
    assert opened(session, {}) == first
    assert session.store.exists


def test_back_under_a_passphrase_the_keyring_has_nothing_left(session: Session, ring: Memory) -> None:
    first = opened(session, {**PHRASE, **OWN})
    keeping.move(session, Keeping.KEYRING, PHRASE, None)
    keeping.move(session, Keeping.PASSPHRASE, {"new_passphrase": "another horse"}, None)
    assert ring.held == {}
    assert opened(session, {"passphrase": "another horse"}) == first


def test_a_locked_keyring_is_said_in_a_sentence(session: Session, ring: Memory) -> None:
    keeping.move(session, Keeping.KEYRING, PHRASE, None)
    opened(session, OWN)
    ring.locked = True
    with pytest.raises(SecretsError, match="unlock it, or keep the secrets under a passphrase"):
        opened(session, OWN)


def test_what_is_not_kept_is_given_each_time_and_never_drawn(session: Session) -> None:
    first = opened(session, {**PHRASE, **OWN})
    keeping.move(session, Keeping.NOTHING, PHRASE, None)
    assert not session.store.exists
    with pytest.raises(SecretsError, match="harbor_core_secret"):
        opened(session, OWN)
    assert opened(session, first) == first
    assert not session.store.exists


def invoked(*words: str) -> Any:
    return CliRunner().invoke(cli.app, ["secrets", *words])


def test_the_command_hands_out_before_it_forgets(session: Session, tmp_path: Path) -> None:
    opened(session, {**PHRASE, **OWN})
    file = tmp_path / "secrets.yaml"
    file.write_text(yaml.safe_dump(PHRASE))
    file.chmod(0o600)
    refused = invoked("keep", "prod-eu", "nothing", "--secrets", str(file))
    assert isinstance(refused.exception, InputError)
    assert session.store.exists
    out = tmp_path / "vault.yaml"
    done = invoked("keep", "prod-eu", "nothing", "--secrets", str(file), "--out", str(out))
    assert done.exception is None
    assert out.stat().st_mode & 0o777 == 0o600
    assert set(OWN.items()) <= set(yaml.safe_load(out.read_text()).items())
    assert not session.store.exists
    assert "database-pass-1" not in done.output
    assert json.loads((session.path / "keeping.json").read_text()) == {"secrets": "nothing"}


def test_the_list_has_names_and_no_values(session: Session, tmp_path: Path) -> None:
    opened(session, {**PHRASE, **OWN})
    file = tmp_path / "secrets.yaml"
    file.write_text(yaml.safe_dump(PHRASE))
    file.chmod(0o600)
    said = invoked("list", "prod-eu", "--secrets", str(file)).output
    assert "kept: passphrase" in said
    assert "  database_password\n" in said
    assert "database-pass-1" not in said


def test_rotation_draws_anew_what_it_can_and_keeps_the_rest(session: Session) -> None:
    first = opened(session, {**PHRASE, **OWN})
    kept = session.store.read(PHRASE["passphrase"])
    session.store.write(rotated(kept, ["harbor_core_secret", "harbor_token_key"]), PHRASE["passphrase"])
    second = opened(session, PHRASE)
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"harbor_core_secret", "harbor_token_key", "harbor_token_certificate"}


@pytest.mark.parametrize(
    ("name", "why"),
    [("harbor_secret_key", "encrypts the credentials"), ("harbor_admin_password", "first start"),
     ("database_password", "yours"), ("nonsense", "there are:")],
)  # fmt: skip
def test_what_cannot_be_drawn_anew_is_said_with_why(session: Session, name: str, why: str) -> None:
    opened(session, {**PHRASE, **OWN})
    kept = session.store.read(PHRASE["passphrase"])
    with pytest.raises(SecretsError, match=why):
        rotated(kept, [name])
