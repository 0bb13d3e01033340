"""The canary: no secret is anywhere but in the encrypted store and in the files that need it.

For each solution: a complete run by a login whose sudo wants a password, a failing run on whose
hosts a program prints its secrets, a run with a bug in it, all that is exported, and a support
bundle. Then each secret, all of which are unique, is searched for: in the session's folder, in what
the terminal showed, in what each process of the hosts and of this machine showed throughout, and on
the hosts in all files, in systemd's journal and in its units.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harbor_wizard import secrets
from harbor_wizard.model import load
from harbor_wizard.plan import Plan
from harbor_wizard.secrets import Store
from harbor_wizard.solutions import make_plan
from tests.screens.terminal import AVAILABLE, Terminal

from .canary import Canary, Processes, in_files, in_journal, in_units, on_host
from .conftest import Operator

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not AVAILABLE, reason="tmux is not installed"),
]

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
SOLUTIONS = ("active-active", "active-standby", "master-slave", "master-master")
CRASHING = Path(__file__).parent / "crashing.py"

# Where secrets have to be on a host, besides the files that the plan writes. What stands here is
# Harbor's own (its prepare writes it), or Docker's of its containers.
NEEDED = (
    r"/opt/harbor/common/config/.*",
    r"/data/secret/.*",
    r"/var/lib/docker/containers/[0-9a-f]{64}/config\.v2\.json",
    r"/run/containerd/.*/config\.json",
    r"/run/docker/.*",
    r"/var/lib/containerd/io\.containerd\.metadata\.v1\.bolt/meta\.db",
)

# A program that prints what it can read: it fails, and all that it said comes to the operator.
INDISCREET = """#!/bin/sh
if [ "$1" = load ]; then
  cat /opt/harbor/harbor.yml /data/secret/keys/secretkey >&2
  cat /data/secret/core/private_key.pem
  printf '\\n%s' "$(cat /opt/harbor/harbor.yml | tr '\\n' ' ')"
  exit 1
fi
exec /usr/bin/docker "$@"
"""


def canary_of(operator: Operator, session: Path) -> Canary:
    """Return all secrets: the lab's, those of the store, and the certificate's key."""
    given = secrets.from_file(operator.lab.secrets_file)
    known = {**Store(session / "secrets.age").read(given["passphrase"]), **given}
    known["tls_key"] = (operator.lab.root / "tls/registry.key").read_text()
    return Canary(known)


def plan_of(file: Path) -> Plan:
    return make_plan(load.parse(load.read(file), file.name))


class Walk:
    """What the operator does, and all that is seen of it."""

    def __init__(self, operator: Operator, name: str, folder: Path) -> None:
        self.operator, self.lab, self.folder = operator, operator.lab, folder
        data = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
        self.name = data["name"] = f"canary-{name}"
        data["access"] |= {"user": "admin", "sudo": True, "sudo_password": "secret:sudo_password"}
        self.file = folder / f"{self.name}.yaml"
        self.file.write_text(yaml.safe_dump(data))
        self.home = folder / "hw"
        self.environment = {**operator.environment, "HARBOR_WIZARD_HOME": str(self.home)}
        self.seen: dict[str, str] = {}
        self.shown = ""

    @property
    def secrets(self) -> tuple[str, str]:
        return ("--secrets", str(self.lab.secrets_file))

    def in_terminal(self, what: str, *arguments: str, code: int, seconds: float = 400) -> None:
        """Do it on a terminal of 200x50 with a long history, and keep all that it showed."""
        terminal = Terminal(self.lab.wrap, self.environment)
        try:
            terminal.tmux("set", "-g", "history-limit", "200000")
            terminal.resize(200, 50)
            terminal.open(" ".join(arguments), environment=self.environment)
            shown = terminal.wait(r"ended \d+", seconds)
            whole = terminal.tmux("capture-pane", "-p", "-J", "-S", "-")
            assert f"ended {code}" in shown, whole[-4000:]
            self.seen[f"terminal: {what}"] = whole
        finally:
            terminal.tmux("kill-server")

    def wizard(self, *arguments: str) -> str:
        return " ".join([sys.executable, "-m", "harbor_wizard", *arguments])

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(self.operator.command(*arguments), capture_output=True, text=True, timeout=300,
                              env=self.environment, stdin=subprocess.DEVNULL)  # fmt: skip
        assert done.returncode == code, (arguments, done.stdout[-3000:], done.stderr[-3000:])
        self.seen[" ".join(arguments)] = done.stdout + done.stderr
        return done.stdout


@pytest.fixture(params=[SOLUTIONS[0], *(pytest.param(one, marks=pytest.mark.long) for one in SOLUTIONS[1:])])
def walk(request: pytest.FixtureRequest, operator: Operator, tmp_path: Path) -> Iterator[Walk]:
    operator.lab.fresh()
    operator.lab.up()
    yield Walk(operator, request.param, tmp_path)
    operator.lab.fresh()
    operator.lab.up()


def test_no_secret_is_anywhere_but_where_it_has_to_be(walk: Walk) -> None:
    file, lab = str(walk.file), walk.lab
    plan = plan_of(walk.file)
    hosts = {host.name: lab.hosts[host.name] for host in plan.hosts}
    nodes = [host.name for host in plan.cluster.nodes]
    if "active-standby" in walk.name:  # the run makes the database and its owner
        lab.hosts["services"].run(["runuser", "-u", "postgres", "--", "psql", "-q", "-d", "postgres"],
                                  input="DROP DATABASE registry;\nDROP ROLE harbor;\n")  # fmt: skip
    with Processes() as processes:
        walk.run("check", file, *walk.secrets, "--output", "json")
        walk.in_terminal("a complete run", walk.wizard("apply", file, *walk.secrets, "--yes", "--verbose"), code=0)
        # A program on the hosts prints its secrets, and fails.
        for name in nodes:
            hosts[name].run(["sh", "-c", "cat >/usr/local/bin/docker; chmod 755 /usr/local/bin/docker"],
                            input=INDISCREET)  # fmt: skip
            hosts[name].run(["rm", "-f", "/opt/harbor/.harbor-wizard-loaded"])
        walk.in_terminal("a failing run", walk.wizard("apply", file, *walk.secrets, "--yes", "--verbose"), code=1)
        failing = walk.seen["terminal: a failing run"]
        assert "••••••" in failing
        assert re.search('harbor_admin_password: "?••••••', failing), failing[-6000:]
        for name in nodes:
            hosts[name].run(["rm", "/usr/local/bin/docker"])
        # A bug, on a host's thread and in the main thread.
        crashing = " ".join([sys.executable, str(CRASHING), "apply", file, *walk.secrets, "--yes"])
        walk.in_terminal("a bug on a host", crashing, code=1)
        assert "a bug of harbor-wizard ended this (RuntimeError)" in walk.seen["terminal: a bug on a host"]
        walk.in_terminal("a bug at the end", f"{crashing} --report-is-broken", code=1)
        # What is shown and exported.
        walk.run("plan", file)
        walk.run("plan", file, "--format", "json")
        walk.run("render", file, "--out", str(walk.folder / "rendered"))
        walk.run("apply", file, *walk.secrets, "--yes", "--output", "json")
        walk.run("verify", file, *walk.secrets)
        walk.run("status", file, *walk.secrets, "--output", "json")
        walk.run("undo", walk.name, "--show")
        walk.run("secrets", "list", walk.name, *walk.secrets)
        bundle = walk.folder / "ticket.tar.gz"
        walk.run("logs", walk.name, *walk.secrets, "--out", str(bundle))

    with tarfile.open(bundle) as archive:
        places = archive.getnames()
        archive.extractall(walk.folder / "bundle", filter="data")
    for name in hosts:
        for wanted in ("versions.txt", "system.txt", "journal/docker.log", "units.txt"):
            assert f"harbor-wizard-{walk.name}/hosts/{name}/{wanted}" in places
    for name in nodes:
        assert f"harbor-wizard-{walk.name}/hosts/{name}/files/opt/harbor/harbor.yml" in places
        assert any(f"/hosts/{name}/harbor/" in place for place in places)
    assert any("/crashes/" in place for place in places)
    assert not any("secrets.age" in place for place in places)

    session = walk.home / "sessions" / walk.name
    canary = canary_of(walk.operator, session)
    # The search itself finds what is there: the store, opened, and the secrets file.
    assert canary.names_in(lab.secrets_file.read_bytes()) >= {"database_password", "passphrase"}
    assert processes.samples > 500

    seen = {what: sorted(canary.names_in(text)) for what, text in walk.seen.items()}
    assert not {what: names for what, names in seen.items() if names}
    assert in_files([walk.home, walk.folder / "rendered", walk.folder / "bundle", walk.file], canary) == []
    assert processes.leaks(canary) == []

    written = {}
    for step in plan.steps:
        if step.file is not None and step.file.content.holes:
            owner = step.file.owner.replace("root:root", "0:0")
            written[step.host, step.file.path] = f"{step.file.mode:o} {owner}"
    needed = re.compile("|".join(NEEDED))
    for name, host in hosts.items():
        assert in_journal(host, canary) == set(), name
        assert in_units(host, canary) == set(), name
        found = on_host(host, canary)
        assert any("/opt/harbor/harbor.yml" in path for path in found) or name not in nodes
        for path, (mode, others_read) in found.items():
            assert not others_read, f"{name}: others can read {path} ({mode})"
            if (name, path) in written:
                # Its owner's only, and that is who the plan says.
                assert mode == written[name, path], f"{name}: {path} has {mode}"
                assert mode.startswith("600 "), f"{name}: {path} has {mode}"
            else:
                assert needed.fullmatch(path), f"{name}: a secret is in {path} ({mode})"
