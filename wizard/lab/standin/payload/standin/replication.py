"""Replication: its policies, what they set going, and when."""

import os
import threading
import time
import traceback

import psycopg2
import redis

from standin import artifacts, endpoints, events, policies, tasks
from standin.addresses import CORE
from standin.cache import cache
from standin.database import first, json_of, query
from standin.remote import RemoteError, segment
from standin.web import Answer, Problem, created, route

E = os.environ
VENDOR = "REPLICATION"
LOCAL = {"id": 0, "name": "Local", "type": "harbor", "url": f"http://{CORE}", "insecure": True}


def _row(number):
    row = first("SELECT * FROM replication_policy WHERE id = %s", (int(number),)) if str(number).isdigit() else None
    if row is None:
        raise Problem(404, f"replication policy {number} not found")
    return row


def _view(row):
    def side(number):
        known = number and first("SELECT id, name, type, url, insecure FROM registry WHERE id = %s", (number,))
        return known or LOCAL

    body = row["body"]
    return {"id": row["id"], **body, "src_registry": side(body["src_registry"]),
            "dest_registry": side(body["dest_registry"]), "replicate_deletion": body["deletion"],
            "creation_time": row["creation_time"], "update_time": row["update_time"]}  # fmt: skip


def _checked(given):
    try:
        body = policies.checked(given)
    except (ValueError, TypeError) as error:
        raise Problem(400, str(error)) from None
    endpoints.wanted(body["src_registry"] or body["dest_registry"])
    return body


@route("GET", "/replication/policies")
def listed(request):
    request.require("replication-policy", "list")
    rows = [_view(one) for one in query("SELECT * FROM replication_policy ORDER BY id")]
    if name := request.one("name"):
        rows = [one for one in rows if name in one["name"]]
    return request.listed(rows)


@route("POST", "/replication/policies")
def made(request):
    request.require("replication-policy", "create")
    body = _checked(request.json())
    try:
        row = first("INSERT INTO replication_policy (name, body) VALUES (%s, %s) RETURNING id", (body["name"], json_of(body)))
    except psycopg2.errors.UniqueViolation:
        raise Problem(409, f"replication policy {body['name']} already exists") from None
    return created(f"/api/v2.0/replication/policies/{row['id']}")


@route("GET", "/replication/policies/{number}")
def one(request, number):
    request.require("replication-policy", "read")
    return Answer(200, _view(_row(number)))


@route("PUT", "/replication/policies/{number}")
def changed(request, number):
    request.require("replication-policy", "update")
    row, body = _row(number), _checked(request.json())
    try:
        query("UPDATE replication_policy SET name = %s, body = %s, update_time = now() WHERE id = %s",
              (body["name"], json_of(body), row["id"]))  # fmt: skip
    except psycopg2.errors.UniqueViolation:
        raise Problem(409, f"replication policy {body['name']} already exists") from None
    return Answer(200)


@route("DELETE", "/replication/policies/{number}")
def deleted(request, number):
    request.require("replication-policy", "delete")
    row = _row(number)
    if any(one["status"] == "InProgress" for one in _executions(row["id"])):
        raise Problem(412, f"the policy {row['id']} has running executions, stop them first")
    query("DELETE FROM execution WHERE vendor = %s AND policy_id = %s", (VENDOR, row["id"]))
    query("DELETE FROM replication_policy WHERE id = %s", (row["id"],))
    return Answer(200)


def _executions(policy=None):
    rows = query("SELECT * FROM execution WHERE vendor = %s AND (%s::int IS NULL OR policy_id = %s) ORDER BY id DESC",
                 (VENDOR, policy, policy))  # fmt: skip
    return [tasks.summary(one) for one in rows]


def _execution(number):
    row = first("SELECT * FROM execution WHERE vendor = %s AND id = %s",
                (VENDOR, int(number) if number.isdigit() else 0))  # fmt: skip
    if row is None:
        raise Problem(404, f"replication execution {number} not found")
    return row


@route("POST", "/replication/executions")
def started(request):
    request.require("replication", "create")
    row = _row(request.json().get("policy_id"))
    if not row["body"]["enabled"]:
        raise Problem(412, f"the policy {row['id']} is disabled")
    return created(f"/api/v2.0/replication/executions/{start(row, 'manual')}")


@route("GET", "/replication/executions")
def executions(request):
    request.require("replication", "list")
    wanted = request.one("policy_id")
    rows = _executions(int(wanted) if wanted.isdigit() else None)
    for key in ("status", "trigger"):
        if given := request.one(key):
            rows = [one for one in rows if one[key].lower() == given.lower()]
    return request.listed(rows)


@route("GET", "/replication/executions/{number}")
def execution(request, number):
    request.require("replication", "read")
    return Answer(200, tasks.summary(_execution(number)))


@route("PUT", "/replication/executions/{number}")
def stopped(request, number):
    request.require("replication", "create")
    tasks.stop(_execution(number)["id"])
    return Answer(200)


@route("GET", "/replication/executions/{number}/tasks")
def execution_tasks(request, number):
    request.require("replication", "list")
    rows = [{"id": one["id"], "execution_id": one["execution_id"], "job_id": one["job_id"],
             "status": tasks.FINAL.get(one["status"], "InProgress"), "operation": one["operation"],
             "resource_type": "artifact", "src_resource": one["src_resource"], "dst_resource": one["dst_resource"],
             "start_time": one["start_time"], "end_time": one["end_time"]}
            for one in tasks.tasks_of(_execution(number)["id"])]  # fmt: skip
    return request.listed(rows)


@route("GET", "/replication/executions/{number}/tasks/{task}/log")
def log(request, number, task):
    request.require("replication", "read")
    found = [one for one in tasks.tasks_of(_execution(number)["id"]) if str(one["id"]) == task]
    if not found:
        raise Problem(404, f"replication task {task} not found")
    return Answer(200, found[0]["log"], {"Content-Type": "text/plain"})


# What a policy sets going.


def start(row, trigger):
    """Begin an execution of all that a policy chooses now; return its number."""
    body = row["body"]
    try:
        chosen = list(_remote(body) if body["src_registry"] else _local(body))
        works = [_work(body, "copy", *one) for one in chosen]
    except (RemoteError, ValueError, OSError) as error:
        number = tasks.begin(VENDOR, row["id"], trigger, [])
        task = first("INSERT INTO task (execution_id, operation) VALUES (%s, 'copy') RETURNING id", (number,))["id"]
        tasks.reported(task, {"status": "Error", "log": f"{error}\n"})
        return number
    return tasks.begin(VENDOR, row["id"], trigger, works)


def _local(body):
    for row in query("SELECT r.name, p.public FROM repository r JOIN project p USING (project_id) ORDER BY r.name"):
        if policies.chooses_name(body, row["name"]):
            there = [{"digest": one["digest"], "tags": [t["name"] for t in one["tags"]]}
                     for one in reversed(artifacts.all_of(row["name"]))]  # fmt: skip
            if chosen := _chosen(body, there):
                yield row["name"], chosen, row["public"]


def _remote(body):
    other = endpoints.client(endpoints.wanted(body["src_registry"]))
    try:
        for project in list(other.pages("/projects")):
            public = project["metadata"].get("public") == "true"
            for repository in list(other.pages(f"/projects/{project['name']}/repositories")):
                name = repository["name"]
                if not policies.chooses_name(body, name):
                    continue
                path = f"/projects/{project['name']}/repositories/{segment(name.partition('/')[2])}/artifacts"
                there = [{"digest": one["digest"], "tags": [t["name"] for t in one["tags"] or []]}
                         for one in other.pages(path)]  # fmt: skip
                if chosen := _chosen(body, there):
                    yield name, chosen, public
    finally:
        other.close()


def _chosen(body, there):
    """Return those artifacts, with those of their tags, that a policy chooses."""
    chosen = []
    for one in there:
        kept = [tag for tag in one["tags"] if policies.chooses_tag(body, tag)]
        if kept or (not one["tags"] and policies.chooses_tag(body, None)):
            chosen.append({"digest": one["digest"], "tags": kept, "whole": len(kept) == len(one["tags"])})
    return chosen


def _work(body, operation, repository, chosen, public):
    """Return a job: it carries what both sides are entered with, this node's own secret included."""
    there = policies.destination(body, repository)
    here = {"url": LOCAL["url"], "shared": E["JOBSERVICE_SECRET"]}
    row = endpoints.wanted(body["src_registry"] or body["dest_registry"])
    client = endpoints.client(row)
    other = {"url": client.url, "key": client.key, "secret": client.secret, "insecure": row["insecure"],
             "ca": row["ca_certificate"]}  # fmt: skip
    source, destination = (other, here) if body["src_registry"] else (here, other)
    names = ",".join(tag for one in chosen for tag in one["tags"]) or ",".join(one["digest"][:19] for one in chosen)
    given = {"operation": operation, "source": source, "destination": destination, "repository": repository,
             "destination_repository": there, "artifacts": chosen, "public": public, "override": body["override"]}  # fmt: skip
    shown = "deletion" if operation == "untag" else operation
    return VENDOR, given, shown, f"{repository}:[{names}]", f"{there}:[{names}]"


def noticed(what, repository, changed):
    """Begin at once what event-based policies want after a push or a deletion."""
    project = first("SELECT public FROM project WHERE name = %s", (repository.split("/")[0],))
    for row in query("SELECT * FROM replication_policy ORDER BY id"):
        body = row["body"]
        if body["trigger"]["type"] != "event_based" or not body["enabled"]:
            continue
        if (what != "pushed" and not body["deletion"]) or not policies.chooses_name(body, repository):
            continue
        if chosen := _chosen(body, changed):
            operation = {"pushed": "copy", "deleted": "deletion", "untagged": "untag"}[what]
            try:
                work = _work(body, operation, repository, chosen, bool(project and project["public"]))
            except ValueError as error:
                print("no replication of", repository, error, flush=True)
                continue
            tasks.begin(VENDOR, row["id"], "event_based", [work])


events.LISTENERS.append(noticed)


def keep_schedules():
    """Start what is due each minute; of several nodes, the first one does."""
    while True:
        time.sleep(60 - time.time() % 60 + 0.2)
        now = time.gmtime()
        try:
            for row in query("SELECT * FROM replication_policy"):
                body = row["body"]
                if body["trigger"]["type"] == "scheduled" and body["enabled"]:
                    mark = f"schedule:{row['id']}:{time.strftime('%Y%m%d%H%M', now)}"
                    if policies.due(body["trigger"]["trigger_settings"]["cron"], now) and cache().set(mark, 1, ex=300, nx=True):
                        start(row, "scheduled")
        except (psycopg2.Error, redis.RedisError):
            traceback.print_exc()


def begin_schedules():
    threading.Thread(target=keep_schedules, daemon=True).start()
