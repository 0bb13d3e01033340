"""The image store that all nodes share."""

from __future__ import annotations

from collections.abc import Iterator

from harbor_wizard.components.packages import install
from harbor_wizard.model.cluster import Cluster, FilesystemStorage, Host, NfsStorage, S3Storage
from harbor_wizard.render import render
from harbor_wizard.step import Step, command, file, look, quote


def mount_point(cluster: Cluster) -> str | None:
    """Return where the shared file system has to be; None where the store is no file system.

    Only the registry's folder is shared: what else is on the data volume belongs to one node
    (the scanner's cache, and the certificates that `prepare` deletes and makes again).
    """
    return None if isinstance(cluster.storage, S3Storage) else f"{cluster.data_volume}/registry"


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
    """Yield the steps that bring the shared file system to its place, owned by the registry."""
    where = mount_point(cluster)
    if where is None:
        return
    storage = cluster.storage
    if isinstance(storage, NfsStorage):
        yield install(cluster, host, "nfs", why="the image store is an NFS export",
                      present="command -v mount.nfs")  # fmt: skip
    if isinstance(storage, FilesystemStorage):
        yield look(
            host.name, "storage/shared", f"{storage.path} is there",
            "a folder made by mistake on the node's own disk would be shared with nobody",
            check=f"""
if [ ! -d {quote(storage.path)} ]; then
  echo {quote(f"{storage.path} is not there; mount the shared file system first")} >&2
  exit 1
fi
""",
        )  # fmt: skip
    unit = unit_name(where)
    yield file(
        host.name, "storage/unit", f"/etc/systemd/system/{unit}",
        render("storage/registry.mount", cluster=cluster, where=where),
        "the image store is in its place before Harbor starts, at each boot",
    )  # fmt: skip
    yield command(
        host.name, "storage/mount", f"mount the image store at {where}",
        "all nodes read and write the same images",
        check=f"mountpoint -q {quote(where)}\nsystemctl is-enabled --quiet {quote(unit)}",
        apply=f"""
mkdir -p {quote(where)}
systemctl daemon-reload
systemctl enable {quote(unit)}
systemctl start {quote(unit)}
""",
    )  # fmt: skip
    yield command(
        host.name, "storage/owner", f"give {where} to the registry (10000:10000)",
        "the registry runs as user 10000; only the folder itself is changed, nothing below it",
        check=f"[ \"$(stat -c '%u:%g' {quote(where)})\" = 10000:10000 ]",
        apply=f"chown 10000:10000 {quote(where)}",
    )  # fmt: skip
