"""The wizard with a bug: on one host, in mid-run, an error quotes all that is sent to it."""

from __future__ import annotations

import itertools
import sys

from harbor_wizard import start
from harbor_wizard.text import known
from harbor_wizard.transport.ssh import SSHTransport

_run = SSHTransport.run
_calls = itertools.count()


def broken(transport, call, on_lines):  # type: ignore[no-untyped-def]
    if next(_calls) == 12:
        raise RuntimeError(f"a bug in {call.script!r} with {call.input!r} and {sorted(known())}")
    return _run(transport, call, on_lines)


SSHTransport.run = broken  # type: ignore[method-assign]
if __name__ == "__main__":
    # In the main thread, too, at the very end.
    if "--report-is-broken" in sys.argv:
        sys.argv.remove("--report-is-broken")
        from harbor_wizard import report

        def closing(*given: object, **named: object) -> str:
            raise RuntimeError(f"a bug with {sorted(known())}")

        report.closing = closing
    start.main()
