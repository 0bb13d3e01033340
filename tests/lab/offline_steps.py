"""Run by the offline test where the hosts are reached: the steps of packages alone, on two hosts.

Its arguments are the cluster file and the secrets file; it prints each step's end.
"""

from __future__ import annotations

import sys
from pathlib import Path

from harbor_wizard import run, secrets
from harbor_wizard import session as sessions
from harbor_wizard.components import docker, host, packages
from harbor_wizard.engine.runner import Settings
from harbor_wizard.output import LinePrinter
from harbor_wizard.plan import PlanBuilder


def main() -> int:
    found = sessions.resolve(sys.argv[1])
    cluster = found.cluster()
    build = PlanBuilder(cluster)
    for one in cluster.balancers:
        build.then(one, host.preflight(one))
        build.then(one, packages.ready(cluster, one))
        build.then(one, docker.steps(cluster, one))
        haproxy = packages.install(cluster, one, "haproxy", why="a test", present="haproxy -v")
        build.then(one, [haproxy])
    plan = build.build()
    values = run.open_secrets(found, plan, secrets.from_file(Path(sys.argv[2])), None)
    connect = run.ssh_connector(found, cluster, values, lambda _: False)
    printer = LinePrinter(mark="", verbose=False)
    with run.runner(found, plan, values, connect, printer, Settings()) as runner:
        outcome = runner.run()
    printer.close()
    return outcome.exit_code


if __name__ == "__main__":
    sys.exit(main())
