"""Tries the image store: the one look of the preflight that writes.

Each node writes one small file of a random name into each shared folder, looks for those of the
others, and removes its own. Should the connection break or this program be killed in between, a
process on the host that waits for that removes it after a minute.
"""

from __future__ import annotations

import secrets

from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Role
from harbor_wizard.preflight.check import Seen, Verdict, well
from harbor_wizard.preflight.facts import shared_folders
from harbor_wizard.preflight.finding import Level
from harbor_wizard.step import quote

USER = 10000  # of Harbor's containers
_LEFT_AFTER = 60  # seconds

# setpriv changes the user and stays in the folder: what is above it may be closed to that user,
# whose containers see the folder alone.
_AS = f"setpriv --reuid={USER} --regid={USER} --clear-groups"

_WRITE = f"""
say() {{ printf '%s\\t%s\\n' "$1" "$2"; }}
umask 022
write() {{
  cd "$1" 2>/dev/null || return 0
  setsid sh -c 'cd / && tries=0
    while [ $tries -lt {_LEFT_AFTER} ]; do
      sleep 1; tries=$((tries + 1)); [ $tries -lt 5 ] || [ -e "$1" ] || exit 0
    done
    rm -f "$1" || {_AS} rm -f "$1"' sh "$1/$2" </dev/null >/dev/null 2>&1 &
  put='set -C; printf %s "$1" > "./$1"'
  if {_AS} sh -c "$put" sh "$2" 2>/dev/null; then
    say store_wrote "{USER} $1"
  elif said=$( (sh -c "$put" sh "$2" && chown {USER}:{USER} "./$2") 2>&1); then
    say store_wrote "root $1"
  else
    say store_refused "$1 $(printf '%s' "$said" | tail -n 1)"
  fi
  say store_is "$(stat -c %u:%g . 2>/dev/null) $1"
}}
"""

_READ = f"""
say() {{ printf '%s\\t%s\\n' "$1" "$2"; }}
read_it() {{
  for how in "" "{_AS}"; do
    if [ "$(cd "$1" 2>/dev/null && $how cat "./$2" 2>/dev/null)" = "$2" ]; then
      say store_sees "$3 $1"
      return 0
    fi
  done
}}
"""

_REMOVE = f"""
remove() {{
  cd "$1" 2>/dev/null || return 0
  rm -f "./$2" 2>/dev/null || {_AS} rm -f "./$2" 2>/dev/null
  if [ -e "./$2" ]; then printf 'store_left\\t%s\\n' "$1/$2"; fi
}}
"""


def new_token(host: str) -> str:
    """Return the name of a host's file, which is what stands in it, too."""
    return f".harbor-wizard-check-{host}-{secrets.token_hex(8)}"


def write(cluster: Cluster, token: str) -> str:
    """Return the script that writes a host's file into each folder that is there."""
    return _WRITE + _each("write", cluster, quote(token)) + "exit 0\n"


def read(cluster: Cluster, tokens: dict[str, str]) -> str:
    """Return the script that looks for the files of other hosts."""
    lines = [_each("read_it", cluster, quote(token), quote(host)) for host, token in tokens.items()]
    return _READ + "".join(lines) + "exit 0\n"


def remove(cluster: Cluster, token: str) -> str:
    """Return the script that removes a host's file; it says where that was not possible."""
    return _REMOVE + _each("remove", cluster, quote(token)) + "exit 0\n"


def _each(function: str, cluster: Cluster, *words: str) -> str:
    return "".join(
        f"{function} {' '.join([quote(path), *words])}\n" for path in shared_folders(cluster)
    )


def _split(lines: list[str]) -> dict[str, str]:
    """Return lines of a word and a path, by path."""
    return {path: word for word, _, path in (line.partition(" ") for line in lines)}


def writable(at: Seen) -> Verdict | None:
    """Harbor's containers can write to the shared folders, or will be able to."""
    if Role.HARBOR not in at.host.roles:
        return None
    wrote, refused = _split(at.facts.all("store_wrote")), at.facts.one("store_refused")
    wanted = tr("user {user} can write, or root can give the folder to it", user=USER)
    left = at.facts.all("store_left")
    if left:
        return Verdict(
            Level.WARNING, tr("{files} could not be removed again", files=", ".join(left)),
            tr("a file left"), wanted, tr("remove it there: rm -f {file}", file=left[0]),
        )  # fmt: skip
    if refused:
        path, _, why = refused.partition(" ")
        return Verdict(
            Level.FAILED, tr("neither user {user} nor root can write to {path}: {why}", user=USER,
                             path=path, why=why.rpartition(": ")[2] or "?"),
            tr("refused"), wanted,
            tr("mount it so that it can be written to (rw), and with root_squash run on its "
               "server: chown {user}:{user}", user=USER),
        )  # fmt: skip
    if not wrote:
        return None
    owners = _split(at.facts.all("store_is"))
    shown = ", ".join(f"{path} ({owners.get(path, '?')})" for path in wrote)
    if all(who == str(USER) for who in wrote.values()):
        return well(tr("user {user} writes to {path}", user=USER, path=shown), str(USER), wanted)
    return well(tr("root writes to {path}, and gives it to {user} in the run", path=shown,
                   user=USER), tr("by root"), wanted)  # fmt: skip


def shared(at: Seen) -> Verdict | None:
    """What one node writes, the others read."""
    own = _tried(at, at.host.name)
    if Role.HARBOR not in at.host.roles or not own:
        return None
    seen = set(at.facts.all("store_sees"))
    wanted = tr("what each node writes is read on all others")
    nodes = [one.name for one in at.cluster.nodes if one.name in at.hosts]
    expected = [
        (name, path) for name in nodes if name != at.host.name
        for path in _split(at.hosts[name].all("store_wrote")) if path in own
    ]  # fmt: skip
    if not expected:
        return None  # there is nobody to share with, or nothing was written
    lacking = [(name, path) for name, path in expected if f"{name} {path}" not in seen]
    others = len({name for name, _ in expected})
    if lacking:
        names = ", ".join(dict.fromkeys(name for name, _ in lacking))
        paths = ", ".join(dict.fromkeys(path for _, path in lacking))
        return Verdict(
            Level.FAILED, tr("what {hosts} wrote to {path} is not there", hosts=names, path=paths),
            f"{others - len({name for name, _ in lacking})}/{others}", wanted,
            tr("mount the same file system on all of them: compare findmnt -T {path} there",
               path=lacking[0][1]),
        )  # fmt: skip
    names = ", ".join(dict.fromkeys(name for name, _ in expected))
    return well(tr("what {hosts} wrote is there", hosts=names), f"{others}/{others}", wanted)


def _tried(at: Seen, name: str) -> set[str]:
    """Return the folders that were tried on a host."""
    facts = at.hosts[name]
    refused = {line.partition(" ")[0] for line in facts.all("store_refused")}
    return set(_split(facts.all("store_wrote"))) | refused


def compared(at: Seen) -> bool:
    """Say whether all nodes tried their folders: then it is known whether they are the same."""
    return all(_tried(at, one.name) for one in at.cluster.nodes if one.name in at.hosts)
