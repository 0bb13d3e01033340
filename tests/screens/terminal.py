"""A real terminal, on a tmux server of its own, and an operator who has a keyboard only."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

AVAILABLE = shutil.which("tmux") is not None
WIZARD = (sys.executable, "-m", "harbor_wizard")

Wrap = Callable[[list[str]], Sequence[str]]


class Terminal:
    """A terminal of 80x24. What runs in it ends with it.

    `wrap` puts the tmux server elsewhere, for example into another network namespace;
    `environment` is the server's.
    """

    def __init__(
        self, wrap: Wrap = list, environment: Mapping[str, str] | None = None, seconds: int = 1200
    ) -> None:
        self._wrap = wrap
        self._environment = environment
        self._name = f"hw-{uuid.uuid4().hex[:8]}"
        self.tmux("new-session", "-d", "-s", "keep", "-x", "80", "-y", "24", f"sleep {seconds}")
        self.tmux("set", "-g", "status", "off")
        self.resize(80, 24)

    def tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            self._wrap(["tmux", "-u", "-L", self._name, "-f", "/dev/null", *arguments]),
            capture_output=True, text=True, timeout=20, env=self._environment,
        )  # fmt: skip
        return done.stdout

    def start(self, *arguments: str, environment: Mapping[str, str] | None = None,
              folder: Path | None = None, after: str = "", before: str = "") -> None:  # fmt: skip
        """Start the wizard with these arguments in a new window; see `open`."""
        line = f"{before} {shlex.join([*WIZARD, *arguments])} {after}"
        self.open(line, environment=environment, folder=folder)

    def open(self, line: str, *, environment: Mapping[str, str] | None = None,
             folder: Path | None = None) -> None:  # fmt: skip
        """Have a shell do a line in a new window; at its end, `ended` and its exit code."""
        given = "".join(
            f"export {name}={shlex.quote(value)}; " for name, value in (environment or {}).items()
        )
        where = ("-c", str(folder)) if folder is not None else ()
        self.tmux("new-window", "-t", "keep", *where,
                  f"unset NO_COLOR; {given}{line}; echo ended $?; sleep 600")  # fmt: skip

    # What is seen.

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def coloured(self) -> str:
        """What is on the screen, with the escapes of its colours and styles."""
        return self.tmux("capture-pane", "-p", "-e")

    def tells(self, what: str) -> str:
        """Return what tmux tells of the terminal, `cursor_y` for example."""
        return self.tmux("display-message", "-p", "#{" + what + "}").strip()

    def wait(self, marker: str, seconds: float = 20) -> str:
        """Wait until a pattern is on the screen, and return the screen."""
        deadline = time.monotonic() + seconds
        while True:
            shown = self.screen()
            if re.search(marker, shown):
                return shown
            assert time.monotonic() < deadline, f"no {marker!r} on:\n{shown}"
            time.sleep(0.1)

    def until(self, happened: Callable[[], object], seconds: float = 20) -> None:
        """Wait until something is true."""
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, f"it did not happen; on the screen:\n{self.screen()}"
            time.sleep(0.1)

    def arrive(self, marker: str) -> str:
        """Wait for a screen, and look at it as long as a person does before typing."""
        self.wait(marker)
        time.sleep(0.7)
        return self.screen()

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

    # What is done.

    def press(self, *keys: str) -> None:
        for key in keys:
            self.tmux("send-keys", key)
            time.sleep(0.05)

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-l", "--", text)

    def paste(self, text: str) -> None:
        """Paste as a terminal does that brackets what is pasted."""
        self.tmux("set-buffer", "--", text)
        # Else tmux makes each newline a carriage return, as Enter does.
        self.tmux("paste-buffer", "-p", "-r", "-d")

    def resize(self, columns: int, lines: int) -> None:
        self.tmux("resize-window", "-t", "keep", "-x", str(columns), "-y", str(lines))

    def tab(self) -> None:
        """Go to the next field, and wait until the screen says so.

        A key goes to the field that has the cursor when it arrives: one that is sent ahead of
        the move would go astray. So no key is sent before the last one has been seen to work.
        """
        before = self.help_line()
        # On a busy machine the first one may come while the screen is still being put up.
        for _ in range(3):
            self.press("Tab")
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                if self.help_line() != before:
                    self.settle()
                    return
                time.sleep(0.05)
        raise AssertionError(f"Tab did not move:\n{self.screen()}")

    def go_on(self) -> None:
        """Press Next, and wait for the next screen."""
        (before,) = re.findall("▸ [1-9]", self.screen())
        self.press("C-n")
        self.wait(f"▸ [{int(before[-1]) + 1}-9]")

    def go_to(self, about: str) -> None:
        """Tab to the field whose help line says `about`."""
        for _ in range(45):
            if about in self.help_line():
                return
            self.tab()
        raise AssertionError(f"no field about {about!r} on:\n{self.screen()}")

    def fill(self, about: str, text: str) -> None:
        """Tab to the field whose help line says `about`, and write into it."""
        self.go_to(about)
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
        self.tmux("kill-server")


def runs(pid: int) -> bool:
    """Say whether a process is there; one that only waits to be collected is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def child(terminal: Terminal) -> int:
    """Return the process of the wizard in the window that is shown."""
    shell = int(terminal.tells("pane_pid"))
    found: list[int] = []

    def look() -> bool:
        found[:] = []
        for path in Path("/proc").iterdir():
            if path.name.isdigit():
                try:
                    parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
                    words = (path / "cmdline").read_bytes()
                except (OSError, IndexError):
                    continue
                if parent == shell and b"harbor_wizard" in words:
                    found.append(int(path.name))
        return bool(found)

    terminal.until(look)
    assert found[0] != os.getpid()
    return found[0]
