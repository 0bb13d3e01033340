"""What stands in Docker's place on a real host, or keeps Docker from serving, is found by its look.

The Dockers are real: Debian's own, that of an older Debian, and podman's wrapper.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harbor_wizard.lab import packages
from harbor_wizard.lab.lab import default_cache

from .conftest import Operator
from .test_causes_hosts import NODES, Site

pytestmark = pytest.mark.lab

HOST = "harbor-2"
SETTINGS = "/etc/docker/daemon.json"


@pytest.fixture(scope="module")
def site(operator: Operator) -> Site:
    if any(operator.lab.hosts[name].root.joinpath("var/lib/harbor-wizard").exists() for name in NODES):
        operator.lab.fresh()  # whatever ran there before
        operator.lab.up()
    made = Site(operator)
    made.known = set(made.check())
    assert {(check, level) for check, _, level in made.known} <= {
        ("clock", "warning"), ("storage", "warning"), ("name", "warning")}  # fmt: skip
    return made


def fetched(site: Site, suite: str, *names: str) -> str:
    """Fetch packages and put them onto the host; return where they are there."""
    cache = default_cache()
    into = site.operator.home / f"{suite}-{names[0]}"
    packages.fetch(suite, names, into, cache, installed=cache / "base-trixie/var/lib/dpkg/status")
    shutil.copytree(into, site.operator.lab.hosts[HOST].root / "root" / into.name)
    return f"/root/{into.name}"


@contextmanager
def removed(site: Site, *more: str) -> Iterator[None]:
    """Leave the host as bare as it was."""
    try:
        yield
    finally:
        words = "\n".join(more)
        site.sh(HOST, f"""
export DEBIAN_FRONTEND=noninteractive
{words}
systemctl stop docker.socket docker containerd 2>/dev/null || true
dpkg --list | awk '/docker|podman|containerd|runc/ && /^ii/ {{ print $2 }}' | xargs -r apt-get purge -qq -y >/dev/null
apt-get autoremove --purge -qq -y >/dev/null
ip link delete docker0 2>/dev/null || true
nft flush ruleset 2>/dev/null || true
rm -rf /root/*-docker.io /root/*-podman {SETTINGS} /var/lib/docker/* /var/lib/containers /usr/local/bin/docker
""")


def differs(site: Site) -> dict[tuple[str, str, str], str]:
    """Return what was not found on the bare hosts."""
    return {one: found["seen"] for one, found in site.check().items() if one not in site.known}


def test_docker_as_debian_has_it_passes_and_a_bad_one_does_not(site: Site) -> None:
    with removed(site):
        site.sh(HOST, "apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -qq -y docker.io >/dev/null")
        # The older docker.io has the client in it; here, as in Docker's own packages, it is apart.
        site.sh(HOST, "command -v docker >/dev/null || apt-get install -qq -y docker-cli >/dev/null; docker version")
        assert differs(site) == {}

        site.sh(HOST, "systemctl stop docker.socket docker")
        assert differs(site) == {("docker", HOST, "warning"): "installed, but it does not run"}

        site.sh(HOST, f"echo '{{\"storage-driver\": \"vfs\"}}' > {SETTINGS}; systemctl start docker")
        found = differs(site)
        assert set(found) == {("docker", HOST, "warning")}
        assert "vfs" in found["docker", HOST, "warning"]


def test_a_docker_that_is_too_old_is_refused(site: Site) -> None:
    # Harbor wants 20.10.10; Debian 11 has 20.10.5.
    with removed(site, "systemctl stop older 2>/dev/null || true"):
        there = fetched(site, "bullseye", "docker.io")
        site.sh(HOST, f"""
apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -qq -y containerd iptables libdevmapper1.02.1 >/dev/null
dpkg-deb --extract {there}/docker.io_*.deb {there}/root
ln -s {there}/root/usr/bin/docker /usr/local/bin/docker
PATH={there}/root/usr/sbin:{there}/root/usr/bin:$PATH
systemd-run --quiet --unit=older --setenv=PATH=$PATH dockerd --storage-driver vfs --data-root {there}/data
for try in $(seq 100); do docker version >/dev/null 2>&1 && exit 0; sleep 0.2; done
journalctl -u older | tail >&2; exit 1
""")
        found = differs(site)
        assert set(found) == {("docker", HOST, "failed")}, found
        assert found["docker", HOST, "failed"].startswith("20.10.5")


def test_podman_in_dockers_place_is_refused(site: Site) -> None:
    with removed(site):
        there = fetched(site, "trixie", "podman", "podman-docker")
        site.sh(HOST, f"DEBIAN_FRONTEND=noninteractive dpkg --install {there}/*.deb >/dev/null")
        found = differs(site)
        assert set(found) == {("docker", HOST, "failed")}, found
        assert found["docker", HOST, "failed"].startswith("podman")


def test_the_host_is_as_bare_as_before(site: Site) -> None:
    assert differs(site) == {}
    assert not Path(site.operator.lab.hosts[HOST].root / "usr/bin/docker").exists()
