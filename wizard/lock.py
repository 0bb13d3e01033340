"""One run at a time per cluster, on the operator's machine.

The kernel's lock on an open file cannot be left behind by a crash; the text in it says who holds
it and since when. The lock on the hosts is in `engine.hostlock`.
"""

from __future__ import annotations

import datetime
import fcntl
import getpass
import json
import os
import socket
from pathlib import Path

from harbor_wizard.errors import HarborWizardError, LockedError
from harbor_wizard.language import tr


def owner() -> dict[str, str | int]:
    """Return who is running this: for the lock's text and the hosts' locks."""
    return {
        "user": getpass.getuser(),
        "machine": socket.gethostname(),
        "pid": os.getpid(),
        "since": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


class Lock:
    """A lock on a session, held while the object is entered."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def __enter__(self) -> Lock:
        """Take the lock. Raises `LockedError` with who holds it and since when.

        Raises `HarborWizardError` where the disk does not take it.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = _who(os.pread(descriptor, 4096, 0))
            os.close(descriptor)
            raise LockedError(
                tr("another run of this session is under way ({who}); wait for it, or stop it "
                   "there first", who=who)
            ) from None  # fmt: skip
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(owner()).encode(), 0)
        except OSError as error:
            os.close(descriptor)
            raise HarborWizardError(
                tr("the lock {path} cannot be written ({reason}), so nothing was begun; make room "
                   "there, then resume", path=self._path, reason=error.strerror)
            ) from None  # fmt: skip
        self._descriptor = descriptor
        return self

    def __exit__(self, *_: object) -> None:
        """Give the lock back; the file stays, as removing it would race with the next holder."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def _who(text: bytes) -> str:
    try:
        about = json.loads(text)
        return tr(
            "{user} on {machine}, process {pid}, since {since}",
            user=about["user"], machine=about["machine"], pid=about["pid"], since=about["since"],
        )  # fmt: skip
    except (ValueError, KeyError, TypeError):
        return tr("its holder has not said who it is")
