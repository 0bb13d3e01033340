"""What is broken now: on disk before it is broken, so that a killed drill is put back."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from harbor_wizard.errors import HarborWizardError, SessionError
from harbor_wizard.files import write_atomically
from harbor_wizard.language import tr
from harbor_wizard.session import Session

_FORMAT = 1


@dataclass(frozen=True)
class Record:
    """What a drill has made or broken and not yet put back. `broken` are hosts and units there.

    `repository` has the drill's images; `project` is the one that it is in.
    """

    since: str
    project: str
    repository: str
    scenario: str = ""
    host: str = ""
    unit: str = ""

    def breaking(self, scenario: str, host: str, unit: str) -> Record:
        """Return the same with what is about to be broken."""
        return dataclasses.replace(self, scenario=scenario, host=host, unit=unit)

    def mended(self) -> Record:
        """Return the same with nothing broken."""
        return dataclasses.replace(self, scenario="", host="", unit="")


def path(session: Session) -> Path:
    """Return the record's file."""
    return session.path / "drill-under-way.json"


def write(session: Session, record: Record) -> None:
    """Bring a record to disk. Raises `HarborWizardError`; then nothing may be broken."""
    data = {"format": _FORMAT, **dataclasses.asdict(record)}
    write_atomically(path(session), json.dumps(data) + "\n")


def read(session: Session) -> Record | None:
    """Return what a drill left, or None. Raises `SessionError` where that cannot be read."""
    file = path(session)
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        found = _of(data)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise SessionError(
            tr("{file} tells what a drill broke, and cannot be read; what was broken puts itself "
               "back within {minutes} minutes: wait for that, look at “harbor-wizard status "
               "{name}”, then delete the file", file=file, minutes=10, name=session.name)
        ) from None  # fmt: skip
    else:
        return found


def _of(data: dict[str, object]) -> Record:
    """Return the record that was written so. Raises `ValueError`, `KeyError`, `TypeError`."""
    if data.pop("format") != _FORMAT:
        raise ValueError
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    if len(texts) != len(data):
        raise ValueError
    return Record(**texts)


def told(session: Session) -> str:
    """Return the sentence about what a drill left broken, or nothing. Raises `SessionError`."""
    found = read(session)
    if found is None or not found.unit:
        return ""
    return tr("a drill that began at {since} broke {scenario} on {host}: it is under way, or was "
              "killed; then put it back with “harbor-wizard drill {name} --put-back”",
              since=found.since, scenario=found.scenario, host=found.host,
              name=session.name)  # fmt: skip


def clear(session: Session) -> None:
    """Forget a record: all is put back."""
    try:
        path(session).unlink(missing_ok=True)
    except OSError as error:
        raise HarborWizardError(
            tr("{file} could not be removed ({reason}); all is put back, so remove it yourself",
               file=path(session), reason=error.strerror)
        ) from None  # fmt: skip
