"""A client for a Harbor: another one by its robot, or the own one by the shared secret."""

import base64
import http.client
import json
import re
import ssl
import time
import urllib.parse
import urllib.request

MANIFESTS = ", ".join((
    "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
))  # fmt: skip


class RemoteError(Exception):
    """The other side refused, with a status; 0 where it did not answer at all."""

    def __init__(self, message, status=0):
        super().__init__(message)
        self.status = status


def segment(repository):
    """A repository's name as one part of a path: its slashes are escaped twice."""
    return urllib.parse.quote(urllib.parse.quote(repository, safe=""), safe="")


class Harbor:
    """Keeps its connections, so it belongs to one thread."""

    def __init__(self, url, key="", secret="", insecure=False, ca="", shared="", timeout=60):
        self.url = url.rstrip("/")
        self.key, self.secret, self.shared, self.timeout = key, secret, shared, timeout
        self._context = None
        if self.url.startswith("https:"):
            self._context = ssl.create_default_context(cadata=ca or None)
            # As Go does, which Harbor is written in: a plain authority of one's own will do.
            self._context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            if insecure:
                self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
        self._connections, self._tokens, self._realm = {}, {}, None

    def close(self):
        for one in self._connections.values():
            one.close()

    def send(self, method, url, headers=None, body=None):
        """Send one request; the answer is to be read to its end. Raises `RemoteError`."""
        parts = urllib.parse.urlsplit(urllib.parse.urljoin(self.url + "/", url))
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        again = isinstance(body, (bytes, type(None)))
        for attempt in (1, 2):
            kept = self._connections.pop((parts.scheme, parts.netloc), None)
            connection = kept or self._connection(parts)
            try:
                connection.request(method, path, body=body, headers=headers or {})
                response = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if attempt == 1 and kept is not None and again:
                    continue  # it was idle for too long
                raise RemoteError(f"{parts.netloc}: {error or type(error).__name__}") from None
            self._connections[(parts.scheme, parts.netloc)] = connection
            return response
        return None

    def _connection(self, parts):
        if parts.scheme == "https":
            return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=self.timeout, context=self._context)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=self.timeout)

    def _login(self):
        if self.shared:
            return {"Authorization": f"Harbor-Secret {self.shared}"}
        if not self.key:
            return {}
        both = base64.b64encode(f"{self.key}:{self.secret}".encode()).decode()
        return {"Authorization": f"Basic {both}"}

    def api(self, method, path, given=None, good=(200, 201)):
        """Call the API and return the status and what came. Raises `RemoteError`."""
        headers = {**self._login(), "Accept": "application/json"}
        body = None
        if given is not None:
            headers["Content-Type"], body = "application/json", json.dumps(given).encode()
        response = self.send(method, f"/api/v2.0{path}", headers, body)
        text = response.read()
        if response.status not in good:
            raise RemoteError(f"{method} {path.partition('?')[0]} was answered with {response.status}:"
                              f" {text[:200].decode(errors='replace')}", response.status)  # fmt: skip
        try:
            return response.status, json.loads(text or b"null")
        except ValueError:
            return response.status, text

    def token(self, scope):
        """Return the headers for a scope of /v2/. Raises `RemoteError`."""
        if self.shared:
            return self._login()
        kept = self._tokens.get(scope)
        if kept and kept[1] > time.time():
            return kept[0]
        if self._realm is None:
            response = self.send("GET", "/v2/")
            response.read()
            words = dict(re.findall(r'(\w+)="([^"]*)"', response.headers.get("WWW-Authenticate", "")))
            if "realm" not in words:
                raise RemoteError("/v2/ asks for no token: is this Harbor?", response.status)
            self._realm = words
        query = {"service": self._realm.get("service", ""), **({"scope": scope} if scope else {})}
        url = f"{self._realm['realm']}?{urllib.parse.urlencode(query)}"
        response = self.send("GET", url, self._login())
        text = response.read()
        if response.status != 200:
            raise RemoteError(f"the login was refused with {response.status}", response.status)
        headers = {"Authorization": "Bearer " + json.loads(text)["token"]}
        self._tokens[scope] = (headers, time.time() + 600)
        return headers

    def v2(self, method, repository, path, headers=None, body=None, push=False, good=(200,)):
        """Call the registry, and return its answer. Raises `RemoteError`."""
        scope = f"repository:{repository}:{'pull,push' if push else 'pull'}"
        url = path if "://" in path else urllib.parse.urljoin(f"/v2/{repository}/", path)
        response = self.send(method, url, {**(headers or {}), **self.token(scope)}, body)
        if response.status not in good:
            text = response.read()[:200].decode(errors="replace")
            raise RemoteError(f"{method} of {repository} {path.partition('?')[0][-80:]} was answered with"
                              f" {response.status}: {text}", response.status)  # fmt: skip
        return response

    def check(self):
        """See whether it is a Harbor that lets us in. Raises `RemoteError`."""
        status, found = self.api("GET", "/health")
        if not isinstance(found, dict) or "components" not in found:
            raise RemoteError("its health is not that of a Harbor", status)
        response = self.send("GET", "/v2/", self.token(""))
        response.read()
        if response.status != 200:
            raise RemoteError(f"/v2/ was answered with {response.status}", response.status)

    # What a copy needs.

    def digest(self, repository, reference):
        """Return the digest of a manifest, or `None` where there is none."""
        response = self.v2("HEAD", repository, f"manifests/{reference}", {"Accept": MANIFESTS}, good=(200, 404))
        response.read()
        return response.headers.get("Docker-Content-Digest") if response.status == 200 else None

    def manifest(self, repository, reference):
        response = self.v2("GET", repository, f"manifests/{reference}", {"Accept": MANIFESTS})
        return response.read(), response.headers.get("Content-Type", "")

    def has_blob(self, repository, digest):
        response = self.v2("HEAD", repository, f"blobs/{digest}", good=(200, 307, 404))
        response.read()
        return response.status != 404

    def blob(self, repository, digest):
        """Return an open answer with a blob, wherever the registry sends us for it."""
        response = self.v2("GET", repository, f"blobs/{digest}", good=(200, 301, 302, 307))
        if response.status == 200:
            return response
        response.read()
        return urllib.request.urlopen(response.headers["Location"], timeout=self.timeout)

    def put_blob(self, repository, digest, size, chunks):
        begun = self.v2("POST", repository, "blobs/uploads/", {"Content-Length": "0"}, b"", push=True, good=(202,))
        begun.read()
        place = begun.headers["Location"]
        place += ("&" if "?" in place else "?") + urllib.parse.urlencode({"digest": digest})
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        self.v2("PUT", repository, place, headers, chunks if size else b"", push=True, good=(201,)).read()

    def put_manifest(self, repository, reference, body, kind):
        self.v2("PUT", repository, f"manifests/{reference}", {"Content-Type": kind}, body, push=True, good=(201,)).read()

    def project(self, name):
        """Return a project by its name, or `None`."""
        query = urllib.parse.urlencode({"name": name, "page_size": 100})
        return next((one for one in self.api("GET", f"/projects?{query}")[1] or [] if one["name"] == name), None)

    def pages(self, path):
        """Yield all of a list."""
        page = 1
        while True:
            found = self.api("GET", f"{path}?page={page}&page_size=100")[1] or []
            yield from found
            if len(found) < 100:
                return
            page += 1

    def delete(self, repository, reference, tag=""):
        """Delete an artifact, or only a tag of it; return whether it was there."""
        project, _, name = repository.partition("/")
        path = f"/projects/{project}/repositories/{segment(name)}/artifacts/{reference}"
        status, _ = self.api("DELETE", path + (f"/tags/{tag}" if tag else ""), good=(200, 404))
        return status == 200
