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
_FOR_EMULATED = {"qemu-system-x86_64": "qemu-system-x86", "mke2fs": "e2fsprogs"}


def missing(*, emulated: bool = False) -> list[str]:
    """Return what is missing here, a sentence each; empty where the lab can be made.

    `emulated` asks for what emulated hosts need, too.
    """
    if sys.platform != "linux":
        return ["the lab's hosts are Linux hosts, and this machine does not run Linux"]
    found = []
    if os.geteuid() != 0:
        found.append("the lab needs root, to make network namespaces and to boot hosts")
    for program, package in (_PROGRAMS | (_FOR_EMULATED if emulated else {})).items():
        if shutil.which(program) is None:
            found.append(f"{program} is missing: apt-get install {package}")
    return found
