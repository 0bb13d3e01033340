"""The purge of the audit log: a job like any other; the stand-in keeps no audit log."""

import json

from standin import tasks
from standin.database import first, query
from standin.web import Answer, Problem, created, route

VENDOR = "PURGE_AUDIT_LOG"
STATUS = {"Succeed": "Success", "Failed": "Error", "InProgress": "Running"}


def _view(row):
    done = tasks.summary(row)
    return {"id": row["id"], "job_name": VENDOR, "job_kind": "MANUAL",
            "job_status": STATUS.get(done["status"], done["status"]), "deleted": False,
            "schedule": {"type": "MANUAL"}, "job_parameters": json.dumps(row["parameters"]),
            "creation_time": done["start_time"], "update_time": done["end_time"] or done["start_time"]}  # fmt: skip


@route("POST", "/system/purgeaudit/schedule")
def started(request):
    """The real one refuses what lacks a schedule or one of these parameters."""
    request.require("purge-audit", "create")
    given = request.json()
    kind, parameters = (given.get("schedule") or {}).get("type"), given.get("parameters") or {}
    if not kind or not parameters:
        raise Problem(400, "schedule and its parameters can't be empty")
    if "audit_retention_hour" not in parameters:
        raise Problem(400, "audit_retention_hour should provide")
    if not {"include_operations", "include_event_types"} & parameters.keys():
        raise Problem(400, "include_event_types should provide")
    if kind != "Manual":
        raise Problem(400, f"the stand-in purges only by hand, not {kind}")
    work = (VENDOR, parameters, "purge", "", "")
    return created(f"/api/v2.0/system/purgeaudit/{tasks.begin(VENDOR, 0, 'manual', [work], parameters)}")


@route("GET", "/system/purgeaudit/schedule")
def schedule(request):
    request.require("purge-audit", "read")
    return Answer(200, {})


@route("GET", "/system/purgeaudit")
def listed(request):
    request.require("purge-audit", "list")
    return request.listed([_view(one) for one in query("SELECT * FROM execution WHERE vendor = %s ORDER BY id DESC", (VENDOR,))])


def _wanted(number):
    row = first("SELECT * FROM execution WHERE vendor = %s AND id = %s", (VENDOR, int(number) if number.isdigit() else 0))
    if row is None:
        raise Problem(404, f"purge audit log job {number} not found")
    return row


@route("GET", "/system/purgeaudit/{number}")
def one(request, number):
    request.require("purge-audit", "read")
    return Answer(200, _view(_wanted(number)))


@route("GET", "/system/purgeaudit/{number}/log")
def log(request, number):
    request.require("purge-audit", "read")
    logs = [one["log"] for one in tasks.tasks_of(_wanted(number)["id"])]
    return Answer(200, "".join(logs), {"Content-Type": "text/plain"})
