"""The core: health, tokens, a little of the API, and the way to the registry."""

import base64
import hashlib
import http.client
import json
import os
import re
import signal
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
import psycopg2
import redis

E = os.environ
KEY = Path("/etc/core/private_key.pem").read_text()
ISSUER, AUDIENCE = "harbor-token-issuer", "harbor-registry"
PARTS = {"registry": ("registry", 5000, "/"), "registryctl": ("registryctl", 8080, "/api/health"),
         "jobservice": ("jobservice", 8080, "/api/v1/stats"), "portal": ("portal", 8080, "/")}  # fmt: skip
health = {}


def database():
    return psycopg2.connect(host=E["POSTGRESQL_HOST"], port=E["POSTGRESQL_PORT"], user=E["POSTGRESQL_USERNAME"],
                            password=E["POSTGRESQL_PASSWORD"], dbname=E["POSTGRESQL_DATABASE"],
                            connect_timeout=5)  # fmt: skip


def cache():
    if E.get("REDIS_MASTER"):
        nodes = [one.rsplit(":", 1) for one in E["REDIS_HOST"].split(",")]
        sentinel = redis.Sentinel([(h, int(p)) for h, p in nodes], socket_timeout=3)
        return sentinel.master_for(E["REDIS_MASTER"], password=E["REDIS_PASSWORD"] or None)
    host, port = E["REDIS_HOST"].rsplit(":", 1)
    return redis.Redis(host, int(port), password=E["REDIS_PASSWORD"] or None, socket_timeout=3)


def hashed(password, salt):
    return hashlib.pbkdf2_hmac("sha256", password.encode(), bytes.fromhex(salt), 50000).hex()


def migrate():
    """Under a lock, as several nodes may start at once; slow enough to be seen."""
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(4711)")
        cursor.execute("CREATE TABLE IF NOT EXISTS schema_migrations (version int PRIMARY KEY)")
        cursor.execute("SELECT 1 FROM schema_migrations WHERE version = 150")
        if cursor.fetchone() is None:
            time.sleep(2)
            cursor.execute("CREATE TABLE harbor_user (username text PRIMARY KEY, salt text, password text)")
            cursor.execute("CREATE TABLE project (project_id serial PRIMARY KEY, name text UNIQUE, public boolean)")
            salt = os.urandom(16).hex()
            cursor.execute("INSERT INTO harbor_user VALUES ('admin', %s, %s)",
                           (salt, hashed(E["HARBOR_ADMIN_PASSWORD"], salt)))  # fmt: skip
            cursor.execute("INSERT INTO project (name, public) VALUES ('library', true)")
            cursor.execute("INSERT INTO schema_migrations VALUES (150)")
    connection.close()


def query(text, values=()):
    connection = database()
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(text, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def look():
    """Poll the parts, as the real one does, and keep the last answer."""
    while True:
        seen = {"core": None}
        for name, (host, port, path) in PARTS.items():
            try:
                connection = http.client.HTTPConnection(host, port, timeout=3)
                secret = {"Authorization": f"Harbor-Secret {E['JOBSERVICE_SECRET']}"}
                connection.request("GET", path, headers=secret)
                status = connection.getresponse().status
                seen[name] = None if status < 400 else f"status {status}"
                connection.close()
            except OSError as error:
                seen[name] = str(error)
        for name, probe in (("database", lambda: query("SELECT 1")), ("redis", lambda: cache().ping())):
            try:
                probe()
                seen[name] = None
            except (psycopg2.Error, redis.RedisError, OSError) as error:
                seen[name] = str(error)[:100]
        health.update(seen)
        time.sleep(2)


def user_of(headers):
    kind, _, value = headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(value).decode().partition(":")
    except ValueError:
        return ""
    rows = query("SELECT salt, password FROM harbor_user WHERE username = %s", (name,))
    return name if rows and hashed(password, rows[0][0]) == rows[0][1] else ""


def registry(method, path, headers=None, body=None):
    connection = http.client.HTTPConnection("registry", 5000, timeout=600)
    login = f"{E['REGISTRY_CREDENTIAL_USERNAME']}:{E['REGISTRY_CREDENTIAL_PASSWORD']}"
    sent = {**(headers or {}), "Authorization": "Basic " + base64.b64encode(login.encode()).decode()}
    connection.request(method, path, body=body, headers=sent)
    return connection.getresponse()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "stand-in"

    def log_message(self, *arguments):
        print(self.command, self.path.partition("?")[0], arguments[1] if len(arguments) > 1 else "", flush=True)

    def answer(self, status, data=None, headers=None):
        body = b"" if data is None else json.dumps(data, separators=(",", ":")).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code, message, headers=None):
        self.answer(status, {"errors": [{"code": code, "message": message}]}, headers)

    def route(self):
        length = int(self.headers.get("Content-Length") or 0)
        path = urllib.parse.urlsplit(self.path)
        try:
            if path.path.startswith("/v2/"):
                return self.v2(length)
            body = self.rfile.read(length)
            if path.path == "/service/token":
                return self.token(urllib.parse.parse_qs(path.query))
            if path.path.startswith("/api/v2.0/"):
                return self.api(self.command, path.path.removeprefix("/api/v2.0"), body)
            if path.path.startswith("/service/notifications/"):
                given = self.headers.get("Authorization", "")
                good = given == f"Harbor-Secret {E['JOBSERVICE_SECRET']}"
                return self.answer(200 if good else 401)
            return self.error(404, "NOT_FOUND", "the stand-in has no such path")
        except psycopg2.Error as error:
            return self.error(500, "UNKNOWN", str(error)[:100])

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = route

    def api(self, method, path, body):
        if path == "/ping":
            self.send_response(200)
            self.send_header("Content-Length", "4")
            self.end_headers()
            return self.wfile.write(b"Pong")
        if path == "/health":
            parts = [
                {"name": name, "status": "unhealthy", "error": reason} if reason
                else {"name": name, "status": "healthy"}
                for name, reason in sorted(health.items())
            ]  # fmt: skip
            whole = len(parts) == 7 and all(p["status"] == "healthy" for p in parts)
            return self.answer(200, {"components": parts, "status": "healthy" if whole else "unhealthy"})
        if path == "/systeminfo":
            return self.answer(200, {"auth_mode": "db_auth", "banner_message": "stand-in for Harbor, for tests only"})
        user = user_of(self.headers)
        if not user:
            return self.error(401, "UNAUTHORIZED", "unauthorized")
        if path == "/users/current":
            return self.answer(200, {"username": user, "sysadmin_flag": True})
        if path == "/projects" and method == "GET":
            rows = query("SELECT project_id, name, public FROM project")
            return self.answer(200, [{"project_id": i, "name": n, "metadata": {"public": str(p).lower()}} for i, n, p in rows])
        if path == "/projects" and method == "POST":
            name = json.loads(body)["project_name"]
            try:
                query("INSERT INTO project (name, public) VALUES (%s, false)", (name,))
            except psycopg2.errors.UniqueViolation:
                return self.error(409, "CONFLICT", f"The project named {name} already exists")
            return self.answer(201)
        found = re.fullmatch(r"/projects/([^/]+)/repositories/([^/]+)", path)
        if found and method == "DELETE":
            return self.delete_repository(found[1], urllib.parse.unquote(urllib.parse.unquote(found[2])))
        return self.error(404, "NOT_FOUND", "the stand-in has no such path")

    def delete_repository(self, project, name):
        listed = registry("GET", f"/v2/{project}/{name}/tags/list")
        if listed.status != 200:
            return self.error(404, "NOT_FOUND", "repository not found")
        kinds = {"Accept": "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"}
        for tag in json.load(listed)["tags"] or []:
            head = registry("HEAD", f"/v2/{project}/{name}/manifests/{tag}", kinds)
            registry("DELETE", f"/v2/{project}/{name}/manifests/{head.headers['Docker-Content-Digest']}").read()
        return self.answer(200)

    def token(self, given):
        user = user_of(self.headers)
        if user == "":
            return self.error(401, "UNAUTHORIZED", "unauthorized")
        access = []
        for scope in given.get("scope", []):
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            rows = query("SELECT public FROM project WHERE name = %s", (name.split("/")[0],))
            wanted = actions.split(",") if rows else []
            granted = wanted if user else [a for a in wanted if a == "pull" and rows[0][0]]
            access.append({"type": kind, "name": name, "actions": granted})
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": user or "", "iat": now, "nbf": now - 60,
                  "exp": now + 1800, "access": access}  # fmt: skip
        return self.answer(200, {"token": jwt.encode(claims, KEY, "RS256"), "expires_in": 1800})

    def allowed(self, path):
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "basic":
            return bool(user_of(self.headers))
        if kind.lower() != "bearer":
            return False
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        public = load_pem_private_key(KEY.encode(), None).public_key()
        try:
            claims = jwt.decode(value, public, ["RS256"], audience=AUDIENCE, issuer=ISSUER)
        except jwt.PyJWTError as error:
            print("token refused:", error, flush=True)
            return False
        if path == "/v2/":
            return True
        name = re.split(r"/(?:manifests|blobs|tags)/", path.removeprefix("/v2/"))[0]
        action = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}.get(self.command, "push")
        return any(one["name"] == name and (action in one["actions"] or "*" in one["actions"]) for one in claims["access"])

    def v2(self, length):
        path = urllib.parse.urlsplit(self.path).path
        if not self.allowed(path):
            self.rfile.read(length)
            scheme = urllib.parse.urlsplit(E["EXT_ENDPOINT"]).scheme
            realm = f'Bearer realm="{scheme}://{self.headers["Host"]}/service/token",service="{AUDIENCE}"'
            name = re.split(r"/(?:manifests|blobs|tags)/", path.removeprefix("/v2/"))[0]
            if path != "/v2/":
                realm += f',scope="repository:{name}:{"pull" if self.command in ("GET", "HEAD") else "pull,push"}"'
            return self.error(401, "UNAUTHORIZED", "unauthorized to access repository", {"WWW-Authenticate": realm})
        drop = ("authorization", "connection", "content-length", "transfer-encoding")
        headers = {k: v for k, v in self.headers.items() if k.lower() not in drop}
        body = None
        if length or self.command in ("POST", "PUT", "PATCH"):
            headers["Content-Length"] = str(length)
            body = self.chunks(length)
        response = registry(self.command, self.path, headers, body)
        self.send_response(response.status)
        for name, value in response.headers.items():
            if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        sized = "Content-Length" in response.headers
        if not sized:
            rest = response.read()
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            return self.wfile.write(rest)
        self.end_headers()
        while self.command != "HEAD" and (chunk := response.read(1 << 18)):
            self.wfile.write(chunk)
        return None

    def chunks(self, length):
        while length > 0:
            chunk = self.rfile.read(min(length, 1 << 18))
            if not chunk:
                return
            length -= len(chunk)
            yield chunk


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    for attempt in range(30):
        try:
            migrate()
            break
        except psycopg2.OperationalError as error:
            print("the database does not answer:", error, flush=True)
            time.sleep(2)
    else:
        sys.exit("no database")
    threading.Thread(target=look, daemon=True).start()
    ThreadingHTTPServer(("", 8080), Handler).serve_forever()
