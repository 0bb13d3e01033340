"""Tries from a host what that host will fetch itself: the installer by its URL, Docker's key.

A bare host has no program to fetch with, and nothing is installed for a look: one byte is asked for
through the host's SSH connection, so that names and routes are those of the host.
"""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urljoin, urlsplit

from harbor_wizard.errors import ConnectionLost, NotAnswering, NotForwarded
from harbor_wizard.model.cluster import Cluster, Host, Role
from harbor_wizard.platforms import DOCKER_URL, PLATFORMS
from harbor_wizard.preflight.dialling import Answers, Line
from harbor_wizard.transport.base import Transport

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = 5


def urls(cluster: Cluster, host: Host) -> dict[str, str]:
    """Return what a host fetches itself, by the names of facts."""
    if Role.HARBOR not in host.roles:
        return {}
    found = {"installer_url": cluster.installer.url} if cluster.installer.url else {}
    docker = PLATFORMS[host.platform].docker
    if cluster.packages.source == "docker" and docker is not None:
        address = (cluster.packages.mirror or DOCKER_URL).rstrip("/")
        found["docker_source"] = f"{address}/{docker.key_path}"
    return found


def ask(cluster: Cluster, host: Host, transport: Transport) -> str:
    """Return whether these can be fetched: lines for `Facts`."""
    answers = Answers()
    for name, url in urls(cluster, host).items():
        try:
            with Line(transport) as line:
                why = _first_byte(url, line)
        except NotForwarded:
            answers.say(f"{name}_unlooked", "forwarding")
        except ConnectionLost as lost:
            answers.say(f"{name}_unlooked", "lost", lost)
        except NotAnswering:
            answers.say(name, "no", url, "-")
        except ssl.SSLCertVerificationError as error:
            answers.say(name, "no", url, error.verify_message)
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            answers.say(name, "no", url, type(error).__name__)
        else:
            answers.say(name, "no" if why else "yes", url, why)
    return answers.text


def _first_byte(url: str, line: Line) -> str:
    """Ask for the first byte; return the status where it is not given, nothing where it is."""
    for _ in range(_REDIRECTS):
        parts = urlsplit(url)
        name, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        made = line.dial(name, port)
        if parts.scheme == "https":
            made = ssl.create_default_context().wrap_socket(made, server_hostname=name)
        with made:
            connection = http.client.HTTPConnection(name, port)
            connection.sock = made
            path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
            connection.request("GET", path, headers={"Range": "bytes=0-0", "Host": parts.netloc})
            answer = connection.getresponse()
            moved = answer.getheader("Location")
            if answer.status in (301, 302, 303, 307, 308) and moved:
                url = urljoin(url, moved)
                continue
            return "" if answer.status in (200, 206) else f"HTTP {answer.status}"
    return "HTTP 302"
