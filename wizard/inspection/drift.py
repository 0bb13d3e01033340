"""Which files of a host are not as the plan would write them: the comparison, for files alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harbor_wizard.errors import InputError, SecretsError
from harbor_wizard.inspection.compare import Compared, Standing, difference, is_so, there_now
from harbor_wizard.inspection.seen import Drift
from harbor_wizard.secrets import SecretValues
from harbor_wizard.step import Step
from harbor_wizard.text import Hole, Text
from harbor_wizard.transport.base import Transport


@dataclass(frozen=True)
class Drifted:
    """The files that differ, how many were compared, and how many only in what can be seen."""

    found: tuple[Drift, ...]
    compared: int
    unknown: int


def drifted(steps: Iterable[Step], values: SecretValues, transport: Transport) -> Drifted:
    """Compare the files of some steps with their host. Raises `TransportError`."""
    found: list[Drift] = []
    compared = unknown = 0
    for step in steps:
        if step.file is None:
            continue
        try:
            standing = Standing.SO if is_so(step, values, transport) else Standing.CHANGE
        except (SecretsError, InputError):
            standing = Standing.UNKNOWN
        if standing is Standing.SO:
            compared += 1
            continue
        now = there_now(step.file, values, transport)
        if now is None:
            state = "missing"
        elif standing is Standing.CHANGE or _plainly_differs(step.file.content, now):
            state = "changed"
        else:
            unknown += 1
            continue
        compared += 1
        # Without its secrets a file is compared by its lines; what they hide is not judged.
        shown = difference(step, Compared(Standing.CHANGE if now is not None else Standing.CREATE,
                                          now))  # fmt: skip
        found.append(Drift(step.file.path, state, shown))
    return Drifted(tuple(found), compared, unknown)


def _plainly_differs(content: Text, now: str) -> bool:
    """Say whether a file differs in more than the secrets, which are not here."""
    alone = [""]  # the text that stands in each line beside its holes
    for part in content.parts:
        if isinstance(part, Hole):
            alone[-1] += "\0"
        else:
            first, *others = part.split("\n")
            alone[-1] += first
            alone += others
    if any(line and not line.strip("\0") for line in alone):
        return False  # a certificate, for example: how many lines it has nobody knows
    return now.splitlines() != content.masked().splitlines()
