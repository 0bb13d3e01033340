"""Asks PostgreSQL, from a node, what Harbor wants to find there; `database` says what it means.

The protocol is spoken by pg8000: pure Python, kept well, and it takes a socket that is there. What
is asked is read only.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from harbor_wizard.components.database import names
from harbor_wizard.errors import ConnectionLost, NotAnswering, NotForwarded
from harbor_wizard.files import at
from harbor_wizard.model.cluster import Cluster, Database
from harbor_wizard.preflight.dialling import Answers, Line, value_of
from harbor_wizard.releases import find
from harbor_wizard.secrets import SecretValues
from harbor_wizard.transport.base import Transport

if TYPE_CHECKING:
    from pg8000.native import Connection

# What PostgreSQL calls it (appendix A of its manual): who may not in, and what is not there.
NOT_IN = ("28P01", "28000")
NOT_THERE = "3D000"

T = TypeVar("T")

_ABOUT = """
SELECT current_setting('server_version'), pg_is_in_recovery(),
  pg_encoding_to_char(encoding), pg_get_userbyid(datdba),
  coalesce(has_schema_privilege('public', 'CREATE'), false)
FROM pg_database WHERE datname = current_database()
"""
_TABLES = """
SELECT count(*), coalesce(bool_or(tablename = 'schema_migrations'), false),
  coalesce(bool_or(tablename IN ('harbor_user', 'project', 'properties')), false)
FROM pg_tables WHERE schemaname = 'public'
"""
_ADMIN = """
SELECT rolsuper OR rolcreatedb, rolsuper OR rolcreaterole FROM pg_roles
WHERE rolname = current_user
"""


def ask(cluster: Cluster, transport: Transport, values: SecretValues) -> str:
    """Return what PostgreSQL says to a node: lines for `Facts`; nothing where it has no part."""
    database, answers = cluster.database, Answers()
    if database is None or find(cluster.release).uses_mariadb:
        return ""
    password = value_of(values, database.password)
    if password is None:
        answers.say("db_unlooked", "secret", database.password.removeprefix("secret:"))
        return answers.text
    try:
        with Line(transport) as line:
            _Asking(cluster, database, line, answers).all(
                password, value_of(values, database.admin_password) if database.admin else None
            )
    except NotForwarded:
        answers.say("db_unlooked", "forwarding")
    except NotAnswering:
        answers.say("db_unlooked", "silent")
    except ConnectionLost as lost:
        answers.say("db_unlooked", "lost", lost)
    return answers.text


class _Asking:
    """One node's questions to PostgreSQL."""

    def __init__(
        self, cluster: Cluster, database: Database, line: Line, answers: Answers
    ) -> None:
        self._cluster, self._database = cluster, database
        self._line, self._say = line, answers.say
        self._refusal = ""

    def all(self, password: str, admin_password: str | None) -> None:
        """Ask for all databases of the release; a login that is refused is tried once."""
        wanted = names(self._cluster, self._database)
        there, user_there = list(wanted), True
        if self._database.admin is not None:
            if admin_password is None:
                self._say("db_admin_unlooked",
                          self._database.admin_password.removeprefix("secret:"))  # fmt: skip
            elif (found := self._admin(admin_password, wanted)) is not None:
                there, user_there = found
        self._say("db_wanted", *wanted)
        if not user_there:
            return  # it will be made, with this password
        for name in there:
            refused = self._look_into(name, password)
            if refused in NOT_IN:
                break
        if not there:  # its password is known there, and has to be this one
            self._in(self._database.user, "postgres", password, "db_refused", lambda _: None,
                     only=NOT_IN[:1])  # fmt: skip

    def _admin(self, password: str, wanted: tuple[str, ...]) -> tuple[list[str], bool] | None:
        """Look what the administrator may; return the databases that are there, and if the user is.

        None where it does not get in.
        """
        user = self._database.user

        def look(on: Connection) -> tuple[list[str], bool]:
            ((databases, roles),) = on.run(_ADMIN)
            rows = on.run("SELECT datname FROM pg_database WHERE datname = ANY(:names)",
                          names=list(wanted))  # fmt: skip
            there = [str(name) for (name,) in rows]
            ((users,),) = on.run("SELECT count(*) FROM pg_roles WHERE rolname = :name", name=user)
            self._about(on)
            self._say("db_admin", "createdb" if databases else "-", "createrole" if roles else "-")
            for name in wanted:
                if name not in there:
                    self._say("db_to_make", name)
            if not users:
                self._say("db_user_to_make", user)
            return [name for name in wanted if name in there], bool(users)

        return self._in(str(self._database.admin), "postgres", password, "db_admin_refused", look)

    def _look_into(self, name: str, password: str) -> str:
        """Look into one database as its user; return the code of a refusal."""

        def look(on: Connection) -> None:
            encoding, owner, creates = self._about(on)
            ((count, migrated, harbors),) = on.run(_TABLES)
            kind = "harbor" if migrated and harbors else "other"
            self._say("db_encoding", name, encoding)
            self._say("db_rights", name, "yes" if creates else "no", owner)
            self._say("db_tables", name, kind if count else "none", count)
            self._say("db_login", name)

        self._refusal = ""
        self._in(self._database.user, name, password, "db_refused", look)
        return self._refusal

    def _about(self, on: Connection) -> tuple[str, str, bool]:
        ((version, replica, encoding, owner, creates),) = on.run(_ABOUT)
        self._say("db_version", version)
        self._say("db_replica", "yes" if replica else "no")
        # There is no other way to see what was agreed.
        spoken = on._usock
        self._say("db_tls", spoken.version() if isinstance(spoken, ssl.SSLSocket) else "none")
        return str(encoding), str(owner), bool(creates)

    def _in(
        self, user: str, name: str, password: str, refused: str,
        look: Callable[[Connection], T], only: tuple[str, ...] = (),
    ) -> T | None:  # fmt: skip
        """Look by a login; None where it is refused or breaks, which is said as a fact.

        `only` are the refusals that are of interest; all where there are none.
        """
        from pg8000.exceptions import DatabaseError, InterfaceError  # noqa: PLC0415 - seldom needed
        from pg8000.native import Connection  # noqa: PLC0415

        socket = self._line.dial(self._database.host, self._cluster.database_port)
        try:
            on = Connection(
                user, host=self._database.host, database=name, password=password, sock=socket,
                ssl_context=self._tls(), application_name="harbor-wizard check",
            )  # fmt: skip
            on.run("START TRANSACTION READ ONLY")
            found = look(on)
            on.close()
        except DatabaseError as error:
            about = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
            self._refusal = str(about.get("C", "-"))
            if not only or self._refusal in only:
                self._say(refused, name, self._refusal, about.get("M", ""))
        except ssl.SSLCertVerificationError as error:
            self._say(refused, name, "certificate", error.verify_message)
        except InterfaceError as error:
            self._say(refused, name, "protocol", error)
        except Exception as error:  # what answers there is not trusted to be a database
            self._say(refused, name, "unreadable", type(error).__name__)
        else:
            return found
        finally:
            socket.close()
        return None

    def _tls(self) -> Any:
        """Return how TLS is spoken: as the mode says that Harbor will."""
        mode = self._database.ssl_mode
        if mode == "disable":
            return False
        context = ssl.create_default_context()
        context.check_hostname = mode == "verify-full"
        if mode == "require":
            context.verify_mode = ssl.CERT_NONE
        elif self._cluster.tls.issuer == "operator" and self._cluster.tls.ca:
            # Harbor's containers are given this CA, too.
            with contextlib.suppress(OSError, ssl.SSLError):
                context.load_verify_locations(str(at(self._cluster.tls.ca)))
        return context
