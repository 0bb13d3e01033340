"""Asks Harbor over HTTP from hosts that have no client for it: bash and openssl are everywhere."""

from __future__ import annotations

from harbor_wizard.step import quote


def health(address: str, port: int, name: str, *, tls: bool, wanted: str) -> str:
    """Return a script that succeeds when Harbor's health answer has `wanted` in its body.

    The body is what counts: the status is 200 whatever it says (harbor #16406).
    """
    request = f"printf 'GET /api/v2.0/health HTTP/1.0\\r\\nHost: {name}\\r\\n\\r\\n'"
    if tls:
        where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        # -ign_eof keeps the connection until the answer is there.
        ask = (
            f"{request} | timeout 10 openssl s_client -quiet -ign_eof -connect {where} "
            f"-servername {quote(name)} 2>/dev/null"
        )
    else:
        inner = f"exec 3<>/dev/tcp/{address}/{port}; {request} >&3; cat <&3"
        ask = f"timeout 10 bash -c {quote(inner)} 2>&1"
    return f"""
answer=$({ask}) || true
case $answer in
*{quote(wanted)}*) ;;
*) printf 'the answer is: %s\\n' "$answer" | tail -n 3 >&2; exit 1 ;;
esac
"""
