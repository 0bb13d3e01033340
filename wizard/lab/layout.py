"""Which hosts the lab has, and where: as `examples/active-active.yaml` expects them."""

from __future__ import annotations

from dataclasses import dataclass

OPERATOR_ADDRESS = "10.77.0.1"
PREFIX = 24
NETWORK = "10.77.0.0/24"
VIRTUAL_ADDRESS = "10.77.0.10"
PUBLIC_NAME = "registry.lab.internal"
SHARED = "/mnt/harbor-shared"
SERVICES = "services"
# What the services host has from the start; all others are bare.
SERVICES_PACKAGES = ("postgresql", "redis-server")
EMULATED_PACKAGES = (
    "linux-image-cloud-amd64", "systemd-timesyncd", "nfs-common", "selinux-policy-default",
    "policycoreutils",
)  # fmt: skip


@dataclass(frozen=True)
class HostSpec:
    """One host of the lab. `suite` is Debian's name for its version.

    An `emulated` one is a machine of its own, with Debian's kernel: slow, but with all that this
    machine's kernel may lack. With `selinux` that kernel enforces Debian's policy.
    """

    name: str
    address: str
    suite: str
    emulated: bool = False
    selinux: bool = False

    @property
    def extra(self) -> tuple[str, ...]:
        """The packages it has beyond those of a bare host."""
        services = SERVICES_PACKAGES if self.name == SERVICES else ()
        return services + (EMULATED_PACKAGES if self.emulated else ())

    @property
    def shares(self) -> bool:
        """Whether the lab's shared folder is mounted in it."""
        return self.name.startswith("harbor")


HOSTS = (
    HostSpec(SERVICES, "10.77.0.31", "trixie"),
    HostSpec("lb-1", "10.77.0.21", "bookworm"),
    HostSpec("lb-2", "10.77.0.22", "trixie"),
    HostSpec("harbor-1", "10.77.0.11", "bookworm"),
    HostSpec("harbor-2", "10.77.0.12", "trixie"),
)
