"""Files of ours on the operator's machine, written so that a crash leaves the old or the new."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from harbor_wizard.errors import HarborWizardError
from harbor_wizard.language import tr


def write_atomically(path: Path, content: bytes | str, mode: int = 0o600) -> None:
    """Replace a file by rename, after its contents are on disk. Raises `HarborWizardError`."""
    data = content.encode() if isinstance(content, str) else content
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
        temporary = ""
        sync_folder(path.parent)
    except OSError as error:
        raise HarborWizardError(
            tr("{path} could not be written ({reason}); what was there before is unchanged, make "
               "room or mend the folder's permissions and try again",
               path=path, reason=error.strerror)
        ) from None  # fmt: skip
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def at(path: str, folder: Path | None = None) -> Path:
    """Return a path that an operator wrote, with `~` as homes; nobody's home stays as written.

    A relative one is below `folder`, or the present one.
    """
    try:
        expanded = Path(path).expanduser()
    except RuntimeError:
        expanded = Path(path)
    return expanded if folder is None else folder / expanded


def is_file(path: Path) -> bool:
    """Say whether there is a file; no system takes some names, so there is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def sync_folder(path: Path) -> None:
    """Bring a folder's entries to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
