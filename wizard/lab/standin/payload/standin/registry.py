"""The way to the registry: what clients push and pull, after a look at whether they may."""

import base64
import http.client
import os
import queue
import re
import urllib.parse

from standin import addresses, artifacts, auth, settings, tokens
from standin.database import query
from standin.web import Answer, Problem

E = os.environ
_idle = queue.LifoQueue(20)
_PATH = re.compile(r"/v2/(?P<name>[^?]+?)/(?P<kind>manifests|blobs|tags|referrers)/(?P<rest>[^?]*)")
_DROP = ("authorization", "connection", "content-length", "transfer-encoding", "cookie")


def call(method, path, headers=None, body=None):
    """Ask the registry; return its answer and its connection, to be given back by `done`."""
    login = f"{E['REGISTRY_CREDENTIAL_USERNAME']}:{E['REGISTRY_CREDENTIAL_PASSWORD']}"
    sent = {**(headers or {}), "Authorization": "Basic " + base64.b64encode(login.encode()).decode()}
    chunked = sent.get("Transfer-Encoding") == "chunked"
    if body is None:
        try:
            kept = _idle.get_nowait()
            try:
                kept.request(method, path, headers=sent)
                return kept.getresponse(), kept
            except (OSError, http.client.HTTPException):
                kept.close()  # the registry ended it meanwhile
        except queue.Empty:
            pass
    connection = http.client.HTTPConnection(*addresses.pair(addresses.REGISTRY), timeout=600)
    try:
        connection.request(method, path, body=body, headers=sent, encode_chunked=chunked)
        return connection.getresponse(), connection
    except OSError as error:
        connection.close()
        raise Problem(502, f"the registry does not answer: {error}") from None


def done(response, connection):
    if response.isclosed() and not response.will_close:
        try:
            return _idle.put_nowait(connection)
        except queue.Full:
            pass
    return connection.close()


def serve(handler, path, headers):
    """Serve one request of /v2/ on a handler, which can read the body and write the answer."""
    bare, _, rest = path.partition("?")
    if bare == "/v2/_catalog":
        return _catalog(handler, headers)
    found = _PATH.fullmatch(bare)
    name = found["name"] if found else ""
    action = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}.get(handler.command, "push")
    service = headers.get("Authorization", "").startswith("Harbor-Secret ")
    if not _allowed(headers, bare, name, action):
        raise Problem(401, f"unauthorized to access repository: {name}, action: {action}" if name else "unauthorized",
                      headers={"WWW-Authenticate": _challenge(headers, bare, name, action)})  # fmt: skip
    if action != "pull" and not service:
        settings.refuse_while_read_only()
    if found and found["kind"] == "manifests":
        return _manifest(handler, bare, headers, name, found["rest"], action)
    if found and found["kind"] == "tags" and action == "pull":
        return handler.answer(Answer(200, _tags(name, urllib.parse.parse_qs(rest))))
    if handler.command == "POST" and "mount=" in rest:
        origin = urllib.parse.parse_qs(rest).get("from", [""])[0]
        if not _allowed(headers, bare, origin, "pull"):
            path = bare  # then it is an upload as any other
    return _relay(handler, path, headers)


def _challenge(headers, bare, name, action):
    scheme = urllib.parse.urlsplit(E["EXT_ENDPOINT"]).scheme
    realm = f'Bearer realm="{scheme}://{headers["Host"]}/service/token",service="{tokens.AUDIENCE}"'
    if bare == "/v2/":
        return realm
    wanted = {"pull": "pull", "push": "pull,push", "delete": "delete"}[action]
    return realm + f',scope="repository:{name}:{wanted}"'


def _allowed(headers, bare, name, action):
    kind, _, value = headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        access = tokens.access_of(value)
        return access is not None and (bare == "/v2/" or any(
            one["name"] == name and action in one["actions"] for one in access))  # fmt: skip
    caller = auth.by_header(headers)
    if bare == "/v2/":
        return caller is not None
    if caller is None:
        return False
    return bool(caller.pulls_and_pushes(tokens.project_of(name), [action]))


def _catalog(handler, headers):
    caller = auth.by_header(headers)
    if caller is None or not caller.may("catalog", "read"):
        raise Problem(401, "unauthorized to list catalog",
                      headers={"WWW-Authenticate": _challenge(headers, "/v2/", "", "pull")})  # fmt: skip
    rows = query("SELECT name FROM repository ORDER BY name")
    return handler.answer(Answer(200, {"repositories": [one["name"] for one in rows]}))


def _tags(name, given):
    names, last = artifacts.tags_of(name), given.get("last", [""])[0]
    names = [one for one in names if one > last]
    return {"name": name, "tags": names[: int(given["n"][0])] if "n" in given else names}


def _manifest(handler, bare, headers, name, reference, action):
    if action == "push":
        return _pushed(handler, bare, headers, name, reference)
    digest = artifacts.digest_of(name, reference)
    if digest is None:
        raise Problem(404, f"artifact {name}:{reference} not found", "MANIFEST_UNKNOWN")
    if action == "delete":
        artifacts.delete(name, reference)
        return handler.answer(Answer(202))
    return _relay(handler, f"/v2/{name}/manifests/{digest}", headers)


def _pushed(handler, bare, headers, name, reference):
    project = tokens.project_of(name)
    if project is None:
        raise Problem(404, f"project of {name} not found")
    body = b"".join(handler.body())
    sent = {**_kept(headers), "Content-Length": str(len(body))}
    response, connection = call("PUT", bare, sent, body)
    answer = response.read()
    if response.status == 201:
        artifacts.record(project, name, reference, response.headers["Docker-Content-Digest"],
                         headers.get("Content-Type", ""), body)  # fmt: skip
    _begin(handler, response, len(answer))
    handler.wfile.write(answer)
    return done(response, connection)


def _kept(headers):
    return {k: v for k, v in headers.items() if k.lower() not in _DROP}


def _begin(handler, response, length):
    handler.send_response(response.status)
    for name, value in response.headers.items():
        if name.lower() not in ("connection", "transfer-encoding", "date", "server", "content-length"):
            handler.send_header(name, value)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()


def _relay(handler, path, headers):
    sent, body = _kept(headers), None
    if handler.command in ("POST", "PUT", "PATCH"):
        body = handler.body()
        if handler.chunked:
            sent["Transfer-Encoding"] = "chunked"
        else:
            sent["Content-Length"] = str(handler.left)
            body = body if handler.left else b""
    response, connection = call(handler.command, path, sent, body)
    if "Content-Length" not in response.headers:
        rest = response.read()
        _begin(handler, response, len(rest))
        handler.wfile.write(rest)
        return done(response, connection)
    _begin(handler, response, int(response.headers["Content-Length"]))
    if handler.command != "HEAD":
        while chunk := response.read(1 << 18):
            handler.wfile.write(chunk)
    else:
        response.read()
    return done(response, connection)
