"""Robots: their permissions, and their secrets, of which only a hash is kept."""

import re
import secrets
import string
import time

import psycopg2

from standin import passwords, rights
from standin.auth import PREFIX
from standin.database import first, json_of, query
from standin.web import Answer, Problem, created, route

_SHOWN = ("id", "name", "description", "level", "duration", "expires_at", "disable", "permissions",
          "creation_time", "update_time")  # fmt: skip
_WEAK = ("the secret must be between 8 and 128 characters with at least 1 uppercase letter, 1 lowercase letter "
         "and 1 number")  # fmt: skip


def _view(row):
    return {**{key: row[key] for key in _SHOWN}, "editable": True}


def _drawn():
    while True:
        text = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))
        if rights.strong(text):
            return text


def _wanted(request, number, action):
    row = first("SELECT * FROM robot WHERE id = %s", (int(number),)) if number.isdigit() else None
    project = first("SELECT * FROM project WHERE project_id = %s", (row["project_id"],)) if row and row["project_id"] else None
    if project:
        request.require_in(project, "robot", action)
    else:
        request.require("robot", action)
    if row is None:
        raise Problem(404, f"robot {number} not found")
    return row


def _checked(given):
    """Return the permissions, and the project of a project's robot. Raises `Problem`."""
    level = given.get("level")
    if level not in ("system", "project"):
        raise Problem(400, f"bad request error level: {level}")
    duration = given.get("duration")
    if not isinstance(duration, int) or (duration < 1 and duration != -1):
        raise Problem(400, f"bad request error duration: {duration}")
    try:
        permissions = rights.checked(given.get("permissions") or [], level)
    except ValueError as error:
        raise Problem(400, str(error)) from None
    project = None
    for one in permissions:
        if one["kind"] == "project" and one["namespace"] != "*":
            found = first("SELECT * FROM project WHERE name = %s", (one["namespace"],))
            if found is None:
                raise Problem(404, f"project {one['namespace']} not found")
            project = found if level == "project" else None
    return permissions, project


def _expiry(duration):
    return -1 if duration == -1 else int(time.time()) + duration * 86400


def _covered(request, permissions, project):
    """Refuse who would give more than they have. Raises `Problem`."""
    if project:
        request.require_in(project, "robot", "create")
    else:
        request.require("robot", "create")
    if request.caller.kind != rights.ROBOT:
        return
    for one in permissions:
        for item in one["access"]:
            row = {"name": one["namespace"], "public": False, "project_id": 0}
            if one["kind"] == "system":
                good = request.caller.may(item["resource"], item["action"])
            else:
                good = request.caller.may_in(row, item["resource"], item["action"])
            if not good:
                raise Problem(403, "a robot can not give what it does not have")


@route("GET", "/robots")
def listed(request):
    """Those of the system, unless a project's are asked for."""
    asked = {part.partition("=")[0].lower(): part.partition("=")[2] for part in request.one("q").split(",")}
    level, number = asked.get("level", "system"), asked.get("projectid", "")
    if level == "project":
        project = first("SELECT * FROM project WHERE project_id = %s", (int(number or 0) if number.isdigit() else 0,))
        request.require_in(project, "robot", "list")
        rows = query("SELECT * FROM robot WHERE project_id = %s ORDER BY id", (project["project_id"],))
        request.parameters.pop("q", None)
    else:
        request.require("robot", "list")
        rows = query("SELECT * FROM robot WHERE level = 'system' ORDER BY id")
    return request.listed([_view(one) for one in rows])


@route("POST", "/robots")
def made(request):
    """A secret that is sent along is ignored, as by the real one: another one is drawn."""
    given = request.json()
    request.require_login()
    name = given.get("name") or ""
    if not re.fullmatch(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", name) or len(name) > 255:
        raise Problem(400, f"robot name is not in lower case or contains illegal characters: {name}")
    if given.get("level") not in ("system", "project") or given.get("level") == "system":
        request.require("robot", "create")
    permissions, project = _checked(given)
    _covered(request, permissions, project)
    whole = f"{PREFIX}{project['name']}+{name}" if project else f"{PREFIX}{name}"
    secret = _drawn()
    try:
        row = first("INSERT INTO robot (name, description, secret, level, project_id, duration, expires_at, disable,"
                    " permissions) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING *",
                    (whole, given.get("description", ""), passwords.hashed(secret), given["level"],
                     project and project["project_id"], given["duration"], _expiry(given["duration"]),
                     bool(given.get("disable")), json_of(permissions)))  # fmt: skip
    except psycopg2.errors.UniqueViolation:
        raise Problem(409, f"robot {whole} already exists") from None
    return created(f"/api/v2.0/robots/{row['id']}", {"id": row["id"], "name": whole, "secret": secret,
                   "creation_time": row["creation_time"], "expires_at": row["expires_at"]})  # fmt: skip


@route("GET", "/robots/{number}")
def one(request, number):
    return Answer(200, _view(_wanted(request, number, "read")))


@route("PUT", "/robots/{number}")
def changed(request, number):
    row, given = _wanted(request, number, "create"), request.json()
    if given.get("level") != row["level"] or given.get("name") not in (row["name"], None):
        raise Problem(400, "cannot update the level or name of robot")
    permissions, project = _checked(given)
    _covered(request, permissions, project)
    expires = row["expires_at"] if given["duration"] == row["duration"] else _expiry(given["duration"])
    query("UPDATE robot SET description = %s, duration = %s, expires_at = %s, disable = %s, permissions = %s,"
          " update_time = now() WHERE id = %s",
          (given.get("description", ""), given["duration"], expires, bool(given.get("disable")),
           json_of(permissions), row["id"]))  # fmt: skip
    return Answer(200)


@route("PATCH", "/robots/{number}")
def renewed(request, number):
    """Take a chosen secret, or draw one where none is given, and only then tell it."""
    row = _wanted(request, number, "create")
    chosen = request.json().get("secret") or ""
    if chosen and not rights.strong(chosen):
        raise Problem(400, _WEAK)
    secret = chosen or _drawn()
    query("UPDATE robot SET secret = %s, update_time = now() WHERE id = %s", (passwords.hashed(secret), row["id"]))
    return Answer(200, {} if chosen else {"secret": secret})


@route("DELETE", "/robots/{number}")
def deleted(request, number):
    query("DELETE FROM robot WHERE id = %s", (_wanted(request, number, "delete")["id"],))
    return Answer(200)
