"""The database: its connections, its schema, and what is asked of it."""

import os
import queue
import sys
import time
from contextlib import contextmanager

import psycopg2
import psycopg2.extras

from standin import passwords, releases

E = os.environ
_idle = queue.LifoQueue(10)

SCHEMA = """
CREATE TABLE harbor_user (user_id serial PRIMARY KEY, username text UNIQUE, email text UNIQUE,
  realname text, comment text, password text, sysadmin_flag boolean DEFAULT false,
  creation_time timestamptz DEFAULT now(), update_time timestamptz DEFAULT now());
CREATE TABLE project (project_id serial PRIMARY KEY, owner_id int, name text UNIQUE, public boolean,
  creation_time timestamptz DEFAULT now(), update_time timestamptz DEFAULT now());
CREATE TABLE project_member (id serial PRIMARY KEY, project_id int REFERENCES project ON DELETE CASCADE,
  user_id int REFERENCES harbor_user ON DELETE CASCADE, role int, UNIQUE (project_id, user_id));
CREATE TABLE repository (repository_id serial PRIMARY KEY, name text UNIQUE,
  project_id int REFERENCES project, pull_count int DEFAULT 0,
  creation_time timestamptz DEFAULT now(), update_time timestamptz DEFAULT now());
CREATE TABLE artifact (id serial PRIMARY KEY, repository_id int REFERENCES repository ON DELETE CASCADE,
  digest text, media_type text, config_type text, size bigint, children jsonb DEFAULT '[]',
  push_time timestamptz DEFAULT now(), pull_time timestamptz, UNIQUE (repository_id, digest));
CREATE TABLE tag (id serial PRIMARY KEY, repository_id int REFERENCES repository ON DELETE CASCADE,
  artifact_id int REFERENCES artifact ON DELETE CASCADE, name text, push_time timestamptz DEFAULT now(),
  UNIQUE (repository_id, name));
CREATE TABLE robot (id serial PRIMARY KEY, name text UNIQUE, description text, secret text, level text,
  project_id int REFERENCES project ON DELETE CASCADE, duration int, expires_at bigint,
  disable boolean DEFAULT false, permissions jsonb,
  creation_time timestamptz DEFAULT now(), update_time timestamptz DEFAULT now());
CREATE TABLE registry (id serial PRIMARY KEY, name text UNIQUE, description text, type text, url text,
  insecure boolean, ca_certificate text, credential_type text, access_key text, access_secret text,
  creation_time timestamptz DEFAULT now(), update_time timestamptz DEFAULT now());
CREATE TABLE replication_policy (id serial PRIMARY KEY, name text UNIQUE, body jsonb,
  creation_time timestamptz DEFAULT now(), update_time timestamptz DEFAULT now());
CREATE TABLE execution (id serial PRIMARY KEY, vendor text, policy_id int, trigger text,
  status_text text DEFAULT '', parameters jsonb DEFAULT '{}', start_time timestamptz DEFAULT now());
CREATE TABLE task (id serial PRIMARY KEY, execution_id int REFERENCES execution ON DELETE CASCADE,
  job_id text, operation text, src_resource text, dst_resource text, status text DEFAULT 'Pending',
  log text DEFAULT '', start_time timestamptz DEFAULT now(), end_time timestamptz);
CREATE TABLE properties (k text PRIMARY KEY, v text);
"""


def connect():
    return psycopg2.connect(host=E["POSTGRESQL_HOST"], port=E["POSTGRESQL_PORT"], user=E["POSTGRESQL_USERNAME"],
                            password=E["POSTGRESQL_PASSWORD"], dbname=E["POSTGRESQL_DATABASE"],
                            sslmode=E.get("POSTGRESQL_SSLMODE") or "prefer",
                            connect_timeout=5, cursor_factory=psycopg2.extras.RealDictCursor)  # fmt: skip


@contextmanager
def transaction():
    """A cursor of a transaction, on a connection that is kept while it is good."""
    with _connection() as connection, connection, connection.cursor() as cursor:
        yield cursor


@contextmanager
def _connection():
    try:
        connection = _idle.get_nowait()
        # A server that went away meanwhile is noticed now, not in the middle of the work.
        with connection.cursor() as cursor:
            cursor.execute("SELECT NOT pg_is_in_recovery() AS good")
            if not cursor.fetchone()["good"]:
                raise psycopg2.OperationalError("it is a replica now")
        connection.rollback()
    except queue.Empty:
        connection = connect()
    except psycopg2.Error:
        connection.close()
        while not _idle.empty():
            _idle.get_nowait().close()
        connection = connect()
    try:
        yield connection
    except (psycopg2.OperationalError, psycopg2.InterfaceError):
        connection.close()
        raise
    finally:
        if not connection.closed:
            try:
                _idle.put_nowait(connection)
            except queue.Full:
                connection.close()


def query(text, values=()):
    """Run one statement and return its rows as dicts."""
    with transaction() as cursor:
        cursor.execute(text, values)
        return [dict(row) for row in cursor.fetchall()] if cursor.description else []


def first(text, values=()):
    rows = query(text, values)
    return rows[0] if rows else None


def json_of(value):
    return psycopg2.extras.Json(value)


def migrate():
    """Under a lock, as several nodes may start at once; slow enough to be seen."""
    wanted = releases.schema(E["TAG"])
    with transaction() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(4711)")
        cursor.execute("CREATE TABLE IF NOT EXISTS schema_migrations (version bigint PRIMARY KEY, dirty boolean)")
        cursor.execute("SELECT version FROM schema_migrations")
        found = cursor.fetchone()
        if found is None:
            time.sleep(2)
            cursor.execute(SCHEMA)
            cursor.execute("INSERT INTO harbor_user (username, email, realname, comment, password, sysadmin_flag)"
                           " VALUES ('admin', NULL, 'system admin', 'admin user', %s, true)",
                           (passwords.hashed(E["HARBOR_ADMIN_PASSWORD"]),))  # fmt: skip
            cursor.execute("INSERT INTO project (owner_id, name, public) VALUES (1, 'library', true)")
            cursor.execute("INSERT INTO project_member (project_id, user_id, role) VALUES (1, 1, 1)")
            cursor.execute("INSERT INTO schema_migrations VALUES (%s, false)", (wanted,))
        elif found["version"] > wanted:
            sys.exit(f"no migration found for version {found['version']}: file does not exist")
        elif found["version"] < wanted:
            print(f"migrating the database from {found['version']} to {wanted}", flush=True)
            time.sleep(2)
            cursor.execute("UPDATE schema_migrations SET version = %s", (wanted,))
