"""The image store that all nodes share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harbor_wizard import kept
from harbor_wizard.components.packages import install
from harbor_wizard.language import mark, tr
from harbor_wizard.model.cluster import Cluster, FilesystemStorage, Host, NfsStorage
from harbor_wizard.render import render
from harbor_wizard.step import Step, command, file, look, quote

# What Harbor of any release, and we, keep on the data volume, as a shell's pattern: the folders
# that the templates of its compose file mount, and those that its prepare makes.
DATA = (
    "ca_download | cert | chart_storage | clair-db | config | database | defaultalias | job_logs | "
    "notary-db | psc | redis | registry | scandata_exports | secret | secretkey | services | "
    "trivy-adapter"
)

# The names of shared folders: in ids and on hosts as they are here.
_IMAGES = mark("image store")
_LOGS = mark("job logs")


@dataclass(frozen=True)
class Mount:
    """A shared folder with its place on a node: an NFS export, or a folder that is there."""

    name: str
    where: str
    what: str
    nfs_options: str = ""

    @property
    def unit(self) -> str:
        """The unit that mounts it."""
        return unit_name(self.where)


def mounts(cluster: Cluster) -> tuple[Mount, ...]:
    """Return the shared folders of a node.

    Only the registry's folder is shared, and, where a release keeps them in files, that of jobs'
    logs: what else is on the data volume belongs to one node (the scanner's cache, and the
    certificates that `prepare` deletes and makes again).
    """
    found = []
    storage, images = cluster.storage, f"{cluster.data_volume}/registry"
    if isinstance(storage, NfsStorage):
        source = f"{storage.server}:{storage.export}"
        found.append(Mount(_IMAGES, images, source, storage.options))
    elif isinstance(storage, FilesystemStorage):
        found.append(Mount(_IMAGES, images, storage.path))
    if cluster.job_logs is not None:
        found.append(Mount(_LOGS, f"{cluster.data_volume}/job_logs", cluster.job_logs))
    return tuple(found)


def unit_name(path: str) -> str:
    """Return the name that systemd wants for the unit that mounts `path`."""
    escaped = "".join(_escape(c, index) for index, c in enumerate(path.strip("/")))
    return f"{escaped}.mount"


def _escape(character: str, index: int) -> str:
    if character == "/":
        return "-"
    if character.isalnum() or character in ":_" or (character == "." and index > 0):
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode())


def steps(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the steps that bring the shared folders to their places, owned by the registry."""
    for mount in mounts(cluster):
        word = "" if mount.name == _IMAGES else f"-{mount.name.replace(' ', '-')}"
        if mount.nfs_options:
            yield install(cluster, host, "nfs", why=tr("the image store is an NFS export"),
                          present="command -v mount.nfs")  # fmt: skip
        else:
            yield _there(host, mount, word)
        yield from _mounted(cluster, host, mount, word)


def _there(host: Host, mount: Mount, word: str) -> Step:
    return look(
        host.name, f"storage/shared{word}", tr("{folder} is there", folder=mount.what),
        tr("a folder made by mistake on the node's own disk would be shared with nobody"),
        check=f"""
if [ ! -d {quote(mount.what)} ]; then
  echo {quote(f"{mount.what} is not there; mount the shared file system first")} >&2
  exit 1
fi
""",
    )  # fmt: skip


def _mounted(cluster: Cluster, host: Host, mount: Mount, word: str) -> Iterator[Step]:
    where, unit = mount.where, mount.unit
    yield file(
        host.name, f"storage/unit{word}", f"/etc/systemd/system/{unit}",
        render("storage/shared.mount", cluster=cluster, mount=mount),
        tr("the {folder} is in its place before Harbor starts, at each boot",
           folder=tr(mount.name)),
    )  # fmt: skip
    yield command(
        host.name, f"storage/mount{word}",
        tr("mount the {folder} at {place}", folder=tr(mount.name), place=where),
        tr("all nodes read and write the same files"),
        check=f"mountpoint -q {quote(where)}\nsystemctl is-enabled --quiet {quote(unit)}",
        apply=f"""
mkdir -p {quote(where)}
systemctl daemon-reload
systemctl enable {quote(unit)}
systemctl start {quote(unit)}
""",
        remember=kept.remember_data(cluster.data_volume) + kept.remember_folder(where)
        + kept.remember_unit(unit),
        undo=kept.unused(where) + kept.restore_unit(unit) + kept.restore_folder(where),
        undone=tr("it is unmounted; what is in it stays, for it is the site's"),
    )  # fmt: skip
    yield command(
        host.name, f"storage/owner{word}",
        tr("give {folder} to Harbor's containers (10000:10000)", folder=where),
        tr("they run as user 10000; only the folder itself is changed, nothing below it"),
        check=f"[ \"$(stat -c '%u:%g' {quote(where)})\" = 10000:10000 ]",
        apply=f"chown 10000:10000 {quote(where)}",
        remember=kept.remember_owner(where),
        undo=kept.restore_owner(where),
        undone=tr("its owner before is put back"),
    )  # fmt: skip
