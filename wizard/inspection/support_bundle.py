"""A support bundle: logs, configuration, versions and status in one archive, for a ticket.

It leaves this machine, so nothing goes in as it is: only files that are named here, and in each
text every secret that is known by its value, and then what looks like one, is bullets (see
`redaction`).
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
import io
import platform
import secrets as random
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from harbor_wizard import show
from harbor_wizard.engine.runner import Connect
from harbor_wizard.errors import HarborWizardError, InputError
from harbor_wizard.inspection.compare import Compared, compare
from harbor_wizard.inspection.status import probe
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Host
from harbor_wizard.plan import Plan
from harbor_wizard.redaction import redact
from harbor_wizard.run import needed_secrets
from harbor_wizard.secrets import SecretValues
from harbor_wizard.session import Session, home
from harbor_wizard.step import quote
from harbor_wizard.text import printable
from harbor_wizard.transport.base import Call, Phase

# Of a session's folder; what is not named here stays there: the store, keys, the lock.
_FILES = ("session.json", "cluster.yaml", "keeping.json", "journal.jsonl", "rehearsal.jsonl",
          "report.md", "preflight.json", "drill.md", "drill.json")  # fmt: skip
_FOLDERS = ("logs",)

# Bytes of one file or section that go in: its end, for what went wrong is there.
_MOST = 20 * 1024 * 1024
_MOST_OF_A_HOST = 64 * 1024 * 1024
_ANSWER_WITHIN = 120.0  # seconds

# Each section is a file of its own in the archive; it changes nothing on the host. `timeout` keeps
# one program that hangs, as `df` does on a dead NFS export, from taking the others with it.
_SCRIPT = r"""
section() { printf '%s %s\n' @MARK@ "$1"; }
look() { echo "\$ $*"; timeout 15 "$@" 2>&1; echo; }
section system.txt
look cat /etc/os-release
look uname -a
look uptime
look free -m
look df -h
look df -i
look ip -o addr
look ip route
look ss -Hltnp
look timedatectl
section versions.txt
look docker version
look docker compose version
look keepalived --version
look haproxy -v
look nginx -v
section units.txt
look systemctl --no-pager --no-legend list-units 'harbor-wizard-*'
for unit in @UNITS@; do look systemctl --no-pager -n 0 status $unit; done
for unit in @UNITS@; do
  section "journal/$unit.log"
  timeout 30 journalctl --no-pager -o short-iso -n 3000 -u $unit 2>&1
done
section journal/kernel.log
timeout 30 journalctl --no-pager -o short-iso -k -n 500 2>&1
if command -v docker >/dev/null; then
  section docker.txt
  look docker ps -a
  look docker images
  look docker network ls
  look docker system df
fi
for log in /var/log/harbor/*.log; do
  [ -f "$log" ] || continue
  section "harbor/$(basename "$log")"
  tail -n 3000 "$log"
done
"""

_UNITS = ("docker", "harbor", "keepalived", "haproxy", "nginx", "harbor-services", "ssh", "sshd")

OnHost = Callable[[str, str], None]


@dataclass
class _Gathered:
    """What one host gave: texts by their place in the archive, raw; and why not all is there."""

    texts: dict[str, str] = field(default_factory=dict)
    error: str = ""


def write(
    session: Session, plan: Plan, values: SecretValues, connect: Connect, out: Path,
    on_host: OnHost,
) -> list[str]:  # fmt: skip
    """Write the archive, a new `.tar.gz` of mode 0600; return a sentence for each gap in it.

    `on_host` is called by threads with a host's name and how it stands. Hosts are only looked at.
    Raises `InputError` where the file is there already or cannot be made.
    """
    masker = values.masker()

    def clean(text: str) -> str:
        return redact(masker(text))

    name = f"harbor-wizard-{session.name}"
    with _created(out) as stream, tarfile.open(fileobj=stream, mode="w:gz") as archive:
        gathered = _all(plan, values, connect, on_host)
        gaps = [
            tr("{host} is not in it, or not all of it: {reason}", host=host,
               reason=clean(one.error))
            for host, one in gathered.items() if one.error
        ]  # fmt: skip
        lacking = [one for one in sorted(needed_secrets(plan)) if not values.has(one)]
        if lacking:
            gaps.append(
                tr("these secrets are not here, so they are bullets only where a name says that "
                   "they are secrets: {names}", names=", ".join(lacking))
            )  # fmt: skip
        for place, text in _of_session(session, plan, gaps):
            _add(archive, f"{name}/{place}", clean(text))
        status = probe(plan.cluster, connect)
        _add(archive, f"{name}/status.json", clean(status.as_json()))
        for host, one in gathered.items():
            for place, text in one.texts.items():
                _add(archive, f"{name}/hosts/{host}/{place}", clean(text))
    return gaps


@contextlib.contextmanager
def _created(out: Path) -> Iterator[io.BufferedWriter]:
    """Yield a new file; it is gone again where it was not finished."""
    try:
        stream = out.open("xb")
        out.chmod(0o600)
    except OSError as error:
        raise InputError(
            tr("{path} cannot be made ({reason}); name a new file with --out", path=out,
               reason=error.strerror)
        ) from None  # fmt: skip
    try:
        with stream:
            yield stream
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def _add(archive: tarfile.TarFile, place: str, text: str) -> None:
    data = text.encode("utf-8", "replace")
    about = tarfile.TarInfo(place)
    about.size, about.mode = len(data), 0o600
    about.mtime = int(datetime.datetime.now(datetime.UTC).timestamp())
    archive.addfile(about, io.BytesIO(data))


def _of_session(session: Session, plan: Plan, gaps: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what this machine knows: places and texts, raw."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    about = [
        f"harbor-wizard {version('harbor-wizard')}, Python {platform.python_version()}",
        f"{platform.platform()}",
        f"session {session.name} {session.id}, {now}",
        "", *gaps,
    ]  # fmt: skip
    yield "about.txt", "\n".join(about) + "\n"
    yield "plan.txt", show.as_text(plan, [host.name for host in plan.hosts])
    paths = [session.path / one for one in _FILES]
    for folder in _FOLDERS:
        paths += sorted((session.path / folder).glob("*"))
    for path in paths:
        text = _end_of(path)
        if text is not None:
            yield f"session/{path.relative_to(session.path)}", text
    for path in sorted((home() / "crashes").glob("*.txt"))[-20:]:
        text = _end_of(path)
        if text is not None:
            yield f"crashes/{path.name}", text


def _end_of(path: Path) -> str | None:
    """Return a file's text, of a large one the end; None where there is none."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(size - _MOST, 0))
            data = stream.read(_MOST)
    except OSError:
        return None
    if size > _MOST:
        # The first line is cut somewhere, and half a secret is no secret that could be masked.
        return f"[the first {size - _MOST} bytes are left out]\n" + data.partition(b"\n")[2].decode(
            "utf-8", "replace"
        )
    return data.decode("utf-8", "replace")


def _all(
    plan: Plan, values: SecretValues, connect: Connect, on_host: OnHost
) -> dict[str, _Gathered]:
    found = {host.name: _Gathered() for host in plan.hosts}
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(len(found), 1)) as pool:
        list(pool.map(lambda host: _host(host, connect, found[host.name], on_host), plan.hosts))

    def files(host: str, steps: dict[str, Compared], error: str) -> None:
        # What differs on a host is shown with everything bullets that may be a secret.
        for step in plan.on(host):
            seen = steps.get(step.id)
            if step.file is not None and seen is not None and seen.now is not None:
                found[host].texts[f"files{step.file.path}"] = seen.now + "\n"
        found[host].error = found[host].error or error

    compare(plan, values, connect, files)
    return found


def _host(host: Host, connect: Connect, into: _Gathered, on_host: OnHost) -> None:
    """Gather what a host tells."""
    mark = f"hw-section-{random.token_hex(12)}"
    script = _SCRIPT.replace("@MARK@", mark).replace("@UNITS@", " ".join(map(quote, _UNITS)))
    sections = _Sections(mark)
    on_host(host.name, "gathering")
    transport = connect(host)
    try:
        transport.connect()
        call = Call("logs", Phase.LOOK, script, timeout=_ANSWER_WITHIN)
        transport.run(call, sections)
    except HarborWizardError as error:
        into.error = str(error)
    finally:
        transport.close()
        into.texts.update(sections.texts())
        on_host(host.name, "")


class _Sections:
    """Takes a host's lines, and keeps them by section."""

    def __init__(self, mark: str) -> None:
        self._mark = f"{mark} "
        self._now: list[str] = []
        self._found: dict[str, list[str]] = {}
        self._size = 0
        self._lock = threading.Lock()

    def __call__(self, lines: Sequence[str]) -> None:
        with self._lock:
            for line in lines:
                if line.startswith(self._mark):
                    self._now = self._found.setdefault(_place(line.removeprefix(self._mark)), [])
                elif self._size < _MOST_OF_A_HOST:
                    self._size += len(line)
                    self._now.append(printable(line))

    def texts(self) -> dict[str, str]:
        """Return the sections' texts by their place."""
        with self._lock:
            return {place: "\n".join(lines) + "\n" for place, lines in self._found.items()}


def _place(name: str) -> str:
    """Return a section's place in the archive: a host's word for it could lead out of it."""
    kept = "".join(one if one.isalnum() or one in "._-/" else "_" for one in name)
    parts = [part for part in kept.split("/") if part.strip(".")]
    return "/".join(parts)[:200] or "unnamed"
