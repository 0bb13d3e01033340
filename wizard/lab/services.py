"""What stands beside a cluster: PostgreSQL and Redis, on the services host."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_wizard.lab.host import LabHost
from harbor_wizard.lab.layout import NETWORK

# PostgreSQL is asked again and again: it comes up after the host's sshd does. The base was made
# without a locale, so the encoding that Harbor wants is named.
_SETUP = """
set -eu
cd /
conf=$(echo /etc/postgresql/*/main)
echo "listen_addresses = '*'" > "$conf/conf.d/lab.conf"
grep -q '@NETWORK@' "$conf/pg_hba.conf" ||
    echo "host all all @NETWORK@ scram-sha-256" >> "$conf/pg_hba.conf"
systemctl restart postgresql
i=0
until runuser -u postgres -- psql -qc 'SELECT 1' >/dev/null 2>&1; do
    i=$((i + 1)); [ $i -lt 60 ] || exit 1; sleep 0.5
done
runuser -u postgres -- psql -q -v ON_ERROR_STOP=1 <<'SQL'
DROP DATABASE IF EXISTS registry;
DROP ROLE IF EXISTS harbor;
DROP ROLE IF EXISTS labadmin;
CREATE ROLE harbor LOGIN PASSWORD '@DATABASE@';
CREATE ROLE labadmin LOGIN CREATEDB CREATEROLE PASSWORD '@ADMIN@';
CREATE DATABASE registry OWNER harbor TEMPLATE template0 ENCODING 'UTF8'
    LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8';
SQL
sed -i -e 's/^bind .*/bind 0.0.0.0/' -e '/^requirepass/d' /etc/redis/redis.conf
echo 'requirepass @REDIS@' >> /etc/redis/redis.conf
systemctl restart redis-server
touch /var/lib/lab-services
"""


def set_up(host: LabHost, secrets: Mapping[str, str]) -> None:
    """Give the services host the lab's database and passwords, once. Raises `LabError`."""
    if (host.root / "var/lib/lab-services").exists():
        return
    setup = _SETUP
    for hole, value in (
        ("@NETWORK@", NETWORK),
        ("@DATABASE@", secrets["database_password"]),
        ("@ADMIN@", secrets["database_admin_password"]),
        ("@REDIS@", secrets["redis_password"]),
    ):
        setup = setup.replace(hole, value)
    host.run(["/bin/sh"], input=setup, timeout=120)
