"""What is asked of the operator before a run or a look: sure, secrets, unknown hosts."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from harbor_wizard import keeping
from harbor_wizard import run as runs
from harbor_wizard.errors import HarborWizardError, SecretsError
from harbor_wizard.language import tr, trn
from harbor_wizard.plan import Plan
from harbor_wizard.preflight import Level
from harbor_wizard.screens.dialogs import AskDialog, ConfirmDialog, SecretsDialog
from harbor_wizard.screens.state import Work
from harbor_wizard.secrets import PASSPHRASE, SecretValues, draw

if TYPE_CHECKING:
    from harbor_wizard.screens.app import WizardApp
    from harbor_wizard.transport.hostkeys import UnknownHost

_TOKENS = ("harbor_token_key", "harbor_token_certificate")


def accept_host_key(app: WizardApp, unknown: UnknownHost) -> bool:
    """Ask about an unknown host. Called by threads; waits for the answer."""
    answered = threading.Event()
    answers: list[bool] = []

    def answer(yes: bool | None) -> None:
        answers.append(bool(yes))
        answered.set()

    def ask() -> None:
        app.push_screen(
            ConfirmDialog(
                tr("{host} is not known yet. Its {kind} key has the fingerprint\n\n{fingerprint}"
                   "\n\nIs that the host's own?", host=unknown.name, kind=unknown.key_type,
                   fingerprint=unknown.fingerprint),
                tr("It is: accept"), tr("Refuse"),
            ),
            answer,
        )  # fmt: skip

    try:
        app.call_from_thread(ask)
    except RuntimeError:  # the app has ended
        return False
    while not answered.wait(0.5):
        if not app.is_running:
            return False
    return answers[0]


async def sure(app: WizardApp, plan: Plan) -> bool:
    """Have the cluster's name typed before hosts are changed."""

    def check(text: str) -> str | None:
        return None if text == plan.cluster.name else tr("that is another name")

    name, work = plan.cluster.name, app.work
    lines = [
        tr("{steps} steps will change {number} hosts: {hosts}.", steps=len(plan.steps),
           number=len(plan.hosts), hosts=", ".join(host.name for host in plan.hosts)),
    ]  # fmt: skip
    found = work.looked_before if work is not None else None
    failed = len(found.of(Level.FAILED)) if found is not None else 0
    if failed:
        lines.append(trn("! {number} check of the preflight failed: a run would stop there.",
                         "! {number} checks of the preflight failed: a run would stop there.",
                         failed))  # fmt: skip
    lines.append(tr("Type the cluster's name, {name}, to begin.", name=name))
    return await app.push_screen_wait(AskDialog("\n\n".join(lines), check)) is not None


def _needs_login_secret(work: Work, plan: Plan) -> bool:
    """Say whether a login wants a password that was not typed in this window."""
    accesses = [plan.cluster.reached_by(host) for host in plan.cluster.hosts]
    wanted = {reference.removeprefix("secret:") for access in accesses
              for reference in (access.password, access.sudo_password) if reference}  # fmt: skip
    return bool(wanted - set(work.secrets))


def _is_typed(work: Work) -> bool:
    """Say whether the passphrase is one that the operator types."""
    try:
        return keeping.keeping(work.session) is keeping.Keeping.PASSPHRASE
    except SecretsError:
        return False


async def values_for_looking(app: WizardApp, work: Work, plan: Plan) -> SecretValues | None:
    """Return the secrets that are here, opened where they are kept; None to leave."""
    given, error = work.secrets, ""
    if not work.session.store.exists:
        if _needs_login_secret(work, plan):
            app.notify(tr("type the password of the login first, in Access"), severity="error",
                       markup=False)  # fmt: skip
            return None
        return SecretValues(given, {})
    while True:
        if _is_typed(work) and PASSPHRASE not in given:
            about = tr("The passphrase of this session: it opens the secrets that were kept.")
            answer = await app.push_screen_wait(SecretsDialog(about, [PASSPHRASE], error))
            if answer is None:
                return None
            given.update(answer)
        try:
            opener = keeping.passphrase(work.session, given, None)
            kept = await asyncio.to_thread(keeping.kept, work.session, opener)
        except SecretsError as problem:
            if not _is_typed(work):
                app.notify(str(problem), severity="error", timeout=12, markup=False)
                return None
            given.pop(PASSPHRASE, None)
            error = str(problem)
            continue
        local = {
            name: work.session.local(path) for name, path in runs.files(plan.cluster).items()
        }
        return SecretValues({**kept, **given}, local)


async def values(
    app: WizardApp, work: Work, plan: Plan, *, rehearsal: bool
) -> SecretValues | None:
    """Return the secrets for a run, asked for where they are missing; None to leave."""
    given, error = work.secrets, ""
    while True:
        if not rehearsal and _is_typed(work) and PASSPHRASE not in given:
            about = (
                tr("The passphrase of this session: it opens the secrets that were kept.")
                if work.session.store.exists
                else tr("A passphrase for this session, to be remembered: it encrypts the "
                        "secrets that are kept.")
            )
            answer = await app.push_screen_wait(SecretsDialog(about, [PASSPHRASE], error))
            if answer is None:
                return None
            given.update(answer)
        try:
            if not rehearsal:
                app.notify(tr("opening the secrets…"), markup=False, timeout=3)
                missing = await asyncio.to_thread(missing_secrets, work, plan)
                if missing:
                    answer = await app.push_screen_wait(
                        SecretsDialog(tr("These secrets are needed for the run."), missing)
                    )
                    if answer is None:
                        return None
                    given.update(answer)
            return await asyncio.to_thread(
                runs.open_secrets, work.session, plan, given, None, rehearsal=rehearsal
            )
        except SecretsError as problem:
            if not _is_typed(work):
                app.notify(str(problem), severity="error", timeout=12, markup=False)
                return None
            given.pop(PASSPHRASE, None)
            error = str(problem)
        except HarborWizardError as problem:
            app.notify(str(problem), severity="error", timeout=12, markup=False)
            return None


def missing_secrets(work: Work, plan: Plan) -> list[str]:
    """Return the secrets that are neither given, nor kept, nor drawn. Raises `SecretsError`."""
    given = work.secrets
    opener = keeping.passphrase(work.session, given, None)
    kept = keeping.kept(work.session, opener)
    lacking = [one for one in runs.needed_secrets(plan) if one not in given and one not in kept]
    if opener is None:  # nothing is kept, so nothing is drawn
        return lacking
    return [one for one in lacking if one not in _TOKENS and not draw([one], {})]
