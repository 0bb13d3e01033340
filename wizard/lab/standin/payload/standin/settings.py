"""The system's settings, and what it says about itself."""

import os
import time

from standin.database import first, query
from standin.web import Answer, Problem, route

E = os.environ
DEFAULTS = {
    "auth_mode": "db_auth", "read_only": False, "self_registration": False, "robot_name_prefix": "robot$",
    "project_creation_restriction": "everyone", "token_expiration": 30, "robot_token_duration": 30,
    "notification_enable": True, "quota_per_project_enable": True, "storage_per_project": -1,
    "banner_message": "",
}  # fmt: skip


def value(name):
    row = first("SELECT v FROM properties WHERE k = %s", (name,))
    if row is None:
        return DEFAULTS[name]
    kind = type(DEFAULTS[name])
    return row["v"] == "true" if kind is bool else kind(row["v"])


def refuse_while_read_only():
    if value("read_only"):
        raise Problem(403, "The system is in read only mode. Any modification is prohibited.", "DENIED")


@route("GET", "/configurations")
def shown(request):
    request.require("configuration", "read")
    return Answer(200, {name: {"value": value(name), "editable": True} for name in DEFAULTS})


@route("PUT", "/configurations")
def changed(request):
    request.require("configuration", "update")
    for name, given in request.json().items():
        if name not in DEFAULTS:
            continue
        if not isinstance(given, type(DEFAULTS[name])):
            raise Problem(400, f"invalid value for {name}")
        text = str(given).lower() if isinstance(given, bool) else str(given)
        query("INSERT INTO properties VALUES (%s, %s) ON CONFLICT (k) DO UPDATE SET v = excluded.v", (name, text))
    return Answer(200)


@route("GET", "/systeminfo")
def about(request):
    """Who has not logged in is told little."""
    told = {"auth_mode": "db_auth", "primary_auth_mode": False, "self_registration": value("self_registration"),
            "banner_message": value("banner_message") or "stand-in for Harbor, for tests only",
            "current_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}  # fmt: skip
    if request.caller.known:
        told |= {"harbor_version": f"{E['TAG']}-standin", "read_only": value("read_only"),
                 "registry_url": E["EXT_ENDPOINT"].partition("://")[2], "external_url": E["EXT_ENDPOINT"],
                 "project_creation_restriction": value("project_creation_restriction"),
                 "notification_enable": True, "has_ca_root": False,
                 "registry_storage_provider_name": "filesystem"}  # fmt: skip
    return Answer(200, told)
