"""Sessions: a folder that holds one installation.

It holds the cluster file, the secrets (encrypted), the journal, the full logs and the report, and
is all that is needed to take an installation up again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harbor_wizard.errors import InputError, SessionError
from harbor_wizard.files import at, write_atomically
from harbor_wizard.language import tr
from harbor_wizard.secrets import Store

if TYPE_CHECKING:
    from harbor_wizard.model.cluster import Cluster

_NAME = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")
_FORMAT = 1


def home() -> Path:
    """Return the folder of all sessions: `HARBOR_WIZARD_HOME`, or the XDG state folder's."""
    chosen = os.environ.get("HARBOR_WIZARD_HOME")
    if chosen:
        return Path(chosen)
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "harbor-wizard"


@dataclass(frozen=True)
class Session:
    """One installation's folder. `folder` is where relative paths of its cluster start from."""

    name: str
    path: Path
    id: str
    folder: Path

    @property
    def cluster_file(self) -> Path:
        """The cluster file, as it was last saved or applied."""
        return self.path / "cluster.yaml"

    @property
    def journal_file(self) -> Path:
        """The append-only record of what was begun and what ended."""
        return self.path / "journal.jsonl"

    @property
    def logs(self) -> Path:
        """The folder of full logs, a file per host."""
        return self.path / "logs"

    @property
    def lock_file(self) -> Path:
        """The lock that one run at a time holds."""
        return self.path / "lock"

    @property
    def ca_file(self) -> Path:
        """The certificate of the private CA, where there is one: clients have to trust it."""
        return self.path / "ca.crt"

    @property
    def report_file(self) -> Path:
        """The report of the last run that ended."""
        return self.path / "report.md"

    @property
    def store(self) -> Store:
        """The secrets at rest."""
        return Store(self.path / "secrets.age")

    def answers(self) -> dict[str, Any]:
        """Return the plain data of the cluster file; empty where nothing was saved yet."""
        from harbor_wizard.model import load  # noqa: PLC0415 - slow to import

        return load.read(self.cluster_file) if self.cluster_file.exists() else {}

    def save_answers(self, data: dict[str, Any]) -> None:
        """Save answers as they are, complete or not, at once and atomically."""
        import yaml  # noqa: PLC0415 - keeps --help fast

        header = "# A cluster for harbor-wizard. It holds no secret, only references.\n"
        text = header + yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
        write_atomically(self.cluster_file, text, mode=0o644)

    def cluster(self) -> Cluster:
        """Return the validated cluster. Raises `ClusterError`."""
        from harbor_wizard.model import load  # noqa: PLC0415 - slow to import

        return load.parse(load.read(self.cluster_file), str(self.cluster_file), self.folder)

    def local(self, path: str) -> Path:
        """Return a path of the cluster file's as a path of this machine."""
        return at(path, self.folder)


def sessions_folder() -> Path:
    """Return the folder that the sessions' folders are in."""
    return home() / "sessions"


def create(name: str, folder: Path) -> Session:
    """Make a session, or return the one of that name. Raises `SessionError`."""
    if not _NAME.fullmatch(name):
        raise SessionError(
            tr('"{name}" is not a name for a session; use small letters, digits and hyphens, for '
               "example prod-eu", name=name[:60])
        )  # fmt: skip
    path = sessions_folder() / name
    if (path / "session.json").exists():
        return find(name)
    try:
        path.mkdir(parents=True, mode=0o700, exist_ok=True)
        (path / "logs").mkdir(exist_ok=True)
    except OSError as error:
        raise SessionError(
            tr("the session's folder {path} cannot be made ({reason}); mend its permissions, or "
               "set HARBOR_WIZARD_HOME to another folder", path=path, reason=error.strerror)
        ) from None  # fmt: skip
    session = Session(name, path, uuid.uuid4().hex, folder.resolve())
    _remember(session)
    return session


def _remember(session: Session) -> None:
    about = {"format": _FORMAT, "id": session.id, "folder": str(session.folder)}
    write_atomically(session.path / "session.json", json.dumps(about) + "\n")


def find(name: str) -> Session:
    """Return the session of that name. Raises `SessionError`."""
    path = sessions_folder() / name
    try:
        about = json.loads((path / "session.json").read_text(encoding="utf-8"))
        version, identity, folder = about["format"], about["id"], Path(about["folder"])
    except FileNotFoundError:
        raise SessionError(
            tr('there is no session "{name}"; “harbor-wizard sessions” lists those that are, '
               "“harbor-wizard new” makes one", name=name[:60])
        ) from None  # fmt: skip
    except (ValueError, KeyError, OSError):
        raise SessionError(
            tr("{file} is damaged; make a new session and give it {cluster}",
               file=path / "session.json", cluster=path / "cluster.yaml")
        ) from None  # fmt: skip
    if version != _FORMAT:
        raise SessionError(
            tr("the session {name} was made by another version of harbor-wizard (format "
               "{format}, this one reads {known}); use that version",
               name=name, format=version, known=_FORMAT)
        )  # fmt: skip
    return Session(name, path, identity, folder)


def all_sessions() -> list[Session]:
    """Return all sessions that can be read, the last used first."""
    found = []
    if sessions_folder().is_dir():
        for path in sessions_folder().iterdir():
            if (path / "session.json").is_file():
                try:
                    found.append(find(path.name))
                except SessionError:
                    continue
    return sorted(found, key=last_used, reverse=True)


def last_used(session: Session) -> float:
    """Return when the session was last changed, in seconds since the epoch."""
    files = (session.cluster_file, session.journal_file, session.path / "session.json")
    return max(file.stat().st_mtime for file in files if file.exists())


def resolve(name_or_file: str) -> Session:
    """Return the session for what a command was given: a session's name or a cluster file.

    A cluster file's session has the cluster's name, and gets a copy of the file. Raises
    `ClusterError`, `SessionError` or `InputError`.
    """
    from harbor_wizard.model import load  # noqa: PLC0415 - slow to import

    path = at(name_or_file)
    if _NAME.fullmatch(name_or_file) and not path.exists():
        return find(name_or_file)
    if _NAME.fullmatch(name_or_file) and (sessions_folder() / name_or_file).exists():
        if path.is_file():
            raise InputError(
                tr('"{name}" is both a session and a file here; write ./{name} for the file',
                   name=name_or_file)
            )  # fmt: skip
        return find(name_or_file)
    data = load.read(path)
    cluster = load.parse(data, str(path), path.parent)
    session = create(cluster.name, path.parent)
    if session.folder != path.parent.resolve():
        session = Session(session.name, session.path, session.id, path.parent.resolve())
        _remember(session)
    session.save_answers(data)
    return session


def delete(session: Session) -> None:
    """Delete a session's folder. The hosts are left as they are."""
    shutil.rmtree(session.path)
