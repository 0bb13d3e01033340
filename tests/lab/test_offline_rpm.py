"""A bundle of RPM packages, made from a repository of our own, installs into an empty root."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harbor_wizard import bundle
from harbor_wizard.components import docker, packages
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.platforms import PLATFORMS
from tests.test_platforms import applied, on

_LACKING = [one for one in ("dnf", "rpmbuild", "createrepo_c") if shutil.which(one) is None]

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(_LACKING), reason=f"{', '.join(_LACKING)} is missing"),
    pytest.mark.skipif(os.geteuid() != 0, reason="dnf wants root"),
]

SPEC = """
Name: {name}
Version: 1.0
Release: 1
Summary: Stands in
License: None
BuildArch: noarch
{requires}
%description
Stands in.
%files
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a package of each name that openEuler needs, all of which need one more."""
    folder = tmp_path_factory.mktemp("repository")
    names = {one for group in PLATFORMS["openeuler-24.03"].packages.values() for one in group}
    for name in (*sorted(names), "leaned-on", "unwanted"):
        spec = folder / f"{name}.spec"
        spec.write_text(SPEC.format(name=name, requires="Requires: leaned-on" if name in names else ""))
        subprocess.run(["rpmbuild", "-bb", "--quiet", f"--define=_rpmdir {folder}",
                        f"--define=_topdir {folder}/build", str(spec)], check=True, capture_output=True)  # fmt: skip
    subprocess.run(["createrepo_c", "--quiet", str(folder)], check=True)
    return folder


def test_a_bundle_of_rpms_installs_with_all_it_leans_on(
    tmp_path: Path, repository: Path, cluster: Cluster
) -> None:
    listed = tmp_path / "site.repo"
    listed.write_text(f"[site]\nname=site\nbaseurl={repository.as_uri()}\nenabled=1\ngpgcheck=0\n")
    installer = tmp_path / "harbor.tgz"
    installer.write_bytes(b"\x1f\x8b stands in")
    wish = bundle.Wish("2.15.2", ("openeuler-24.03",), str(installer), sources={"openeuler-24.03": listed})
    folder = tmp_path / "bundle"
    bundle.make(wish, folder, print)
    assert list(bundle.problems(folder)) == []

    here = on(cluster, "openeuler-24.03", source="bundle", bundle=str(folder))
    host, root = here.nodes[0], tmp_path / "root"
    steps = [*packages.ready(here, host)][2:] + [*docker.steps(here, host)][:1]
    shutil.move(repository, tmp_path / "gone")
    for step in steps:
        text = applied(step).replace(packages.BUNDLES, str(folder))
        # The host is an empty root beside this machine's own.
        text = text.replace("\ndnf -y", f"\ndnf -y --installroot={root} --releasever=24.03")
        done = subprocess.run(["sh"], input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    there = subprocess.run(["rpm", f"--root={root}", "-qa", "--qf", "%{NAME}\n"], capture_output=True, text=True)
    assert sorted(there.stdout.split()) == ["docker-compose", "leaned-on", "moby"]
