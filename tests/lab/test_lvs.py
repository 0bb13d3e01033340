"""LVS on kernels that have it: the balancers are emulated, the nodes are hosts like all others.

Without TLS: to emulate the handshakes of the health checks takes longer than the time between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harbor_wizard.lab import requirements
from harbor_wizard.lab.lab import Lab, default_cache
from harbor_wizard.lab.layout import SERVICES, HostSpec

from .conftest import Operator

pytestmark = [pytest.mark.lab, pytest.mark.long]

EXAMPLE = Path(__file__).parent.parent.parent / "examples/active-active-lvs-lab.yaml"
SESSION = "lab-lvs"
BALANCERS = ("lb-1", "lb-2")
SPECS = (
    HostSpec(SERVICES, "10.77.0.31", "trixie"),
    *(HostSpec(name, f"10.77.0.2{name[-1]}", "bookworm", emulated=True) for name in BALANCERS),
    HostSpec("harbor-1", "10.77.0.11", "bookworm"),
    HostSpec("harbor-2", "10.77.0.12", "trixie"),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    lacking = requirements.missing(emulated=True)
    if lacking:
        pytest.skip(f"the lab cannot be made here: {'; '.join(lacking)}")
    home = tmp_path_factory.mktemp("lvs")
    lab = Lab(home / ".local/share/harbor-wizard/lab", default_cache(), hosts=SPECS)
    try:
        lab.up()
        yield Operator(lab, home)
    finally:
        lab.down()


@pytest.fixture(scope="module")
def given(site: Operator) -> tuple[str, ...]:
    return str(EXAMPLE), "--secrets", str(site.lab.secrets_file)


def test_lvs_balances_and_all_is_verified_through_it(site: Operator, given: tuple[str, ...]) -> None:
    done = site.run("apply", *given, "--yes", timeout=900)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    for name in BALANCERS:
        table = site.lab.hosts[name].run(["ipvsadm", "-Ln"])
        assert table.count("Route") == 2, table
    verified = site.run("verify", *given)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    again = site.run("apply", *given, "--yes")
    assert "nothing to do: all" in again.stdout, again.stdout[-3000:]


def test_a_balancer_that_dies_or_is_cut_off_is_followed(site: Operator, given: tuple[str, ...]) -> None:
    for scenario in ("balancer-host", "balancer-network"):
        done = site.run("drill", SESSION, *given[1:], "--yes", "--scenario", scenario, timeout=400)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr


def test_a_dead_node_gets_no_clients(site: Operator, given: tuple[str, ...]) -> None:
    for name in ("harbor-1", "harbor-2"):
        done = site.run("drill", SESSION, *given[1:], "--yes", "--scenario", f"node-containers@{name}", timeout=400)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    status = site.run("status", SESSION, *given[1:])
    assert status.returncode == 0, status.stdout


def test_what_was_loaded_is_unloaded_when_it_is_taken_back(site: Operator, given: tuple[str, ...]) -> None:
    done = site.run("undo", SESSION, *given[1:], "--yes")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    for name in BALANCERS:
        loaded = site.lab.hosts[name].run(["cat", "/proc/modules"])
        assert "ip_vs" not in loaded
    for name in ("harbor-1", "harbor-2"):
        assert "10.77.0.10" not in site.lab.hosts[name].run(["ip", "address"])
