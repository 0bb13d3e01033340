"""Asks Harbor over HTTP from hosts that have no client for it: bash and openssl are everywhere."""

from __future__ import annotations

from harbor_wizard.releases import Release
from harbor_wizard.step import quote

# The parts of one node. The database and Redis, which all nodes share, are left out: they would
# take all nodes out at once. Harbor's overall word counts them in (and its status is always 200).
_NODE_PARTS = ("core", "registry", "registryctl", "jobservice", "portal")

# For openssl where no certificate is checked: to read all that the system trusts takes two thirds
# of the time of a request, and some are made every two seconds.
UNCHECKED = "SSL_CERT_FILE=/dev/null"


def healthy_parts(release: Release) -> tuple[str, ...]:
    """Return what a node's answer has in it, blanks taken out, while its own parts are well."""
    if release.config_name == "harbor.cfg":
        return (release.health_wanted,)  # 1.5 tells nothing of its parts
    return tuple(f'"name":"{part}","status":"healthy"' for part in _NODE_PARTS)


def patterns(release: Release) -> tuple[str, ...]:
    """Return `healthy_parts` as regular expressions for an answer with all its blanks."""
    return tuple(
        part.replace('":"', '":[[:space:]]*"').replace(',"', ',[[:space:]]*"')
        for part in healthy_parts(release)
    )


def core_healthy(release: Release) -> str:
    """Return what the answer has in it while Harbor's core lives."""
    return healthy_parts(release)[0]


def _literal(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def ask(address: str, port: int, name: str, path: str, *, tls: bool) -> str:
    """Return the command that prints a GET request's answer with its headers.

    Neither the certificate nor its name is checked here: that is the verification's part.
    """
    request = f"printf 'GET {path} HTTP/1.0\\r\\nHost: {name}\\r\\n\\r\\n'"
    if tls:
        # -ign_eof keeps the connection until the answer is there.
        return (
            f"{request} | timeout 10 env {UNCHECKED} openssl s_client -quiet -ign_eof "
            f"-connect {_literal(address)}:{port} -servername {quote(name)} 2>/dev/null"
        )
    inner = f"exec 3<>/dev/tcp/{address}/{port}; {request} >&3; cat <&3"
    return f"timeout 10 bash -c {quote(inner)} 2>&1"


def health(
    address: str, port: int, name: str, release: Release, *, tls: bool, wanted: str
) -> str:
    """Return a script that succeeds when Harbor's health answer has `wanted` in its body.

    The body is what counts: the status is 200 whatever it says (harbor #16406).
    """
    return answers(address, port, name, release.health_path, tls=tls, wanted=wanted)


def answers(address: str, port: int, name: str, path: str, *, tls: bool, wanted: str) -> str:
    """Return a script that succeeds when the answer for a path has `wanted` in it.

    Blanks do not count: releases up to 2.0 spread their answers over lines.
    """
    return f"""
answer=$({ask(address, port, name, path, tls=tls)}) || true
case $(printf '%s' "$answer" | tr -d ' \\n\\r\\t') in
*{quote("".join(wanted.split()))}*) ;;
*) printf 'the answer is: %s\\n' "$answer" | tail -n 3 >&2; exit 1 ;;
esac
"""
