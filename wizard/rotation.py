"""Drawing secrets anew, on request: the next run brings them to the hosts."""

from __future__ import annotations

from collections.abc import Iterable

from harbor_wizard.errors import SecretsError
from harbor_wizard.language import mark, tr
from harbor_wizard.secrets import CA_CERTIFICATE, CA_KEY, TLS_CERTIFICATE, TLS_KEY, draw

# What cannot be drawn anew by us alone, and why.
_FIXED = {
    "harbor_secret_key": mark(
        "it encrypts the credentials that Harbor has stored, and Harbor cannot encrypt them anew"
    ),
    "harbor_admin_password": mark(
        "Harbor takes it at its first start only: change it in Harbor, and give the new one with "
        "--secrets"
    ),
    "harbor_database_password": mark(
        "the database that it opens was made with it: change it there first, and give the new one "
        "with --secrets"
    ),
}
_TOKENS = {"harbor_token_key", "harbor_token_certificate"}
_AUTHORITY = {CA_KEY, CA_CERTIFICATE, TLS_KEY, TLS_CERTIFICATE}


def rotated(kept: dict[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return what is kept without what is to be drawn anew: the next run draws that.

    Raises `SecretsError` with what cannot be drawn anew, and why; nothing is changed then.
    """
    left = dict(kept)
    for name in names:
        if name not in kept:
            known = ", ".join(sorted(kept)) or "-"
            raise SecretsError(
                tr('there is no secret "{name}" kept here; there are: {known}', name=name[:60],
                   known=known)
            )  # fmt: skip
        why = next((why for what, why in _FIXED.items() if name.startswith(what)), None)
        if why is not None:
            raise SecretsError(
                tr("{name} is not drawn anew: {why}", name=name, why=tr(why))
            )
        if name in _AUTHORITY:
            gone = _AUTHORITY
        elif name.startswith(tuple(_TOKENS)):
            whose = name.removeprefix("harbor_token_key").removeprefix("harbor_token_certificate")
            gone = {one + whose for one in _TOKENS}
        elif draw([name], {}):
            gone = {name}
        else:
            raise SecretsError(
                tr("{name} is yours: change it where it is checked, and give the new one with "
                   "--secrets", name=name)
            )  # fmt: skip
        for one in gone:
            left.pop(one, None)
    return left
