"""The database that a Harbor of one node brings along: made when there is none, then served."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

DATA = Path(os.environ.get("PGDATA", "/var/lib/postgresql/data/pgdata"))
NAME = "registry"


def binaries():
    """Return the folder of PostgreSQL's programs, of the newest version there is."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: int(one.parent.name))
    if not found:
        sys.exit("PostgreSQL is not here")
    return found[-1]


def make(programs):
    """Make the cluster beside its place, so that a broken start leaves nothing half made there."""
    password = os.environ.get("POSTGRES_PASSWORD")
    if not password:
        sys.exit("POSTGRES_PASSWORD is not set")
    part = DATA.with_name(DATA.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    file = DATA.with_name("password")
    file.touch(0o600)
    file.write_text(password + "\n")
    try:
        subprocess.run([programs / "initdb", "-D", part, "-U", "postgres", f"--pwfile={file}", "-E", "UTF8",
                        "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256"], check=True)  # fmt: skip
    finally:
        file.unlink()
    with (part / "pg_hba.conf").open("a") as stream:
        stream.write("host all all all scram-sha-256\n")
    subprocess.run([programs / "postgres", "--single", "-D", part, "postgres"], check=True,
                   input=f"CREATE DATABASE {NAME};\n", text=True)  # fmt: skip
    part.rename(DATA)


if __name__ == "__main__":
    programs = binaries()
    if not (DATA / "PG_VERSION").exists():
        make(programs)
    sockets = os.environ.get("STANDIN_SOCKETS", "/run/postgresql,/tmp")
    os.execv(programs / "postgres", [
        "postgres", "-D", str(DATA), "-c", "listen_addresses=*", "-c", "max_connections=1024", "-c", "jit=off",
        "-c", f"unix_socket_directories={sockets}", *sys.argv[1:],
    ])  # fmt: skip
