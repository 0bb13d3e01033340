"""Run where the hosts are reached: compares a session's plan with them, and prints it as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from harbor_wizard import run, secrets, session
from harbor_wizard.inspection.compare import Compared, compare, difference
from harbor_wizard.solutions import make_plan


def main() -> None:
    found = session.find(sys.argv[1])
    plan = make_plan(found.cluster())
    given = secrets.from_file(Path(sys.argv[2]))
    values = run.open_secrets(found, plan, given, None)
    connect = run.ssh_connector(found, plan.cluster, values, lambda _: False)
    told: dict[str, object] = {}

    def on_host(host: str, steps: dict[str, Compared], error: str) -> None:
        for name, one in steps.items():
            step = plan.step(name)
            shown = difference(step, one) if step.file is not None else ""
            told[name] = [one.standing.name, shown]
        if error:
            told[host] = ["ERROR", error]

    compare(plan, values, connect, on_host)
    print(json.dumps(told))


main()
