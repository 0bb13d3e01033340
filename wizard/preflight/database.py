"""Checks of PostgreSQL, as each node sees it with the account that Harbor will use."""

from __future__ import annotations

from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Database, Role
from harbor_wizard.preflight.check import Seen, Verdict, well
from harbor_wizard.preflight.finding import Level
from harbor_wizard.preflight.postgres import NOT_IN, NOT_THERE
from harbor_wizard.preflight.unlooked import unlooked
from harbor_wizard.releases import find


def _used(at: Seen) -> Database | None:
    """Return the database that this host will use; None where that is not PostgreSQL."""
    if Role.HARBOR not in at.host.roles or find(at.cluster.release).uses_mariadb:
        return None
    return at.cluster.database


def login(at: Seen) -> Verdict | None:
    """The account gets in, speaking TLS or not as the cluster file says."""
    used = _used(at)
    if used is None:
        return None
    wanted = tr("{user} gets in, ssl_mode {mode}", user=used.user, mode=used.ssl_mode)
    port = at.cluster.database_port
    why = at.facts.one("db_unlooked")
    if why == "silent" and f"{used.host} {port}" not in at.facts.all("reaches"):
        return None  # that is another look's
    if why:
        return unlooked(why, wanted)
    refused = at.facts.one("db_admin_refused")
    if refused:
        return _refused(refused, str(used.admin), wanted, "secret:database_admin_password")
    refused = at.facts.one("db_refused")
    missing = at.facts.one("db_admin_unlooked")
    if refused and missing and refused.split()[1:2] in ([NOT_THERE], *([one] for one in NOT_IN)):
        return unlooked(f"secret {missing}", wanted)  # the administrator may be about to make it
    if refused:
        return _refused(refused, used.user, wanted, used.password)
    spoken = at.facts.one("db_tls")
    tls = tr("no TLS") if spoken in ("", "none") else spoken
    to_make = at.facts.one("db_user_to_make")
    if to_make:
        seen = tr("{admin} gets in, {tls}; {user} is not there yet, it will be made",
                  admin=used.admin, tls=tls, user=to_make)  # fmt: skip
        return well(seen, tls, wanted)
    into = at.facts.all("db_login")
    if not into and not at.facts.all("db_to_make"):
        return unlooked("", wanted) if at.facts.all("db_wanted") else None
    return well(tr("{user} gets in, {tls}", user=used.user, tls=tls), tls, wanted)


def _refused(refused: str, user: str, wanted: str, reference: str) -> Verdict:
    name, _, rest = refused.partition(" ")
    code, _, message = rest.partition(" ")
    values = {"user": user, "name": name, "message": message or code}
    if code in NOT_IN:
        return Verdict(
            Level.FAILED, tr("{user} is refused: {message}", **values), tr("refused"), wanted,
            tr("correct the user or {reference}, and look that pg_hba.conf lets this host in",
               reference=reference),
        )  # fmt: skip
    if code == NOT_THERE:
        return Verdict(
            Level.FAILED, tr("the database {name} is not there", **values),
            tr("no {name}", **values), wanted,
            tr("create it: CREATE DATABASE \"{name}\" OWNER \"{user}\" ENCODING 'UTF8' "
                       "TEMPLATE template0; or give an account that may, as database.admin",
                       **values),
        )  # fmt: skip
    if code == "certificate":
        return Verdict(
            Level.WARNING,
            tr("its certificate is not trusted on this machine: {message}", **values), "TLS",
            wanted, tr("give its CA as tls.ca, or choose the ssl_mode require"),
        )  # fmt: skip
    if code == "protocol":
        return Verdict(
            Level.FAILED, tr("it does not speak as asked: {message}", **values), tr("no"), wanted,
            tr("choose another database.ssl_mode, or have TLS turned on there (ssl = on)"),
        )  # fmt: skip
    if code == "unreadable":
        return Verdict(
            Level.FAILED, tr("what answers there does not speak as PostgreSQL does ({message})",
                             **values),
            tr("no answer"), wanted, tr("check database.host and its port, and that it is not "
                                        "hanging"),
        )  # fmt: skip
    return Verdict(
        Level.FAILED, tr("{name}: {message} ({code})", code=code, **values), code, wanted,
        tr("look for that in PostgreSQL's log"),
    )  # fmt: skip


def version(at: Seen) -> Verdict | None:
    """PostgreSQL is new enough for the release."""
    said = at.facts.one("db_version")
    if _used(at) is None or not said:
        return None
    least = find(at.cluster.release).database_minimum
    wanted = tr("PostgreSQL {least} or later", least=least)
    number = said.partition(" ")[0]
    major = number.partition(".")[0]
    if not (major.isascii() and major.isdigit()):
        return Verdict(Level.UNKNOWN, said, "?", wanted, tr("look there: SHOW server_version"))
    if int(major) < least:
        return Verdict(Level.FAILED, said, number, wanted, tr("update PostgreSQL"))
    return well(said, number, wanted)


def encoding(at: Seen) -> Verdict | None:
    """The databases are in UTF8."""
    found = [one.split(" ", 1) for one in at.facts.all("db_encoding") if " " in one]
    if _used(at) is None or not found:
        return None
    for name, kind in found:
        if kind != "UTF8":
            return Verdict(
                Level.FAILED, tr("{name} is in {encoding}", name=name, encoding=kind), kind, "UTF8",
                tr("drop {name} if it is empty, and create it with ENCODING 'UTF8' TEMPLATE "
                   "template0", name=name),
            )  # fmt: skip
    return well(tr("{names}: UTF8", names=", ".join(name for name, _ in found)), "UTF8", "UTF8")


def rights(at: Seen) -> Verdict | None:
    """The account may make tables; the administrator may make what is not there yet."""
    used = _used(at)
    if used is None:
        return None
    found = [one.split(" ", 2) for one in at.facts.all("db_rights") if one.count(" ") >= 2]
    admin = at.facts.one("db_admin").split()
    if not found and len(admin) != 2:
        return None
    wanted = tr("{user} owns it, or may CREATE in its schema public", user=used.user)
    if at.facts.one("db_replica") == "yes":
        return Verdict(
            Level.FAILED, tr("it is a replica that can only be read: Harbor's core does not start"),
            tr("replica"), tr("a PostgreSQL that can be written to"),
            tr("give the address of the primary as database.host"),
        )  # fmt: skip
    for name, creates, owner in found:
        if creates != "yes":
            return Verdict(
                Level.FAILED, tr("{user} may not make tables in {name}, which {owner} owns",
                                 user=used.user, name=name, owner=owner),
                tr("no CREATE"), wanted,
                tr('ALTER DATABASE "{name}" OWNER TO "{user}"', name=name, user=used.user),
            )  # fmt: skip
    to_make, users = at.facts.all("db_to_make"), at.facts.all("db_user_to_make")
    made = ", ".join([*to_make, *users])
    if len(admin) == 2 and made:
        lacking = [word for word, have, needed in (
            ("CREATEDB", admin[0] == "createdb", to_make),
            ("CREATEROLE", admin[1] == "createrole", users),
        ) if needed and not have]  # fmt: skip
        if lacking:
            names = " ".join(lacking)
            return Verdict(
                Level.FAILED, tr("{admin} lacks {rights}, and {what} has to be made",
                                 admin=used.admin, rights=names, what=made),
                lacking[0], tr("{admin} may create databases and users", admin=used.admin),
                tr('ALTER ROLE "{admin}" {rights}', admin=used.admin, rights=names),
            )  # fmt: skip
        return well(tr("{admin} may make {what}", admin=used.admin, what=made), tr("will be made"),
                    wanted)  # fmt: skip
    owners = ", ".join(dict.fromkeys(owner for _, _, owner in found))
    seen = tr("{user} may make tables (owner: {owner})", user=used.user, owner=owners or "-")
    return well(seen, tr("may create"), wanted)


def tables(at: Seen) -> Verdict | None:
    """The databases are empty, or have the tables of an earlier run of ours."""
    found = [one.split(" ") for one in at.facts.all("db_tables") if one.count(" ") == 2]
    if _used(at) is None or not found:
        return None
    wanted = tr("empty, or of this Harbor")
    full = [(name, kind, number) for name, kind, number in found if kind != "none"]
    if not full:
        return well(tr("empty"), tr("empty"), wanted)
    said = ", ".join(tr("{name} has {number} tables", name=name, number=number)
                     for name, _, number in full)  # fmt: skip
    if all(kind == "harbor" for _, kind, _ in full):
        if at.facts.one("known") == "yes":
            return well(tr("{tables}, of an earlier run", tables=said), tr("ours"), wanted)
        return Verdict(
            Level.WARNING, tr("{tables}: those of an earlier Harbor", tables=said), tr("a Harbor"),
            wanted, tr("accept it to go on with its data, which the first node then migrates: keep "
                       "a dump, and give its secretkey; or name an empty database"),
        )  # fmt: skip
    return Verdict(
        Level.WARNING, tr("{tables}: those of something else", tables=said), tr("in use"), wanted,
        tr("name an empty database, or accept that Harbor's tables stand beside them"),
    )  # fmt: skip
