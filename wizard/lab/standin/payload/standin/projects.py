"""Projects."""

import re

import psycopg2

from standin import rights
from standin.database import first, query, transaction
from standin.web import Answer, Problem, created, route

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_ALL = ("SELECT p.*, u.username AS owner_name, (SELECT count(*) FROM repository r WHERE r.project_id = p.project_id)"
        " AS repo_count FROM project p LEFT JOIN harbor_user u ON u.user_id = p.owner_id ")  # fmt: skip


def wanted(request, text, resource, action):
    """Return a project by its number or name; one that is not to be seen is refused."""
    named = request.headers.get("X-Is-Resource-Name", "").lower() == "true" or not text.isdigit()
    row = first(_ALL + ("WHERE p.name = %s" if named else "WHERE p.project_id = %s"), (text if named else int(text),))
    request.require_in(row, resource, action)
    return row


def by_name(request, name, resource, action):
    row = first(_ALL + "WHERE p.name = %s", (name,))
    request.require_in(row, resource, action)
    return row


def _view(request, row):
    role = request.caller.roles.get(row["project_id"], 0)
    return {**{key: row[key] for key in ("project_id", "owner_id", "owner_name", "name", "repo_count",
                                         "creation_time", "update_time")},
            "metadata": {"public": str(row["public"]).lower()}, "deleted": False, "togglable": False,
            "current_user_role_id": role, "current_user_role_ids": [role] if role else []}  # fmt: skip


def _public(given, kept=False):
    said = (given.get("metadata") or {}).get("public", given.get("public", kept))
    return str(said).lower() == "true"


@route("GET", "/projects")
def listed(request):
    if request.caller.kind == rights.ROBOT:
        request.require("project", "list")
    rows = [_view(request, one) for one in query(_ALL + "ORDER BY p.project_id") if request.caller.sees(one)]
    if name := request.one("name"):
        rows = [one for one in rows if name in one["name"]]
    if public := request.one("public"):
        rows = [one for one in rows if one["metadata"]["public"] == public.lower()]
    return request.listed(rows)


@route("HEAD", "/projects")
def there(request):
    request.require_login()
    if first("SELECT 1 FROM project WHERE name = %s", (request.one("project_name"),)) is None:
        raise Problem(404, "project not found")
    return Answer(200)


@route("POST", "/projects")
def made(request):
    request.require("project", "create")
    given = request.json()
    name = given.get("project_name") or ""
    if not _NAME.fullmatch(name) or len(name) > 255:
        raise Problem(400, "project name isn't in lower case or contains illegal characters")
    # What a robot or the service makes belongs to the administrator.
    owner = request.caller.number if request.caller.kind == rights.USER else 1
    try:
        with transaction() as cursor:
            cursor.execute("INSERT INTO project (owner_id, name, public) VALUES (%s, %s, %s) RETURNING project_id",
                           (owner, name, _public(given)))  # fmt: skip
            number = cursor.fetchone()["project_id"]
            cursor.execute("INSERT INTO project_member (project_id, user_id, role) VALUES (%s, %s, 1)", (number, owner))
    except psycopg2.errors.UniqueViolation:
        raise Problem(409, f"The project named {name} already exists") from None
    return created(f"/api/v2.0/projects/{number}")


@route("GET", "/projects/{project}")
def one(request, project):
    return Answer(200, _view(request, wanted(request, project, "project", "read")))


@route("PUT", "/projects/{project}")
def changed(request, project):
    row = wanted(request, project, "project", "update")
    query("UPDATE project SET public = %s, update_time = now() WHERE project_id = %s",
          (_public(request.json(), row["public"]), row["project_id"]))  # fmt: skip
    return Answer(200)


@route("DELETE", "/projects/{project}")
def deleted(request, project):
    row = wanted(request, project, "project", "delete")
    if row["repo_count"]:
        raise Problem(412, f"the project {row['name']} contains repositories, can not be deleted")
    query("DELETE FROM project WHERE project_id = %s", (row["project_id"],))
    return Answer(200)
