"""How hosts are reached, and what is refused: each way tried on real hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import EXAMPLE, Operator

pytestmark = pytest.mark.lab


def variant(operator: Operator, name: str, **changes: Any) -> str:
    """Write the example under another name, with changes; return its path."""
    data = yaml.safe_load(EXAMPLE.read_text())
    data["name"] = name
    data["access"].update(changes.pop("access", {}))
    data.update(changes)
    path = operator.home / f"{name}.yaml"
    path.write_text(yaml.safe_dump(data))
    return str(path)


def status(operator: Operator, path: str, *options: str) -> str:
    return operator.run("status", path, "--secrets", str(operator.lab.secrets_file), *options).stdout


@pytest.mark.parametrize(
    "access",
    [
        {"user": "ops", "sudo": True},
        {"user": "admin", "sudo": True, "sudo_password": "secret:sudo_password"},
        {"user": "admin", "key": None, "password": "secret:sudo_password", "sudo": True,
         "sudo_password": "secret:sudo_password"},
        {"jump": "root@10.77.0.31"},
    ],
    ids=["sudo without a password", "sudo with a password", "login by password", "jump host"],
)  # fmt: skip
def test_all_hosts_are_reached_as_root(operator: Operator, access: dict[str, Any]) -> None:
    path = variant(operator, "reach", access=access)
    data = yaml.safe_load(Path(path).read_text())
    data["access"] = {key: value for key, value in data["access"].items() if value is not None}
    Path(path).write_text(yaml.safe_dump(data))
    shown = status(operator, path)
    assert "not reached" not in shown, shown
    assert shown.count("haproxy:") == 2


def test_what_ssh_config_says_is_used(operator: Operator) -> None:
    folder = operator.home / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    config = folder / "config"
    config.write_text(f"Host 10.77.0.*\n  User ops\n  IdentityFile {operator.lab.root / 'id_ed25519'}\n")
    try:
        data = yaml.safe_load(EXAMPLE.read_text())
        data["name"] = "by-config"
        data["access"] = {"sudo": True, "known_hosts": data["access"]["known_hosts"]}
        path = operator.home / "by-config.yaml"
        path.write_text(yaml.safe_dump(data))
        assert "not reached" not in status(operator, str(path))
    finally:
        config.unlink()


def test_a_wrong_sudo_password_is_tried_once(operator: Operator, tmp_path: Path) -> None:
    path = variant(operator, "wrong-sudo", access={"user": "admin", "sudo": True, "sudo_password": "secret:wrong"})
    given = tmp_path / "secrets.yaml"
    given.write_text(operator.lab.secrets_file.read_text() + "wrong: certainly-not-it\n")
    given.chmod(0o600)
    shown = operator.run("status", path, "--secrets", str(given)).stdout
    assert shown.count("sudo refused the password (it was tried once)") == 4
    assert "certainly-not-it" not in shown
    tries = operator.lab.hosts["lb-1"].run(["sh", "-c", "journalctl --no-pager -t sudo | grep -c 'incorrect password' || true"])
    assert int(tries) <= 1


def test_an_unknown_host_is_refused_where_nobody_can_be_asked(operator: Operator) -> None:
    path = variant(operator, "unknown", access={"known_hosts": "/dev/null"})
    shown = status(operator, path)
    assert shown.count("is not known here (ssh-") == 4
    assert "SHA256:" in shown


def test_a_changed_host_key_stops_with_both_fingerprints(operator: Operator, tmp_path: Path) -> None:
    lines = (operator.lab.root / "known_hosts").read_text().splitlines()
    keys = {line.split()[0]: line for line in lines if "ed25519" in line}
    swapped = tmp_path / "known_hosts"
    other = keys["10.77.0.22"].split(maxsplit=1)[1]
    kept = [line for line in lines if not line.startswith("10.77.0.21")]
    swapped.write_text("\n".join([*kept, f"10.77.0.21 {other}"]) + "\n")
    path = variant(operator, "changed", access={"known_hosts": str(swapped)})
    shown = status(operator, path)
    assert shown.count("answers with another key than the one that is known") == 1
    assert shown.count("SHA256:") >= 2


def test_a_host_of_another_system_fails_the_preflight_with_exit_code_3(operator: Operator) -> None:
    data = yaml.safe_load(EXAMPLE.read_text())
    for host in data["hosts"]:
        host["platform"] = "debian-12"
    path = variant(operator, "lab-active-active", hosts=data["hosts"])
    done = operator.run("apply", path, "--secrets", str(operator.lab.secrets_file), "--yes")
    assert done.returncode == 3, done.stdout
    assert "this host runs debian 13, the cluster file says debian-12" in done.stdout
    assert "steps changed something" not in done.stdout


def test_an_installation_by_sudo_ends_well_and_locks_are_given_back(operator: Operator) -> None:
    operator.lab.fresh()
    operator.lab.up()
    path = variant(operator, "by-sudo", access={"user": "admin", "sudo": True, "sudo_password": "secret:sudo_password"})
    done = operator.run("apply", path, "--secrets", str(operator.lab.secrets_file), "--yes")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    for name in ("lb-1", "harbor-1"):
        host = operator.lab.hosts[name]
        assert "lock" not in host.run(["ls", "/var/lib/harbor-wizard"]).split()


def test_a_host_locked_by_another_session_is_told_with_exit_code_4(operator: Operator) -> None:
    host = operator.lab.hosts["lb-2"]
    owner = '{"session": "another", "user": "someone", "machine": "desk", "since": "2026-01-01T00:00:00"}'
    host.run(["sh", "-c", "mkdir -p /var/lib/harbor-wizard/lock; cd /var/lib/harbor-wizard/lock; cat >owner; touch beat"], input=owner)
    path = str(operator.home / "by-sudo.yaml")
    options = ("--secrets", str(operator.lab.secrets_file), "--yes")
    done = operator.run("apply", path, *options)
    assert done.returncode == 4, done.stdout
    assert "lb-2 is locked by someone on desk since 2026-01-01" in done.stdout
    host.run(["touch", "-d", "10 minutes ago", "/var/lib/harbor-wizard/lock/beat"])
    assert "--break-lock" in operator.run("apply", path, *options).stdout
    assert operator.run("apply", path, *options, "--break-lock").returncode == 0
