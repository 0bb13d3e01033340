"""Puts a session, its plan, its secrets and the transports together: what every face calls."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harbor_wizard import certificates, keeping
from harbor_wizard.engine.events import Sink
from harbor_wizard.engine.runner import Connect, Runner, Settings
from harbor_wizard.errors import InputError, SecretsError
from harbor_wizard.files import write_atomically
from harbor_wizard.journal import Journal
from harbor_wizard.language import tr
from harbor_wizard.lock import Lock
from harbor_wizard.model.cluster import Cluster, GcsStorage, Host, S3Storage
from harbor_wizard.plan import Plan
from harbor_wizard.secrets import (
    CA_CERTIFICATE,
    CA_KEY,
    PASSPHRASE,
    TLS_CERTIFICATE,
    TLS_KEY,
    SecretValues,
    draw,
    missing,
)
from harbor_wizard.session import Session
from harbor_wizard.step import Command
from harbor_wizard.transport.base import Transport

if TYPE_CHECKING:  # paramiko is slow to import, and a rehearsal needs none
    from harbor_wizard.transport.hostkeys import Accept

# Asks the operator for a secret by its name; None where nobody can be asked.
Ask = Callable[[str], str] | None


def needed_secrets(plan: Plan) -> list[str]:
    """Return the names of all secrets that a run of the plan needs, in the order of use."""
    names: dict[str, None] = dict.fromkeys(_login_secrets(plan.cluster))
    for step in plan.steps:
        for command in (step.check, step.apply, step.verify):
            if isinstance(command, Command):
                texts = (command.script, command.input)
                names.update({h.name: None for text in texts if text for h in text.holes})
    # These are read from the operator's files, not given as secrets.
    return [name for name in names if name not in files(plan.cluster)]


def _login_secrets(cluster: Cluster) -> list[str]:
    """Return the names of the secrets that logins need."""
    accesses = [cluster.reached_by(host) for host in cluster.hosts]
    return list(dict.fromkeys(
        reference.removeprefix("secret:") for access in accesses
        for reference in (access.password, access.sudo_password) if reference is not None
    ))  # fmt: skip


def _service_secrets(cluster: Cluster) -> list[str]:
    """Return the names of the secrets that services are looked at with."""
    database, redis, storage = cluster.database, cluster.redis, cluster.storage
    references = [
        database.password if database else None,
        database.admin_password if database and database.admin else None,
        redis.password if redis else None,
    ]
    if isinstance(storage, S3Storage):
        references += [storage.access_key, storage.secret_key]
    return [one.removeprefix("secret:") for one in references if one is not None]


def files(cluster: Cluster) -> dict[str, str]:
    """Return the holes that are filled from files of the operator's, with their paths."""
    tls = cluster.tls
    found: dict[str, str | None] = {}
    if tls.issuer == "operator":  # else they come from the store, as other secrets do
        found = {TLS_CERTIFICATE: tls.certificate, TLS_KEY: tls.key, CA_CERTIFICATE: tls.ca}
    if isinstance(cluster.storage, GcsStorage):
        found["storage_key"] = cluster.storage.key_file
    if cluster.database is not None:
        found["database_schema"] = cluster.database.schema_file
    return {name: path for name, path in found.items() if path is not None}


def precheck(session: Session, cluster: Cluster) -> list[str]:
    """Look at what the operator gave before anything is done; return what to warn of.

    Raises `InputError` with a sentence for each mistake that no run can go on with.
    """
    found = certificates.problems(cluster, session.folder)
    wrong = [one.sentence for one in found if one.severity is certificates.Severity.ERROR]
    if wrong:
        raise InputError("\n".join(wrong))
    return [one.sentence for one in found]


def open_secrets(
    session: Session, plan: Plan, given: Mapping[str, str], ask: Ask, *, rehearsal: bool = False
) -> SecretValues:
    """Return the values for a run: given, kept, asked for, or drawn; what is new is kept.

    What is kept is encrypted under the passphrase, which is `given` or asked for. Raises
    `SecretsError` that names all that is missing, and `InputError` where `precheck` does. A
    rehearsal needs none and keeps none.
    """
    precheck(session, plan.cluster)
    names = needed_secrets(plan)
    local = {name: session.local(path) for name, path in files(plan.cluster).items()}
    if rehearsal:
        return SecretValues({name: f"rehearsed {name}" for name in names}, local)
    passphrase = keeping.passphrase(session, given, ask)
    kept = keeping.kept(session, passphrase)
    wanted = {*names, CA_KEY} if plan.cluster.tls.issuer == "wizard" else set(names)
    values = {**kept, **{name: value for name, value in given.items() if name in wanted}}
    if passphrase is not None:
        # What nobody keeps is not drawn: the next run would draw another one.
        values.update(draw(names, values, plan.cluster.issued_names()))
    lacking = [name for name in names if name not in values]
    if lacking and ask is None:
        raise SecretsError(missing(lacking))
    for name in lacking:
        values[name] = ask(name) if ask else ""
    _refuse_unfit(values)
    if values != kept and passphrase is not None:
        session.store.write(values, passphrase)
    if plan.cluster.tls.issuer == "wizard" and CA_CERTIFICATE in values:
        # For people and clients: what the CA signed is trusted with it.
        write_atomically(session.ca_file, values[CA_CERTIFICATE].encode(), mode=0o644)
    # What signs certificates never leaves this machine: no hole is ever filled with it.
    return SecretValues({name: v for name, v in values.items() if name != CA_KEY}, local)


def _refuse_unfit(values: Mapping[str, str]) -> None:
    """Raise `SecretsError` for a value that no configuration file could hold on one line."""
    unfit = [
        name for name, value in values.items()
        if "-----BEGIN " not in value
        and any(unicodedata.category(one) in ("Cc", "Zl", "Zp") for one in value)
    ]  # fmt: skip
    if unfit:
        raise SecretsError(
            tr("{names} cannot be used: there is a line break or another control character in it; "
               "give a secret of one line", names=", ".join(unfit))
        )  # fmt: skip


def values_for_looking(
    session: Session, plan: Plan, given: Mapping[str, str], ask: Ask
) -> SecretValues:
    """Return the secrets that are here, for a look: given, or kept. Nothing is drawn or written.

    What a login needs is asked for. The passphrase is, too, where something is kept; a look goes
    on without what it would open where nobody can be asked. Raises `SecretsError`.
    """
    values, logins = dict(given), _login_secrets(plan.cluster)
    wanted = {*logins, *_service_secrets(plan.cluster)}
    lacking = [name for name in logins if name not in values]
    if session.store.exists and wanted - values.keys():
        opener = None
        if lacking or ask is not None or PASSPHRASE in given or not _is_typed(session):
            opener = keeping.passphrase(session, given, ask)
        values = {**keeping.kept(session, opener), **values}
        lacking = [name for name in logins if name not in values]
    if lacking and ask is None:
        raise SecretsError(missing(lacking))
    for name in lacking:
        values[name] = ask(name) if ask else ""
    return SecretValues({name: v for name, v in values.items() if name != CA_KEY}, {})


def _is_typed(session: Session) -> bool:
    """Say whether the passphrase is one that the operator types."""
    return keeping.keeping(session) is keeping.Keeping.PASSPHRASE


def ssh_connector(
    session: Session, cluster: Cluster, values: SecretValues, accept: Accept
) -> Connect:
    """Return what makes a host's SSH transport. `accept` is asked about unknown host keys."""
    from harbor_wizard.transport.hostkeys import KnownHosts  # noqa: PLC0415 - Fabric is slow
    from harbor_wizard.transport.ssh import SSHTransport  # noqa: PLC0415

    known = KnownHosts(session.path / "known_hosts", accept)

    def secret(reference: str) -> str:
        return values.value(reference.removeprefix("secret:"))

    def connect(host: Host) -> Transport:
        return SSHTransport(host, cluster.reached_by(host), known, secret)

    return connect


def rehearsal_connector(session: Session, speed: float = 1.0) -> Connect:
    """Return what makes a host's simulation."""
    from harbor_wizard.transport.rehearsal import RehearsalTransport  # noqa: PLC0415

    folder = session.path / "rehearsal"

    def connect(host: Host) -> Transport:
        return RehearsalTransport(host, folder, speed)

    return connect


def journal_file(session: Session, *, rehearsal: bool) -> Path:
    """Return the journal of a session's runs, or of its rehearsals."""
    return session.path / "rehearsal.jsonl" if rehearsal else session.journal_file


@contextmanager
def runner(
    session: Session, plan: Plan, values: SecretValues, connect: Connect, sink: Sink,
    settings: Settings,
) -> Iterator[Runner]:  # fmt: skip
    """Yield a runner, with the session's lock held and its journal open.

    Raises `LockedError` where another run of the session is under way.
    """
    session.logs.mkdir(exist_ok=True)
    journal_path = journal_file(session, rehearsal=settings.rehearsal)
    with Lock(session.lock_file), Journal(journal_path) as journal:
        yield Runner(
            plan, session.id, values, values.masker(), connect, journal, session.logs,
            session.local, sink, settings,
        )  # fmt: skip
