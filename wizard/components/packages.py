"""Packages of the distribution."""

from __future__ import annotations

from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.platforms import PLATFORMS
from harbor_wizard.step import Step, command


def install(cluster: Cluster, host: Host, what: str, *, why: str, present: str) -> Step:  # noqa: ARG001
    """Return the step that installs the packages for `what`, unless `present` succeeds."""
    names = " ".join(PLATFORMS[host.platform].packages[what])
    return command(
        host.name, f"{what}/package", f"install {names}", why,
        check=present,
        apply=f"""
export DEBIAN_FRONTEND=noninteractive
# Another apt may hold the lock (unattended upgrades at the first boot): it is waited for.
apt-get -o DPkg::Lock::Timeout=300 update
apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends \\
  -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold {names}
""",
        detached=True,
    )  # fmt: skip
