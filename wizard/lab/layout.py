"""Which hosts the lab has, and where: as `examples/active-active.yaml` expects them."""

from __future__ import annotations

from dataclasses import dataclass

OPERATOR_ADDRESS = "10.77.0.1"
PREFIX = 24
VIRTUAL_ADDRESS = "10.77.0.10"
PUBLIC_NAME = "registry.lab.internal"
SHARED = "/mnt/harbor-shared"


@dataclass(frozen=True)
class HostSpec:
    """One host of the lab. `suite` is Debian's name for its version."""

    name: str
    address: str
    suite: str


HOSTS = (
    HostSpec("services", "10.77.0.31", "trixie"),
    HostSpec("lb-1", "10.77.0.21", "bookworm"),
    HostSpec("lb-2", "10.77.0.22", "trixie"),
    HostSpec("harbor-1", "10.77.0.11", "bookworm"),
    HostSpec("harbor-2", "10.77.0.12", "trixie"),
)
