"""Undo on real hosts: from bare machines to a registry, and back to the bare machines.

The tests build on each other, in the order in which they stand here.
"""

from __future__ import annotations

import difflib
from typing import Any

import pytest

from .conftest import EXAMPLE, Operator

pytestmark = [pytest.mark.lab, pytest.mark.long]

HOSTS = ("lb-1", "lb-2", "harbor-1", "harbor-2")
SESSION = "lab-active-active"
OWN = "# The operator's own, from before.\nglobal\n  maxconn 77\n"

# What a host is like. Left out, each for its reason:
# - /etc/passwd, group and their like: users that a package made stay, by the distribution's policy;
# - /etc/ld.so.cache and /etc/rc*.d: indexes of what is there, made anew by any package;
# - /etc/machine-id and the like are the host's own, and written by nobody here.
STATE = r"""
echo '# packages'
dpkg-query -W -f '${db:Status-Abbrev} ${binary:Package} ${Version}\n' | sort
echo '# units'
systemctl list-unit-files --no-legend --no-pager | awk '{ print $1, $2 }' | sort
systemctl list-units --no-legend --no-pager --plain --state=active --type=service,mount,socket |
  awk '{ print $1 }' | grep -v -e '^user' -e '^run-user' -e '^session' -e 'run-docker' |
  grep -v -e systemd-tmpfiles -e apt-daily -e dpkg-db -e '^ssh' | sort
echo '# files'
find /etc /opt /usr/local /var/lib/harbor-wizard -xdev -printf '%y %m %u:%g %p %l\n' 2>/dev/null |
  grep -v -e ' /etc/\(passwd\|group\|shadow\|gshadow\|subuid\|subgid\)-\? ' -e ' /etc/ld.so.cache ' \
    -e ' /etc/rc[0-9S].d' -e '^d .* /etc ' -e ' /etc/.pwd.lock ' | sort
find /etc /opt /usr/local /var/lib/harbor-wizard -xdev -type f 2>/dev/null |
  grep -v -e '^/etc/\(passwd\|group\|shadow\|gshadow\|subuid\|subgid\)-\?$' -e '^/etc/ld.so.cache$' \
    -e '^/etc/.pwd.lock$' | sort | xargs -d '\n' -r sha256sum
echo '# mounts'
awk '{ print $2 }' /proc/mounts | grep -v -e '^/run/user' -e '^/run/credentials' -e '^/proc/sys' | sort
echo '# settings'
sysctl -n net.ipv4.ip_nonlocal_bind net.ipv6.ip_nonlocal_bind net.ipv4.ip_forward 2>&1
echo '# docker'
command -v docker >/dev/null && docker images
ls -A /var/lib/docker 2>/dev/null
ip -o link | awk '{ print $2 }' | sed 's/@.*//'
true
"""


def state(operator: Operator) -> dict[str, list[str]]:
    return {
        name: operator.lab.hosts[name].run(["sh"], input=STATE).splitlines() for name in HOSTS
    }


def differences(before: dict[str, list[str]], after: dict[str, list[str]]) -> list[str]:
    return [
        f"{name}: {line}"
        for name in HOSTS
        for line in difflib.unified_diff(before[name], after[name], lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    """What one test leaves for the next ones."""
    return {}


def undo(operator: Operator, *options: str) -> str:
    done = operator.run("undo", SESSION, "--yes", *options)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert "✗" not in done.stdout
    return done.stdout


def test_undo_brings_hosts_back_to_what_they_were_but_for_their_data(
    operator: Operator, kept: dict[str, Any]
) -> None:
    operator.lab.fresh()  # tests before this one install on the same hosts
    operator.lab.up()
    lb = operator.lab.hosts["lb-1"]
    lb.run(["sh", "-c", "mkdir -p /etc/haproxy && cat > /etc/haproxy/haproxy.cfg"], input=OWN)
    kept["before"] = state(operator)
    done = operator.apply()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "maxconn 77" not in lb.run(["cat", "/etc/haproxy/haproxy.cfg"])
    shown = operator.run("undo", SESSION, "--show")
    assert shown.returncode == 0
    assert "docker.io" in shown.stdout
    said = undo(operator)
    print(said)
    assert "data stay on harbor-1, harbor-2" in said
    left = [
        line for line in differences(kept["before"], state(operator))
        # What is needed to remove the data later.
        if "/var/lib/harbor-wizard" not in line or not line.startswith("harbor-")
    ]  # fmt: skip
    assert left == [], "\n".join(left)
    assert lb.run(["cat", "/etc/haproxy/haproxy.cfg"]) == OWN
    for name in ("harbor-1", "harbor-2"):
        host = operator.lab.hosts[name]
        there = host.run(["sh", "-c", "find /var/lib/harbor-wizard -mindepth 1 -maxdepth 1"]).split()
        assert there == ["/var/lib/harbor-wizard/kept"], there
        assert host.run(["ls", "/data/secret/keys/secretkey"])
    # What Harbor wrote into the store that the nodes shared is the site's.
    assert operator.lab.hosts["harbor-1"].run(["ls", "-d", "/mnt/harbor-shared"])


def test_a_second_undo_does_nothing(operator: Operator) -> None:
    assert "nothing is left to undo" in undo(operator)


def test_data_are_removed_only_with_the_clusters_name(
    operator: Operator, kept: dict[str, Any]
) -> None:
    for options in (("--data",), ("--data", "--confirm", "another")):
        refused = operator.run("undo", SESSION, "--yes", *options)
        assert refused.returncode == 2, refused.stdout + refused.stderr
    assert operator.lab.hosts["harbor-1"].run(["ls", "/data/secret/keys/secretkey"])
    undo(operator, "--data", "--confirm", SESSION)
    still = differences(kept["before"], state(operator))
    assert still == [], "\n".join(still)
    for name in ("harbor-1", "harbor-2"):
        assert "gone" in operator.lab.hosts[name].run(["sh", "-c", "ls -d /data /var/log/harbor 2>&1 || echo gone"])


def test_what_was_undone_can_be_done_again(operator: Operator) -> None:
    done = operator.apply()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "Harbor is at https://registry.lab.internal" in done.stdout


def test_a_database_that_the_run_made_is_dropped_with_the_data_at_once(operator: Operator) -> None:
    lab = operator.lab
    lab.fresh()
    lab.up()

    def sql(text: str) -> str:
        return lab.hosts["services"].run(
            ["runuser", "-u", "postgres", "--", "psql", "-qAt", "-d", "postgres"], input=text
        )

    made = "SELECT datname FROM pg_database WHERE datname = 'registry' UNION SELECT rolname FROM pg_roles WHERE rolname = 'harbor';"
    # Made by the run then, with an account that is no superuser.
    sql("DROP DATABASE registry;\nDROP ROLE harbor;\n")
    before = state(operator)
    secrets = ("--secrets", str(lab.secrets_file))
    done = operator.run("apply", str(EXAMPLE.with_name("active-standby.yaml")), *secrets, "--yes")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert sql(made).split() == ["harbor", "registry"]
    name = "lab-active-standby"
    undone = operator.run("undo", name, "--yes", "--data", "--confirm", name, *secrets)
    assert undone.returncode == 0, undone.stdout[-6000:] + undone.stderr
    assert sql(made).split() == []
    still = differences(before, state(operator))
    assert still == [], "\n".join(still)
