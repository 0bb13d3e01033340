"""Harbor itself: its installer, what its nodes share, its configuration, its containers."""

from __future__ import annotations

from collections.abc import Iterator

from harbor_wizard.components import probe, storage
from harbor_wizard.components.docker import COMPOSE, COMPOSE_UNIT
from harbor_wizard.model.cluster import Cluster, Host, S3Storage, TlsMode
from harbor_wizard.releases import find
from harbor_wizard.render import render
from harbor_wizard.secrets import file_hole, reference, secret
from harbor_wizard.step import Command, Step, Upload, command, file, look, quote, script
from harbor_wizard.text import Text

# Kept between runs of a cluster: what is uploaded, and when what was done with which input.
STATE = "/var/lib/harbor-wizard"

# The user that Harbor's containers run as.
CONTAINER_USER = "10000:10000"


def deliver(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the steps that bring the installer to a node and load its images."""
    release = find(cluster.release)
    where = f"{STATE}/{release.installer_name}"
    home = cluster.install_dir
    if cluster.installer.url:
        yield command(
            host.name, "harbor/installer", f"download {release.installer_name}",
            "the images of Harbor are in it; its checksum is checked",
            check=f"echo {quote(f'{cluster.installer.sha256}  {where}')} | sha256sum -c --status",
            apply=f"""
mkdir -p {STATE}
part={quote(where + ".part")}
if command -v curl >/dev/null; then
  curl -fL --retry 3 -C - -o "$part" {quote(cluster.installer.url)}
else
  wget -c -O "$part" {quote(cluster.installer.url)}
fi
echo "{cluster.installer.sha256}  $part" | sha256sum -c
mv -f "$part" {quote(where)}
""",
            detached=True,
        )  # fmt: skip
    else:
        yield Step(
            id=f"{host.name}/harbor/installer",
            host=host.name,
            title=f"upload {release.installer_name}",
            why="the images of Harbor are in it; it is sent once, and its checksum is checked",
            check=Command(script(f"sha256sum {quote(where)}"), timeout=600),
            apply=Upload(str(cluster.installer.file), where, cluster.installer.sha256),
        )
    yield command(
        host.name, "harbor/unpack", f"unpack the installer to {home}",
        "Harbor's prepare and its compose file work from there",
        check=f"""
[ -x {quote(home)}/prepare ]
[ -f {quote(home)}/{release.image_archive} ]
[ {quote(home)}/.harbor-wizard-unpacked -nt {quote(where)} ]
""",
        apply=f"""
mkdir -p {quote(home)}
tar -xzf {quote(where)} -C {quote(home)} --strip-components=1 --no-same-owner
# A second archive of another release would make install.sh skip both.
find {quote(home)} -maxdepth 1 -name 'harbor*.tar.gz' ! -name {release.image_archive} -delete
touch {quote(home)}/.harbor-wizard-unpacked
""",
        detached=True,
    )  # fmt: skip
    wanted = " ".join(f"{image}:{release.tag}" for image in release.images)
    yield command(
        host.name, "harbor/images", "docker load",
        "the images come from the installer, not from a registry",
        check=f"docker image inspect --format ok {wanted}",
        apply=f"docker load -i {quote(home)}/{release.image_archive}",
        detached=True,
    )  # fmt: skip


def shared_secrets(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the files that have to be equal on all nodes, and there before the first prepare.

    `prepare` keeps them where they are and draws them anew where they are not: the key that
    encrypts stored credentials, and the key pair that signs tokens.
    """
    folder = f"{cluster.data_volume}/secret"
    parts = (
        ("secret-key", "keys/secretkey", secret("harbor_secret_key"),
         "it encrypts the credentials in the shared database"),
        ("token-key", "core/private_key.pem", secret("harbor_token_key"),
         "a token that one node signs has to be good on the others"),
        ("token-certificate", "registry/root.crt", secret("harbor_token_certificate"),
         "it belongs to that key, and prepare draws both anew if one is missing"),
    )  # fmt: skip
    for name, path, hole, why in parts:
        # A key that is there and is another one guards data: it is never overwritten.
        yield file(host.name, f"harbor/{name}", f"{folder}/{path}", Text((hole,)), why,
                   mode=0o600, owner=CONTAINER_USER, keep=True)  # fmt: skip


def configure(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield Harbor's configuration, and the run of prepare that works it out."""
    release = find(cluster.release)
    home = cluster.install_dir
    tls_dir = f"{STATE}/tls"
    if cluster.tls.mode is TlsMode.PASSTHROUGH:
        yield file(host.name, "harbor/certificate", f"{tls_dir}/server.crt",
                   Text((file_hole("tls_certificate", str(cluster.tls.certificate)),)),
                   "TLS ends at the nodes")  # fmt: skip
        yield file(host.name, "harbor/certificate-key", f"{tls_dir}/server.key",
                   Text((secret("tls_key"),)), "the certificate's private key",
                   mode=0o600)  # fmt: skip
    s3 = cluster.storage if isinstance(cluster.storage, S3Storage) else None
    database, redis = cluster.used_database, cluster.used_redis
    sentinel = redis.sentinel if redis else None
    yield file(
        host.name, "harbor/harbor.yml", f"{home}/harbor.yml",
        render(
            "harbor/harbor.yml", cluster=cluster, release=release, tls_dir=tls_dir,
            database=database, database_port=cluster.database_port, redis=redis,
            admin_password=reference(cluster.admin_password),
            database_password=reference(database.password) if database else None,
            redis_password=reference(redis.password) if redis and redis.password else None,
            sentinels=",".join(f"{n.host}:{n.port}" for n in sentinel.nodes) if sentinel else "",
            s3_access_key=reference(s3.access_key) if s3 else None,
            s3_secret_key=reference(s3.secret_key) if s3 else None,
        ),
        "the settings that prepare reads", mode=0o600,
    )  # fmt: skip
    yield file(
        host.name, "harbor/override", f"{home}/docker-compose.override.yml",
        render(
            "harbor/docker-compose.override.yml", cluster=cluster,
            core_secret=secret("harbor_core_secret"),
            jobservice_secret=secret("harbor_jobservice_secret"),
            csrf_key=secret("harbor_csrf_key"),
            robot_scanner_prefix=secret("harbor_robot_scanner_prefix"),
        ),
        "what prepare draws anew at each run is made equal on all nodes", mode=0o600,
    )  # fmt: skip
    inputs = [f"{home}/harbor.yml", f"{home}/.harbor-wizard-unpacked"]
    if cluster.tls.mode is TlsMode.PASSTHROUGH:
        inputs += [f"{tls_dir}/server.crt", f"{tls_dir}/server.key"]
    newer = "\n".join(f"[ {_stamp(home, 'prepared')} -nt {quote(path)} ]" for path in inputs)
    yield command(
        host.name, "harbor/prepare", "./prepare",
        "it makes the compose file and the configuration of each container",
        check=f"[ -f {quote(home)}/docker-compose.yml ]\n{newer}",
        apply=f"""
cd {quote(home)}
# These variables would overwrite what harbor.yml says.
unset host HARBOR_BUNDLE_DIR || true
./prepare
touch {_stamp(home, "prepared")}
""",
        detached=True,
    )  # fmt: skip


def start(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the start of a node, the wait for its health, and the unit for its reboot."""
    release = find(cluster.release)
    home = cluster.install_dir
    services = " ".join(release.services)
    yield command(
        host.name, "harbor/up", "compose up -d",
        "the containers start; the first node also brings the database to this release",
        check=f"""
cd {quote(home)}
{COMPOSE}
[ {_stamp(home, "started")} -nt {_stamp(home, "prepared")} ]
[ {_stamp(home, "started")} -nt docker-compose.override.yml ]
for service in {services}; do
  id=$(compose ps -q "$service")
  [ -n "$id" ]
  [ "$(docker inspect -f '{{{{.State.Running}}}}' "$id")" = true ]
done
""",
        apply=f"""
cd {quote(home)}
{COMPOSE}
compose up -d --remove-orphans
touch {_stamp(home, "started")}
""",
        detached=True,
        wait=120,
    )  # fmt: skip
    yield look(
        host.name, "harbor/healthy", "every part of this node is healthy",
        "the others wait for the first node, and the balancers send clients only to healthy ones",
        check=_healthy(cluster, host), wait=300,
    )  # fmt: skip
    yield file(
        host.name, "harbor/unit", "/etc/systemd/system/harbor.service",
        render("harbor/harbor.service", cluster=cluster, compose=COMPOSE_UNIT,
               mount=storage.mount_point(cluster)),
        "Harbor ships none, and its containers do not come back by themselves after a reboot",
    )  # fmt: skip
    yield command(
        host.name, "harbor/enable", "systemctl enable --now harbor",
        "Harbor comes back after a reboot",
        check="""
systemctl is-enabled --quiet harbor
systemctl is-active --quiet harbor
[ "$(systemctl show harbor -p NeedDaemonReload --value)" = no ]
""",
        apply="""
systemctl daemon-reload
systemctl enable harbor
systemctl start harbor
""",
        timeout=300,
    )  # fmt: skip


def _stamp(home: str, what: str) -> str:
    return f"{quote(home)}/.harbor-wizard-{what}"


def _healthy(cluster: Cluster, host: Host) -> str:
    tls = cluster.tls.mode is TlsMode.PASSTHROUGH
    return probe.health(
        host.address, 443 if tls else 80, cluster.public_name, tls=tls,
        wanted='],"status":"healthy"',
    )  # fmt: skip
