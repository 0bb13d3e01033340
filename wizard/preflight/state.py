"""Checks of what the nodes share and somebody else keeps: the database, Redis, the image store."""

from __future__ import annotations

from harbor_wizard.components import host as host_component
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Role
from harbor_wizard.preflight import store
from harbor_wizard.preflight.check import Seen, Verdict, well
from harbor_wizard.preflight.facts import shared_folders
from harbor_wizard.preflight.finding import Level


def services(at: Seen) -> Verdict | None:
    """The database and Redis answer this node."""
    if Role.HARBOR not in at.host.roles:
        return None
    needed = host_component.endpoints(at.cluster)
    if not needed:
        return None
    refused = [
        tr("{what} at {server} port {port} does not answer", what=what, server=server, port=port)
        for what, server, port in needed if f"{server} {port}" not in at.facts.all("reaches")
    ]  # fmt: skip
    wanted = ", ".join(f"{what} {server}:{port}" for what, server, port in needed)
    if refused:
        cure = tr("check the address in Services, that it runs, and the firewalls between")
        figure = f"{len(needed) - len(refused)}/{len(needed)}"
        return Verdict(Level.FAILED, "; ".join(refused), figure, wanted, cure)
    return well(tr("{what} answers", what=wanted), f"{len(needed)}/{len(needed)}", wanted)


_OWN_DISK = ("ext4", "xfs", "btrfs", "overlay", "tmpfs")


def storage(at: Seen) -> Verdict | None:
    """The shared folders are there, and are shared."""
    wanted = shared_folders(at.cluster)
    if Role.HARBOR not in at.host.roles or not wanted:
        return None
    absent = [path for path in wanted if path in at.facts.all("absent")]
    cure = tr("mount the shared file system there, and in /etc/fstab")
    if absent:
        return Verdict(Level.FAILED, tr("{path} is not there", path=", ".join(absent)), "-",
                       ", ".join(wanted), cure)  # fmt: skip
    kinds = {line.partition(" ")[0]: line.partition(" ")[2] for line in at.facts.all("mounted")}
    own = [path for path in wanted if kinds.get(path, "").partition(" ")[0] in _OWN_DISK]
    shown = ", ".join(kinds.get(path, "?").strip() or "?" for path in wanted)
    # Where files of the others were looked for, it is known whether it is shared.
    if own and len(at.cluster.nodes) > 1 and not store.compared(at):
        return Verdict(Level.WARNING, shown, shown.partition(" ")[0],
                       tr("a file system that all nodes share"),
                       tr("make sure that {path} is the same on all nodes; a disk of the node's "
                          "own is not", path=", ".join(own)))  # fmt: skip
    return well(shown, shown.partition(" ")[0], ", ".join(wanted))
