"""What a bug of our own leaves behind: a report without a secret in it, and a sentence.

An exception's text may hold anything, a secret too, and so may a traceback that goes to a terminal
or to a log. So none does: it is masked with every secret that this process has seen, and written to
a file that only its operator can read.
"""

from __future__ import annotations

import datetime
import os
import platform
import sys
import threading
import traceback

from harbor_wizard.errors import HarborWizardError
from harbor_wizard.files import write_atomically
from harbor_wizard.language import tr
from harbor_wizard.redaction import redact
from harbor_wizard.session import home
from harbor_wizard.text import Masker, known


class CrashError(HarborWizardError):
    """A bug of ours, as the sentence that is told; the report is written."""


def report(error: BaseException) -> CrashError:
    """Write a bug's report into the folder `crashes`, and return the sentence that tells of it."""
    text = _masked(describe(error))
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = home() / "crashes"
    path = folder / f"{now}-{os.getpid()}-{threading.get_native_id()}.txt"
    what = _masked(type(error).__name__)
    try:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        write_atomically(path, text)
    except (OSError, HarborWizardError):
        return CrashError(
            tr("a bug of harbor-wizard ended this ({what}), and its report {path} could not be "
               "written; what was done stays done, and resume goes on", what=what, path=path)
        )  # fmt: skip
    return CrashError(
        tr("a bug of harbor-wizard ended this ({what}); what was done stays done, and resume goes "
           "on; please report it with {path}, which holds no secret", what=what, path=path)
    )  # fmt: skip


def describe(error: BaseException) -> str:
    """Return what a report says, not masked yet. Local variables are not in it."""
    about = [
        f"harbor-wizard {_version()}, Python {platform.python_version()}, {platform.platform()}",
        f"command: {' '.join(map(str, sys.argv[1:])) or '-'}",
        f"thread: {threading.current_thread().name}",
        "",
    ]
    return "\n".join(about) + "\n" + "".join(traceback.format_exception(error))


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - seldom needed

    try:
        return version("harbor-wizard")
    except PackageNotFoundError:
        return "?"


def _masked(text: str) -> str:
    return redact(Masker(known())(text))

