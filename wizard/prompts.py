"""The questions without a full screen: one after the other, saved after each answer.

Where the terminal cannot move its cursor, or the output goes elsewhere, they are lines, too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import questionary

from harbor_wizard import questions, run
from harbor_wizard import session as sessions
from harbor_wizard.errors import HarborWizardError, InputError, Interrupted
from harbor_wizard.language import tr
from harbor_wizard.notes import notes
from harbor_wizard.questions import Data, Question, Section
from harbor_wizard.session import Session
from harbor_wizard.text import printable

Check = Callable[[str], bool | str]


def ask_all(name: str | None) -> Session:
    """Make a session, or take one up, and ask its questions.

    Raises `Interrupted` on Ctrl+C, with how to go on.
    """
    try:
        chosen = name or _ask_name()
    except (KeyboardInterrupt, EOFError):
        raise Interrupted(tr("nothing was made")) from None
    session = sessions.create(chosen, Path.cwd())
    data = session.answers() or questions.fresh(session.name)
    try:
        _ask(session, data)
    except (KeyboardInterrupt, EOFError):
        session.save_answers(data)
        raise Interrupted(
            tr("all answers so far are saved; go on with: harbor-wizard new --plain {session}, "
               "or harbor-wizard resume {session}", session=session.name)
        ) from None  # fmt: skip
    return session


def _ask_name() -> str:
    return _text(tr("The session's name:"), "", _good_name)


def _bare() -> bool:
    """Say whether there is only a line to write on: no cursor to move, or a pipe behind us."""
    dumb = os.environ.get("TERM") == "dumb" or not sys.stdout.isatty()
    return dumb and sys.stdin.isatty()


def _print(line: str) -> None:
    if _bare():
        sys.stdout.write(f"{line}\n")
    else:
        questionary.print(line)


def _line(about: str) -> str:
    """Return a line that was typed below a text."""
    sys.stdout.write(f"{about}\n")
    return printable(input("> ")).strip()


def _text(about: str, default: str, check: Check) -> str:
    """Ask for a text until it is right."""
    if not _bare():
        return str(questionary.text(about, default=default, validate=check).unsafe_ask())
    if default:
        about += " " + tr("[Enter: {default}; - for none]", default=default)
    while True:
        given = _line(f"? {about}") or default
        text = "" if given == "-" else given
        reason = check(text)
        if reason is True:
            return text
        _print(f"✗ {reason}")


def _select(about: str, words: list[str], default: str | None) -> str:
    """Ask for one of some words; by its number where there is no list to move in."""
    if not _bare():
        choices = [questionary.Choice(word) for word in words]
        return str(questionary.select(about, choices=choices, default=default).unsafe_ask())
    numbered = "\n".join(f"  {number}) {word}" for number, word in enumerate(words, 1))
    about = f"? {about}\n{numbered}"
    if default:
        about += "\n  " + tr("[Enter: {default}]", default=default)
    while True:
        given = _line(about) or default or ""
        if given in words:
            return given
        if given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= len(words):
            return words[int(given) - 1]
        about = tr("✗ type a number from 1 to {number}", number=len(words))


def _good_name(name: str) -> bool | str:
    try:
        sessions.create(name, Path.cwd())
    except HarborWizardError as error:
        return str(error)
    return True


def _ask(session: Session, data: Data) -> None:
    session.save_answers(data)
    aside: Data = {}
    for section in questions.SECTIONS:
        given: set[str] = set()
        _ask_section(section, session, data, aside, given)
        if section == "topology":
            _ask_hosts(session, data, aside)
            # Hosts bring questions with them: balancers want a virtual address, for example.
            _ask_section(section, session, data, aside, given)
    found = questions.problems(data, session.folder)
    for problem in found:
        _print(f"✗ {problem.sentence(data)}")
    if not found:
        _tell(session)


def _ask_section(
    section: Section, session: Session, data: Data, aside: Data, given: set[str]
) -> None:
    """Ask a section's questions but those that were `given` an answer just before."""
    for question in questions.QUESTIONS:
        # What is asked depends on the answers before, so it is looked at one by one.
        if question.section != section or question.kind == "secret" or question.key in given:
            continue
        if question.when(data):
            questions.take(question, data, _answer(question, data, session), aside)
            given.add(question.key)
            session.save_answers(data)


def _tell(session: Session) -> None:
    """Say what to know of the cluster, and what is wrong with the files."""
    cluster = session.cluster()
    try:
        warnings = run.precheck(session, cluster)
    except InputError as error:
        warnings = []
        for line in str(error).splitlines():
            _print(f"✗ {line}")
    for line in (*warnings, *notes(cluster)):
        _print(f"! {line}")


def _answer(question: Question, data: Data, session: Session) -> str:
    """Ask one question until its answer is right; the present answer is offered."""
    present = question.answer(data) or question.default
    about = tr("{label} – {help}:", label=tr(question.label), help=tr(question.help))
    if question.choices:
        return _select(about, list(question.choices), present or None)

    def check(text: str) -> bool | str:
        return questions.check(question, text, data, session.folder) or True

    return _text(about, present, check)


def _ask_hosts(session: Session, data: Data, aside: Data) -> None:
    """Ask about hosts, one after the other, until there are no more."""
    hosts: list[Data] = data.setdefault("hosts", [])
    for host in hosts:
        _print(f"  {host.get('name')} {host.get('address')} {host.get('roles')}")
    more = not hosts or _another(default=False)
    while more:
        host = _ask_host(len(hosts), data)
        hosts.append(host)
        questions.fit(data, aside)
        session.save_answers(data)
        enough = questions.reason_at("hosts", questions.problems(data)) is None
        more = _another(default=not enough)


def _another(*, default: bool) -> bool:
    about = tr("Add another host?")
    if not _bare():
        return bool(questionary.confirm(about, default=default).unsafe_ask())
    yes, no = tr("yes"), tr("no")
    return _select(about, [yes, no], yes if default else no) == yes


def _ask_host(index: int, data: Data) -> Data:
    host: Data = {}
    for question in questions.host_questions(data):
        if not question.when(host):
            continue
        about = tr("Host {number}, {label} – {help}:", number=index + 1,
                   label=tr(question.label).lower(), help=tr(question.help))  # fmt: skip
        if question.choices:
            # There is no try at the hosts here, so the system has to be said.
            words = [word for word in question.choices if word != "find out"]
            answer = _select(about, words, None)
        else:
            answer = _text(about, "", _host_check(question, host, index, data))
        question.store(host, answer)
    return host


def _host_check(question: Question, host: Data, index: int, data: Data) -> Check:
    def check(text: str) -> bool | str:
        tried = dict(host)
        question.store(tried, text)
        reason = questions.host_reasons(tried, index, data).get(question.path)
        return reason if reason is not None else True

    return check
