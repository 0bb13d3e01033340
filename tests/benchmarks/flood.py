"""A program: the wizard in a rehearsal of 20 hosts that print without end, or a given number of lines.

The lines take the way of a detached step's output: read in chunks from the host, split, masked
(with secrets as a real run has them), written to the log, shown. What it sees of itself it writes
to a file: its process, how late its event loop was, how many lines it has read.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import secrets
import threading
import time
from pathlib import Path
from typing import Any

import yaml

from harbor_wizard import certificates, run
from harbor_wizard import session as sessions
from harbor_wizard.engine.runner import Connect
from harbor_wizard.files import write_atomically
from harbor_wizard.model.cluster import Host
from harbor_wizard.plan import Plan
from harbor_wizard.screens import app
from harbor_wizard.screens.app import WizardApp
from harbor_wizard.secrets import SecretValues
from harbor_wizard.session import Session
from harbor_wizard.transport.base import Call, OnLines, Result
from harbor_wizard.transport.detached import Detached
from harbor_wizard.transport.rehearsal import RehearsalTransport

NAME = "flood"
NODES = 18
HOSTS = NODES + 2
EXAMPLE = Path(__file__).parents[2] / "examples" / "active-active.yaml"
MARK = "Loaded layer"
_WATCH = 0.01


def prepare(folder: Path) -> Session:
    """Make a session of 20 hosts in a folder."""
    os.environ["HARBOR_WIZARD_HOME"] = str(folder / "home")
    (folder / "installer.tgz").write_text("installer.tgz\n")
    drawn = certificates.draw({}, ["registry.lab.internal"])
    (folder / "registry.crt").write_text(drawn["tls_certificate"])
    (folder / "registry.key").write_text(drawn["tls_key"])
    data: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    balancers = [host for host in data["hosts"] if "balancer" in host["roles"]]
    nodes = [
        {"name": f"harbor-{number}", "roles": ["harbor"], "address": f"10.77.0.{100 + number}",
         "platform": "debian-12"} for number in range(1, NODES + 1)
    ]  # fmt: skip
    data.update(
        name=NAME, hosts=[*balancers, *nodes], installer={"file": "installer.tgz"},
        tls={"mode": "terminate", "certificate": "registry.crt", "key": "registry.key"},
    )  # fmt: skip
    session = sessions.create(NAME, folder)
    session.save_answers(data)
    return session


class Printer:
    """What one host prints: lines of one length, so many a second, so many in all."""

    def __init__(self, host: str, rate: float, lines: int, width: int) -> None:
        self.read = 0
        self._rate, self._lines, self._width = rate, lines, width
        made = [
            f"{host} {MARK} {number:04d} goharbor/harbor-core:v2.15.2 {secrets.token_hex(64)}"
            for number in range(1000)
        ]
        self._block = "".join(f"{line[: width - 1]}\n" for line in made).encode() * 8
        self._begun = 0.0

    def run(self, call: Call, _: OnLines) -> Result:
        """Answer the question for what was printed since, as a host does."""
        self._begun = self._begun or time.monotonic()
        offset, chunk = map(int, re.findall(r"tail -c \+(\d+) .*head -c (\d+)", call.script)[0])
        offset -= 1
        there = self._lines * self._width
        if self._rate:
            printed = int(self._rate * (time.monotonic() - self._begun)) * self._width
            there = min(there, printed) if self._lines else printed
        size = max(0, min(chunk, there - offset))
        start = offset % (1000 * self._width)
        data = self._block[start : start + size]
        self.read = (offset + len(data)) // self._width
        over = self._lines and offset + len(data) >= self._lines * self._width
        return Result(0, f"{0 if over else 'running'}\n{base64.b64encode(data).decode()}", "")


class Flooding(RehearsalTransport):
    """A simulated host whose first detached step prints."""

    def __init__(self, host: Host, folder: Path, printer: Printer | None) -> None:
        super().__init__(host, folder, 100.0)
        self._printer = printer
        self._printed = False

    def detach(self, call: Call, unit: str, on_lines: OnLines, stop: threading.Event) -> Result:
        if self._printed:
            return super().detach(call, unit, on_lines, stop)
        self._printed = True
        if self._printer is None:  # for comparison: a host that is silent
            stop.wait()
        else:
            Detached(self._host.name, self._printer.run).follow(unit, on_lines, stop)
        return super().detach(call, unit, on_lines, stop)


class Watched(WizardApp):
    """The wizard, which watches itself."""

    CSS_PATH = Path(app.__file__).parent / "wizard.tcss"  # it would be looked for beside us

    def __init__(self, printers: dict[str, Printer], seen: Path) -> None:
        super().__init__(NAME, "preview")
        self._printers, self._seen = printers, seen

    def on_mount(self) -> None:
        super().on_mount()
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        late: list[float] = []
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(_WATCH)
            late.append(time.perf_counter() - begun - _WATCH)
            if len(late) == 50:
                lines = sum(one.read for one in self._printers.values())
                about = {"pid": os.getpid(), "time": time.time(), "lines": lines, "late": late}
                with self._seen.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(about) + "\n")
                late = []


def main() -> None:
    """Show the wizard, which is to be told to rehearse by the key r."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--rate", type=float, default=40_000, help="lines a second in all; 0: no bound"
    )
    parser.add_argument("--lines", type=int, default=0, help="lines in all; 0: without end")
    parser.add_argument("--width", type=int, default=101)
    parser.add_argument("--silent", action="store_true")
    given = parser.parse_args()
    os.chdir(given.folder)
    session = prepare(given.folder)
    names = [host.name for host in session.cluster().hosts]
    printers = {
        name: Printer(name, given.rate / HOSTS, given.lines // HOSTS, given.width) for name in names
    }

    def connector(*_: object) -> Connect:
        folder = session.path / "rehearsal"
        return lambda host: Flooding(host, folder, None if given.silent else printers[host.name])

    def values(_: Session, plan: Plan, *__: object, **___: object) -> SecretValues:
        drawn = certificates.draw({}, ["registry.lab.internal"])
        names = {name: secrets.token_urlsafe(24) for name in run.needed_secrets(plan)}
        return SecretValues({**names, **drawn}, {})

    run.rehearsal_connector = connector  # type: ignore[assignment]
    run.open_secrets = values  # type: ignore[assignment]
    write_atomically(given.folder / "logs", str(session.logs))
    Watched(printers, given.folder / "seen.jsonl").run()


if __name__ == "__main__":
    main()
