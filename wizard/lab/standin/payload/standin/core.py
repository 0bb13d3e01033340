"""The core: health, sessions, tokens, the API, and the way to the registry."""

import http.client
import json
import os
import signal
import sys
import threading
import time
import urllib.parse
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2
import redis

from standin import addresses, auth, database, registry, replication, rights, settings, tasks, tokens, web
from standin import artifacts, collection, endpoints, projects, purging, robots, users  # noqa: F401 - their routes
from standin.cache import cache

E = os.environ
PARTS = {"registry": (addresses.REGISTRY, "/"), "registryctl": (addresses.REGISTRYCTL, "/api/health"),
         "jobservice": (addresses.JOBSERVICE, "/api/v1/stats"), "portal": (addresses.PORTAL, "/")}  # fmt: skip
SAFE = ("GET", "HEAD", "OPTIONS")
health = {}


def look():
    """Poll the parts, as the real one does, and keep the last answer."""
    while True:
        seen = {"core": None}
        for name, (address, path) in PARTS.items():
            try:
                connection = http.client.HTTPConnection(*addresses.pair(address), timeout=3)
                secret = {"Authorization": f"Harbor-Secret {E['JOBSERVICE_SECRET']}"}
                connection.request("GET", path, headers=secret)
                status = connection.getresponse().status
                seen[name] = None if status < 400 else f"status {status}"
                connection.close()
            except (OSError, http.client.HTTPException) as error:
                seen[name] = str(error)
        for name, probe in (("database", lambda: database.query("SELECT 1")), ("redis", lambda: cache().ping())):
            try:
                probe()
                seen[name] = None
            except (psycopg2.Error, redis.RedisError, OSError) as error:
                seen[name] = str(error)[:100]
        health.update(seen)
        time.sleep(2)


@web.route("GET", "/health")
def healthy(_request):
    """Always with the status 200, as the real one."""
    parts = [{"name": name, "status": "unhealthy", "error": reason} if reason
             else {"name": name, "status": "healthy"} for name, reason in sorted(health.items())]  # fmt: skip
    whole = len(parts) == len(PARTS) + 3 and all(one["status"] == "healthy" for one in parts)
    return web.Answer(200, {"components": parts, "status": "healthy" if whole else "unhealthy"})


def _text(value):
    if isinstance(value, date):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value)} is no JSON")


class Handler(BaseHTTPRequestHandler):
    """Reads a request, whole or in chunks, and writes one answer."""

    protocol_version = "HTTP/1.1"
    server_version = "stand-in"

    def log_message(self, *arguments):
        print(self.command, self.path.partition("?")[0], arguments[2] if len(arguments) > 2 else "", flush=True)

    def answer(self, answer):
        body = b""
        kind = answer.headers.pop("Content-Type", "application/json")
        if isinstance(answer.data, str) and kind == "text/plain":
            body = answer.data.encode()
        elif answer.data is not None:
            body = json.dumps(answer.data, separators=(",", ":"), default=_text).encode()
        self.send_response(answer.status)
        for name, value in [*answer.headers.items(), *self.extra]:
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        """Yield the body in parts, however it is sent."""
        while self.chunked:
            size = int(self.rfile.readline().partition(b";")[0], 16)
            if size == 0:
                while self.rfile.readline().strip():
                    pass
                self.chunked, self.left = False, 0
                return
            while size > 0:
                part = self.rfile.read(min(size, 1 << 18))
                if not part:
                    raise ConnectionError("the client went away")
                size -= len(part)
                yield part
            self.rfile.readline()
        while self.left > 0:
            part = self.rfile.read(min(self.left, 1 << 18))
            if not part:
                raise ConnectionError("the client went away")
            self.left -= len(part)
            yield part

    def route(self):
        self.left = int(self.headers.get("Content-Length") or 0)
        self.chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"
        self.extra = []
        try:
            try:
                self.dispatch(urllib.parse.urlsplit(self.path).path)
            except web.Problem as problem:
                self.refuse(problem)
            except psycopg2.Error as error:
                self.refuse(web.Problem(500, str(error)[:100]))
            except (redis.RedisError, OSError, ValueError, http.client.HTTPException) as error:
                if isinstance(error, ConnectionError):
                    raise  # the client's: what is not reached for it is a problem with a status
                self.refuse(web.Problem(500, str(error)[:200]))
        except ConnectionError as error:
            print("broken off:", error, flush=True)
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = route

    def refuse(self, problem):
        for _ in self.body():  # what is not read would be taken for the next request
            pass
        errors = {"errors": [{"code": problem.code, "message": problem.message}]}
        self.answer(web.Answer(problem.status, errors, problem.headers))

    def dispatch(self, path):
        if path.startswith("/v2/"):
            return registry.serve(self, self.path, self.headers)
        body = b"".join(self.body())
        if path == "/api/v2.0/ping":  # without a look at the database
            return self.answer(web.Answer(200, "Pong", {"Content-Type": "text/plain"}))
        if path == "/service/token":
            return self.token()
        if path.startswith("/service/notifications/"):
            return self.answer(tasks.hook(path, self.headers, body))
        if path.startswith("/c/"):
            return self.session(path, body)
        if path.startswith("/api/v2.0/"):
            return self.api(path.removeprefix("/api/v2.0"), body)
        raise web.Problem(404, "the stand-in has no such path")

    def api(self, path, body):
        function, arguments = web.find(self.command, path)
        caller = rights.Caller() if path == "/health" else auth.caller(self.headers)
        self.attach()
        if self.command not in SAFE:
            if caller.session:
                auth.csrf_checked(self.headers)
            if not caller.known:
                raise web.Problem(401, "unauthorized")
            if path != "/configurations":
                settings.refuse_while_read_only()
        request = web.Request(self.command, self.path, self.headers, body, caller)
        return self.answer(function(request, **arguments))

    def attach(self):
        """Send the token that a session's changes want, with the cookie it belongs to."""
        token, cookie = auth.csrf(self.headers)
        self.extra.append((auth.CSRF_HEADER, token))
        if cookie:
            self.extra.append(("Set-Cookie", cookie))

    def token(self):
        if self.command == "POST":
            raise web.Problem(405, "method POST is not allowed", "METHOD_NOT_ALLOWED")
        given = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        scopes = [one for text in given.get("scope", []) for one in text.split(" ") if one]
        made = tokens.issued(auth.caller(self.headers), scopes)
        self.answer(web.Answer(200, {"token": made, "access_token": "", "expires_in": 1800,
                                     "issued_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}))  # fmt: skip

    def session(self, path, body):
        if path == "/c/login" and self.command == "POST":
            # The real one wants the token here too: a page was read before.
            self.attach()
            auth.csrf_checked(self.headers)
            given = {k: v[0] for k, v in urllib.parse.parse_qs(body.decode()).items()}
            who = auth.login(given.get("principal", ""), given.get("password", ""))
            if who is None or who.kind != rights.USER:
                raise web.Problem(401, "invalid credentials")
            self.extra.append(("Set-Cookie", auth.begin_session(who)))
            return self.answer(web.Answer(200))
        if path == "/c/log_out":
            self.extra.append(("Set-Cookie", auth.end_session(self.headers)))
            return self.answer(web.Answer(200))
        raise web.Problem(404, "the stand-in has no such path")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    for attempt in range(30):
        try:
            database.migrate()
            break
        except psycopg2.OperationalError as error:
            print("the database does not answer:", error, flush=True)
            time.sleep(2)
    else:
        sys.exit("no database")
    threading.Thread(target=look, daemon=True).start()
    replication.begin_schedules()
    Server(addresses.pair(addresses.LISTEN), Handler).serve_forever()
