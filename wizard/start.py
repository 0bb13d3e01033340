"""The program's beginning: the full screen at once, everything else by the command line.

The full screen needs nothing of the command line's library, so it does not wait for it.
"""

from __future__ import annotations

import os
import sys
import threading
from types import TracebackType

from harbor_wizard import language
from harbor_wizard.errors import HarborWizardError, Interrupted
from harbor_wizard.language import tr
from harbor_wizard.secrets import scrub_environment


def shows_screens() -> bool:
    """Say whether a full screen can be shown here; it is drawn on standard error."""
    shown = sys.stdout.isatty() and sys.stderr.isatty()
    return shown and sys.stdin.isatty() and os.environ.get("TERM") != "dumb"


def main() -> None:
    """Run the program; every error of ours becomes a sentence and an exit code."""
    _tell_of_bugs()
    try:
        # Out of our own environment, so that nothing that we start inherits them.
        given = scrub_environment()
        if not sys.argv[1:] and shows_screens():
            language.choose()
            from harbor_wizard.screens.app import run  # noqa: PLC0415 - only where it is shown

            sys.exit(run())
        from harbor_wizard import cli  # noqa: PLC0415 - its library is slow to import

        cli.run(given)
    except HarborWizardError as error:
        for line in str(error).splitlines():
            _say(f"harbor-wizard: {line}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _say("\n" + tr("stopped; go on with: harbor-wizard resume"))
        sys.exit(Interrupted.exit_code)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): that is not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _tell_of_bugs() -> None:
    """Have bugs told as sentences; what is needed for it is imported when there is one."""

    def ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt | SystemExit):
            sys.__excepthook__(kind, error, trace)
        else:
            _report(error)

    def thread_ended(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            _report(args.exc_value)

    sys.excepthook = ended
    threading.excepthook = thread_ended


def _report(error: BaseException) -> None:
    from harbor_wizard import crash  # noqa: PLC0415 - seldom needed

    _say(f"harbor-wizard: {crash.report(error)}")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
