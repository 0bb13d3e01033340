"""The whole walk in a real terminal of 80x24, by keys only, on the lab: stopped once, and resumed."""

from __future__ import annotations

import re
import time

import pytest

from harbor_wizard import secrets
from tests.screens.terminal import AVAILABLE, Terminal

from .conftest import Operator

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not AVAILABLE, reason="tmux is not installed"),
]


def test_a_new_user_walks_from_the_first_screen_to_the_report(operator: Operator) -> None:
    lab = operator.lab
    lab.fresh()
    lab.up()
    known = secrets.from_file(lab.secrets_file)
    terminal = Terminal(operator.lab.wrap, operator.environment)
    try:
        terminal.start()
        terminal.wait("There is no session yet|step|n New")
        terminal.press("n")
        terminal.wait("name", 5)
        terminal.type("walk")
        terminal.press("Enter")
        terminal.wait("Choose how Harbor stays up")
        terminal.press("Enter")

        terminal.arrive("▸ 2 Topology")
        terminal.fill("the name that clients use", "registry.lab.internal")
        terminal.fill("the virtual address with its", "10.77.0.10/24")
        terminal.press("C-o", "p")
        terminal.wait("Paste addresses")
        for number, name in enumerate(("lb-1", "lb-2", "harbor-1", "harbor-2")):
            if number:
                terminal.press("Enter")
            terminal.type(f"{name} {lab.hosts[name].spec.address}")
        terminal.press("C-n")
        terminal.wait("harbor-2 +harbor")
        terminal.press("C-n")

        terminal.arrive("▸ 3 Access")
        terminal.fill("the login name", "root")
        terminal.fill("a private key's path", str(lab.root / "id_ed25519"))
        terminal.press("C-t")
        for _ in range(4):
            shown = terminal.wait("host's own")
            address = re.search(r"10\.77\.0\.\d+", shown[shown.index("is not known") - 20:])
            assert address is not None
            (name,) = [one for one, host in lab.hosts.items() if host.spec.address == address[0]]
            keys = lab.hosts[name].run(["sh", "-c", "cat /etc/ssh/ssh_host_*.pub | ssh-keygen -lf -"])
            seen = re.search(r"SHA256:[A-Za-z0-9+/]+", shown)
            assert seen is not None
            assert seen[0] in keys
            terminal.press("y")
            deadline = time.monotonic() + 10
            while seen[0] in terminal.screen() and time.monotonic() < deadline:
                time.sleep(0.1)
        terminal.wait(r"harbor-2 +✓ well +debian-13")
        terminal.wait(r"lb-1 +✓ well +debian-12")
        terminal.press("C-n")

        terminal.arrive("▸ 4 Services")
        terminal.fill("the offline installer's path", str(lab.root / "harbor-offline-installer-v2.15.2.tgz"))
        terminal.fill("the path of the certificate with", str(lab.root / "tls/registry.crt"))
        terminal.fill("the path of the certificate's private", str(lab.root / "tls/registry.key"))
        terminal.fill("the database's name or address", "10.77.0.31")
        terminal.fill("the database user's password", known["database_password"])
        terminal.fill("Redis' name or address", "10.77.0.31")
        for _ in range(10):
            if "yes where Redis asks" in terminal.help_line():
                break
            terminal.tab()
        terminal.press("Right")
        terminal.wait("Redis password")
        terminal.fill("Redis' password", known["redis_password"])
        terminal.fill("a folder of a shared file system", "/mnt/harbor-shared")
        terminal.fill("it encrypts the secrets", "a passphrase of eleven")
        terminal.press("C-n")

        terminal.arrive("▸ 5 Preflight")
        terminal.press("C-n")
        terminal.arrive("▸ 6 Review")
        terminal.press("C-n")
        shown = terminal.wait("▸ 7 Preview")
        assert known["database_password"] not in shown
        terminal.press("C-n")
        terminal.wait("Type the cluster's name")
        terminal.type("walk")
        terminal.press("Enter")
        terminal.wait("RUNNING", 30)
        terminal.wait(r"[2-9]\d/72", 120)
        terminal.press("C-q")  # stopped in the middle: what runs on the hosts goes on there
        terminal.wait("ended|leave|stop|Leave", 30)
        if "ended" not in terminal.screen():
            terminal.press("y")
        terminal.wait("ended", 60)

        terminal.start("resume", "walk")
        terminal.arrive("▸ 8 Run")  # where it was left
        terminal.press("g")
        terminal.wait("Type the cluster's name")
        terminal.type("walk")
        terminal.press("Enter")
        terminal.wait("passphrase of this session", 30)
        terminal.type("a passphrase of eleven")
        terminal.press("Enter")
        shown = terminal.wait(r"docker login registry\.lab\.internal", 240)
        assert "▸ 9 Report" in shown
        everything = "".join(path.read_text(errors="replace")
                             for path in (operator.home / "hw").rglob("*") if path.is_file())  # fmt: skip
        for name in ("database_password", "redis_password"):
            assert known[name] not in everything
    finally:
        terminal.close()
