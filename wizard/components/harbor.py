"""Harbor itself: its installer, what its nodes share, its configuration, its containers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harbor_wizard import certificates, kept
from harbor_wizard.components import harbor_legacy, probe, storage, trust
from harbor_wizard.components.docker import COMPOSE, COMPOSE_UNIT
from harbor_wizard.components.harbor_config import config_path, gcs_key_file, settings
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, GcsStorage, Host, Solution, TlsMode
from harbor_wizard.releases import find
from harbor_wizard.render import render
from harbor_wizard.secrets import file_hole, of_host, secret
from harbor_wizard.step import Command, Step, Upload, command, file, look, quote, script
from harbor_wizard.text import Hole, Text

# Kept between runs of a cluster: what is uploaded, and when what was done with which input.
STATE = "/var/lib/harbor-wizard"

# The user that Harbor's containers run as.
CONTAINER_USER = "10000:10000"

# Where its containers' logs are, in every harbor.yml and harbor.cfg.
_LOGS = "/var/log/harbor"

# Where a replica's Harbor listens, behind its guard: on the loopback address only.
GUARDED_PORT = 8080


@dataclass(frozen=True)
class Listening:
    """Where a node's own proxy listens, as the node itself reaches it."""

    address: str
    port: int
    tls: bool


def listening(cluster: Cluster, host: Host) -> Listening:
    """Return where a node's Harbor is, without what stands before it."""
    if host in cluster.replicas():
        return Listening("127.0.0.1", GUARDED_PORT, tls=False)
    return Listening(host.address, 443 if cluster.node_tls else 80, tls=cluster.node_tls)


def _is_legacy(cluster: Cluster) -> bool:
    return find(cluster.release).config_name == "harbor.cfg"


def _own(cluster: Cluster, host: Host, name: str) -> Hole:
    """Return a node's secret: one for all where they share their state, else one of its own."""
    return secret(name if cluster.shares_state else of_host(name, host.name))


def _token_pair(cluster: Cluster, host: Host) -> tuple[Hole, Hole]:
    """Return the key that signs tokens and its certificate.

    Replicas behind one address have the master's: it signs the tokens of clients that pull from
    them.
    """
    one = cluster.shares_state or (cluster.solution is Solution.MASTER_SLAVE and cluster.has_front)
    names = ("harbor_token_key", "harbor_token_certificate")
    key, certificate = (secret(n if one else of_host(n, host.name)) for n in names)
    return key, certificate


def deliver(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the steps that bring the installer to a node and load its images."""
    release = find(cluster.release)
    where = f"{STATE}/{release.installer_name}"
    home = cluster.install_dir
    if cluster.installer.url:
        yield command(
            host.name, "harbor/installer", tr("download {file}", file=release.installer_name),
            tr("the images of Harbor are in it; its checksum is checked"),
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
            undo=f"rm -f {quote(where)} {quote(where + '.part')}",
            undone=tr("the file is removed"),
        )  # fmt: skip
    else:
        yield Step(
            id=f"{host.name}/harbor/installer",
            host=host.name,
            title=tr("upload {file}", file=release.installer_name),
            why=tr("the images of Harbor are in it; it is sent once, and its checksum is checked"),
            check=Command(script(f"sha256sum {quote(where)}"), timeout=600),
            apply=Upload(str(cluster.installer.file), where, cluster.installer.sha256),
            undo=Command(script(
                f"rm -f {quote(where)} {quote(f'{STATE}/upload/{release.installer_name}.part')}"
            )),
            undone=tr("the file is removed"),
        )
    yield command(
        host.name, "harbor/unpack", tr("unpack the installer to {folder}", folder=home),
        tr("Harbor's prepare and its compose file work from there"),
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
        remember=kept.remember_folder(home) + kept.remember_data(cluster.data_volume),
        undo=kept.empty_folder(
            home, where, _MADE, but=_data_below(cluster), stamps=_stamp(home, "unpacked"),
        ),
        undo_data=kept.remove_data(cluster.data_volume, storage.DATA),
        undone=tr("the folder is removed, unless there was something in it before; the data "
                  "volume is data"),
    )  # fmt: skip
    bundled = cluster.used_database is None or host is cluster.services_host
    images = release.images_with(cluster.scanner, bundled=bundled)
    wanted = " ".join(f"{image}:{release.tag}" for image in images)
    # Some images have other tags than the release's, so it is also kept that all were loaded.
    yield command(
        host.name, "harbor/images", "docker load",
        tr("the images come from the installer, not from a registry"),
        check=f"""
[ {_stamp(home, "loaded")} -nt {quote(home)}/.harbor-wizard-unpacked ]
docker image inspect --format ok {wanted}
""",
        apply=f"""
docker load -i {quote(home)}/{release.image_archive}
touch {_stamp(home, "loaded")}
""",
        detached=True,
        remember=kept.remember_images(),
        undo=f"rm -f {_stamp(home, 'loaded')}\n"
        + kept.remove_images(f"{home}/{release.image_archive}"),
        undone=tr("the images that came with it are removed, without force"),
    )  # fmt: skip


# What we and prepare make beside what is unpacked, as a shell's pattern.
_MADE = ".harbor-wizard-* | common | docker-compose*.yml | harbor.yml | harbor.cfg | ha | input.*"

# Where prepare looks for the secret key, the key that signs tokens and its certificate.
_PLACES = ("keys/secretkey", "core/private_key.pem", "registry/root.crt")
_LEGACY_PLACES = ("secretkey", "private_key.pem", "root.crt")


def shared_secrets(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the files that have to be equal on all nodes, and there before the first prepare.

    `prepare` keeps them where they are and draws them anew where they are not: the key that
    encrypts stored credentials, and the key pair that signs tokens.
    """
    legacy = _is_legacy(cluster)
    folder = f"{cluster.install_dir}/ha" if legacy else f"{cluster.data_volume}/secret"
    key, certificate = _token_pair(cluster, host)
    places = _LEGACY_PLACES if legacy else _PLACES
    parts = (
        ("secret-key", places[0], _own(cluster, host, "harbor_secret_key"),
         tr("it encrypts the credentials in the database")),
        ("token-key", places[1], key,
         tr("a token that one node signs has to be good on the others")),
        ("token-certificate", places[2], certificate,
         tr("it belongs to that key, and prepare draws both anew if one is missing")),
    )  # fmt: skip
    for name, path, hole, why in parts:
        # A key that is there and is another one guards data: it is never overwritten.
        yield file(host.name, f"harbor/{name}", f"{folder}/{path}", Text((hole,)), why,
                   mode=0o600, owner=CONTAINER_USER, keep=True, data=True)  # fmt: skip


def configure(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield Harbor's configuration, and the run of prepare that works it out."""
    home = cluster.install_dir
    tls_dir = harbor_legacy.TLS_DIR if _is_legacy(cluster) else f"{STATE}/tls"
    tls = listening(cluster, host).tls
    if tls:
        yield file(host.name, "harbor/certificate", f"{tls_dir}/server.crt",
                   Text((certificates.hole_certificate(cluster),)),
                   tr("TLS ends at the nodes"))  # fmt: skip
        yield file(host.name, "harbor/certificate-key", f"{tls_dir}/server.key",
                   Text((certificates.hole_key(cluster),)), tr("the certificate's private key"),
                   mode=0o600)  # fmt: skip
    yield file(
        host.name, "harbor/harbor.yml", config_path(cluster),
        settings(
            cluster, host, tls_dir=tls_dir, https=tls,
            http_port=f"127.0.0.1:{GUARDED_PORT}" if host in cluster.replicas() else 80,
        ),
        tr("the settings that prepare reads"), mode=0o600,
    )  # fmt: skip
    release = find(cluster.release)
    yield file(
        host.name, "harbor/override", f"{home}/docker-compose.override.yml",
        render(
            "harbor/docker-compose.override.yml", cluster=cluster, format=release.compose_format,
            services={
                service: [(name, _own(cluster, host, _DRAWN[name])) for name in names]
                for service, names in release.drawn.items()
            },
        ),
        tr("what prepare draws anew at each run is made equal on all nodes"), mode=0o600,
    )  # fmt: skip
    inputs = [config_path(cluster), f"{home}/.harbor-wizard-unpacked"]
    if tls:
        inputs += [f"{tls_dir}/server.crt", f"{tls_dir}/server.key"]
    if isinstance(cluster.storage, GcsStorage):
        place = gcs_key_file(cluster)
        yield file(host.name, "harbor/gcs-key", place,
                   Text((file_hole("storage_key", cluster.storage.key_file),)),
                   tr("the registry reaches its bucket with it"), mode=0o600,
                   owner=CONTAINER_USER)  # fmt: skip
        inputs.append(place)
    if cluster.tls.internal:
        inputs.append(trust.INTERNAL_MADE)
    bundle = trust.bundle(cluster)
    if bundle is not None:
        inputs.append(bundle)
    if _is_legacy(cluster):
        yield from harbor_legacy.prepare(cluster, host, inputs, _stamp(home, "prepared"))
        return
    newer = "\n".join(f"[ {_stamp(home, 'prepared')} -nt {quote(path)} ]" for path in inputs)
    flag = "" if cluster.scanner == "none" else f" --with-{cluster.scanner}"
    yield command(
        host.name, "harbor/prepare", f"./prepare{flag}",
        tr("it makes the compose file and the configuration of each container"),
        check=f"[ -f {quote(home)}/docker-compose.yml ]\n{newer}",
        apply=f"""
cd {quote(home)}
# These variables would overwrite what harbor.yml says.
unset host HARBOR_BUNDLE_DIR || true
./prepare{flag}
touch {_stamp(home, "prepared")}
""",
        detached=True,
        undo=f"rm -f {_stamp(home, 'prepared')}",
        undone=tr("what it made is removed with the installer's folder"),
    )  # fmt: skip
    yield from _after_prepare(cluster, host)


# The secrets of which names are in the variables that prepare draws.
_DRAWN = {
    "CORE_SECRET": "harbor_core_secret",
    "UI_SECRET": "harbor_core_secret",
    "JOBSERVICE_SECRET": "harbor_jobservice_secret",
    "CSRF_KEY": "harbor_csrf_key",
    "ROBOT_SCANNER_NAME_PREFIX": "harbor_robot_scanner_prefix",
}


def _after_prepare(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield what older releases need mended in what their prepare wrote."""
    release, config = find(cluster.release), f"{cluster.install_dir}/common/config"
    if release.csrf_in_file:
        # These releases keep the key in a file, drawn anew each time, where no variable reaches.
        where = quote(f"{config}/core/app.conf")
        yield command(
            host.name, "harbor/csrf", tr("set XSRFKey in {file}", file=f"{config}/core/app.conf"),
            tr("a session that one node began has to go on at another"),
            sent=Text((_own(cluster, host, "harbor_xsrf_key"), "\n")),
            check=f"IFS= read -r key\nprintf 'XSRFKey = %s\\n' \"$key\" | grep -qxF -f - {where}",
            apply=f"""
IFS= read -r key
new=$(mktemp {where}.XXXXXX)
grep -v '^XSRFKey' {where} > "$new"
printf 'XSRFKey = %s\\n' "$key" >> "$new"
chown --reference={where} "$new"
chmod --reference={where} "$new"
mv -f "$new" {where}
rm -f {_stamp(cluster.install_dir, "started")}
""",
            undone=tr("what it made is removed with the installer's folder"),
        )  # fmt: skip
    if not release.passes_scheme and cluster.tls.mode is TlsMode.TERMINATE:
        where = quote(f"{config}/nginx/nginx.conf")
        line = r"^ *proxy_set_header X-Forwarded-Proto \$scheme;"
        yield command(
            host.name, "harbor/scheme", tr("let the balancer say the scheme"),
            tr("before 2.3 Harbor's proxy says its own, http, and clients would be sent there"),
            check=f"[ -f {where} ] && ! grep -q '{line}' {where}",
            apply=f"""
sed -i 's/{line}/# &/' {where}
rm -f {_stamp(cluster.install_dir, "started")}
""",
            undone=tr("what it made is removed with the installer's folder"),
        )  # fmt: skip


def start(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the start of a node, the wait for its health, and the unit for its reboot."""
    release = find(cluster.release)
    home = cluster.install_dir
    bundled = cluster.used_database is None
    services = " ".join(release.running(cluster.scanner, bundled=bundled))
    files = harbor_legacy.compose_files(cluster) if _is_legacy(cluster) else ""
    yield command(
        host.name, "harbor/up", "compose up -d",
        tr("the containers start; the first node also brings the database to this release"),
        check=f"""
cd {quote(home)}
{COMPOSE}
[ {_stamp(home, "started")} -nt {_stamp(home, "prepared")} ]
[ {_stamp(home, "started")} -nt docker-compose.override.yml ]
for service in {services}; do
  id=$(compose{files} ps -q "$service")
  [ -n "$id" ]
  [ "$(docker inspect -f '{{{{.State.Running}}}}' "$id")" = true ]
done
""",
        apply=f"""
cd {quote(home)}
{COMPOSE}
compose{files} up -d --remove-orphans
touch {_stamp(home, "started")}
""",
        detached=True,
        wait=120,
        remember=kept.remember_data(cluster.data_volume) + kept.remember_data(_LOGS),
        undo=f"""
rm -f {_stamp(home, "started")}
if [ -f {quote(home)}/docker-compose.yml ] && command -v docker >/dev/null; then
  cd {quote(home)}
  {COMPOSE.strip()}
  compose{files} rm -sfv
  compose{files} down --remove-orphans
fi
""",
        undo_data=kept.remove_data(cluster.data_volume, storage.DATA) + kept.remove_data(_LOGS),
        undone=tr("the containers are removed; what they keep on the data volume, and their logs, "
                  "are data"),
    )  # fmt: skip
    yield look(
        host.name, "harbor/healthy", tr("every part of this node is healthy"),
        tr("the others wait for the first node, and the balancers send clients only to healthy "
           "ones"),
        check=_healthy(cluster, host), wait=300,
    )  # fmt: skip
    yield file(
        host.name, "harbor/unit", "/etc/systemd/system/harbor.service",
        render("harbor/harbor.service", cluster=cluster, compose=f"{COMPOSE_UNIT}{files}",
               mounts=[one.where for one in storage.mounts(cluster)]),
        tr("Harbor ships none, and its containers do not come back by themselves after a reboot"),
    )  # fmt: skip
    yield command(
        host.name, "harbor/enable", "systemctl enable --now harbor",
        tr("Harbor comes back after a reboot"),
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
        remember=kept.remember_unit("harbor"),
        undo=kept.restore_unit("harbor"),
        undone=tr("{unit} is stopped and disabled, if it was so before", unit="harbor"),
        timeout=300,
    )  # fmt: skip


def _data_below(cluster: Cluster) -> str:
    """Return the entry of the installer's folder that leads to the data volume, if one does."""
    inside = cluster.data_volume.removeprefix(f"{cluster.install_dir}/")
    return "" if inside == cluster.data_volume else inside.partition("/")[0]


def _stamp(home: str, what: str) -> str:
    return f"{quote(home)}/.harbor-wizard-{what}"


def _healthy(cluster: Cluster, host: Host) -> str:
    there = listening(cluster, host)
    release = find(cluster.release)
    return probe.health(
        there.address, there.port, cluster.name_of(host), release, tls=there.tls,
        wanted=release.health_wanted,
    )  # fmt: skip
