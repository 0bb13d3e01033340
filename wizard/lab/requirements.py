"""What a machine needs for the lab."""

from __future__ import annotations

import os
import shutil
import sys

# The program, and Debian's package that has it.
_PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "dpkg-scanpackages": "dpkg-dev",
    "ssh-keygen": "openssh-client",
    "nsenter": "util-linux",
}


def missing() -> list[str]:
    """Return what is missing here, a sentence each; empty where the lab can be made."""
    if sys.platform != "linux":
        return ["the lab's hosts are Linux hosts, and this machine does not run Linux"]
    found = []
    if os.geteuid() != 0:
        found.append("the lab needs root, to make network namespaces and to boot hosts")
    for program, package in _PROGRAMS.items():
        if shutil.which(program) is None:
            found.append(f"{program} is missing: apt-get install {package}")
    return found
