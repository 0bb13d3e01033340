"""Who calls: by name and password, by the shared secret, by a session's cookie."""

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
from http.cookies import CookieError, SimpleCookie

from standin import passwords, rights
from standin.cache import cache
from standin.database import first, query
from standin.web import Problem

E = os.environ
PREFIX = "robot$"
SESSION_SECONDS = 1800
CSRF_HEADER, CSRF_COOKIE = "X-Harbor-CSRF-Token", "_gorilla_csrf"


def user(row, session=False):
    roles = {one["project_id"]: one["role"] for one in
             query("SELECT project_id, role FROM project_member WHERE user_id = %s", (row["user_id"],))}  # fmt: skip
    return rights.Caller(rights.USER, row["username"], row["user_id"], row["sysadmin_flag"], roles, (), session)


def login(name, password):
    """Return who has this name and password, or `None`."""
    if name.startswith(PREFIX):
        robot = first("SELECT * FROM robot WHERE name = %s", (name,))
        if robot is None or robot["disable"] or not passwords.good(password, robot["secret"]):
            return None
        if 0 <= robot["expires_at"] < time.time():
            return None
        return rights.Caller(rights.ROBOT, name, robot["id"], permissions=tuple(robot["permissions"]))
    row = first("SELECT * FROM harbor_user WHERE username = %s", (name,))
    return user(row) if row and passwords.good(password, row["password"]) else None


def by_header(headers):
    """Return who the Authorization header names. Raises `Problem` where it is not theirs."""
    kind, _, value = headers.get("Authorization", "").partition(" ")
    if kind == "Harbor-Secret":
        if not hmac.compare_digest(value, E["JOBSERVICE_SECRET"]):
            raise Problem(401, "unauthorized")
        return rights.Caller(rights.SERVICE, "jobservice")
    if kind.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(value).decode().partition(":")
    except ValueError:
        raise Problem(401, "unauthorized") from None
    found = login(name, password)
    if found is None:
        raise Problem(401, "unauthorized")
    return found


def by_session(headers):
    sid = cookies(headers).get("sid")
    kept = cache().get(f"session:{sid}") if sid else None
    if not kept:
        return None
    row = first("SELECT * FROM harbor_user WHERE user_id = %s", (json.loads(kept)["user_id"],))
    return user(row, session=True) if row else None


def caller(headers):
    return by_header(headers) or by_session(headers) or rights.Caller()


def begin_session(who):
    sid = secrets.token_hex(16)
    cache().setex(f"session:{sid}", SESSION_SECONDS, json.dumps({"user_id": who.number}))
    return f"sid={sid}; Path=/; HttpOnly; SameSite=Lax{_secure()}"


def end_session(headers):
    sid = cookies(headers).get("sid")
    if sid:
        cache().delete(f"session:{sid}")
    return f"sid=; Path=/; Max-Age=0{_secure()}"


def cookies(headers):
    try:
        return {name: one.value for name, one in SimpleCookie(headers.get("Cookie", "")).items()}
    except CookieError:
        return {}


def _secure():
    return "; Secure" if E["EXT_ENDPOINT"].startswith("https:") else ""


def _signed(what, text):
    return hmac.new(E["CSRF_KEY"].encode(), f"{what}:{text}".encode(), hashlib.sha256).hexdigest()


def csrf(headers):
    """Return the token that belongs to the caller's cookie, and a cookie where a new one is due."""
    drawn, _, signature = cookies(headers).get(CSRF_COOKIE, "").partition(".")
    if drawn and hmac.compare_digest(signature, _signed("cookie", drawn)):
        return _signed("token", drawn), None
    drawn = secrets.token_hex(16)
    cookie = f"{CSRF_COOKIE}={drawn}.{_signed('cookie', drawn)}; Path=/; HttpOnly; SameSite=Strict{_secure()}"
    return _signed("token", drawn), cookie


def csrf_checked(headers):
    """Refuse a change without the token that belongs to its cookie. Raises `Problem`."""
    token, fresh = csrf(headers)
    given = headers.get(CSRF_HEADER, "")
    if fresh or not given:
        raise Problem(403, "CSRF token not found in request")
    if not hmac.compare_digest(given, token):
        raise Problem(403, "CSRF token invalid")
