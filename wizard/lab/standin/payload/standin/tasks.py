"""Executions and their tasks: kept by core, run by any node's job service."""

import http.client
import json
import os

from standin import addresses, settings
from standin.database import first, json_of, query
from standin.web import Answer, Problem

E = os.environ
# What a job says, and what the replication's API calls it.
FINAL = {"Success": "Succeed", "Error": "Failed", "Stopped": "Stopped"}


def begin(vendor, policy, trigger, works, parameters=None):
    """Make an execution and give its tasks to the job service; return its number.

    Each work is (name of the job, its parameters, operation, source, destination).
    """
    number = first("INSERT INTO execution (vendor, policy_id, trigger, parameters) VALUES (%s, %s, %s, %s) RETURNING id",
                   (vendor, policy, trigger, json_of(parameters or {})))["id"]  # fmt: skip
    for name, given, operation, source, destination in works:
        task = first("INSERT INTO task (execution_id, operation, src_resource, dst_resource) VALUES (%s, %s, %s, %s)"
                     " RETURNING id", (number, operation, source, destination))["id"]  # fmt: skip
        try:
            query("UPDATE task SET job_id = %s WHERE id = %s", (_give(task, name, given), task))
        except (OSError, http.client.HTTPException) as error:
            reported(task, {"status": "Error", "log": f"the job service does not take it: {error}\n"})
    return number


def _give(task, name, given):
    """Give a job to the node's own job service; whose secret it carries is told in its parameters."""
    connection = http.client.HTTPConnection(*addresses.pair(addresses.JOBSERVICE), timeout=10)
    try:
        body = {"job": {"name": name, "parameters": given, "metadata": {"kind": "Generic"},
                        "status_hook": f"/service/notifications/tasks/{task}"}}  # fmt: skip
        headers = {"Authorization": f"Harbor-Secret {E['JOBSERVICE_SECRET']}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/jobs", json.dumps(body).encode(), headers)
        response = connection.getresponse()
        text = response.read()
        if response.status != 202:
            raise OSError(f"status {response.status}")
        return json.loads(text)["job"]["id"]
    finally:
        connection.close()


def hook(path, headers, body):
    """Take what a job service says of a task. While read-only, this is refused too, as by the real one."""
    if headers.get("Authorization", "") != f"Harbor-Secret {E['JOBSERVICE_SECRET']}":
        raise Problem(401, "unauthorized")
    settings.refuse_while_read_only()
    number = path.rpartition("/")[2]
    if not path.startswith("/service/notifications/tasks/") or not number.isdigit():
        raise Problem(404, "the stand-in has no such path")
    return Answer(200, reported(int(number), json.loads(body)))


def reported(task, said):
    """Keep a task's state, unless it ended before; say whether it is to stop."""
    ended = said["status"] in FINAL
    query("UPDATE task SET status = %s, log = CASE WHEN %s <> '' THEN %s ELSE log END,"
          " end_time = CASE WHEN %s THEN now() END WHERE id = %s AND status NOT IN ('Success', 'Error', 'Stopped')",
          (said["status"], said.get("log", ""), said.get("log", ""), ended, task))  # fmt: skip
    if ended:  # a stopped task's log is worth having all the same
        query("UPDATE task SET log = %s WHERE id = %s AND log = ''", (said.get("log", ""), task))
    row = first("SELECT status FROM task WHERE id = %s", (task,))
    return {"stop": row is None or row["status"] == "Stopped"}


def stop(execution):
    query("UPDATE task SET status = 'Stopped', end_time = now() WHERE execution_id = %s"
          " AND status NOT IN ('Success', 'Error', 'Stopped')", (execution,))  # fmt: skip


def tasks_of(execution):
    return query("SELECT * FROM task WHERE execution_id = %s ORDER BY id", (execution,))


def summary(row):
    """Return an execution as its tasks make it."""
    tasks = tasks_of(row["id"])
    count = {word: sum(FINAL.get(one["status"], "InProgress") == word for one in tasks)
             for word in ("Succeed", "Failed", "Stopped", "InProgress")}  # fmt: skip
    status = next((word for word in ("InProgress", "Failed", "Stopped") if count[word]), "Succeed")
    ends = [one["end_time"] for one in tasks if one["end_time"]]
    end = None if count["InProgress"] else max(ends, default=row["start_time"])
    return {"id": row["id"], "policy_id": row["policy_id"], "status": status, "trigger": row["trigger"],
            "status_text": row["status_text"], "start_time": row["start_time"], "end_time": end,
            "total": len(tasks), "failed": count["Failed"], "succeed": count["Succeed"],
            "in_progress": count["InProgress"], "stopped": count["Stopped"]}  # fmt: skip
