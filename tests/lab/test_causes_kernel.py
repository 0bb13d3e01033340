"""What only a machine of its own can have, or lack: SELinux, IPVS, a clock, an NFS mount.

All hosts are emulated, so that nothing here is what the lab's hosts share with this machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harbor_wizard.lab import requirements
from harbor_wizard.lab.lab import Lab, default_cache
from harbor_wizard.lab.layout import SERVICES, HostSpec

from . import servers
from .conftest import Operator
from .test_causes_hosts import HOSTS, NODES, Cause, Found, Site, found_by_its_own_look_only

# Alone: what is emulated takes all of two processors.
pytestmark = [pytest.mark.lab, pytest.mark.alone]

SPECS = (
    HostSpec(SERVICES, "10.77.0.31", "trixie"),
    HostSpec("lb-1", "10.77.0.21", "bookworm", emulated=True, selinux=True),
    HostSpec("lb-2", "10.77.0.22", "bookworm", emulated=True),
    HostSpec("harbor-1", "10.77.0.11", "bookworm", emulated=True),
    HostSpec("harbor-2", "10.77.0.12", "bookworm", emulated=True),
)
BOOLEANS = ("haproxy_connect_any", "keepalived_connect_any")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lacking = requirements.missing(emulated=True)
    if lacking:
        pytest.skip(f"the lab cannot be made here: {'; '.join(lacking)}")
    made = Lab(tmp_path_factory.mktemp("machines") / ".local/share/harbor-wizard/lab", default_cache(), hosts=SPECS)
    try:
        made.up()
        yield made
    finally:
        made.down()


@pytest.fixture(scope="module")
def site(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(Operator(lab, lab.root.parents[3]))
    for one in made.cluster["hosts"]:
        one["platform"] = "debian-12"
    folder = tmp_path_factory.mktemp("packages")
    with servers.nfs(lab, folder), servers.clock(lab, folder):
        for name in HOSTS:
            made.sh(name, """
echo 10.77.0.10 registry.lab.internal >> /etc/hosts
mkdir -p /etc/systemd/timesyncd.conf.d
printf '[Time]\\nNTP=10.77.0.31\\n' > /etc/systemd/timesyncd.conf.d/site.conf
systemctl restart systemd-timesyncd
""")
        for name in NODES:
            made.sh(name, """
mkdir -p /mnt/harbor-shared
mount -t nfs 10.77.0.31:/srv/nfs /mnt/harbor-shared
chown 10000:10000 /mnt/harbor-shared
""")
        made.sh("lb-1", "".join(f"setsebool {one} on\n" for one in BOOLEANS))
        for name in HOSTS:
            kept_by_ntp(made, name)
        yield made


def kept_by_ntp(site: Site, name: str) -> None:
    site.sh(name, 'for try in $(seq 60); do [ "$(timedatectl show -p NTPSynchronized --value)" = yes ] && exit 0; '
                  "sleep 0.5; done; exit 1")  # fmt: skip


def test_a_healthy_set_of_hosts_passes_all_looks_without_a_warning(site: Site) -> None:
    assert site.sh("lb-1", "getenforce").strip() == "Enforcing"
    assert "nfs4" in site.sh("harbor-1", "findmnt -no FSTYPE /mnt/harbor-shared")
    assert site.check() == {}


def forbidden(site: Site) -> Iterator[Found]:
    site.sh("lb-1", "".join(f"setsebool {one} off\n" for one in BOOLEANS))
    try:
        yield {("selinux", "lb-1", "warning")}
    finally:
        site.sh("lb-1", "".join(f"setsebool {one} on\n" for one in BOOLEANS))


@contextmanager
def clock_of_its_own(site: Site, name: str, apart: int) -> Iterator[None]:
    site.sh(name, f"systemctl stop systemd-timesyncd; date -s @$(($(date +%s) + {apart}))")
    try:
        yield
    finally:
        site.sh(name, "systemctl start systemd-timesyncd")
        kept_by_ntp(site, name)


def no_ntp(site: Site) -> Iterator[Found]:
    with clock_of_its_own(site, "harbor-1", 0):
        yield {("clock", "harbor-1", "warning")}


def slow_clock(site: Site) -> Iterator[Found]:
    with clock_of_its_own(site, "lb-2", -90):
        yield {("clock", "lb-2", "failed")}


def no_ipvs(site: Site) -> Iterator[Found]:
    site.cluster["balancer"] = {"type": "lvs"}
    site.cluster["tls"]["mode"] = "passthrough"
    site.sh("lb-2", "module=$(modinfo -n ip_vs); mv $module /root; depmod")
    try:
        yield {("kernel", "lb-2", "failed")}
    finally:
        site.sh("lb-2", "mv /root/ip_vs.ko* /lib/modules/$(uname -r)/kernel/net/netfilter/ipvs/; depmod")


def nothing_that_hinders(site: Site) -> Iterator[Found]:
    """LVS where the kernel has it; and SELinux that is permissive says what it would forbid."""
    site.cluster["balancer"] = {"type": "lvs"}
    site.cluster["tls"]["mode"] = "passthrough"
    site.sh("lb-1", f"setsebool {BOOLEANS[1]} off; setenforce 0")
    try:
        yield set()
    finally:
        site.sh("lb-1", f"setenforce 1; setsebool {BOOLEANS[1]} on")


# The last one wants nothing to be found: so it shows that all others were put back. CI, which has
# an hour, leaves out those that are long: the other side of each is in what it runs.
LONG = (no_ntp, no_ipvs)
CAUSES = (forbidden, no_ntp, slow_clock, no_ipvs, nothing_that_hinders)


@pytest.mark.parametrize("cause", [
    pytest.param(one, id=one.__name__, marks=[pytest.mark.long] if one in LONG else []) for one in CAUSES
])  # fmt: skip
def test_each_cause_is_found_by_its_own_look_only(site: Site, cause: Cause) -> None:
    found_by_its_own_look_only(site, cause)
