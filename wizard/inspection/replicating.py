"""How the replication stands, as the sources' own API tells it: policies and their executions."""

from __future__ import annotations

import base64
import binascii
import datetime
import json
from collections.abc import Iterable, Sequence
from typing import Any

from harbor_wizard.components.replication import API, Wire
from harbor_wizard.errors import HarborWizardError
from harbor_wizard.inspection.seen import Policy
from harbor_wizard.language import tr
from harbor_wizard.step import quote
from harbor_wizard.text import printable
from harbor_wizard.transport.base import Call, Phase, Transport

# The last ones, newest first: more would say nothing that these do not.
_LOOKED_AT = 100

_HEAD = f"""
. {API} || exit 1
printf 'now\\t-\\t%s\\n' "$(date +%s | base64 -w 0)"
policies=$(api GET '/replication/policies?page_size=100') || exit 1
brief='map({{id, status, trigger, start_time, end_time}})'
"""

_EACH = r"""
policy=$(printf '%s' "$policies" | jq -c --arg name {name} '[.[] | select(.name == $name)][0] // empty')
printf 'policy\t%s\t%s\n' {name} "$(printf '%s' "$policy" | base64 -w 0)"
if [ -n "$policy" ]; then
  of="/replication/executions?policy_id=$(field .id "$policy")"
  last=$(api GET "$of&sort=-start_time&page_size={number}") || exit 1
  good=$(api GET "$of&status=Succeed&sort=-start_time&page_size=1") || exit 1
  printf 'last\t%s\t%s\n' {name} "$(printf '%s' "$last" | jq -c "$brief" | base64 -w 0)"
  printf 'good\t%s\t%s\n' {name} "$(printf '%s' "$good" | jq -c "$brief" | base64 -w 0)"
fi
"""  # noqa: E501


def policies(
    wires: Iterable[Wire], admin_password: str, transport: Transport
) -> tuple[Policy, ...]:
    """Ask a source about its policies, on its own host. One that says nothing is told as such.

    Raises `TransportError` where the host is lost meanwhile.
    """
    asked = tuple(wires)
    if not asked:
        return ()
    script = _HEAD + "".join(
        _EACH.format(name=quote(wire.name), number=_LOOKED_AT) for wire in asked
    )
    call = Call("status", Phase.LOOK, script, f"{admin_password}\n\n".encode())
    answer = transport.run(call, lambda _: None)
    if not answer.ok:
        said = printable(" ".join(answer.err.split()).replace(admin_password, "•••"))[-200:]
        why = tr("its Harbor does not tell ({why})", why=said)
        return tuple(Policy(one.source.name, one.target.name, one.name, error=why) for one in asked)
    said_of: dict[tuple[str, str], Any] = {}
    for line in answer.out.splitlines():
        kind, _, rest = line.partition("\t")
        name, _, encoded = rest.partition("\t")
        said_of[kind, name] = _json(encoded)
    now = said_of.get(("now", "-"))
    return tuple(_policy(one, said_of, float(now) if isinstance(now, int) else 0.0)
                 for one in asked)  # fmt: skip


def _json(encoded: str) -> Any:
    try:
        return json.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        return None


def _policy(wire: Wire, said: dict[tuple[str, str], Any], now: float) -> Policy:
    names = (wire.source.name, wire.target.name, wire.name)
    policy = said.get(("policy", wire.name))
    if not isinstance(policy, dict):
        return Policy(*names, error=tr("its policy {name} is not there", name=wire.name))
    try:
        last = _executions(said.get(("last", wire.name)))
        good = _executions(said.get(("good", wire.name)))
    except HarborWizardError as error:
        return Policy(*names, error=str(error))
    enabled = policy.get("enabled") is True
    if not last:
        return Policy(*names, enabled)
    newest = last[0]
    status, began, ended = newest["status"], _time(newest, "start_time"), _time(newest, "end_time")
    if status == "InProgress":
        ended = None
    return Policy(
        *names, enabled, status, newest["trigger"], began, ended,
        _lag(status, began, ended, good, now), _lost(last),
    )  # fmt: skip


def _executions(said: Any) -> list[dict[str, Any]]:
    """Return executions, the newest first. Raises where the answer is none of Harbor's."""
    try:
        found = [
            {**one, "id": int(one["id"]), "status": printable(str(one["status"])),
             "trigger": printable(str(one.get("trigger", "")))}
            for one in said or []
        ]  # fmt: skip
    except (TypeError, KeyError, ValueError):
        raise HarborWizardError(tr("its executions cannot be read")) from None
    return sorted(found, key=lambda one: int(one["id"]), reverse=True)


def _time(execution: dict[str, Any], name: str) -> float | None:
    """Return a time in seconds since the epoch; Harbor's zero is year 1."""
    try:
        at = datetime.datetime.fromisoformat(str(execution.get(name)))
    except ValueError:
        return None
    return at.timestamp() if at.year > 2000 and at.tzinfo is not None else None


def _lag(
    status: str, began: float | None, ended: float | None, good: Sequence[dict[str, Any]],
    now: float,
) -> float | None:  # fmt: skip
    if status == "InProgress":
        since, until = began, now
    elif status == "Succeed":
        since, until = began, ended if ended is not None else now
    else:
        since, until = _time(good[0], "end_time") if good else None, now
    return round(max(until - since, 0.0), 3) if since is not None else None


def _lost(newest_first: Iterable[dict[str, Any]]) -> int:
    """Count what failed since the last complete execution that succeeded."""
    count = 0
    for one in newest_first:
        if one["status"] == "Succeed" and one["trigger"] in ("manual", "scheduled"):
            break
        count += one["status"] in ("Failed", "Stopped")
    return count
