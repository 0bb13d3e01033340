"""A program that is loaded anew when a file of its changes, and only after it took that file."""

from __future__ import annotations

from collections.abc import Sequence

from harbor_wizard import kept
from harbor_wizard.language import tr
from harbor_wizard.step import Step, command

# What keepalived asks, and `harbor-wizard status` reads: HAProxy and nginx answer there.
ALIVE_PORT = 8404
ANSWERS = f"timeout 3 bash -c '</dev/tcp/127.0.0.1/{ALIVE_PORT}' 2>/dev/null"


def loaded(host: str, unit: str, title: str, *, test: str, files: Sequence[str],
           alive: str = ANSWERS) -> Step:  # fmt: skip
    """Return the step that tests a program's configuration, then loads it.

    `test` is the command with which the program looks at its own configuration, `files` are those
    that it loads, `alive` says whether it runs: a reload that could not be done leaves the unit
    active and the old program running, or none, so the program itself is asked.
    """
    stamp = f"/var/lib/harbor-wizard/{unit}-loaded"
    newer = "\n".join(f"[ {stamp} -nt {path} ]" for path in files)
    return command(
        host, f"{unit}/service", tr("check the configuration, then load it"),
        tr("a configuration that {program} refuses never replaces one that works", program=title),
        check=f"""
systemctl is-enabled --quiet {unit}
{newer}
{alive}
""",
        apply=f"""
{test}
systemctl enable {unit}
systemctl reload-or-restart {unit}
sleep 1
{alive} || systemctl restart {unit}
mkdir -p /var/lib/harbor-wizard
touch {stamp}
""",
        wait=15,
        remember=kept.remember_unit(unit),
        undo=f"{kept.restore_unit(unit, files)}rm -f {stamp}",
        undone=tr("{unit} is stopped and disabled, if it was so before", unit=unit),
    )  # fmt: skip
