"""Redis' master, found by its sentinels, hangs for a while: they have to take another one.

It is told to by its own `CLIENT PAUSE`, which ends by itself. Sentinels are clients like others, so
they get no answer either. It is done from a node, which reaches Redis as Harbor does.
"""

from __future__ import annotations

from harbor_wizard.model.parts import Redis
from harbor_wizard.step import quote

_SCRIPT = r"""
set -u
export LC_ALL=C
IFS= read -r password || true
# Commands and answers by Redis' protocol; the password is never an argument of a program.
say() {
  printf '*%d\r\n' $# >&3
  for word in "$@"; do printf '$%d\r\n%s\r\n' ${#word} "$word" >&3; done
}
hear() { IFS= read -r -t 5 line <&3 || return 1; line=${line%$'\r'}; }
found=
for one in @NODES@; do
  exec 3<>"/dev/tcp/${one% *}/${one##* }" || continue
  say SENTINEL get-master-addr-by-name @MASTER@
  hear && [ "$line" = '*2' ] && hear && hear && host=$line && hear && hear && port=$line && found=1
  exec 3>&-
  [ -z "$found" ] || break
done 2>/dev/null
[ -n "$found" ] || { echo "no sentinel tells who the master @MASTER@ is" >&2; exit 1; }
case $host$port in *[!0-9A-Za-z.:-]*) echo "a sentinel tells no address" >&2; exit 1 ;; esac
if [ "$1" = tell ]; then echo "$host $port"; exit 0; fi
exec 3<>"/dev/tcp/$host/$port" || exit 1
if [ -n "$password" ]; then
  say AUTH "$password"
  hear && [ "$line" = +OK ] || { echo "Redis refused the login" >&2; exit 1; }
fi
say CLIENT PAUSE "$1"
hear && [ "$line" = +OK ] || { echo "Redis did not pause: $line" >&2; exit 1; }
echo "$host $port"
"""


def pause(redis: Redis, seconds: float) -> str:
    """Return the script that lets the master hang; the password is the first line of its input."""
    return _with(redis, f"{seconds * 1000:.0f}")


def master(redis: Redis) -> str:
    """Return the script that tells who the master is."""
    return _with(redis, "tell")


def _with(redis: Redis, word: str) -> str:
    assert redis.sentinel is not None  # noqa: S101 - else nothing claims to survive this
    nodes = " ".join(quote(f"{one.host} {one.port}") for one in redis.sentinel.nodes)
    script = _SCRIPT.replace("@NODES@", nodes).replace("@MASTER@", quote(redis.sentinel.master))
    return f"exec bash -c {quote(script)} bash {word}\n"
