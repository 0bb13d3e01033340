"""Shared by all tests: a home of their own, and the example cluster with files that exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harbor_wizard.lab.credentials import _certificates
from harbor_wizard.model import load
from harbor_wizard.model.cluster import Cluster

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(autouse=True)
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sessions of tests are in the test's own folder."""
    monkeypatch.setenv("HARBOR_WIZARD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def answers(tmp_path: Path) -> dict[str, Any]:
    """The example's plain data, with paths of files that are there."""
    data = load.read(EXAMPLES / "active-active.yaml")
    (tmp_path / "installer.tgz").write_text("installer.tgz\n")
    # Real ones, by a CA of their own: a run refuses others.
    _certificates(tmp_path)
    data["installer"] = {"file": str(tmp_path / "installer.tgz")}
    data["tls"].update(certificate=str(tmp_path / "registry.crt"),
                       key=str(tmp_path / "registry.key"), ca=str(tmp_path / "ca.crt"))  # fmt: skip
    return data


@pytest.fixture
def cluster(answers: dict[str, Any], tmp_path: Path) -> Cluster:
    return load.parse(answers, "cluster.yaml", tmp_path)
