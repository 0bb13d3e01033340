"""Long steps run on the host as systemd units of their own, so that a lost line hurts nothing.

Where systemd does not run, a session and process group of its own stands for the unit.

The unit's script, output and exit code are files below `/var/lib/harbor-wizard/run`, readable by
root only. Following is asking for what was printed since; the asking can stop and begin again, by
another connection or another start of this program.
"""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Callable, Sequence

from harbor_wizard.errors import Interrupted, StepFailed
from harbor_wizard.language import tr
from harbor_wizard.step import quote
from harbor_wizard.transport.base import Call, OnLines, Phase, Result
from harbor_wizard.transport.lines import Kept, Lines

_ROOT = "/var/lib/harbor-wizard/run"
_SYSTEMD = "/run/systemd/system"  # is there where systemd runs: sd_booted(3)
_CHUNK = 192 * 1024
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0
_KEEP_LINES = 400

Run = Callable[[Call, OnLines], Result]


def _nothing(_: Sequence[str]) -> None:
    pass


class Detached:
    """Units on one host, through anything that runs short scripts there."""

    def __init__(self, host: str, run: Run) -> None:
        self._host = host
        self._run = run

    def start(self, call: Call, unit: str) -> None:
        """Start the script as a unit; the one before of that name has to have ended."""
        folder = quote(f"{_ROOT}/{unit}")
        # systemd may keep an ended unit loaded for a while: each start has a name of its own.
        name = f"{unit}-{secrets.token_hex(4)}"
        script = f"""
set -eu
umask 077
mkdir -p {folder}
rm -f {folder}/exit {folder}/output {folder}/group
cat > {folder}/script
echo {name} > {folder}/unit
body='cd "$1" && umask 022
    /bin/sh ./script </dev/null >output 2>&1; code=$?
    rm -f script; echo "$code" >exit.new; sync exit.new; mv exit.new exit'
if [ -d {_SYSTEMD} ]; then
  systemd-run --quiet --collect --unit={name} --property=KillMode=control-group \\
    --description={quote(f"harbor-wizard: {call.step}")} \\
    --setenv=HOME=/root --setenv=LC_ALL=C.UTF-8 /bin/sh -c "$body" harbor-wizard {folder}
else
  HOME=/root LC_ALL=C.UTF-8 setsid /bin/sh -c "$body" harbor-wizard {folder} \\
    </dev/null >/dev/null 2>&1 &
  group=$! tries=0
  until kill -s 0 -- "-$group" 2>/dev/null || [ -f {folder}/exit ] || [ $tries = 50 ]; do
    sleep 0.1; tries=$((tries + 1))
  done
  echo "$group $({_BOOT})" > {folder}/group
fi
"""
        result = self._run(
            Call(call.step, Phase.APPLY, script, call.script.encode(), timeout=60), _nothing
        )
        if not result.ok:
            raise StepFailed(
                tr("{host}: the unit {unit} could not be started: {reason}", host=self._host,
                   unit=unit, reason=result.err.strip()[-300:] or tr("systemd-run failed"))
            )  # fmt: skip

    def running(self, unit: str) -> bool:
        """Say whether the unit runs now."""
        script = f"""
[ -f {_file(unit, "group")} ] || exec systemctl is-active --quiet {_name(unit)}
{_group_lives(unit)}
"""
        return self._run(Call(unit, Phase.HOUSEKEEPING, script), _nothing).ok

    def follow(self, unit: str, on_lines: OnLines, stop: threading.Event) -> Result:
        """Give the unit's output from its beginning, until its end.

        Raises `StepFailed` where it ended without saying how (a reboot, a kill), `Interrupted`
        where `stop` is set.
        """
        split, kept = Lines(), Kept(_KEEP_LINES)
        offset, pause = 0, _FIRST_PAUSE

        def tell(lines: Sequence[str]) -> None:
            if lines:
                kept.add(lines)
                on_lines(lines)

        while True:
            state, data = self._read(unit, offset)
            offset += len(data)
            tell(split.feed(data))
            if len(data) == _CHUNK and not stop.is_set():
                continue  # there is more already
            if state.isdigit() and len(data) < _CHUNK:
                tell(split.end())
                return Result(int(state), kept.text, "")
            if state == "gone":
                raise StepFailed(
                    tr(
                        "{host}: {unit} ended without an exit code (was the host rebooted, or "
                        "the step killed?); its check decides what is left to do",
                        host=self._host, unit=unit,
                    )
                )  # fmt: skip
            pause = _FIRST_PAUSE if data else min(pause * 1.5, _LONGEST_PAUSE)
            if stop.wait(pause):
                raise Interrupted(
                    tr("{host}: stopped looking; {unit} goes on there",
                       host=self._host, unit=unit)
                )  # fmt: skip

    def _read(self, unit: str, offset: int) -> tuple[str, bytes]:
        folder = quote(f"{_ROOT}/{unit}")
        # The state is read before the output: an end that is seen has all its output written.
        script = f"""
state=$(cat {folder}/exit 2>/dev/null) || {{
  if [ -f {folder}/group ]; then
    lives=$({_group_lives(unit)} && echo active)
  else
    lives=$(systemctl is-active {_name(unit)})
  fi
  case $lives in
    active|activating|deactivating|reloading) state=running ;;
    *) state=$(cat {folder}/exit 2>/dev/null || echo gone) ;;
  esac
}}
echo "$state"
tail -c +{offset + 1} {folder}/output 2>/dev/null | head -c {_CHUNK} | base64 -w 0
"""
        result = self._run(Call(unit, Phase.HOUSEKEEPING, script), _nothing)
        state, _, encoded = result.out.partition("\n")
        return state.strip(), base64.b64decode(encoded.strip() or "")

    def end(self, unit: str) -> None:
        """Stop the unit with everything that it started; its folder is left for a look."""
        script = f"""
if [ -f {_file(unit, "group")} ]; then
  for signal in TERM TERM TERM TERM TERM KILL; do
    {_group_lives(unit)} || break
    kill -s $signal -- "-$group" 2>/dev/null
    sleep 1
  done
else
  systemctl stop {_name(unit)} 2>/dev/null || true
fi
"""
        self._run(Call(unit, Phase.HOUSEKEEPING, script, timeout=120), _nothing)


# A process group's number may be another's after a reboot.
_BOOT = "cat /proc/sys/kernel/random/boot_id"


def _file(unit: str, name: str) -> str:
    """Return shell text for a file of a unit."""
    return quote(f"{_ROOT}/{unit}/{name}")


def _group_lives(unit: str) -> str:
    """Return a shell command: does the process group live that stands for a unit?

    That is how it goes on where there is no systemd; what leaves its group is not found again.
    """
    # What has ended and is not yet taken note of by its parent (Z) does not live. cat goes on
    # where a process ends between the listing and the reading, and awk would not.
    living = (
        """cat /proc/[0-9]*/stat 2>/dev/null | awk -v group="$group" '{ sub(/^.*[)] /, "") } """
        """$3 == group && $1 != "Z" { lives = 1 } END { exit !lives }'"""
    )
    return (
        f"{{ read -r group boot < {_file(unit, 'group')} && "
        f'[ "$boot" = "$({_BOOT})" ] && {living}; }}'
    )


def _name(unit: str) -> str:
    """Return shell text for the name that the unit's last start had."""
    return f'"$(cat {quote(f"{_ROOT}/{unit}/unit")} 2>/dev/null || echo none).service"'


def unit_name(cluster: str, step: str) -> str:
    """Return the unit's name for a step of a cluster."""
    words = step.partition("/")[2].replace("/", "-").replace(".", "-").replace("_", "-")
    return f"harbor-wizard-{cluster}-{words}"
