"""What a run prints."""

from __future__ import annotations

import os
import time

from harbor_wizard.engine.events import HostChanged
from harbor_wizard.output import JsonPrinter, LinePrinter


def test_a_run_goes_on_when_nobody_reads_it_any_more() -> None:
    for kind in (LinePrinter, JsonPrinter):
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "w") as stream:
            printer = kind(stream)
            for _ in range(2):
                printer(HostChanged(time.time(), "lb-1", "lost", "gone"))
            printer.close()
