"""The job service: takes jobs into Redis, and runs what any node put there."""

import http.client
import json
import os
import signal
import socket
import threading
import time
import traceback
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import redis

from standin import addresses, copying
from standin.cache import JOBS, cache
from standin.remote import RemoteError

E = os.environ
HOST = E.get("STANDIN_NODE") or socket.gethostname()
NAME = f"{HOST}:{uuid.uuid4().hex[:8]}"
QUEUE, REPORTS = "jobservice:jobs", "jobservice:reports"
TAKEN = "jobservice:taken:"  # and a pool's name: what its node works on
ALIVE = "jobservice:alive:"  # and a pool's name, for as long as it answers
ALIVE_SECONDS, WORKERS, ATTEMPTS = 15, 4, 3


class Api(BaseHTTPRequestHandler):
    """Open only to who knows the shared secret."""

    protocol_version = "HTTP/1.1"

    def route(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != f"Harbor-Secret {E['JOBSERVICE_SECRET']}":
            return self.answer(401, {"code": 401, "message": "unauthorized"})
        if self.command == "POST" and self.path == "/api/v1/jobs":
            job = {"id": uuid.uuid4().hex[:24], **json.loads(body)["job"]}
            try:
                cache(JOBS).lpush(QUEUE, json.dumps(job))
            except redis.RedisError as error:
                return self.answer(500, {"code": 500, "message": str(error)[:100]})
            return self.answer(202, {"job": {"id": job["id"], "status": "Pending"}})
        if self.command == "GET":
            return self.answer(200, {"worker_pools": [{"worker_pool_id": NAME, "concurrency": WORKERS,
                                                       "status": "Healthy"}]})  # fmt: skip
        return self.answer(404, {"code": 404, "message": "the stand-in has no such path"})

    do_GET = do_POST = route

    def answer(self, status, data):
        text = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def report(path, said):
    """Tell the own node's core; return its answer. Raises `OSError` where it takes nothing."""
    connection = http.client.HTTPConnection(*addresses.pair(addresses.CORE), timeout=10)
    try:
        headers = {"Authorization": f"Harbor-Secret {E['JOBSERVICE_SECRET']}", "Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(said).encode(), headers)
        response = connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise OSError(f"core answered with {response.status}")
        return json.loads(text)
    except http.client.HTTPException as error:
        raise OSError(str(error)) from None
    finally:
        connection.close()


def run(job):
    """Run one job, and say in its log which host did."""
    lines = []

    def say(text):
        lines.append(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} [INFO] {text}")
        print(job["name"], job["id"], text, flush=True)

    def stopped():
        try:
            return report(job["status_hook"], {"status": "Running"})["stop"]
        except OSError as error:
            print("not reported:", error, flush=True)
            return False

    say(f"{job['name']} runs on {HOST}")
    if stopped():
        return
    status = "Success"
    for attempt in range(1, ATTEMPTS + 1):
        try:
            if job["name"] == "REPLICATION":
                copying.run(job["parameters"], say, stopped)
            elif job["name"] == "PURGE_AUDIT_LOG":
                say("the stand-in keeps no audit log: 0 rows are to be purged")
            else:
                say("the stand-in frees no space")
            break
        except copying.Stopped:
            status = "Stopped"
            say("stopped")
            break
        except (RemoteError, OSError, http.client.HTTPException, KeyError, ValueError) as error:
            say(f"failed: {error!s:.400}")
            # What was refused is refused again; what did not answer may answer soon.
            if attempt == ATTEMPTS or 400 <= getattr(error, "status", 0) < 500:
                status = "Error"
                break
            time.sleep(2 * attempt)
    say(f"ended: {status}")
    said = {"status": status, "log": "\n".join(lines) + "\n"}
    try:
        report(job["status_hook"], said)
    except OSError as error:
        print("to be reported later:", error, flush=True)
        cache(JOBS).lpush(REPORTS, json.dumps([job["status_hook"], said]))


def work():
    """Take jobs, one after another, each kept in a list of this pool until it is done."""
    while True:
        try:
            text = cache(JOBS, 10).brpoplpush(QUEUE, TAKEN + NAME, 5)
            if text is None:
                continue
            try:
                run(json.loads(text))
            except Exception:
                traceback.print_exc()
            cache(JOBS).lrem(TAKEN + NAME, 1, text)
        except redis.RedisError as error:
            print("Redis does not answer:", error, flush=True)
            time.sleep(2)


def watch():
    """Say that this pool lives, report what could not be, and give back what dead pools had taken."""
    while True:
        try:
            store = cache(JOBS)
            store.set(ALIVE + NAME, HOST, ex=ALIVE_SECONDS)
            for _ in range(store.llen(REPORTS)):
                text = store.rpop(REPORTS)
                try:
                    report(*json.loads(text or b"[]"))
                except OSError:
                    store.lpush(REPORTS, text)
                    break
            for key in store.scan_iter(TAKEN + "*"):
                if not store.exists(ALIVE + key.decode().removeprefix(TAKEN)):
                    while store.rpoplpush(key, QUEUE):
                        print("gave back a job of", key.decode(), flush=True)
        except (redis.RedisError, TypeError) as error:
            print("Redis does not answer:", error, flush=True)
        time.sleep(4)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    threading.Thread(target=watch, daemon=True).start()
    for _ in range(WORKERS):
        threading.Thread(target=work, daemon=True).start()
    ThreadingHTTPServer(addresses.pair(addresses.LISTEN), Api).serve_forever()
