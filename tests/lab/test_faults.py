"""The fault table: each fault is caused for real, the operator is told what happened, and resume
completes.

The tests go on from each other in the course of one installation, by a login whose sudo wants a
password: a step is made to be done anew on one host, and the fault comes while it runs. The table
is written to the folder that HARBOR_WIZARD_REPORTS names, or to one of pytest's.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from harbor_wizard import secrets
from harbor_wizard.lab.host import LabHost
from harbor_wizard.lab.network import port

from .conftest import EXAMPLE, Operator

pytestmark = [pytest.mark.lab, pytest.mark.long]

NAME = "faults"
HOSTS = ("lb-1", "lb-2", "harbor-1", "harbor-2")
FAKE_CLOCK = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
INSTALLER = "/var/lib/harbor-wizard/harbor-offline-installer-v2.15.2.tgz"
LOADING = "docker load: running"
UPLOADING = r"upload harbor-offline-installer\S+: running"

# Images that are there already are loaded at once: this makes of it a step that takes a while.
SLOW_DOCKER = """#!/bin/sh
if [ "$1" = load ]; then sleep "$(cat /run/slow-load 2>/dev/null || echo 0)"; fi
exec /usr/bin/docker "$@"
"""


class Run:
    """One run of the wizard: what the operator reads of it, and the process."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            arguments, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.lines: list[str] = []
        self.times: list[float] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._more:
                self.lines.append(line.rstrip("\n"))
                self.times.append(time.monotonic())
                self._more.notify_all()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, pattern: str, seconds: float = 120) -> tuple[str, float]:
        """Return the first line that matches, and when it came."""
        deadline = time.monotonic() + seconds
        with self._more:
            while True:
                for line, when in zip(self.lines, self.times, strict=True):
                    if re.search(pattern, line):
                        return line, when
                self._more.wait(0.2)
                assert self.process.poll() is None, self.text[-3000:]
                assert time.monotonic() < deadline, self.text[-3000:]

    def end(self, seconds: float = 240) -> int:
        code = self.process.wait(seconds)
        self._reader.join(10)
        return code


def completed(run: Run) -> str:
    """Return what a run says of its good end."""
    assert run.end() == 0, run.text[-3000:]
    return next(line for line in run.lines if re.match("done in|nothing to do", line))


class Faults:
    """Causes faults, and keeps what the operator read of each."""

    def __init__(self, operator: Operator, folder: Path) -> None:
        self.operator = operator
        self.lab = operator.lab
        self.folder = folder
        self.rows: list[tuple[str, str, str]] = []
        self.file = folder / f"{NAME}.yaml"
        self.given = folder / "secrets.yaml"
        self.write_secrets({})
        self.write_cluster()

    @property
    def session(self) -> Path:
        return Path(self.operator.environment["HARBOR_WIZARD_HOME"]) / "sessions" / NAME

    def write_secrets(self, changes: dict[str, str]) -> None:
        known = secrets.from_file(self.lab.secrets_file)
        self.given.write_text(yaml.safe_dump({**known, **changes}))
        self.given.chmod(0o600)

    def write_cluster(self, **installer: str) -> None:
        data = yaml.safe_load(EXAMPLE.read_text())
        data["name"] = NAME
        data["access"] |= {"user": "admin", "sudo": True, "sudo_password": "secret:sudo_password"}
        data["installer"] |= installer
        self.file.write_text(yaml.safe_dump(data))

    def host(self, name: str) -> LabHost:
        return self.lab.hosts[name]

    def start(self, command: str = "resume", *, file: bool = False, **environment: str) -> Run:
        what = str(self.file) if file else NAME
        arguments = self.operator.command(command, what, "--secrets", str(self.given), "--yes")
        return Run(arguments, {**self.operator.environment, **environment})

    def resume(self) -> str:
        """Resume; it has to complete."""
        return "yes: " + completed(self.start())

    def tell(self, fault: str, read: str, resumed: str) -> None:
        self.rows.append((fault, read, resumed))
        print(f"{fault}\n{read}\n{resumed}")

    def load_again(self, name: str, seconds: float) -> None:
        """Have `docker load` done anew on a host, for that long."""
        script = f"rm -f /opt/harbor/.harbor-wizard-loaded; echo {seconds} >/run/slow-load"
        self.host(name).run(["sh", "-c", script])

    def upload_again(self, name: str) -> None:
        self.host(name).run(["rm", "-f", INSTALLER])

    @contextmanager
    def slow_line(self, name: str, megabits: int) -> Iterator[None]:
        """What is sent to a host goes at this rate."""
        device = port(self.host(name).spec.address)
        where = ["tc", "-n", self.lab.operator, "qdisc"]
        subprocess.run([*where, "add", "dev", device, "root", "tbf", "rate", f"{megabits}mbit",
                        "burst", "64kb", "latency", "100ms"], check=True)  # fmt: skip
        try:
            yield
        finally:
            subprocess.run([*where, "del", "dev", device, "root"], check=True)


@pytest.fixture(scope="module")
def faults(operator: Operator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    operator.lab.fresh()
    operator.lab.up()
    made = Faults(operator, tmp_path_factory.mktemp("faults"))
    try:
        yield made
    finally:
        place = Path(os.environ.get("HARBOR_WIZARD_REPORTS") or made.folder)
        place.mkdir(parents=True, exist_ok=True)
        (place / "fault-table.md").write_text(table(made.rows))
        for host in operator.lab.hosts.values():
            host.mend()
        # The tests of the neighbours begin with bare hosts, too.
        operator.lab.fresh()
        operator.lab.up()


def table(rows: list[tuple[str, str, str]]) -> str:
    lines = ["| fault | what the operator reads | resumed? |", "| --- | --- | --- |"]
    for row in rows:
        cells = [cell.strip().replace("|", "\\|").replace("\n", "<br>") for cell in row]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def wrong_passwords(host: LabHost) -> int:
    """Return how many tries sudo has counted; it writes that down when it ends."""
    deadline = time.monotonic() + 10
    while True:
        told = host.run(["journalctl", "--no-pager", "-t", "sudo"])
        counted = re.findall(r"(\d+) incorrect password attempt", told)
        if counted or time.monotonic() > deadline:
            return sum(map(int, counted))
        time.sleep(0.5)


def test_a_wrong_sudo_password_is_tried_once_and_the_right_one_installs(faults: Faults) -> None:
    faults.write_secrets({"sudo_password": "certainly-not-it"})
    run = faults.start("apply", file=True)
    assert run.end() == 1, run.text
    assert "certainly-not-it" not in run.text
    for name in HOSTS:
        said = f"{name} could not be worked on: {name}: sudo refused the password (it was tried once)"
        assert said in run.text
        assert wrong_passwords(faults.host(name)) == 1
    assert f"go on with: harbor-wizard resume {NAME}" in run.text
    faults.write_secrets({})
    resumed = faults.resume()
    for name in ("harbor-1", "harbor-2"):
        faults.host(name).run(["sh", "-c", "cat >/usr/local/bin/docker; chmod 755 /usr/local/bin/docker"],
                              input=SLOW_DOCKER)  # fmt: skip
    faults.tell("wrong sudo password", said + run.text.partition(said)[2].partition("\n")[0], resumed)


def test_sshd_killed_in_mid_step(faults: Faults) -> None:
    faults.load_again("harbor-1", 6)
    run = faults.start()
    run.wait_for(rf"harbor-1 .*{LOADING}")
    time.sleep(1)
    killed = time.monotonic()
    faults.host("harbor-1").run(["pkill", "-KILL", "sshd"])
    line, when = run.wait_for("harbor-1 .*connection lost")
    assert when - killed < 3
    went_on = f"went on by itself: {completed(run)}"
    faults.tell("sshd killed in mid-step", line, went_on)


def test_cut_off_for_a_minute_in_the_upload_and_in_docker_load(faults: Faults) -> None:
    faults.upload_again("harbor-1")
    faults.load_again("harbor-2", 25)
    first, second = faults.host("harbor-1"), faults.host("harbor-2")
    part = "stat -c %s /var/lib/harbor-wizard/upload/*.part"
    with faults.slow_line("harbor-1", 80):
        run = faults.start()
        run.wait_for(f"harbor-1 .*{UPLOADING}")
        run.wait_for(f"harbor-2 .*{LOADING}")
        time.sleep(3)
        cut = time.monotonic()
        first.cut()
        second.cut()
        lost = [run.wait_for(f"{name} .*connection lost", 30) for name in ("harbor-1", "harbor-2")]
        try:
            for _, when in lost:
                assert when - cut < 10
            arrived = int(first.run(["sh", "-c", part]))
            assert arrived > 5_000_000
            time.sleep(max(0, 60 - (time.monotonic() - cut)))
            # The step has ended on the host in the meantime, without the wizard.
            second.run(["test", "-e", "/opt/harbor/.harbor-wizard-loaded"])
        finally:
            first.mend()
            second.mend()
        went_on = f"went on by itself: {completed(run)}"
    for fault, (line, _) in zip(("upload", "docker load"), lost, strict=True):
        faults.tell(f"host cut off for 60 s in mid-{fault}", line, went_on)


def test_a_reboot_in_mid_step(faults: Faults) -> None:
    faults.load_again("harbor-2", 20)
    run = faults.start()
    run.wait_for(f"harbor-2 .*{LOADING}")
    time.sleep(1)
    faults.host("harbor-2").reboot()
    code = run.end()
    # Either the line breaks first, and its check decides after the reboot, or the step's end is
    # seen first, and the operator resumes.
    line, _ = run.wait_for("harbor-2 .*connection lost|was the host rebooted")
    assert code in (0, 1), run.text[-3000:]
    faults.tell("host rebooted in mid-step", line, faults.resume())


def failure(text: str, host: str, title: str) -> str:
    """Return what is said below the line that a step failed."""
    said: list[str] = []
    for line in text.splitlines():
        stamped = re.match(r"[\d:]{8} (\S+) +(.*)", line)
        if stamped is None:
            if said:
                break
        elif stamped[1] == host and (said or re.match(f"✗ {title}", stamped[2])):
            said.append(stamped[2])
    assert said, text[-3000:]
    return "\n".join(said)


@contextmanager
def full(host: LabHost, place: str, size: str) -> Iterator[None]:
    """A small disk stands at a place of a host's."""
    host.run(["sh", "-c", f"mkdir -p {place} && mount -t tmpfs -o size={size} tmpfs {place}"])
    try:
        yield
    finally:
        host.run(["umount", "-l", place])


def test_the_disk_of_a_host_is_full(faults: Faults) -> None:
    first, second = faults.host("harbor-1"), faults.host("harbor-2")
    # What is full before a run is found by its look at the host.
    with full(second, "/opt/harbor", "8m"):
        run = faults.start()
        assert run.end() == 3, run.text[-3000:]
    before = failure(run.text, "harbor-2", "has 6 GB free")
    assert "/opt/harbor has 8 MB free, 6000 MB are wanted; make room there" in before
    # What fills up later stops the step.
    faults.upload_again("harbor-1")
    faults.upload_again("harbor-2")
    with faults.slow_line("harbor-2", 200), full(first, "/var/lib/harbor-wizard/upload", "16m"):
        run = faults.start()
        run.wait_for(f"harbor-2 .*{UPLOADING}")
        with full(second, "/opt/harbor", "8m"):
            assert run.end() == 1, run.text[-3000:]
    upload = failure(run.text, "harbor-1", "upload")
    unpack = failure(run.text, "harbor-2", "unpack")
    for said in (upload, unpack):
        assert "No space left on device" in said
        assert "likely: the disk is full: make room there" in said
    assert f"go on with: harbor-wizard resume {NAME}" in run.text
    resumed = faults.resume()
    faults.tell("disk full on the host, before the run (exit code 3)", before, resumed)
    faults.tell("disk full on the host, in the upload", upload, resumed)
    faults.tell("disk full on the host, in a step", unpack, resumed)


def test_the_disk_of_a_host_is_too_full_even_for_its_lock(faults: Faults) -> None:
    host = faults.host("lb-1")
    with full(host, "/var/lib/harbor-wizard", "1m"):
        host.run(["sh", "-c", "cat /dev/zero >/var/lib/harbor-wizard/filler 2>/dev/null || true"])
        run = faults.start()
        assert run.end() == 1, run.text[-3000:]
        (said,) = [line for line in run.lines if line.startswith("lb-1 could not be worked on")]
        assert "No space left on device" in said
        assert "is locked by" not in said
        host.run(["rm", "/var/lib/harbor-wizard/filler"])
        resumed = faults.resume()
    faults.tell("disk full on the host, from the start", said, resumed)


def test_the_disk_of_the_operators_machine_is_full(faults: Faults) -> None:
    home = Path(faults.operator.environment["HARBOR_WIZARD_HOME"])
    small = faults.folder / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)], check=True)
    filler = small / "filler"

    def fill() -> None:
        with suppress(OSError), filler.open("ab", buffering=0) as stream:
            while stream.write(b"\0" * 4096):
                pass

    try:
        shutil.copytree(home / "sessions" / NAME, small / "sessions" / NAME)
        # In the middle of a run.
        faults.load_again("harbor-1", 4)
        run = faults.start(HARBOR_WIZARD_HOME=str(small))
        run.wait_for(f"harbor-1 .*{LOADING}")
        fill()
        assert run.end() == 1, run.text[-3000:]
        # Whichever host's step it is whose end finds no room.
        said = next(line for line in run.lines if re.search(r"the journal \S+ cannot be", line))
        assert "No space left on device" in said
        assert "make room there, then resume" in said
        assert "Traceback" not in run.text
        # And from the start.
        fill()
        early = faults.start(HARBOR_WIZARD_HOME=str(small))
        assert early.end() == 1, early.text
        assert "No space left on device" in early.text
        assert "Traceback" not in early.text
        filler.unlink()
        done = faults.start(HARBOR_WIZARD_HOME=str(small))
        assert done.end() == 0, done.text[-3000:]
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
    resumed = faults.resume()
    faults.tell("disk full on the operator's machine, in mid-run", said, resumed)
    faults.tell("disk full on the operator's machine, from the start", early.text, resumed)


def test_a_changed_host_key(faults: Faults) -> None:
    host = faults.host("lb-2")
    host.run(["sh", "-c", "rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart ssh"])
    host.wait_ssh()
    run = faults.start()
    assert run.end() == 1, run.text[-3000:]
    (said,) = [line for line in run.lines if line.startswith("lb-2 could not be worked on")]
    assert "answers with another key than the one that is known: expected SHA256:" in said
    assert "remove its old line from known_hosts" in said
    faults.lab.up()  # writes the new keys down, as the operator does
    faults.tell("changed host key", said, faults.resume())


def test_the_installer_is_truncated_or_altered(faults: Faults) -> None:
    given = Path(faults.lab.root / "harbor-offline-installer-v2.15.2.tgz")
    good = subprocess.run(["sha256sum", given], capture_output=True, text=True, check=True).stdout.split()[0]
    bad = faults.folder / given.name
    shutil.copyfile(given, bad)
    os.truncate(bad, given.stat().st_size // 2)
    # With the checksum in the cluster file nothing is sent.
    faults.write_cluster(file=str(bad), sha256=good)
    run = faults.start("apply", file=True)
    assert run.end() == 2, run.text[-3000:]
    told = failure(run.text, "harbor-1", "upload")
    assert f"the cluster file says {good}; the file is damaged or another one: fetch it again" in told
    # Without it the host finds out.
    faults.write_cluster(file=str(bad))
    run = faults.start("apply", file=True)
    assert run.end() == 1, run.text[-3000:]
    cut_off = failure(run.text, "harbor-1", "unpack")
    assert "the installer is damaged or cut off" in cut_off
    shutil.copyfile(given, bad)
    with bad.open("r+b") as stream:
        stream.seek(given.stat().st_size // 2)
        before = stream.read(4096)
        stream.seek(given.stat().st_size // 2)
        stream.write(bytes(one ^ 0xFF for one in before))
    run = faults.start("apply", file=True)
    assert run.end() == 1, run.text[-3000:]
    altered = failure(run.text, "harbor-1", "unpack")
    assert "the installer is damaged or cut off" in altered
    # The operator fetches it again.
    shutil.copyfile(given, bad)
    resumed = faults.resume()
    faults.tell("installer truncated, its sha256 in the cluster file", told, resumed)
    faults.tell("installer truncated, no sha256", cut_off, resumed)
    faults.tell("installer altered, no sha256", altered, resumed)
    faults.write_cluster()
    bad.unlink()
    shutil.copyfile(faults.file, faults.session / "cluster.yaml")


@pytest.mark.skipif(not FAKE_CLOCK.exists(), reason="faketime is not installed")
def test_the_operators_clock_is_set_back(faults: Faults) -> None:
    clock = faults.folder / "clock"
    clock.write_text("+0\n")
    set_by = {"LD_PRELOAD": str(FAKE_CLOCK), "FAKETIME_TIMESTAMP_FILE": str(clock),
              "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}  # fmt: skip
    faults.load_again("harbor-1", 5)
    run = faults.start(**set_by)
    run.wait_for(f"harbor-1 .*{LOADING}")
    clock.write_text("-2h\n")
    went_on = completed(run)
    (back,) = [line for line in run.lines if "✓ docker load" in line]
    again = completed(faults.start(**set_by))
    assert "nothing to do" in again
    faults.tell("operator's clock set back by 2 h in mid-run", f"nothing but the times: {back}",
                f"went on by itself: {went_on}; resume, still 2 h back: {again}")  # fmt: skip
    clock.write_text("-800d\n")
    early = faults.start(**set_by)
    assert early.end() == 2, early.text[-3000:]
    assert "Traceback" not in early.text
    faults.tell("operator's clock set back by 800 days (before the certificate's time)", early.text, faults.resume())


def test_two_runs_at_once(faults: Faults) -> None:
    # Another operator's copy of the session is another session on the hosts.
    other = faults.folder / "other"
    shutil.copytree(faults.session, other / "sessions" / NAME)
    about = json.loads((other / "sessions" / NAME / "session.json").read_text())
    (other / "sessions" / NAME / "session.json").write_text(json.dumps({**about, "id": "another"}))
    faults.load_again("harbor-1", 20)
    run = faults.start()
    run.wait_for(f"harbor-1 .*{LOADING}")
    second = faults.start()
    assert second.end() == 4, second.text
    said = second.text
    assert re.search(rf"under way \(\S+ on \S+, process {run.process.pid}, since 20\S+\); wait for it", said)
    third = faults.start(HARBOR_WIZARD_HOME=str(other))
    assert third.end() == 4, third.text[-3000:]
    (there,) = [one for one in third.lines if one.startswith("harbor-1 could not be worked on")]
    assert re.search(r"is locked by \S+ on \S+ since 20\S+, which is alive; wait for it", there)
    assert run.process.poll() is None
    went_on = f"the first is not disturbed: {completed(run)}"
    faults.tell("two runs at once, of one session (exit code 4)", said, went_on)
    faults.tell("two runs at once, from two machines (exit code 4)", there, went_on)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda one: one.name)
def test_a_signal_in_mid_step(faults: Faults, number: signal.Signals) -> None:
    faults.load_again("harbor-1", 6)
    run = faults.start()
    run.wait_for(f"harbor-1 .*{LOADING}")
    time.sleep(1)
    sent = time.monotonic()
    run.process.send_signal(number)
    assert run.end(20) == 130, run.text[-3000:]
    assert time.monotonic() - sent < 5
    said = failure(run.text, "harbor-1", "docker load")
    assert "goes on there" in said
    assert "go on with: harbor-wizard resume" in run.text
    told = "\n".join([said, *[one for one in run.lines if re.match("stopped:|go on with", one)]])
    faults.tell(f"{number.name} in mid-step (exit code 130)", told, faults.resume())


class Terminal:
    """A shell with job control on a terminal, in which the operator runs the wizard."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.master, slave = pty.openpty()

        def own() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"], stdin=slave, stdout=slave, stderr=slave,
            preexec_fn=own, env={**environment, "TERM": "xterm", "PS1": "$ "},  # noqa: PLW1509
        )  # fmt: skip
        os.close(slave)
        self.seen = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):
            while data := os.read(self.master, 65536):
                self.seen += data.decode("utf-8", "replace")

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def wait_for(self, pattern: str, seconds: float = 60) -> str:
        deadline = time.monotonic() + seconds
        while (found := re.search(pattern, self.seen)) is None:
            assert time.monotonic() < deadline, self.seen[-3000:]
            time.sleep(0.1)
        return found[0]

    def hang_up(self) -> None:
        """End the shell with all that it runs, as a closed window does."""
        with suppress(ProcessLookupError):
            os.kill(self.shell.pid, signal.SIGHUP)
        self.shell.wait(20)


@pytest.fixture
def terminal(faults: Faults) -> Iterator[Callable[[], Terminal]]:
    made: list[Terminal] = []

    def make() -> Terminal:
        made.append(Terminal(faults.operator.environment))
        return made[-1]

    yield make
    for one in made:
        one.hang_up()
        with suppress(OSError):
            os.close(one.master)


def words(faults: Faults) -> str:
    import shlex

    return shlex.join(faults.operator.command("apply", NAME, "--secrets", str(faults.given), "--yes"))


def test_ctrl_z_and_fg_in_mid_step(faults: Faults, terminal: Callable[[], Terminal]) -> None:
    faults.load_again("harbor-1", 10)
    shown = terminal()
    shown.type(f"{words(faults)}; echo exit=$?\n")
    shown.wait_for(LOADING)
    time.sleep(1)
    shown.type("\x1a")
    told = shown.wait_for(r"\[1\]\+\s+Stopped")
    time.sleep(15)
    shown.seen = ""
    shown.type("fg; echo done=$?\n")
    shown.wait_for(r"done=\d", 120)
    assert "done=0" in shown.seen, shown.seen[-3000:]
    assert re.search("done in|nothing to do", shown.seen), shown.seen[-3000:]
    lost = re.findall(r"! (connection lost[^\r\n]*)", shown.seen)
    faults.tell("Ctrl+Z for 15 s, then fg", "\n".join([told, *lost]), "went on by itself, exit code 0")


def test_ctrl_c_in_mid_step(faults: Faults, terminal: Callable[[], Terminal]) -> None:
    faults.load_again("harbor-1", 6)
    shown = terminal()
    shown.type(f"{words(faults)}; echo exit=$?\n")
    shown.wait_for(LOADING)
    time.sleep(1)
    shown.type("\x03")
    told = shown.wait_for(r"stopping; [^\r\n]*")
    shown.wait_for(r"go on with: harbor-wizard resume")
    faults.tell("Ctrl+C in mid-step", told, faults.resume())


def test_the_terminal_is_closed_in_mid_step(faults: Faults, terminal: Callable[[], Terminal]) -> None:
    faults.load_again("harbor-1", 6)
    shown = terminal()
    shown.type(f"exec {words(faults)}\n")
    shown.wait_for(LOADING)
    time.sleep(1)
    os.close(shown.master)
    assert shown.shell.wait(30) == 130
    host = faults.host("harbor-1")
    assert "lock" not in host.run(["ls", "/var/lib/harbor-wizard"]).split()
    faults.tell("the terminal is closed in mid-step", "(nobody reads it; exit code 130)", faults.resume())


def any_lock(faults: Faults) -> list[str]:
    return [name for name in HOSTS
            if "lock" in faults.host(name).run(["ls", "/var/lib/harbor-wizard"]).split()]  # fmt: skip


def test_nothing_is_left_locked_and_a_further_run_changes_nothing(faults: Faults) -> None:
    done: Any = faults.start("apply", file=True)
    assert done.end() == 0, done.text[-3000:]
    assert "nothing to do: all" in done.text
    assert any_lock(faults) == []
