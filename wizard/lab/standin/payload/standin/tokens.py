"""Bearer tokens: signed with the key that all nodes share."""

import os
import time
from functools import lru_cache
from pathlib import Path

import jwt

from standin.database import first

ISSUER, AUDIENCE = "harbor-token-issuer", "harbor-registry"


@lru_cache(maxsize=1)
def _keys():
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    text = Path(os.environ.get("STANDIN_TOKEN_KEY", "/etc/core/private_key.pem")).read_bytes()
    private = load_pem_private_key(text, None)
    return private, private.public_key()


def project_of(repository):
    return first("SELECT * FROM project WHERE name = %s", (repository.split("/")[0],))


def granted(caller, scopes):
    """Return what a caller gets of the scopes asked for."""
    access = []
    for scope in scopes:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        given = []
        if kind == "repository":
            given = caller.pulls_and_pushes(project_of(name), actions.split(","))
        elif kind == "registry" and caller.may("catalog", "read"):
            given = ["*"]
        access.append({"type": kind, "name": name, "actions": given})
    return access


def issued(caller, scopes):
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": caller.name, "iat": now, "nbf": now - 60,
              "exp": now + 1800, "access": granted(caller, scopes)}  # fmt: skip
    return jwt.encode(claims, _keys()[0], "RS256")


def access_of(token):
    """Return what a token gives, or `None` where it is not one of ours, or too old."""
    try:
        return jwt.decode(token, _keys()[1], ["RS256"], audience=AUDIENCE, issuer=ISSUER)["access"]
    except jwt.PyJWTError as error:
        print("token refused:", error, flush=True)
        return None
