"""The journal: what was begun and what ended, on disk before the next thing is done.

One JSON object per line, appended and synced. A torn last line (a power loss) is left out on
reading and cut off on writing. The journal is for the operator, for `undo` and for the times that
steps take; whether something is so on a host is decided by the step's check, never by this file.
"""

from __future__ import annotations

import errno
import json
import os
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harbor_wizard.errors import HarborWizardError, SessionError
from harbor_wizard.files import sync_folder
from harbor_wizard.language import tr

FORMAT = 1


@dataclass(frozen=True)
class Record:
    """One line: what (`run`, `begun`, `ended`, `undone`, …), when, and what is told of it."""

    kind: str
    time: float
    data: dict[str, Any]


class Journal:
    """An append-only file of records."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def __enter__(self) -> Journal:
        """Open it for appending; a torn last line is cut off."""
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        good = sum(len(line) for line, _ in _lines(self.path))
        os.ftruncate(self._descriptor, good)
        os.lseek(self._descriptor, good, os.SEEK_SET)
        sync_folder(self.path.parent)
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def write(self, kind: str, **data: Any) -> None:
        """Append a record and wait until it is on disk.

        Raises `HarborWizardError` where the disk does not take it; the file then still ends with
        its last whole record.
        """
        if self._descriptor is None:
            raise ValueError("the journal is not open")
        body = json.dumps({"v": FORMAT, "kind": kind, "time": time.time(), **data})
        line = f"{zlib.crc32(body.encode()):08x} {body}\n".encode()
        before = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        try:
            _write_whole(self._descriptor, line)
            os.fsync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, before)
            os.lseek(self._descriptor, before, os.SEEK_SET)
            raise HarborWizardError(
                tr("the journal {path} cannot be written ({reason}), so nothing more is begun; "
                   "make room there, then resume", path=self.path, reason=error.strerror)
            ) from None  # fmt: skip

    def records(self) -> list[Record]:
        """Return all whole records.

        Raises `SessionError` where a record in the middle is damaged or of another version.
        """
        return [record for _, record in _lines(self.path)]


def _write_whole(descriptor: int, data: bytes) -> None:
    if os.write(descriptor, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _lines(path: Path) -> Iterator[tuple[bytes, Record]]:
    if not path.exists():
        return
    lines = path.read_bytes().split(b"\n")
    torn = lines.pop()  # empty after a whole last line
    for number, line in enumerate(lines, 1):
        record = _parse(line)
        if record is None:
            if number == len(lines) and not torn:
                return  # the last line reached the disk in part, its end included
            raise SessionError(
                tr("the journal {path} is damaged in line {line}; move it away and resume: each "
                   "step's check then finds out what is so on the hosts", path=path, line=number)
            )  # fmt: skip
        if record.data.get("v") != FORMAT:
            raise SessionError(
                tr("the journal {path} was written by another version of harbor-wizard; use that "
                   "version, or move it away: each step's check then finds out what is so",
                   path=path)
            )  # fmt: skip
        yield line + b"\n", record


def _parse(line: bytes) -> Record | None:
    checksum, _, body = line.partition(b" ")
    try:
        if int(checksum, 16) != zlib.crc32(body) or len(checksum) != 8:
            return None
        data = json.loads(body)
        return Record(data["kind"], float(data["time"]), data)
    except (ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True)
class Summary:
    """What a journal tells of a session: for lists, and for the time that a run may take.

    `inputs` are the fingerprints that steps had when they were done; `whole` says whether a run of
    all steps of its plan was seen to its end.
    """

    done: frozenset[str]
    unknown: frozenset[str]
    failed: frozenset[str]
    durations: dict[str, float]
    inputs: dict[str, str] = field(default_factory=dict)
    whole: bool = False


def summarise(records: list[Record]) -> Summary:
    """Return what the records say. A step that was begun and not ended is unknown.

    What was undone is as if it had never been begun.
    """
    state: dict[str, str] = {}
    durations: dict[str, float] = {}
    begun: set[str] = set()
    inputs: dict[str, str] = {}
    wanted, whole = 0, False
    for record in records:
        if record.kind == "run":
            wanted = int(record.data.get("steps") or 0)
        if record.kind == "undo":
            # What was only looked at, or was so already, is not known any more.
            state = {step: how for step, how in state.items() if step in begun}
            inputs = {step: one for step, one in inputs.items() if step in begun}
            whole = False
        step = record.data.get("step")
        if not isinstance(step, str):
            continue
        if record.kind == "undone":
            state.pop(step, None)
            inputs.pop(step, None)
            begun.discard(step)
            continue
        if record.kind == "begun":
            begun.add(step)
        state[step] = "unknown" if record.kind == "begun" else str(record.data.get("state"))
        if record.kind == "ended" and state[step] == "done":
            durations[step] = float(record.data.get("seconds", 0.0))
        if record.kind == "ended":
            inputs[step] = str(record.data.get("inputs", ""))
            ended = sum(how in ("done", "already so") for how in state.values())
            whole = whole or (bool(wanted) and ended >= wanted)
    return Summary(
        done=frozenset(s for s, how in state.items() if how in ("done", "already so")),
        unknown=frozenset(s for s, how in state.items() if how == "unknown"),
        failed=frozenset(s for s, how in state.items() if how == "failed"),
        durations=durations,
        inputs=inputs,
        whole=whole,
    )
