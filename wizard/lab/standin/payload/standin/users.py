"""Users, and who they are in projects."""

import psycopg2

from standin import passwords, rights
from standin.database import first, query
from standin.projects import wanted as wanted_project
from standin.web import Answer, Problem, created, route

_SHOWN = ("user_id", "username", "email", "realname", "comment", "sysadmin_flag", "creation_time", "update_time")


def _view(row):
    return {**{key: row[key] for key in _SHOWN}, "admin_role_in_auth": False}


def _wanted(number):
    row = first("SELECT * FROM harbor_user WHERE user_id = %s", (int(number),)) if number.isdigit() else None
    if row is None:
        raise Problem(404, f"user {number} not found")
    return row


def _strong(password):
    if not rights.strong(password or ""):
        raise Problem(400, "the password or secret must be longer than 8 chars with at least 1 uppercase letter, "
                           "1 lowercase letter and 1 number")  # fmt: skip
    return password


@route("GET", "/users")
def listed(request):
    request.require("user", "list")
    return request.listed([_view(one) for one in query("SELECT * FROM harbor_user ORDER BY user_id")])


@route("POST", "/users")
def made(request):
    request.require("user", "create")
    given = request.json()
    if not given.get("username") or "$" in given["username"] or not given.get("email") or not given.get("realname"):
        raise Problem(400, "a user has a username, an email and a realname")
    try:
        row = first("INSERT INTO harbor_user (username, email, realname, comment, password) VALUES (%s, %s, %s, %s, %s)"
                    " RETURNING user_id", (given["username"], given["email"], given["realname"],
                                           given.get("comment", ""), passwords.hashed(_strong(given.get("password")))))  # fmt: skip
    except psycopg2.errors.UniqueViolation:
        raise Problem(409, f"user {given['username']} or email {given['email']} already exists") from None
    return created(f"/api/v2.0/users/{row['user_id']}")


@route("GET", "/users/current")
def current(request):
    request.require_login()
    if request.caller.kind != rights.USER:
        raise Problem(403, "only users have a profile")
    return Answer(200, _view(_wanted(str(request.caller.number))))


@route("GET", "/users/{number}")
def one(request, number):
    if str(request.caller.number) != number or request.caller.kind != rights.USER:
        request.require("user", "read")
    return Answer(200, _view(_wanted(number)))


@route("DELETE", "/users/{number}")
def deleted(request, number):
    request.require("user", "delete")
    row = _wanted(number)
    if row["username"] == "admin" or row["user_id"] == request.caller.number:
        raise Problem(403, "this user can not be deleted")
    query("DELETE FROM harbor_user WHERE user_id = %s", (row["user_id"],))
    return Answer(200)


@route("PUT", "/users/{number}/password")
def password(request, number):
    row, given = _wanted(number), request.json()
    own = request.caller.kind == rights.USER and request.caller.number == row["user_id"]
    if not own:
        request.require("user", "update")
    if own and not passwords.good(given.get("old_password", ""), row["password"]):
        raise Problem(403, "Current password is incorrect")
    kept = passwords.hashed(_strong(given.get("new_password")))
    query("UPDATE harbor_user SET password = %s, update_time = now() WHERE user_id = %s", (kept, row["user_id"]))
    return Answer(200)


@route("PUT", "/users/{number}/sysadmin")
def administers(request, number):
    request.require("user", "update")
    flag = bool(request.json().get("sysadmin_flag"))
    query("UPDATE harbor_user SET sysadmin_flag = %s WHERE user_id = %s", (flag, _wanted(number)["user_id"]))
    return Answer(200)


@route("GET", "/projects/{project}/members")
def members(request, project):
    row = wanted_project(request, project, "member", "list")
    rows = query("SELECT m.id, m.project_id, m.user_id AS entity_id, u.username AS entity_name, 'u' AS entity_type,"
                 " m.role AS role_id FROM project_member m JOIN harbor_user u USING (user_id)"
                 " WHERE m.project_id = %s ORDER BY m.id", (row["project_id"],))  # fmt: skip
    return request.listed(rows)


@route("POST", "/projects/{project}/members")
def joined(request, project):
    row, given = wanted_project(request, project, "member", "create"), request.json()
    who = given.get("member_user") or {}
    user = first("SELECT * FROM harbor_user WHERE username = %s OR user_id = %s",
                 (who.get("username"), who.get("user_id")))  # fmt: skip
    if user is None:
        raise Problem(404, "user not found")
    if given.get("role_id") not in rights.ROLES:
        raise Problem(400, "invalid role")
    try:
        made = first("INSERT INTO project_member (project_id, user_id, role) VALUES (%s, %s, %s) RETURNING id",
                     (row["project_id"], user["user_id"], given["role_id"]))  # fmt: skip
    except psycopg2.errors.UniqueViolation:
        raise Problem(409, "the user is a member already") from None
    return created(f"/api/v2.0/projects/{row['project_id']}/members/{made['id']}")


@route("DELETE", "/projects/{project}/members/{number}")
def left(request, project, number):
    row = wanted_project(request, project, "member", "delete")
    query("DELETE FROM project_member WHERE project_id = %s AND id = %s", (row["project_id"], int(number)))
    return Answer(200)
