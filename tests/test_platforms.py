"""Every platform has its packages from every source that it can have them from."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harbor_wizard import platforms
from harbor_wizard.components import docker, packages
from harbor_wizard.errors import InputError
from harbor_wizard.model.cluster import Cluster, Packages
from harbor_wizard.platforms import PLATFORMS, Platform
from harbor_wizard.step import Command, Step, Upload

SOURCES = ("distribution", "docker", "bundle")
WANTED = ("haproxy", "keepalived", "nfs", "nginx", "curl", "jq", "ipvsadm", "iptables",
          "postgresql-client", "mariadb-client", "openssl")  # fmt: skip


def on(cluster: Cluster, platform: str, **source: Any) -> Cluster:
    """The cluster with that platform on every host, and that source."""
    hosts = [host.model_copy(update={"platform": platform}) for host in cluster.hosts]
    given = Packages.model_construct(**{"source": "distribution", "mirror": None, "bundle": None, **source})
    return cluster.model_copy(update={"hosts": hosts, "packages": given})


def docker_steps(cluster: Cluster) -> list[Step]:
    return list(docker.steps(cluster, cluster.nodes[0]))


def applied(step: Step) -> str:
    assert isinstance(step.apply, Command)
    return step.apply.masked()


def good_shell(text: str) -> None:
    done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr + text


@pytest.mark.parametrize(
    ("os_id", "version", "name"),
    [
        ("debian", "12", "debian-12"), ("debian", "13", "debian-13"), ("ubuntu", "22.04", "ubuntu-22.04"),
        ("ubuntu", "24.04", "ubuntu-24.04"), ("ubuntu", "26.04", "ubuntu-26.04"),
        ("rhel", "8.10", "rhel-8"), ("rhel", "9.4", "rhel-9"), ("rhel", "10.0", "rhel-10"),
        ("rocky", "9", "rocky-9"), ("rocky", "10.1", "rocky-10"), ("almalinux", "8.10", "almalinux-8"),
        ("openEuler", "22.03", "openeuler-22.03"), ("openEuler", "24.03", "openeuler-24.03"),
        ("centos", "7", "centos-7"),
        ("debian", "1", None), ("ubuntu", "22.10", None), ("rhel", "1", None), ("rhel", "90", None),
        ("centos", "8", None), ("openEuler", "22.09", None), ("", "", None),
    ],
)  # fmt: skip
def test_a_host_is_known_by_what_it_calls_itself(os_id: str, version: str, name: str | None) -> None:
    found = platforms.detect(os_id, version)
    assert (found.name if found else None) == name


def test_the_shell_knows_a_host_as_python_does() -> None:
    asked = [("debian", "12"), ("rhel", "9.4"), ("rhel", "9"), ("rhel", "90"), ("rocky", "10.1"),
             ("rocky", "1"), ("openEuler", "24.03"), ("centos", "7"), ("ubuntu", "22.04")]  # fmt: skip
    pairs = list(itertools.product(asked, PLATFORMS.values()))
    script = "set -eu\n" + "\n".join(
        f"ID={os_id} VERSION_ID={version}; if {one.matches_script}; then echo yes; else echo no; fi"
        for (os_id, version), one in pairs
    )
    said = subprocess.run(["sh"], input=script, text=True, capture_output=True, check=True).stdout
    assert [word == "yes" for word in said.split()] == [one.matches(*os) for os, one in pairs]


def test_a_host_without_a_version_is_none_of_ours() -> None:
    script = f"set -eu\nID=debian\nif {PLATFORMS['debian-12'].matches_script}; then exit 1; fi"
    subprocess.run(["sh"], input=script, text=True, check=True)


@pytest.mark.parametrize("platform", PLATFORMS.values(), ids=lambda one: one.name)
@pytest.mark.parametrize("source", SOURCES)
def test_each_source_gives_scripts_or_a_refusal(cluster: Cluster, platform: Platform, source: Any) -> None:
    here = on(cluster, platform.name, source=source, bundle="b" if source == "bundle" else None)
    host = here.nodes[0]
    made = [packages.install(here, host, what, why="w", present="true") for what in WANTED]
    made += packages.ready(here, host)
    if platforms.docker_refusal(platform, source):
        with pytest.raises(InputError, match=r"harbor-1: packages\.source: "):
            docker_steps(here)
    else:
        made += docker_steps(here)
    for step in made:
        good_shell(step.check.masked())
        if isinstance(step.apply, Command):
            good_shell(step.apply.masked())
    assert len({step.id for step in made}) == len(made)


def test_docker_of_the_distribution_is_refused_where_it_is_podman(cluster: Cluster) -> None:
    refused = [name for name, one in PLATFORMS.items() if platforms.docker_refusal(one, "distribution")]
    assert refused == [f"{os}-{v}" for os in ("rhel", "rocky", "almalinux") for v in (8, 9, 10)] + ["centos-7"]
    with pytest.raises(InputError, match=r"Rocky Linux 9 has no Docker .* write .source: docker"):
        docker_steps(on(cluster, "rocky-9"))


def test_dockers_repository_is_refused_where_docker_makes_no_packages(cluster: Cluster) -> None:
    refused = [name for name, one in PLATFORMS.items() if platforms.docker_refusal(one, "docker")]
    assert refused == ["openeuler-22.03", "openeuler-24.03"]


def test_dockers_key_is_compared_before_it_is_trusted(cluster: Cluster) -> None:
    for name, fingerprint in (("debian-12", "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"),
                              ("rocky-9", "060A61C51B558A7F742B77AAC52FEB6B621E9F35")):  # fmt: skip
        text = applied(docker_steps(on(cluster, name, source="docker"))[0])
        trusted = text.index('install -m 644 "$work/key"')
        assert text.index(fingerprint) < text.index("exit 1") < trusted < text.index("docker-compose-plugin")


@pytest.mark.parametrize(
    ("platform", "lines"),
    [
        ("debian-13", ["/linux/debian/gpg", "/linux/debian trixie stable"]),
        ("ubuntu-24.04", ["/linux/ubuntu/gpg", "/linux/ubuntu noble stable"]),
        ("rhel-10", ["/linux/rhel/gpg", "/linux/rhel/10/$basearch/stable"]),
        ("almalinux-8", ["/linux/centos/gpg", "/linux/centos/8/$basearch/stable"]),
        ("centos-7", ["/linux/centos/gpg", "/linux/centos/7/$basearch/stable", "yum -y install docker-ce"]),
    ],
)
def test_a_mirror_takes_the_place_of_dockers_address(
    cluster: Cluster, platform: str, lines: list[str]
) -> None:
    text = applied(docker_steps(on(cluster, platform, source="docker"))[0])
    mirrored = applied(
        docker_steps(on(cluster, platform, source="docker", mirror="https://m.example.com/docker-ce/"))[0]
    )
    assert all(line in text and line in mirrored for line in lines)
    assert "https://download.docker.com/linux" in text
    assert "download.docker.com" not in mirrored
    assert "https://m.example.com/docker-ce/linux" in mirrored


def test_with_dockers_repository_only_docker_comes_from_it(cluster: Cluster) -> None:
    here = on(cluster, "rocky-9", source="docker")
    text = applied(packages.install(here, here.balancers[0], "haproxy", why="w", present="true"))
    assert "docker" not in text
    assert "dnf -y --setopt=install_weak_deps=False install haproxy" in text


def test_jq_of_centos_7_comes_from_epel(cluster: Cluster) -> None:
    here = on(cluster, "centos-7", source="docker")
    text = applied(packages.install(here, here.nodes[0], "jq", why="w", present="true"))
    assert text.index("yum -y install epel-release") < text.index("yum -y install jq")


def test_a_bundle_is_uploaded_once_and_checked_before_it_is_unpacked(cluster: Cluster) -> None:
    here = on(cluster, "debian-13", source="bundle", bundle="~/bundle/")
    archive, checksum, unpack = packages.ready(here, here.nodes[0])
    assert isinstance(archive.apply, Upload)
    assert isinstance(checksum.apply, Upload)
    assert (archive.apply.source, archive.apply.path) == (
        "~/bundle/debian-13.tar", "/var/lib/harbor-wizard/bundle/debian-13.tar",
    )  # fmt: skip
    assert checksum.apply.source == "~/bundle/debian-13.tar.sha256"
    assert applied(unpack).index("sha256sum -c") < applied(unpack).index("tar -xf")


def test_a_damaged_archive_is_not_unpacked(cluster: Cluster, tmp_path: Path) -> None:
    here = on(cluster, "debian-13", source="bundle", bundle="b")
    unpack = list(packages.ready(here, here.nodes[0]))[2]
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "debian-13.tar").write_bytes(b"damaged")
    (folder / "debian-13.tar.sha256").write_text(f"{'0' * 64}  debian-13.tar\n")
    text = applied(unpack).replace(packages.BUNDLES, str(folder))
    done = subprocess.run(["sh"], input=text, text=True, capture_output=True)
    assert done.returncode == 1
    assert "not what the bundle was made with" in done.stderr
    assert not (folder / "debian-13").exists()


def test_a_bundle_is_the_only_source(cluster: Cluster) -> None:
    for name, only in (("debian-13", "SourceParts=/dev/null"), ("rocky-9", "--setopt=reposdir=")):
        here = on(cluster, name, source="bundle", bundle="b")
        assert only in applied(docker_steps(here)[0])


def test_without_a_bundle_nothing_comes_before_the_packages(cluster: Cluster) -> None:
    assert list(packages.ready(cluster, cluster.nodes[0])) == []
