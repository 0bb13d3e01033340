"""Docker and Compose."""

from __future__ import annotations

from collections.abc import Iterator

from harbor_wizard import kept
from harbor_wizard.components.packages import install
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.step import Step, command

# Compose is a plugin (2.x) or a command of its own (1.x, Debian 12): whichever is there.
COMPOSE = """
if docker compose version >/dev/null 2>&1; then
  compose() { docker compose "$@"; }
else
  compose() { docker-compose "$@"; }
fi
"""

# The same as one line, for a systemd unit.
COMPOSE_UNIT = (
    "/bin/sh -c 'if docker compose version >/dev/null 2>&1; "
    'then exec docker compose "$$@"; else exec docker-compose "$$@"; fi\' compose'
)


def steps(cluster: Cluster, host: Host) -> Iterator[Step]:
    """Yield the steps that bring Docker and Compose where they are missing."""
    yield install(
        cluster, host, "docker",
        why=tr("Harbor runs in containers"),
        # Podman's "docker" says another name.
        present="docker --version | grep '^Docker'\n"
        "docker compose version || docker-compose --version",
    )  # fmt: skip
    yield command(
        host.name, "docker/service", tr("start Docker now and at each boot"),
        tr("Harbor's containers come back after a reboot only if Docker does"),
        check="systemctl is-enabled --quiet docker\ndocker version --format ok",
        apply="systemctl enable docker\nsystemctl start docker",
        wait=30,
        remember=kept.remember_unit("docker"),
        undo=kept.restore_unit("docker"),
        undone=tr("{unit} is stopped and disabled, if it was so before", unit="docker"),
    )  # fmt: skip
