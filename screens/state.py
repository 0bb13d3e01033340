"""What the screens share: the open session, its answers, and what follows from them."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field
from typing import Any

from harbor_wizard import preflight, questions, run
from harbor_wizard.errors import HarborWizardError
from harbor_wizard.journal import Journal, Summary, summarise
from harbor_wizard.language import tr
from harbor_wizard.notes import notes
from harbor_wizard.plan import Plan
from harbor_wizard.preflight import Preflight
from harbor_wizard.questions import Problem, Question, SecretAnswers, Section
from harbor_wizard.session import Session
from harbor_wizard.solutions import make_plan

EMPTY = Summary(frozenset(), frozenset(), frozenset(), {})


@dataclass
class Work:
    """One open session. `seen` keeps, for a screen that was passed, the answers of that time.

    `aside` keeps answers that do not apply to the solution, the hosts or the release at present:
    they come back when they apply again, while the wizard is open.
    """

    session: Session
    data: dict[str, Any]
    secrets: SecretAnswers = field(default_factory=SecretAnswers)
    saved_at: float = 0.0
    unsaved: bool = False
    save_error: str = ""
    summary: Summary = EMPTY
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    aside: dict[str, Any] = field(default_factory=dict)
    looked_before: Preflight | None = None
    accepted: dict[str, str] = field(default_factory=dict)
    _problems: list[Problem] | None = None
    _plan: Plan | None = None

    @classmethod
    def open(cls, session: Session) -> Work:
        """Return a session's work. Raises `HarborWizardError` where it cannot be read."""
        data = session.answers() or questions.fresh(session.name)
        work = cls(session, data)
        work.looked_before, work.accepted = preflight.load(session)
        work.look_back()
        return work

    def look_back(self) -> None:
        """Read the journal again."""
        try:
            self.summary = summarise(Journal(self.session.journal_file).records())
        except HarborWizardError:
            self.summary = EMPTY

    @property
    def look_is_fresh(self) -> bool:
        """Say whether no answer changed since the hosts were looked at."""
        if self.looked_before is None or self.unsaved:
            return False
        file = self.session.cluster_file
        return not file.exists() or file.stat().st_mtime <= self.looked_before.time

    def keep_look(self, found: Preflight) -> None:
        """Keep what was found on the hosts, in the session, too. Raises `OSError`."""
        self.looked_before = found
        preflight.save(self.session, found, self.accepted)

    def durations(self, *, rehearsal: bool) -> dict[str, float]:
        """Return how long steps took before."""
        path = run.journal_file(self.session, rehearsal=rehearsal)
        try:
            return summarise(Journal(path).records()).durations
        except HarborWizardError:
            return {}

    def changed(self) -> None:
        """Take note that an answer changed."""
        self.unsaved = True
        self._problems = None
        self._plan = None

    def take(self, question: Question, text: str) -> None:
        """Take an answer, and have the others go with it."""
        questions.take(question, self.data, text, self.aside)
        self.changed()

    def choose(self, solution: str) -> None:
        """Choose a solution; what another one had comes back when that is chosen again."""
        self.take(next(one for one in questions.QUESTIONS if one.path == "solution"), solution)

    def keep_hosts(self, hosts: list[dict[str, Any]]) -> None:
        """Take other hosts, and have the answers go with them."""
        self.data["hosts"] = hosts
        questions.fit(self.data, self.aside)
        self.changed()

    def notes(self) -> tuple[str, ...]:
        """Return what to know of the cluster; nothing where the answers make none yet."""
        if self.problems:
            return ()
        self.save()
        try:
            return notes(self.session.cluster())
        except HarborWizardError:
            return ()

    def looked_at(self) -> tuple[list[str], list[str]]:
        """Look at the files that were given: return what is wrong, and what to be warned of."""
        if self.problems:
            return [], []
        self.save()
        try:
            return [], run.precheck(self.session, self.session.cluster())
        except HarborWizardError as error:
            return str(error).splitlines(), []

    def save(self) -> None:
        """Save what is not saved yet."""
        if not self.unsaved:
            return
        try:
            self.session.save_answers(self.data)
        except (OSError, HarborWizardError) as error:
            self.save_error = str(error)
        else:
            self.save_error = ""
            self.unsaved = False
            self.saved_at = time.time()

    @property
    def problems(self) -> list[Problem]:
        """All that is wrong with the answers."""
        if self._problems is None:
            self._problems = questions.problems(self.data, self.session.folder)
        return self._problems

    def problems_of(self, section: Section) -> list[Problem]:
        """What is wrong with a section's answers."""
        return [one for one in self.problems if one.section == section]

    def touched(self, section: Section) -> bool:
        """Say whether anything of a section was answered."""
        answered = self.data.get("hosts") if section == "topology" else None
        fresh = questions.fresh(self.session.name)
        # What follows from the solution and the hosts alone was not answered.
        fresh.update({key: self.data[key] for key in ("solution", "hosts") if key in self.data})
        questions.fit(fresh, {})
        if section == "solution":
            return bool(self.data.get("solution"))
        return bool(answered) or any(
            one.kind != "secret" and one.answer(self.data) not in ("", one.answer(fresh))
            for one in questions.QUESTIONS
            if one.section == section
        )

    def plan(self) -> Plan:
        """Return the plan of the answers. Raises `HarborWizardError`."""
        if self._plan is None:
            self.save()
            self._plan = make_plan(self.session.cluster())
        return self._plan

    def total(self) -> int | None:
        """Return how many steps there are, where that can be said."""
        try:
            return len(self.plan().steps)
        except HarborWizardError:
            return None

    @property
    def stopped(self) -> bool:
        """Say whether a run of this session was begun and is not done."""
        begun = self.summary.done | self.summary.unknown | self.summary.failed
        try:
            return bool(begun) and not set(self.plan().graph()) <= self.summary.done
        except HarborWizardError:
            return False

    def pass_by(self, section: str) -> None:
        """Remember that a screen was left forwards, with the answers as they are now."""
        self.seen[section] = copy.deepcopy(self.data)

    def standing(self) -> str:
        """Say what has been changed so far on the hosts."""
        done, unknown = len(self.summary.done), len(self.summary.unknown)
        if not done and not unknown and not self.summary.failed:
            return tr("nothing changed yet")
        total = self.total()
        if total is not None and done >= total:
            return tr("all {total} steps done", total=total)
        text = tr("stopped: {done} of {total} steps done", done=done,
                  total=total if total is not None else "?")  # fmt: skip
        if not unknown:
            return text
        return tr("{text}, {unknown} unknown, will be checked", text=text, unknown=unknown)
