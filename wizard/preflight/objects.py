"""Asks stores on the network, from a node: object stores, and NFS servers.

A request to S3 is signed here (AWS Signature Version 4): forty lines of what its manual says, where
the libraries for it bring their own connections, and cannot speak through one that is there.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import http.client
import re
import ssl
from urllib.parse import quote, urlsplit

from harbor_wizard.errors import ConnectionLost, NotAnswering, NotForwarded
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import (
    AzureStorage,
    Cluster,
    GcsStorage,
    NfsStorage,
    OssStorage,
    Role,
    S3Storage,
    SwiftStorage,
)
from harbor_wizard.preflight import nfs
from harbor_wizard.preflight.check import Seen, Verdict, well
from harbor_wizard.preflight.dialling import Answers, Line, value_of
from harbor_wizard.preflight.finding import Level
from harbor_wizard.preflight.unlooked import unlooked
from harbor_wizard.secrets import SecretValues
from harbor_wizard.transport.base import Transport

_EMPTY = hashlib.sha256(b"").hexdigest()
_PORTS = {"http": 80, "https": 443}


def endpoint(cluster: Cluster) -> tuple[str, str, int] | None:
    """Return the store's scheme, name and port; None where none is spoken to by the network."""
    match cluster.storage:
        case S3Storage(endpoint=str(url)) | SwiftStorage(auth_url=str(url)):
            return _split(url)
        case S3Storage() as s3:
            return "https", f"{s3.bucket}.s3.{s3.region}.amazonaws.com", 443
        case GcsStorage():
            return "https", "storage.googleapis.com", 443
        case AzureStorage() as azure:
            return "https", f"{azure.account}.blob.{azure.realm or 'core.windows.net'}", 443
        case OssStorage() as oss:
            return "https", oss.endpoint or f"{oss.bucket}.{oss.region}.aliyuncs.com", 443
        case NfsStorage(server=server):
            return "nfs", server, nfs.PORT
    return None


def _split(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme]


def ask(cluster: Cluster, transport: Transport, values: SecretValues) -> str:
    """Return what the store says to a node: lines for `Facts`; nothing where it has no part."""
    where, answers = endpoint(cluster), Answers()
    if where is None:
        return ""
    scheme, name, port = where
    try:
        with Line(transport) as line:
            if isinstance(cluster.storage, S3Storage):
                _bucket(cluster.storage, where, line, answers, values)
            elif scheme == "nfs":
                nfs.ask(name, line, answers)
            else:
                line.dial(name, port).close()
                answers.say("store_answers", "-")
    except NotForwarded:
        answers.say("store_unlooked", "forwarding")
    except NotAnswering:
        answers.say("store_silent", f"{name}:{port}")
    except ConnectionLost as lost:
        answers.say("store_unlooked", "lost", lost)
    except ssl.SSLCertVerificationError as error:
        answers.say("store_certificate", error.verify_message)
    except (OSError, EOFError, http.client.HTTPException, ValueError) as error:
        answers.say("store_refused_by", "-", type(error).__name__)
    return answers.text


def _bucket(
    storage: S3Storage, where: tuple[str, str, int], line: Line, answers: Answers,
    values: SecretValues,
) -> None:  # fmt: skip
    """Ask S3 for the first name in the bucket: HEAD would answer without a reason."""
    scheme, name, port = where
    keys = [value_of(values, one) for one in (storage.access_key, storage.secret_key)]
    with line.dial(name, port) as plain:
        if None in keys:
            lacking = storage.access_key if keys[0] is None else storage.secret_key
            answers.say("store_unlooked", "secret", lacking.removeprefix("secret:"))
            return
        made = plain
        if scheme == "https":
            made = ssl.create_default_context().wrap_socket(plain, server_hostname=name)
        with made:
            connection = http.client.HTTPConnection(name, port)
            connection.sock = made
            path = f"/{quote(storage.bucket)}" if storage.endpoint else "/"
            query = "list-type=2&max-keys=1"
            host = name if port == _PORTS[scheme] else f"{name}:{port}"
            headers = signed("GET", host, path, query, storage.region, str(keys[0]), str(keys[1]),
                             datetime.datetime.now(datetime.UTC))  # fmt: skip
            connection.request("GET", f"{path}?{query}", headers=headers)
            answer = connection.getresponse()
            said = answer.read(4000).decode("utf-8", "replace")
    code = re.search(r"<Code>([A-Za-z0-9]{1,60})</Code>", said)
    answers.say("store_bucket", answer.status, code[1] if code else "-")


def signed(
    method: str, host: str, path: str, query: str, region: str, access_key: str, secret_key: str,
    now: datetime.datetime,
) -> dict[str, str]:  # fmt: skip
    """Return the headers of a request to S3 without a body, by AWS Signature Version 4.

    `query` has to be sorted and quoted already.
    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    """
    stamp = f"{now:%Y%m%dT%H%M%SZ}"
    headers = {"host": host, "x-amz-content-sha256": _EMPTY, "x-amz-date": stamp}
    names = ";".join(headers)
    listed = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"{method}\n{path}\n{query}\n{listed}\n{names}\n{_EMPTY}"
    scope = f"{now:%Y%m%d}/{region}/s3/aws4_request"
    hashed = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashed}".encode(), "sha256")
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={access_key}/{scope},SignedHeaders={names},"
        f"Signature={signature.hex()}"
    )
    return headers


def store(at: Seen) -> Verdict | None:
    """The object store answers, and S3 lets the keys into the bucket."""
    where = endpoint(at.cluster)
    if Role.HARBOR not in at.host.roles or where is None or where[0] == "nfs":
        return None
    place, storage = f"{where[1]}:{where[2]}", at.cluster.storage
    wanted = tr("{place} answers", place=place)
    if isinstance(storage, S3Storage):
        wanted = tr("the keys open the bucket {name} at {place}", name=storage.bucket, place=place)
    found = trouble(at, place, wanted)
    if found is not None:
        return found
    status, _, code = at.facts.one("store_bucket").partition(" ")
    if status and isinstance(storage, S3Storage):
        return _bucket_said(storage, status, code, wanted)
    if at.facts.one("store_answers"):
        return well(tr("{place} answers; its keys were not tried", place=place), tr("answers"),
                    wanted)  # fmt: skip
    return None


def trouble(at: Seen, place: str, wanted: str) -> Verdict | None:
    """Return the verdict where a store on the network could not be spoken to."""
    why, trust = at.facts.one("store_unlooked"), at.facts.one("store_certificate")
    if why:
        return unlooked(why, wanted)
    if at.facts.one("store_silent"):
        return Verdict(
            Level.FAILED, tr("{place} does not answer", place=place), tr("no answer"), wanted,
            tr("check the storage in Services, that it runs, and the firewalls between"),
        )  # fmt: skip
    if trust:
        return Verdict(
            Level.WARNING, tr("the certificate of {place} is not trusted on this machine: {why}",
                              place=place, why=trust),
            "TLS", wanted, tr("look that Harbor's containers trust its CA"),
        )  # fmt: skip
    if at.facts.one("store_refused_by"):
        kind = at.facts.one("store_refused_by").removeprefix("- ")
        return Verdict(
            Level.FAILED, tr("{place} does not speak as such a store does ({kind})", place=place,
                             kind=kind),
            tr("no answer"), wanted, tr("check the address, http or https, and the port"),
        )  # fmt: skip
    return None


def _bucket_said(storage: S3Storage, status: str, code: str, wanted: str) -> Verdict:
    if status == "200":
        return well(tr("the bucket {name} opens", name=storage.bucket), tr("opens"), wanted)
    said = status if code in ("", "-") else f"{status} {code}"
    if status == "404":
        cure = tr("make the bucket {name}, or correct storage.bucket", name=storage.bucket)
    elif code == "RequestTimeTooSkewed":
        cure = tr("set this machine's clock, or the store's")
    elif status in ("301", "400") and code != "InvalidAccessKeyId":
        cure = tr("correct storage.region and storage.endpoint")
    else:
        cure = tr("correct {access} and {secret}, and let them list, read, write and delete in the "
                  "bucket", access=storage.access_key, secret=storage.secret_key)  # fmt: skip
    return Verdict(
        Level.FAILED, tr("the bucket {name} does not open: {said}", name=storage.bucket, said=said),
        said, wanted, cure,
    )  # fmt: skip


def export(at: Seen) -> Verdict | None:
    """The NFS server answers, and exports the folder."""
    storage = at.cluster.storage
    if Role.HARBOR not in at.host.roles or not isinstance(storage, NfsStorage):
        return None
    wanted = tr("{server} exports {path}", server=storage.server, path=storage.export)
    found = trouble(at, f"{storage.server}:{nfs.PORT}", wanted)
    if found is not None:
        return found
    version, exports = at.facts.one("nfs_version"), at.facts.all("nfs_export")
    if not version:
        return None
    figure = f"NFS {version}"
    if not exports:
        seen = tr("it answers (NFS {version}), and does not tell what it exports", version=version)
        return well(seen, figure, wanted)
    path = storage.export.rstrip("/") or "/"
    if any(path == one or path.startswith(f"{one.rstrip('/')}/") for one in exports):
        seen = tr("it answers (NFS {version}) and exports it", version=version)
        return well(seen, figure, wanted)
    # With NFS 4 a path starts from the server's pseudo root, which the list does not tell.
    level = Level.FAILED if "vers=3" in storage.options else Level.WARNING
    return Verdict(
        level, tr("it exports {exports}", exports=", ".join(exports[:8])), tr("not exported"),
        wanted, tr("export it to all nodes in /etc/exports there, or correct storage.export"),
    )  # fmt: skip
