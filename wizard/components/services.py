"""PostgreSQL and Redis as containers on one host: for a proof of concept.

They are Harbor's own images, out of its own installer, so that nothing has to be fetched. One host
is a single point of failure, and that is said wherever it shows.
"""

from __future__ import annotations

from collections.abc import Iterator

from harbor_wizard import kept
from harbor_wizard.components import storage
from harbor_wizard.components.docker import COMPOSE, COMPOSE_UNIT
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.releases import find
from harbor_wizard.render import render
from harbor_wizard.secrets import reference
from harbor_wizard.step import Step, command, file, look, quote
from harbor_wizard.text import Text

HOME = "/opt/harbor-services"
UNIT = "harbor-services.service"


def steps(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the steps that bring them up, once Docker and the release's images are there."""
    database, redis, release = cluster.used_database, cluster.used_redis, find(cluster.release)
    if database is None or redis is None or redis.password is None:
        return
    head = f"# Written by harbor-wizard for the cluster {cluster.name}. It will be overwritten.\n"
    variable = "MYSQL_ROOT_PASSWORD" if release.uses_mariadb else "POSTGRES_PASSWORD"
    # The containers' own users read these: the database's and Redis' is 999.
    yield file(
        host.name, "services/database.env", f"{HOME}/database.env",
        Text((f"{head}{variable}=", reference(database.password), "\n")),
        tr("the image takes the first password of its superuser from there"), mode=0o600,
    )  # fmt: skip
    yield file(
        host.name, "services/redis.conf", f"{HOME}/redis.conf",
        Text((f"{head}bind 0.0.0.0\ndir /var/lib/redis\nappendonly yes\n"
              "maxmemory-policy noeviction\nrequirepass ", reference(redis.password), "\n")),
        tr("Redis asks for a password, and keeps its data"), mode=0o600, owner="999:999",
    )  # fmt: skip
    yield file(
        host.name, "services/compose", f"{HOME}/docker-compose.yml",
        render("services/docker-compose.yml", cluster=cluster, release=release,
               data=f"{cluster.data_volume}/services", database_port=cluster.database_port,
               redis_port=redis.port),
        tr("the database and Redis, for a proof of concept"),
    )  # fmt: skip
    yield file(
        host.name, "services/unit", f"/etc/systemd/system/{UNIT}",
        render("services/harbor-services.service", cluster=cluster, compose=COMPOSE_UNIT,
               home=HOME),
        tr("they come back after a reboot"),
    )  # fmt: skip
    data = quote(f"{cluster.data_volume}/services")
    stamp = f"{HOME}/.harbor-wizard-started"
    yield command(
        host.name, "services/up", tr("start the database and Redis"),
        tr("all nodes keep their state in them: this host is a single point of failure"),
        check=f"""
systemctl is-enabled --quiet {UNIT}
systemctl is-active --quiet {UNIT}
for path in docker-compose.yml database.env redis.conf; do [ {stamp} -nt {HOME}/$path ]; done
""",
        apply=f"""
mkdir -p {data}/database {data}/redis
chown 999:999 {data}/database {data}/redis
chmod 700 {data}/database
systemctl daemon-reload
systemctl enable {UNIT}
systemctl restart {UNIT}
cd {HOME}
{COMPOSE}
compose up -d --force-recreate
touch {stamp}
""",
        detached=True,
        remember=kept.remember_data(cluster.data_volume) + kept.remember_unit(UNIT),
        undo=f"""
rm -f {stamp}
{kept.restore_unit(UNIT)}
if [ -f {HOME}/docker-compose.yml ] && command -v docker >/dev/null; then
  cd {HOME}
  {COMPOSE.strip()}
  compose rm -sfv
  compose down
fi
""",
        undo_data=kept.remove_data(cluster.data_volume, storage.DATA),
        undone=tr("the containers are removed; what they keep on the data volume is data"),
    )  # fmt: skip
    database_port, redis_port = cluster.database_port, redis.port
    for port, title in (
        (database_port, tr("the database listens at port {port}", port=database_port)),
        (redis_port, tr("Redis listens at port {port}", port=redis_port)),
    ):
        yield look(
            host.name, f"services/port-{port}", title,
            tr("the nodes will find it there"),
            check=f"timeout 5 bash -c '</dev/tcp/{host.address}/{port}'", wait=60,
        )  # fmt: skip
