"""A host without any package source gets Docker and HAProxy from a bundle."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harbor_wizard import bundle
from harbor_wizard.lab import base, requirements
from harbor_wizard.lab.host import LabHost
from harbor_wizard.lab.lab import Lab
from harbor_wizard.lab.layout import HostSpec
from tests.conftest import EXAMPLES

_LACKING = requirements.missing()

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(_LACKING), reason="; ".join(_LACKING)),
]

HOSTS = (
    HostSpec("lb-1", "10.77.0.21", "bookworm"),
    HostSpec("lb-2", "10.77.0.22", "trixie"),
)
SUITES = {"debian-12": "bookworm", "debian-13": "trixie"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp("lab") / "root"
    made = Lab(root, hosts=HOSTS, prefix=f"hwo{os.getpid()}")
    try:
        made.up(bring_installer=False)
        for host in made.hosts.values():
            host.run(["rm", "-f", "/etc/apt/sources.list"])
            host.run(["sh", "-c", "rm -rf /var/lib/apt/lists/* /etc/apt/sources.list.d/*"])
        yield made
    finally:
        made.down()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, lab: Lab) -> Path:
    """A bundle for both, made with the package sources of this machine."""
    place = tmp_path_factory.mktemp("bundle")
    installer = place / "installer.tgz"
    installer.write_bytes(b"\x1f\x8b stands in")
    sources = {name: base.listed_sources(suite, place) for name, suite in SUITES.items()}
    wish = bundle.Wish("2.15.2", tuple(SUITES), str(installer), sources=sources)
    bundle.make(wish, place / "bundle", print)
    assert list(bundle.problems(place / "bundle")) == []
    return place / "bundle"


@pytest.fixture(scope="module")
def cluster_file(lab: Lab, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    text = (EXAMPLES / "active-active.yaml").read_text()
    data = yaml.safe_load(text.replace("~/.local/share/harbor-wizard/lab", str(lab.root)))
    data["packages"] = {"source": "bundle", "bundle": str(folder)}
    data["installer"] = {"file": str(folder / "harbor-offline-installer-v2.15.2.tgz")}
    path = tmp_path_factory.mktemp("cluster") / "offline.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def steps(lab: Lab, cluster_file: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(lab.root.parent),
                   "HARBOR_WIZARD_HOME": str(lab.root.parent / "hw")}  # fmt: skip
    script = Path(__file__).parent / "offline_steps.py"
    return lab.execute([sys.executable, str(script), str(cluster_file), str(lab.secrets_file)],
                       environment=environment)  # fmt: skip


def test_docker_and_haproxy_come_from_the_bundle(lab: Lab, cluster_file: Path) -> None:
    for host in lab.hosts.values():
        assert "Candidate" not in host.run(["apt-cache", "policy", "docker.io"])
    done = steps(lab, cluster_file)
    assert done.returncode == 0, done.stdout + done.stderr
    for host in lab.hosts.values():
        assert runs_a_container(host) == "it runs"
        assert "HAProxy" in host.run(["haproxy", "-v"])


def runs_a_container(host: LabHost) -> str:
    """What a container says that is made of the host's own shell: no image is to be had here."""
    made = (
        "tar -chC / bin/sh lib/x86_64-linux-gnu/libc.so.6 lib64/ld-linux-x86-64.so.2 |"
        " docker import - tiny:1 >/dev/null; "
        "docker run --rm --network none tiny:1 /bin/sh -c 'echo it runs'"
    )
    return host.run(["sh", "-ec", made]).strip()


def test_a_second_run_changes_nothing(lab: Lab, cluster_file: Path) -> None:
    steps(lab, cluster_file)
    again = steps(lab, cluster_file)
    assert again.returncode == 0, again.stdout + again.stderr
    # The looks at the host itself are looks each time.
    done = [line for line in again.stdout.splitlines() if "✓" in line]
    assert all("✓ runs Debian" in line or "✓ has the address" in line for line in done), again.stdout
    assert again.stdout.count("already so") == 6 * len(HOSTS)


def test_a_host_keeps_the_sources_that_it_has(lab: Lab, cluster_file: Path) -> None:
    steps(lab, cluster_file)
    for host in lab.hosts.values():
        assert host.run(["sh", "-c", "ls /etc/apt/sources.list.d /var/lib/apt/lists"]).split() in (
            ["/etc/apt/sources.list.d:", "/var/lib/apt/lists:"],
            ["/etc/apt/sources.list.d:", "/var/lib/apt/lists:", "lock", "partial"],
            ["/etc/apt/sources.list.d:", "/var/lib/apt/lists:", "partial"],
        )
