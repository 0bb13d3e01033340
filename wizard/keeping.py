"""Where a session's secrets are kept between runs, as its operator chooses.

Encrypted in the session under a passphrase (that is how it begins), the same with a drawn
passphrase that the system's keyring keeps, or not at all: then each run is given all of them.
"""

from __future__ import annotations

import json
import secrets as random
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from harbor_wizard.errors import SecretsError
from harbor_wizard.files import write_atomically
from harbor_wizard.language import tr
from harbor_wizard.secrets import PASSPHRASE, missing
from harbor_wizard.session import Session

_SERVICE = "harbor-wizard"

Ask = Callable[[str], str] | None


class Keeping(StrEnum):
    """Where the secrets are kept."""

    PASSPHRASE = "passphrase"  # noqa: S105 - a word, not a value
    KEYRING = "keyring"
    NOTHING = "nothing"


def keeping(session: Session) -> Keeping:
    """Return where a session's secrets are kept. Raises `SecretsError` where that is damaged."""
    path = session.path / "keeping.json"
    try:
        return Keeping(json.loads(path.read_text(encoding="utf-8"))["secrets"])
    except FileNotFoundError:
        return Keeping.PASSPHRASE
    except (OSError, ValueError, KeyError, TypeError):
        raise SecretsError(
            tr("{path} cannot be read; say again where the secrets are: harbor-wizard secrets keep "
               "{name} passphrase", path=path, name=session.name)
        ) from None  # fmt: skip


def _choose(session: Session, where: Keeping) -> None:
    write_atomically(session.path / "keeping.json", json.dumps({"secrets": where.value}) + "\n")


def passphrase(session: Session, given: Mapping[str, str], ask: Ask) -> str | None:
    """Return what opens the store: given, of the keyring, or asked for; None where none is kept.

    Raises `SecretsError` where it is needed and nobody can be asked.
    """
    where = keeping(session)
    if where is Keeping.NOTHING:
        return None
    if where is Keeping.KEYRING:
        return _of_keyring(session)
    if PASSPHRASE in given:
        return given[PASSPHRASE]
    if ask is None:
        raise SecretsError(
            tr("{sentence}; it encrypts what the session keeps", sentence=missing([PASSPHRASE]))
        )
    return ask(PASSPHRASE)


def kept(session: Session, opener: str | None) -> dict[str, str]:
    """Return what is kept. Raises `SecretsError` on a wrong passphrase."""
    return session.store.read(opener) if opener is not None and session.store.exists else {}


def move(session: Session, to: Keeping, given: Mapping[str, str], ask: Ask) -> None:
    """Keep a session's secrets elsewhere from now on. What was kept moves with it.

    To keep nothing, nothing may be kept: the caller hands the values over first (see `hand_out`).
    Raises `SecretsError`.
    """
    before = passphrase(session, given, ask)
    values = kept(session, before)
    if to is Keeping.NOTHING:
        session.store.path.unlink(missing_ok=True)
        _choose(session, to)
        _forget(session)
        return
    if to is Keeping.KEYRING:
        opener = random.token_urlsafe(32)
        _keyring("set_password", session, opener)
    else:
        opener = given.get("new_passphrase") or (ask(PASSPHRASE) if ask is not None else "")
        if not opener:
            raise SecretsError(missing(["new_passphrase"]))
    if values:
        session.store.write(values, opener)
    _choose(session, to)
    if to is Keeping.PASSPHRASE:
        _forget(session)


def _of_keyring(session: Session) -> str:
    found = _keyring("get_password", session)
    if found is None and session.store.exists:
        raise SecretsError(
            tr("the system's keyring has no passphrase for the session {name}; it was kept on "
               "another machine, or by another user", name=session.name)
        )  # fmt: skip
    if found is None:
        found = random.token_urlsafe(32)
        _keyring("set_password", session, found)
    return str(found)


def _forget(session: Session) -> None:
    """Take a passphrase out of the keyring; where there is no keyring, there is none in it."""
    try:
        if _keyring("get_password", session) is not None:
            _keyring("delete_password", session)
    except SecretsError:
        return


def _keyring(what: str, session: Session, *values: str) -> Any:
    try:
        import keyring  # noqa: PLC0415 - an extra, and slow
        import keyring.errors  # noqa: PLC0415
    except ImportError:
        raise SecretsError(
            tr("the system's keyring is spoken to by the package keyring, which is not installed; "
               "run: pipx inject harbor-wizard keyring")
        ) from None  # fmt: skip
    try:
        return getattr(keyring, what)(_SERVICE, session.id, *values)
    except (keyring.errors.KeyringError, RuntimeError) as error:
        raise SecretsError(
            tr("the system's keyring cannot be used ({reason}); unlock it, or keep the secrets "
               "under a passphrase: harbor-wizard secrets keep {name} passphrase",
               reason=type(error).__name__, name=session.name)
        ) from None  # fmt: skip
