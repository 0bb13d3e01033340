"""A small client of a registry: enough to see that a login, a push and a pull work.

It speaks to an address and names another: the public name goes into Host and the certificate's
check, while the connection goes to the virtual address or to one node.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlencode, urlsplit

from harbor_wizard.errors import HarborWizardError
from harbor_wizard.language import mark, tr

_TIMEOUT = 20.0
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class RegistryError(HarborWizardError):
    """The registry answered with something else than it should, or not at all."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: dict[str, str] = field(default_factory=dict)

    def header(self, name: str) -> str:
        """Return a header's value; nothing where there is none."""
        return next((v for k, v in self.headers.items() if k.lower() == name.lower()), "")

    def json(self) -> dict[str, object]:
        """Return the body as a JSON object. Raises `RegistryError`."""
        try:
            found = json.loads(self.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise RegistryError(
                tr("the answer is no JSON object: {answer}", answer=repr(self.body[:120]))
            )
        return found


class Registry:
    """One way to a registry: through the virtual address, or to a node directly."""

    def __init__(
        self, address: str, port: int, name: str, context: ssl.SSLContext | None,
        headers: Mapping[str, str] | None = None, timeout: float = _TIMEOUT,
        reach: float | None = None,
    ) -> None:  # fmt: skip
        """`context` is for https; without one it is http. `headers` go with each request.

        `timeout` is in seconds, for each wait for an answer, and for the connection where `reach`
        says nothing else.
        """
        self._timeout = timeout
        self._reach = timeout if reach is None else reach
        self._address, self._port, self._name = address, port, name
        self._context = context
        self._headers = dict(headers or {})

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:  # fmt: skip
        """Send a request. Raises `RegistryError` where there is no answer."""
        connection = http.client.HTTPConnection(self._address, self._port, timeout=self._timeout)
        try:
            connection.sock = socket.create_connection((self._address, self._port), self._reach)
            connection.sock.settimeout(self._timeout)
            if self._context is not None:
                connection.sock = self._context.wrap_socket(
                    connection.sock, server_hostname=self._name
                )
            connection.request(
                method, path, body=body,
                headers={"Host": self._name, **self._headers, **(headers or {})},
            )
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers.items()), response.read(),
                          _cookies(response.headers.get_all("Set-Cookie") or []))  # fmt: skip
        except (OSError, http.client.HTTPException) as error:
            reason = " ".join(str(error).split())[:160]
            raise RegistryError(tr(
                "{address} port {port} does not answer {method} {path} ({reason})",
                address=self._address, port=self._port, method=method,
                path=path.partition("?")[0], reason=reason,
            )) from None  # fmt: skip
        finally:
            connection.close()

    def certificate_ends(self) -> float:
        """Return when the certificate ends, in seconds since the epoch.

        Raises `RegistryError` where clients would refuse it, for its name or its chain.
        """
        where = {"address": self._address, "port": self._port}
        if self._context is None:
            raise RegistryError(tr("{address} port {port} speaks no TLS", **where))
        try:
            with (
                socket.create_connection((self._address, self._port), self._timeout) as plain,
                self._context.wrap_socket(plain, server_hostname=self._name) as wrapped,
            ):
                found = wrapped.getpeercert() or {}
        except ssl.SSLCertVerificationError as error:
            raise RegistryError(tr(
                "{address} port {port}: clients refuse it as {name}: {reason}", **where,
                name=self._name, reason=error.verify_message,
            )) from None  # fmt: skip
        except OSError as error:
            reason = " ".join(str(error).split())[:160]
            raise RegistryError(
                tr("{address} port {port}: no TLS ({reason})", **where, reason=reason)
            ) from None
        return float(ssl.cert_time_to_seconds(str(found.get("notAfter"))))

    def health(self) -> dict[str, str]:
        """Return the parts with their state, and `overall`."""
        found = self.request("GET", "/api/v2.0/health").json()
        components = found.get("components")
        parts = {
            str(part.get("name")): str(part.get("status"))
            for part in (components if isinstance(components, list) else [])
            if isinstance(part, dict)
        }
        return {**parts, "overall": str(found.get("status"))}

    def token(self, user: str | None, password: str, scope: str) -> str:
        """Log in and return a bearer token for a scope; without a user, what anybody gets."""
        challenge = self.request("GET", "/v2/").headers
        header = next((v for k, v in challenge.items() if k.lower() == "www-authenticate"), "")
        words = dict(re.findall(r'(\w+)="([^"]*)"', header))
        if "realm" not in words:
            raise RegistryError(tr("/v2/ asks for no token: is this Harbor?"))
        query = urlencode({"service": words.get("service", ""), "scope": scope})
        answer = self.request(
            "GET", f"{urlsplit(words['realm']).path}?{query}",
            None if user is None else basic(user, password),
        )
        if answer.status != 200:
            raise RegistryError(
                tr("the login was refused with status {status}", status=answer.status)
            )
        return str(answer.json().get("token"))

    def push(self, repository: str, tag: str, token: str) -> str:
        """Push a tiny image made on the spot; return its digest."""
        config = json.dumps({
            "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []},
            "config": {"Labels": {"made-by": "harbor-wizard", "tag": tag}},
        }).encode()  # fmt: skip
        layer = tag.encode() * 200
        for blob in (config, layer):
            self._push_blob(repository, blob, token)
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": _MANIFEST,
            "config": {"mediaType": _CONFIG, "size": len(config), "digest": digest(config)},
            "layers": [{"mediaType": _LAYER, "size": len(layer), "digest": digest(layer)}],
        }).encode()  # fmt: skip
        answer = self.request("PUT", f"/v2/{repository}/manifests/{tag}",
                              {**bearer(token), "Content-Type": _MANIFEST}, manifest)  # fmt: skip
        _expect(answer, 201, mark("the push of the manifest"))
        return digest(manifest)

    def delete(self, project: str, name: str, user: str, password: str) -> None:
        """Delete a repository of a project. Raises `RegistryError`."""
        path = f"/api/v2.0/projects/{project}/repositories/{quote_plus(name)}"
        answer = self.request("DELETE", path, basic(user, password))
        if answer.status not in (200, 202):
            raise RegistryError(tr(
                "deleting {repository} got status {status}",
                repository=f"{project}/{name}", status=answer.status,
            ))  # fmt: skip

    def begin_push(self, repository: str, token: str) -> int:
        """Begin an upload, and return the answer's status: 202 where pushes are taken."""
        return self.request("POST", f"/v2/{repository}/blobs/uploads/", bearer(token), b"").status

    def has(self, repository: str, tag: str, token: str) -> bool:
        """Say whether a tag is there."""
        answer = self.request("HEAD", f"/v2/{repository}/manifests/{tag}",
                              {**bearer(token), "Accept": _MANIFEST})  # fmt: skip
        if answer.status not in (200, 404):
            raise RegistryError(tr(
                "looking for {image} got status {status}",
                image=f"{repository}:{tag}", status=answer.status,
            ))  # fmt: skip
        return answer.status == 200

    def _push_blob(self, repository: str, blob: bytes, token: str) -> None:
        begun = self.request("POST", f"/v2/{repository}/blobs/uploads/", bearer(token), b"")
        _expect(begun, 202, mark("the begin of an upload"))
        place = urlsplit(next(v for k, v in begun.headers.items() if k.lower() == "location"))
        query = f"{place.query}&" if place.query else ""
        answer = self.request(
            "PUT", f"{place.path}?{query}{urlencode({'digest': digest(blob)})}",
            {**bearer(token), "Content-Type": "application/octet-stream"}, blob,
        )  # fmt: skip
        _expect(answer, 201, mark("the upload of a blob"))

    def pull(self, repository: str, reference: str, token: str) -> str:
        """Pull the manifest and its blobs; return the manifest's digest."""
        answer = self.request("GET", f"/v2/{repository}/manifests/{reference}",
                              {**bearer(token), "Accept": _MANIFEST})  # fmt: skip
        _expect(answer, 200, mark("the pull of the manifest"))
        manifest = answer.json()
        layers = manifest.get("layers")
        for part in [manifest.get("config"), *(layers if isinstance(layers, list) else [])]:
            wanted = str(part.get("digest")) if isinstance(part, dict) else ""
            blob = self.request("GET", f"/v2/{repository}/blobs/{wanted}", bearer(token))
            _expect(blob, 200, mark("the pull of a blob"))
            if digest(blob.body) != wanted:
                raise RegistryError(
                    tr("the blob {digest} arrived with another digest", digest=wanted[:19])
                )
        return digest(answer.body)


def digest(content: bytes) -> str:
    """Return the digest that registries name contents by."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of a login by password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    """Return the header of a request by token."""
    return {"Authorization": f"Bearer {token}"}


def with_json(body: object, password: str) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a call that the admin makes with a JSON body."""
    headers = {**basic("admin", password), "Content-Type": "application/json"}
    return headers, json.dumps(body).encode()


def _cookies(lines: Iterable[str]) -> dict[str, str]:
    """Return the cookies that are set, by name."""
    pairs = (line.partition(";")[0].partition("=") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _expect(answer: Answer, status: int, what: str) -> None:
    if answer.status != status:
        said = answer.body[:160].decode("utf-8", "replace")
        raise RegistryError(tr(
            "{what} got status {status} instead of {wanted}: {said}",
            what=tr(what), status=answer.status, wanted=status, said=said,
        ))  # fmt: skip
