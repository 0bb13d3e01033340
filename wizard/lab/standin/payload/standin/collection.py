"""The collection of garbage: a job like any other, which frees nothing here."""

from standin import tasks
from standin.database import first, query
from standin.web import Answer, Problem, created, route

VENDOR = "GARBAGE_COLLECTION"


def _view(row):
    done = tasks.summary(row)
    status = {"Succeed": "Success", "Failed": "Error", "InProgress": "Running"}.get(done["status"], done["status"])
    return {"id": row["id"], "job_name": VENDOR, "job_kind": "MANUAL", "job_status": status, "deleted": False,
            "schedule": {"type": "Manual"}, "job_parameters": "{}", "creation_time": done["start_time"],
            "update_time": done["end_time"] or done["start_time"]}  # fmt: skip


@route("POST", "/system/gc/schedule")
def started(request):
    request.require("garbage-collection", "create")
    kind = (request.json().get("schedule") or {}).get("type")
    if kind != "Manual":
        raise Problem(400, f"the stand-in collects garbage only by hand, not {kind}")
    work = (VENDOR, request.json().get("parameters") or {}, "collect", "", "")
    number = tasks.begin(VENDOR, 0, "manual", [work])
    return created(f"/api/v2.0/system/gc/{number}")


@route("GET", "/system/gc/schedule")
def schedule(request):
    request.require("garbage-collection", "read")
    return Answer(200, {})


@route("GET", "/system/gc")
def listed(request):
    request.require("garbage-collection", "list")
    return request.listed([_view(one) for one in query("SELECT * FROM execution WHERE vendor = %s ORDER BY id DESC", (VENDOR,))])


def _wanted(number):
    row = first("SELECT * FROM execution WHERE vendor = %s AND id = %s", (VENDOR, int(number) if number.isdigit() else 0))
    if row is None:
        raise Problem(404, f"garbage collection {number} not found")
    return row


@route("GET", "/system/gc/{number}")
def one(request, number):
    request.require("garbage-collection", "read")
    return Answer(200, _view(_wanted(number)))


@route("GET", "/system/gc/{number}/log")
def log(request, number):
    request.require("garbage-collection", "read")
    logs = [one["log"] for one in tasks.tasks_of(_wanted(number)["id"])]
    return Answer(200, "".join(logs), {"Content-Type": "text/plain"})
