"""The databases in an existing PostgreSQL or MariaDB, made where an account is given that may."""

from __future__ import annotations

from collections.abc import Iterator

from harbor_wizard import kept
from harbor_wizard.components.packages import install
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Database, Host
from harbor_wizard.releases import find
from harbor_wizard.secrets import file_hole, reference
from harbor_wizard.step import Step, command, quote
from harbor_wizard.text import Text

# Reads passwords from standard input, one per line, and hands them to psql in a file: psql takes
# them from no other place that is not an argument or the environment. The file is gone at the end.
_PSQL = """
umask 077
passwords=$(mktemp)
trap 'rm -f "$passwords"' EXIT
pg() {
  as=$1 in=$2
  shift 2
  PGPASSFILE=$passwords PGCONNECT_TIMEOUT=10 PGSSLMODE=@SSL@ \\
    psql -h @HOST@ -p @PORT@ -U "$as" -d "$in" -v ON_ERROR_STOP=1 -qAtX "$@"
}
escaped() { printf '%s' "$1" | sed 's/[\\\\:]/\\\\&/g'; }
IFS= read -r password
IFS= read -r admin_password
{
  printf '*:*:*:%s:%s\\n' @USER@ "$(escaped "$password")"
  printf '*:*:*:%s:%s\\n' @ADMIN@ "$(escaped "$admin_password")"
} > "$passwords"
"""


def steps(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the steps that make what the release needs, from one node; none without an account."""
    database = cluster.database
    if database is None or database.admin is None or find(cluster.release).uses_mariadb:
        return  # the user of 1.5's MariaDB is root, and its schema makes the database
    yield from _postgresql(cluster, host, database)


def _sent(database: Database) -> Text:
    return Text((reference(database.password), "\n", reference(database.admin_password), "\n"))


def names(cluster: Cluster, database: Database) -> tuple[str, ...]:
    """Return the databases that the release wants to find."""
    first, *others = find(cluster.release).databases
    return (database.name if first == "registry" else first, *others)


def _postgresql(cluster: Cluster, host: Host, database: Database) -> Iterator[Step]:
    yield install(cluster, host, "postgresql-client", why=tr("the databases are made with it"),
                  present="psql --version")  # fmt: skip
    prelude = (
        _PSQL.replace("@HOST@", quote(database.host))
        .replace("@PORT@", str(cluster.database_port))
        .replace("@SSL@", database.ssl_mode)
        .replace("@USER@", quote(database.user))
        .replace("@ADMIN@", quote(str(database.admin)))
    )
    user, wanted = database.user, names(cluster, database)
    listed = " ".join(quote(name) for name in wanted)
    known = f"SELECT count(*) FROM pg_roles WHERE rolname = '{user}'"  # noqa: S608 - a word
    # The user owns the databases: from PostgreSQL 15 on only the owner may create in "public".
    yield command(
        host.name, "database/create",
        tr("databases {names} of user {user}", names=", ".join(wanted), user=user),
        tr("Harbor makes its tables by itself, in a database that has to be there"),
        sent=_sent(database),
        check=f"""{prelude}
for name in {listed}; do pg {quote(user)} "$name" -c 'SELECT 1' >/dev/null; done
""",
        apply=f"""{prelude}
admin() {{ pg {quote(str(database.admin))} postgres "$@"; }}
if [ "$(admin -c {quote(known)})" = 0 ]; then
  # The statement is read from standard input: a password is never an argument.
  quoted=$(printf '%s' "$password" | sed "s/'/''/g")
  printf 'CREATE ROLE "%s" LOGIN PASSWORD '"'%s'"';\\n' {quote(user)} "$quoted" | admin
fi
for name in {listed}; do
  if [ "$(admin -c "SELECT count(*) FROM pg_database WHERE datname = '$name'")" = 0 ]; then
    # An administrator who is no superuser has to be a member of the role that will own it.
    admin -c {quote(f'GRANT "{user}" TO CURRENT_USER')} 2>/dev/null || true
    admin -c "CREATE DATABASE \\"$name\\" OWNER \\"{user}\\" ENCODING 'UTF8' TEMPLATE template0"
  fi
done
""",  # noqa: S608 - names are words: no quote can be in them
        remember=f"""{prelude}
admin() {{ pg {quote(str(database.admin))} postgres "$@"; }}
""" + kept.once("database", f"""
  for name in {listed}; do
    if [ "$(admin -c "SELECT count(*) FROM pg_database WHERE datname = '$name'")" = 0 ]; then
      echo "$name" >> "$k.new/databases"
    fi
  done
  if [ "$(admin -c {quote(known)})" = 0 ]; then touch "$k.new/role"; fi
"""),  # noqa: S608 - names are words
        undo_data=f"""
if ! command -v psql >/dev/null; then
  echo {quote(f"psql is not here any more; drop the databases {', '.join(wanted)} and the role "
              f"{user} at {database.host} as {database.admin}, if they are not wanted")} >&2
  exit 1
fi
{prelude}
admin() {{ pg {quote(str(database.admin))} postgres "$@" </dev/null; }}
""" + kept.back("database", f"""
  if [ -f "$k/databases" ]; then
    while IFS= read -r name; do admin -c "DROP DATABASE IF EXISTS \\"$name\\""; done \\
      < "$k/databases"
  fi
  if [ -e "$k/role" ]; then admin -c {quote(f'DROP ROLE IF EXISTS "{user}"')}; fi
"""),
        undone=tr("the databases and the user that it made are dropped: they are data"),
    )  # fmt: skip


def schema(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the load of Harbor 1.5's schema into its MariaDB, which Harbor does not do itself.

    The file is that of the release's sources, and makes the database `registry`.
    """
    database = cluster.used_database
    if database is None or not find(cluster.release).uses_mariadb:
        return
    yield install(cluster, host, "mariadb-client", why=tr("the schema is loaded with it"),
                  present="command -v mysql || command -v mariadb")  # fmt: skip
    path = database.schema_file or (cluster.database.schema_file if cluster.database else None)
    content = file_hole("database_schema", str(path))
    yield command(
        host.name, "database/schema", tr("load the schema of Harbor's database"),
        tr("Harbor 1.5 expects its tables, and does not make them"),
        sent=Text((reference(database.password), "\n", content)),
        check=f"""{_mysql(cluster, database)}
cat >/dev/null
client -N -e 'SELECT count(*) FROM registry.project' >/dev/null
""",  # noqa: S608 - a constant
        apply=f"""{_mysql(cluster, database)}
client
""",
        timeout=300,
        undone=tr("the tables stay: they are in your database, and hold Harbor's data"),
    )  # fmt: skip


def _mysql(cluster: Cluster, database: Database) -> str:
    return f"""
umask 077
login=$(mktemp)
trap 'rm -f "$login"' EXIT
IFS= read -r password
{{
  printf '[client]\\nhost=%s\\nport=%s\\nuser=%s\\n' {quote(database.host)} \\
    {cluster.database_port} {quote(database.user)}
  printf 'password="%s"\\n' "$(printf '%s' "$password" | sed 's/[\\\\"]/\\\\&/g')"
}} > "$login"
client() {{
  if command -v mariadb >/dev/null; then mariadb --defaults-extra-file="$login" "$@"
  else mysql --defaults-extra-file="$login" "$@"; fi
}}
"""
