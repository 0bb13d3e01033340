"""What is wrong with the answers, in the words of the questions."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harbor_wizard.errors import ClusterError, Mistake, MistakeKind
from harbor_wizard.language import tr
from harbor_wizard.model import load
from harbor_wizard.questions.answers import Data, Section, get, put
from harbor_wizard.questions.catalogue import QUESTIONS
from harbor_wizard.questions.conditions import (
    asks_clair_database,
    existing_state,
    holds_address,
    shares,
)
from harbor_wizard.questions.question import Question
from harbor_wizard.secrets import MINIMUM_LENGTH


def shaped(data: Data) -> Data:
    """Return a copy in which every part is there, so that what is missing is named in full."""
    made = copy.deepcopy(data)
    parts = ["installer", "tls"]
    if holds_address(data):
        parts.append("virtual_address")
    if existing_state(data):
        parts += ["database", "redis"]
    if shares(data):
        parts.append("storage")
    if asks_clair_database(data):
        parts.append("clair_database")
    for part in parts:
        made.setdefault(part, {})
    made.setdefault("hosts", [])
    return made


@dataclass(frozen=True)
class Problem:
    """Something that is wrong: where, and why, as a sentence, and of what kind it is.

    Where something is missing, `example` is what could stand there.
    """

    path: str
    reason: str
    kind: MistakeKind = MistakeKind.OTHER
    example: str = ""

    @classmethod
    def of(cls, mistake: Mistake) -> Problem:
        """Return what a `ClusterError` says as a problem of the answers."""
        return cls(mistake.path, mistake.reason, mistake.kind, mistake.example)

    @property
    def section(self) -> Section:
        """The section whose answers mend it."""
        if self.path.startswith("hosts"):
            return "access" if ".access" in self.path or self._no_platform else "topology"
        return _SECTION_OF.get(re.split(r"[.\[]", self.path)[0], "services")

    def sentence(self, data: Data) -> str:
        """Return it in the words of the questions: labels and hosts' names, not paths."""
        match self.path, self.kind:
            case "solution", MistakeKind.MISSING:
                return tr("Choose a solution: Enter takes the one under the cursor")
            case "hosts", MistakeKind.EMPTY:
                return tr("Hosts: there are none yet; add the machines that the solution needs")
            case "installer", MistakeKind.NEITHER:
                return tr("Installer: is missing; give its file here, or a URL that the nodes can "
                          "reach")  # fmt: skip
            case "redis", MistakeKind.NEITHER:
                return tr("Redis host: is missing; give its name or address")
        found = re.fullmatch(r"hosts\[(\d+)\]\.?(.*)", self.path)
        if found is not None:
            where = f"{_host_name(data, int(found[1]))} {found[2]}".strip()
        else:
            where = next((tr(q.label) for q in QUESTIONS if q.path == self.path), self.path)
        return tr("{where}: {reason}", where=where, reason=self.told(data))

    def told(self, data: Data) -> str:
        """Return the reason in the words of the questions: hosts' names, not paths."""
        if self._no_platform:
            return tr("is not known yet; try the hosts with Ctrl+T, or choose it in Topology")
        if self.kind is MistakeKind.MISSING and self.example:
            # The field is in front of the operator: what it is for need not be said again.
            return tr("is missing, e.g. {example}", example=self.example)
        return re.sub(r"hosts\[(\d+)\]", lambda at: _host_name(data, int(at[1])), self.reason)

    @property
    def _no_platform(self) -> bool:
        return self.path.endswith(".platform") and self.kind is MistakeKind.MISSING


_SECTION_OF: dict[str, Section] = {
    "name": "solution", "solution": "solution", "public_name": "topology",
    "virtual_address": "topology", "access": "access", "balancer": "topology",
    "replication": "topology",
}  # fmt: skip


def _host_name(data: Data, index: int) -> str:
    hosts = data.get("hosts")
    host = hosts[index] if isinstance(hosts, list) and index < len(hosts) else None
    name = host.get("name") if isinstance(host, dict) else None
    return str(name or tr("host {number}", number=index + 1))


def problems(data: Data, folder: Path | None = None) -> list[Problem]:
    """Return all that is wrong with the answers; with a folder, also files that are not there."""
    try:
        load.parse(shaped(data), "", folder)
    except ClusterError as error:
        found = [Problem.of(mistake) for mistake in error.problems]
        # Of a list whose items are wrong, the items' own sentences say it all.
        return [one for one in found if not (_whole(one) and _has_inner(one, found))]
    return []


def _whole(problem: Problem) -> bool:
    return problem.kind in (MistakeKind.WRONG, MistakeKind.EMPTY)


def _has_inner(problem: Problem, found: list[Problem]) -> bool:
    return any(other.path.startswith((f"{problem.path}.", f"{problem.path}["))
               for other in found)  # fmt: skip


def validate(path: str, value: Any, data: Data, folder: Path | None = None) -> str | None:
    """Return why a value cannot stand at a path, as a sentence; None where it can."""
    changed = shaped(data)
    put(changed, path, value)
    return reason_at(path, problems(changed, folder))


def reason_at(path: str, found: list[Problem]) -> str | None:
    """Return the first reason that is given for a path or what is below it."""
    for one in found:
        if one.path == path or one.path.startswith((f"{path}.", f"{path}[")):
            return one.reason
    return None


def check(question: Question, text: str, data: Data, folder: Path | None = None) -> str | None:
    """Return why an answer is not right, as a sentence; None where it is."""
    if question.kind == "secret":
        return secret_reason(question.secret_name(data), text)
    changed = shaped(data)
    question.store(changed, text)
    if not text.strip() and get(changed, question.path) is None and question.path != "redis":
        return None  # what is missing is said where all is looked at together
    return reason_at(question.path, problems(changed, folder))


def secret_reason(name: str, value: str) -> str | None:
    """Return why a secret cannot be used, or None. An empty one is asked for later."""
    if not value:
        return None
    if len(value) < MINIMUM_LENGTH:
        return tr("is too short; at least {number} characters, so that it can be masked",
                  number=MINIMUM_LENGTH)  # fmt: skip
    if name == "harbor_admin_password":
        kinds = (str.isupper, str.islower, str.isdigit)
        if not 8 <= len(value) <= 128 or not all(any(map(kind, value)) for kind in kinds):
            return tr("is not one that Harbor takes: 8 to 128 characters with A-Z, a-z and 0-9")
    return None
