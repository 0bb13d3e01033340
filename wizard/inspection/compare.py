"""What a plan would change now: each step's own check is asked on its host, and nothing is changed.

What a file on a host holds is shown as a difference, with everything bullets that may be a secret:
there may be one in it that nobody gave us.
"""

from __future__ import annotations

import base64
import binascii
import concurrent.futures
import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from harbor_wizard.engine.runner import Connect
from harbor_wizard.errors import HarborWizardError, SecretsError
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Host
from harbor_wizard.plan import Plan
from harbor_wizard.secrets import SecretValues
from harbor_wizard.step import Command, FileView, Step, Upload, quote
from harbor_wizard.text import MASK, Hole, Text, printable
from harbor_wizard.transport.base import Call, Phase, Transport

_LARGEST = 256 * 1024  # bytes of a file that are fetched for a look


class Standing(StrEnum):
    """What a run would do with a step, with its symbol."""

    SO = "="
    CREATE = "+"
    CHANGE = "~"
    DO = "$"
    UNKNOWN = "?"


@dataclass(frozen=True)
class Compared:
    """How a step stands. `now` is what its file holds on the host, with secrets as bullets."""

    standing: Standing
    now: str | None = None
    why: str = ""


OnHost = Callable[[str, dict[str, Compared], str], None]


def compare(plan: Plan, values: SecretValues, connect: Connect, on_host: OnHost) -> None:
    """Compare all steps with all hosts, which are asked at once.

    `on_host` is called by threads: a host's name, its steps, and why it could not be asked.
    """
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(len(plan.hosts), 1)) as pool:
        list(pool.map(lambda host: on_host(host.name, *_host(plan, host, values, connect)),
                      plan.hosts))  # fmt: skip


def _host(
    plan: Plan, host: Host, values: SecretValues, connect: Connect
) -> tuple[dict[str, Compared], str]:
    found: dict[str, Compared] = {}
    transport = connect(host)
    try:
        transport.connect()
        for step in plan.on(host.name):
            found[step.id] = _step(step, values, transport)
    except HarborWizardError as error:
        return found, str(error)
    finally:
        transport.close()
    return found, ""


def _step(step: Step, values: SecretValues, transport: Transport) -> Compared:
    now = there_now(step.file, values, transport) if step.file is not None else None
    if step.file is not None and now is None:
        return Compared(Standing.CREATE)
    changed = Standing.CHANGE if step.file is not None else Standing.DO
    try:
        so = is_so(step, values, transport)
    except SecretsError:
        return Compared(Standing.UNKNOWN, now, tr("its secrets are not here yet"))
    if so:
        return Compared(Standing.SO, now)
    return Compared(Standing.UNKNOWN if step.apply is None else changed, now)


def is_so(step: Step, values: SecretValues, transport: Transport) -> bool:
    """Ask a step's own check. Raises `SecretsError` where it needs a secret that is not here."""
    check: Command = step.check
    given = check.input.raw(values).encode() if check.input is not None else None
    call = Call(step.id, Phase.CHECK, check.script.raw(values), given, check.timeout)
    result = transport.run(call, lambda _: None)
    if isinstance(step.apply, Upload):
        # It says the checksum of what is there; without ours to compare, what is there will do.
        wanted = step.apply.sha256
        return result.ok and bool(result.out) and wanted in (None, result.out.split()[0])
    return result.ok


def there_now(file: FileView, values: SecretValues, transport: Transport) -> str | None:
    """Return what a file holds now, made fit to be shown; None where there is none."""
    where = quote(file.path)
    script = f"[ -f {where} ] || exit 9\nhead -c {_LARGEST} {where} | base64 -w 0\n"
    result = transport.run(Call("compare", Phase.LOOK, script), lambda _: None)
    if not result.ok:
        return None
    try:
        text = base64.b64decode(result.out.strip(), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None
    return masked_now(text, file.content, values.masker())


def masked_now(text: str, content: Text, mask: Callable[[str], str]) -> str:
    """Return what a host's file holds with secrets as bullets.

    Where our own text has holes, a line of the host's that fits one of ours is shown as ours; of
    any other, only the name before a `:` or `=` is shown, for its value may be a secret.
    """
    shown = [printable(mask(line)) for line in text.splitlines()]
    if not content.holes:
        return "\n".join(shown)
    plain = {line for line in content.masked().splitlines() if MASK not in line}
    return "\n".join(line if line in plain else _hidden(line, content) for line in shown)


_NAMED = re.compile(r"^(\s*(?:- )?[\w.\"'-]+\s*[:=]\s*)\S")


def _hidden(line: str, content: Text) -> str:
    if not line.strip() or line.lstrip().startswith("#"):
        return line
    for pattern, ours in _patterns(content):
        if pattern.fullmatch(line):
            return ours
    found = _NAMED.match(line)
    return f"{found[1]}{MASK}" if found else MASK


def _patterns(content: Text) -> Iterator[tuple[re.Pattern[str], str]]:
    """Yield for each line of ours that has a hole what fits it, and how it is shown."""
    marked = "".join(part if isinstance(part, str) else str(part) for part in content.parts)
    for line in marked.splitlines():
        parts = Text.of(line).parts
        if any(isinstance(part, Hole) for part in parts):
            pattern = "".join(re.escape(p) if isinstance(p, str) else ".*" for p in parts)
            yield re.compile(pattern), Text.of(line).masked()


def difference(step: Step, compared: Compared) -> str:
    """Return how a file of the host differs from what will be there, as a unified diff."""
    assert step.file is not None  # noqa: S101 - only files are compared
    wanted = step.file.content.masked().splitlines()
    name = step.file.path
    if compared.now is None:
        return "\n".join([f"--- {tr('(not there)')}", f"+++ {name}",
                          *(f"+{line}" for line in wanted)])  # fmt: skip
    lines = list(difflib.unified_diff(
        compared.now.splitlines(), wanted, f"{name} ({tr('now')})", name, lineterm=""
    ))  # fmt: skip
    if lines:
        return "\n".join(lines)
    if compared.standing is Standing.CHANGE:
        return tr("Only what is not shown differs: a secret, the owner or the mode.")
    return step.file.content.masked()
