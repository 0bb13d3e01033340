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


def sync_folder(path: Path) -> None:
    """Bring a folder's entries to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
