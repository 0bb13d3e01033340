"""The whole walk in a real terminal of 80x24, by keys only, on the lab: stopped once, and resumed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
import uuid

import pytest

from harbor_wizard import secrets

from .conftest import Operator

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


class Terminal:
    """A terminal of 80x24 on a private tmux server, in the operator's namespace."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._name = f"hw-{uuid.uuid4().hex[:8]}"
        self._tmux("new-session", "-d", "-s", "keep", "-x", "80", "-y", "24", "sleep 1200")

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            self._operator.lab.wrap(["tmux", "-L", self._name, "-f", "/dev/null", *arguments]),
            capture_output=True, text=True, timeout=20, env=self._operator.environment,
        )  # fmt: skip
        return done.stdout

    def start(self, *arguments: str) -> None:
        command = " ".join([sys.executable, "-m", "harbor_wizard", *arguments])
        self._tmux("new-window", "-t", "keep", f"{command}; echo ended $?; sleep 600")

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    def wait(self, marker: str, seconds: float = 20) -> str:
        deadline = time.monotonic() + seconds
        while True:
            shown = self.screen()
            if re.search(marker, shown):
                return shown
            assert time.monotonic() < deadline, f"no {marker!r} on:\n{shown}"
            time.sleep(0.1)

    def arrive(self, marker: str) -> str:
        """Wait for a screen, and look at it as long as a person does before typing."""
        self.wait(marker)
        time.sleep(0.7)
        return self.screen()

    def press(self, *keys: str) -> None:
        for key in keys:
            self._tmux("send-keys", key)
            time.sleep(0.05)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", "--", text)

    def settle(self) -> str:
        """Wait until the screen stands still: what was typed has been taken in."""
        deadline = time.monotonic() + 10
        shown = self.screen()
        while time.monotonic() < deadline:
            time.sleep(0.15)
            before, shown = shown, self.screen()
            if before == shown:
                break
        return shown

    def help_line(self) -> str:
        """The line about the field that has the cursor: it stands above Back and Next."""
        lines = self.screen().splitlines()
        (buttons,) = [number for number, line in enumerate(lines) if "  Back  " in line]
        return lines[buttons - 1]

    def tab(self) -> None:
        """Go to the next field, and wait until the screen says so.

        A key goes to the field that has the cursor when it arrives: one that is sent ahead of
        the move would go astray. So no key is sent before the last one has been seen to work.
        """
        before = self.help_line()
        self.press("Tab")
        deadline = time.monotonic() + 10
        while self.help_line() == before:
            assert time.monotonic() < deadline, f"Tab did not move:\n{self.screen()}"
            time.sleep(0.05)
        self.settle()

    def go_on(self) -> None:
        """Press Next, and wait for the next screen."""
        (before,) = re.findall("▸ [1-8]", self.screen())
        self.press("C-n")
        self.wait(f"▸ [{int(before[-1]) + 1}-8]")

    def fill(self, about: str, text: str) -> None:
        """Tab to the field whose help line says `about`, and write into it."""
        for _ in range(45):
            if about in self.help_line():
                break
            self.tab()
        else:
            raise AssertionError(f"no field about {about!r} on:\n{self.screen()}")
        self.press("End", "C-u")
        before = self.settle().count("•")
        self.type(text)
        if "password" in about or "encrypts" in about:
            deadline = time.monotonic() + 20
            while self.screen().count("•") < before + len(text):
                assert time.monotonic() < deadline, f"no bullets for it on:\n{self.screen()}"
                time.sleep(0.1)
        else:
            self.wait(re.escape(text[-12:]))
        self.settle()

    def close(self) -> None:
        self._tmux("kill-server")


def test_a_new_user_walks_from_the_first_screen_to_the_report(operator: Operator) -> None:
    lab = operator.lab
    lab.fresh()
    lab.up()
    known = secrets.from_file(lab.secrets_file)
    terminal = Terminal(operator)
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

        terminal.arrive("▸ 5 Review")
        terminal.press("C-n")
        shown = terminal.wait("▸ 6 Preview")
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
        terminal.wait("▸ [1-8]")
        while "▸ 6 Preview" not in terminal.screen():
            terminal.go_on()
        terminal.press("C-n")
        terminal.wait("Type the cluster's name")
        terminal.type("walk")
        terminal.press("Enter")
        terminal.wait("passphrase of this session", 30)
        terminal.type("a passphrase of eleven")
        terminal.press("Enter")
        shown = terminal.wait(r"docker login registry\.lab\.internal", 240)
        assert "▸ 8 Report" in shown
        everything = "".join(path.read_text(errors="replace")
                             for path in (operator.home / "hw").rglob("*") if path.is_file())  # fmt: skip
        for name in ("database_password", "redis_password"):
            assert known[name] not in everything
    finally:
        terminal.close()
