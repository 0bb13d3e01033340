"""The lock on a host: one run at a time, whichever machine it is started from."""

from __future__ import annotations

import json

from harbor_wizard.errors import LockedError, StepFailed
from harbor_wizard.language import tr
from harbor_wizard.lock import owner
from harbor_wizard.transport.base import Call, Phase, Transport

_FOLDER = "/var/lib/harbor-wizard/lock"

# A holder that was not heard of for this long (seconds, by the host's clock) may be dead.
STALE_AFTER = 120
BEAT_EVERY = 20


def take(transport: Transport, host: str, session: str, *, break_it: bool = False) -> None:
    """Take a host's lock for a session. Raises `LockedError` with who holds it, since when,
    and `StepFailed` where the host does not take it, as when its disk is full.

    A lock of the same session is taken over: the operator's own lock says that the run which left
    it here is dead.
    """
    about = json.dumps({"session": session, **owner()})
    script = f"""
set -eu
mkdir -p /var/lib/harbor-wizard
about=$(cat)
# It is whole before it is there: a run that is killed here leaves no lock that names nobody. The
# rename fails where there is one already, unless that is empty. It is written by cat, which says
# why where it cannot: a shell's printf says “I/O error”.
new=$(mktemp -d {_FOLDER}.XXXXXX)
if ! {{ printf '%s\\n' "$about" | cat > "$new/owner" && touch "$new/beat"; }}; then
  rm -rf "$new"
  exit 1
fi
if mv -T "$new" {_FOLDER} 2>/dev/null; then
  exit 0
fi
if ! grep -qF '"session": "{session}"' {_FOLDER}/owner 2>/dev/null; then
  if [ {int(break_it)} = 0 ]; then
    rm -rf "$new"
    echo "$(( $(date +%s) - $(stat -c %Y {_FOLDER}/beat 2>/dev/null || echo 0) ))"
    cat {_FOLDER}/owner 2>/dev/null || true
    exit 3
  fi
fi
mv "$new/owner" "$new/beat" {_FOLDER}/ || {{ rm -rf "$new"; exit 1; }}
rmdir "$new"
"""
    call = Call("", Phase.HOUSEKEEPING, script, about.encode())
    result = transport.run(call, lambda _: None)
    if result.exit == 3:
        raise LockedError(_held(host, result.out))
    if not result.ok:
        raise StepFailed(
            tr(
                "{host}: the lock could not be taken ({reason}); check that "
                "/var/lib/harbor-wizard can be written there",
                host=host, reason=result.err.strip()[-200:],
            )
        )  # fmt: skip


def _held(host: str, out: str) -> str:
    age, _, text = out.partition("\n")
    try:
        about = json.loads(text)
        who = tr("{user} on {machine} since {since}", user=about["user"],
                 machine=about["machine"], since=about["since"])  # fmt: skip
    except (ValueError, KeyError, TypeError):
        who = tr("a run that did not say who it is")
    seconds = int(age) if age.strip().lstrip("-").isdigit() else 0
    if seconds > STALE_AFTER:
        return tr(
            "{host} is locked by {who}, which was last heard of {seconds} s ago; if that run is "
            "dead, go on with --break-lock", host=host, who=who, seconds=seconds,
        )  # fmt: skip
    return tr("{host} is locked by {who}, which is alive; wait for it, or stop it there first",
              host=host, who=who)  # fmt: skip


def beat(transport: Transport) -> None:
    """Say that the holder is alive."""
    transport.run(Call("", Phase.HOUSEKEEPING, f"touch -c {_FOLDER}/beat\n"), lambda _: None)


def release(transport: Transport, session: str) -> None:
    """Give the lock back, if it is this session's."""
    script = f"""
if grep -qF '"session": "{session}"' {_FOLDER}/owner 2>/dev/null; then
  rm -f {_FOLDER}/owner {_FOLDER}/beat
  rmdir {_FOLDER}
fi
"""
    transport.run(Call("", Phase.HOUSEKEEPING, script), lambda _: None)
