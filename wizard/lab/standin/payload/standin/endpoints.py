"""Other registries: where they are, and what they are entered with."""

import psycopg2

from standin import passwords
from standin.database import first, query
from standin.remote import Harbor, RemoteError
from standin.web import Answer, Problem, created, route


def client(row, timeout=60):
    """Return the client of an endpoint. Raises `ValueError` where its secret cannot be read."""
    secret = passwords.opened(row["access_secret"]) if row["access_secret"] else ""
    return Harbor(row["url"], row["access_key"], secret, row["insecure"], row["ca_certificate"], timeout=timeout)


def _reason(other):
    """Return why an endpoint is not healthy, or `None`."""
    try:
        other.check()
    except (RemoteError, OSError, ValueError) as error:
        return str(error)
    finally:
        other.close()
    return None


def _healthy(row):
    try:
        return _reason(client(row, timeout=5)) is None
    except (ValueError, OSError):  # another secret key, a certificate that is none
        return False


def _view(row):
    return {"id": row["id"], "name": row["name"], "description": row["description"], "type": row["type"],
            "url": row["url"], "insecure": row["insecure"], "ca_certificate": row["ca_certificate"],
            "credential": {"type": row["credential_type"], "access_key": row["access_key"],
                           "access_secret": "*****"} if row["access_key"] else {},
            "status": "healthy" if _healthy(row) else "unhealthy",
            "creation_time": row["creation_time"], "update_time": row["update_time"]}  # fmt: skip


def wanted(number):
    row = first("SELECT * FROM registry WHERE id = %s", (int(number),)) if str(number).isdigit() else None
    if row is None:
        raise Problem(404, f"registry {number} not found")
    return row


def _checked(row, secret):
    """Call the other side. Raises `Problem`."""
    if not (row["url"] or "").startswith(("http://", "https://")):
        raise Problem(400, f"invalid url: {row['url']}")
    try:
        reason = _reason(Harbor(row["url"], row["access_key"], secret, row["insecure"], row["ca_certificate"], timeout=10))
    except (OSError, ValueError) as error:
        reason = f"the ca_certificate is none: {error}"
    if reason:
        raise Problem(400, f"the registry is unhealthy: {reason}")


@route("POST", "/registries/ping")
def pinged(request):
    request.require("registry", "read")
    given = request.json()
    row = wanted(given["id"]) if given.get("id") else {"url": "", "access_key": "", "access_secret": "",
                                                      "insecure": False, "ca_certificate": ""}  # fmt: skip
    secret = given.get("access_secret")
    if secret is None:
        secret = passwords.opened(row["access_secret"]) if row["access_secret"] else ""
    row |= {key: given[key] for key in ("url", "access_key", "insecure", "ca_certificate") if given.get(key) is not None}
    _checked(row, secret)
    return Answer(200)


@route("GET", "/registries")
def listed(request):
    request.require("registry", "list")
    rows = query("SELECT * FROM registry ORDER BY id")
    if name := request.one("name"):
        rows = [one for one in rows if name in one["name"]]
    return request.listed([_view(one) for one in rows])


@route("POST", "/registries")
def made(request):
    request.require("registry", "create")
    given = request.json()
    login = given.get("credential") or {}
    if not given.get("name") or not given.get("type"):
        raise Problem(400, "a registry has a name and a type")
    if given["type"] != "harbor":
        raise Problem(400, f"the stand-in knows no registries of the type {given['type']}")
    row = {"url": (given.get("url") or "").rstrip("/"), "insecure": bool(given.get("insecure")),
           "ca_certificate": given.get("ca_certificate") or "", "access_key": login.get("access_key") or ""}  # fmt: skip
    if first("SELECT 1 FROM registry WHERE name = %s", (given["name"],)):
        raise Problem(409, f"registry {given['name']} already exists")
    secret = login.get("access_secret") or ""
    _checked(row, secret)
    try:
        new = first("INSERT INTO registry (name, description, type, url, insecure, ca_certificate, credential_type,"
                    " access_key, access_secret) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
                    (given["name"], given.get("description", ""), given["type"], row["url"], row["insecure"],
                     row["ca_certificate"], login.get("type", "basic"), row["access_key"], passwords.sealed(secret)))  # fmt: skip
    except psycopg2.errors.UniqueViolation:
        raise Problem(409, f"registry {given['name']} already exists") from None
    return created(f"/api/v2.0/registries/{new['id']}")


@route("GET", "/registries/{number}")
def one(request, number):
    request.require("registry", "read")
    return Answer(200, _view(wanted(number)))


@route("PUT", "/registries/{number}")
def changed(request, number):
    request.require("registry", "update")
    row, given = wanted(number), request.json()
    row |= {key: given[key] for key in ("name", "description", "url", "credential_type", "access_key", "insecure",
                                        "ca_certificate") if given.get(key) is not None}  # fmt: skip
    secret = given.get("access_secret")
    if secret is None:
        secret = passwords.opened(row["access_secret"]) if row["access_secret"] else ""
    _checked(row, secret)
    try:
        query("UPDATE registry SET name = %s, description = %s, url = %s, credential_type = %s, access_key = %s,"
              " access_secret = %s, insecure = %s, ca_certificate = %s, update_time = now() WHERE id = %s",
              (row["name"], row["description"], row["url"], row["credential_type"], row["access_key"],
               passwords.sealed(secret), row["insecure"], row["ca_certificate"], row["id"]))  # fmt: skip
    except psycopg2.errors.UniqueViolation:
        raise Problem(409, f"registry {row['name']} already exists") from None
    return Answer(200)


@route("DELETE", "/registries/{number}")
def deleted(request, number):
    request.require("registry", "delete")
    row = wanted(number)
    used = first("SELECT name FROM replication_policy WHERE (body->>'dest_registry')::int = %s"
                 " OR (body->>'src_registry')::int = %s", (row["id"], row["id"]))  # fmt: skip
    if used:
        raise Problem(412, f"can't delete registry {row['id']}, it's used by the replication policy {used['name']}")
    query("DELETE FROM registry WHERE id = %s", (row["id"],))
    return Answer(200)
