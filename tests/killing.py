"""Runs plans over simulated hosts in processes that SIGKILL themselves at a wanted point.

`test_kill_matrix.py` starts it as a program: a process that has no thread of its own may fork one
for each run without any of the doubts that forks of threads bring. It prints a line of JSON for
each point, with what was seen after the kill and after the resume.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harbor_wizard import run, session
from harbor_wizard.engine import hostlock
from harbor_wizard.engine.events import Event, State, StepChanged
from harbor_wizard.engine.runner import Settings
from harbor_wizard.journal import Journal, summarise
from harbor_wizard.model import load
from harbor_wizard.model.cluster import Host
from harbor_wizard.plan import Plan
from harbor_wizard.secrets import SecretValues
from harbor_wizard.solutions import make_plan
from harbor_wizard.step import Command, Step
from harbor_wizard.transport.base import Call, OnLines, OnProgress, Phase, Result
from harbor_wizard.transport.detached import unit_name
from harbor_wizard.transport.rehearsal import RehearsalTransport

SPEED = 1e6
# So long may a run take in all (seconds); it takes a fraction of one.
LONGEST = 60


@dataclass(frozen=True)
class Point:
    """When the wizard is killed.

    - before: it is in the journal that the step was begun, and nothing of it was done
    - during: half of it was done; what is detached goes on on the host
    - lost: half of what is detached was done, and it went with the host's power
    - after: all was done, and it is not in the journal
    - ended: it is in the journal

    A step that only looks is looked at before, during and after its look.
    """

    step: str
    when: str


def points(plan: Plan) -> list[Point]:
    """Return every point of a plan."""
    return [Point(step.id, when) for step in plan.steps for when in moments(step)]


def moments(step: Step) -> tuple[str, ...]:
    if step.apply is None:
        return ("before", "during", "ended")
    if detached(step):
        return ("before", "during", "lost", "after", "ended")
    return ("before", "during", "after", "ended")


def detached(step: Step) -> bool:
    return isinstance(step.apply, Command) and step.apply.detached


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Machine(RehearsalTransport):
    """A simulated host that keeps a record of what was applied, and where it is killed.

    The record has a line before an effect begins and one when it is all there. What is detached
    goes on without the wizard: the host finishes it by itself, and says so to who attaches. The
    lock of the host is taken by the real script, in the host's folder.
    """

    def __init__(self, host: Host, folder: Path, steps: dict[str, Step], cluster: str,
                 point: Point | None, *, locks: bool) -> None:  # fmt: skip
        super().__init__(host, folder, SPEED)
        self.point = point
        self.root = folder / host.name
        self.units = {unit_name(cluster, one.id): one.id for one in steps.values()
                      if one.host == host.name and detached(one)}  # fmt: skip
        self.locks = locks

    def at(self, step: str, when: str) -> bool:
        return self.point == Point(step, when)

    def record(self, mark: str, step: str) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        descriptor = os.open(self.root / "applied", flags, 0o600)
        os.write(descriptor, f"{mark} {step}\n".encode())
        os.close(descriptor)

    def run(self, call: Call, on_lines: OnLines) -> Result:
        if call.phase is Phase.HOUSEKEEPING:
            return self.keep_house(call)
        if call.phase is Phase.LOOK and self.at(call.step, "during"):
            die()
        if call.phase is not Phase.APPLY:
            return super().run(call, on_lines)
        return self.apply(call.step, lambda: super(Machine, self).run(call, on_lines))

    def keep_house(self, call: Call) -> Result:
        folder = "/var/lib/harbor-wizard"
        if not self.locks or f"{folder}/lock" not in call.script:
            return Result(0, "", "")
        assert f"{folder}/lock" == hostlock._FOLDER
        script = call.script.replace(folder, str(self.root))
        done = subprocess.run(["sh", "-c", script], input=call.input, capture_output=True,
                              pass_fds=_on_hosts)  # fmt: skip
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def apply(self, step: str, do: Callable[[], Any]) -> Any:
        if self.at(step, "before"):
            die()
        self.record("begin", step)
        if self.at(step, "during") or self.at(step, "lost"):
            if self.at(step, "during") and step in self.units.values():
                (self.root / "unit").write_text(step)
            die()
        result = do()
        self.record("end", step)
        return result

    def detach(self, call: Call, unit: str, on_lines: OnLines, stop: threading.Event) -> Result:
        assert self.units[unit] == call.step
        result: Result = self.apply(
            call.step, lambda: super(Machine, self).detach(call, unit, on_lines, stop)
        )
        return result

    def attach(self, unit: str, on_lines: OnLines, stop: threading.Event) -> Result | None:
        left = self.root / "unit"
        if not left.exists() or left.read_text() != self.units[unit]:
            return None
        left.unlink()
        self._simulated.apply(self.units[unit])
        self.record("end", self.units[unit])
        return Result(0, "", "")

    def upload(
        self, step: str, source: Path, path: str, sha256: str, progress: OnProgress,
        stop: threading.Event,
    ) -> None:  # fmt: skip
        assert source.is_file()
        assert len(sha256) == 64
        self.apply(
            step, lambda: super(Machine, self).upload(step, source, path, sha256, progress, stop)
        )


# Who holds this open is a script on a host; it outlives the wizard.
_on_hosts: list[int] = []
_secrets: list[SecretValues] = []


def secrets(plan: Plan, of: session.Session) -> SecretValues:
    """Return the secrets of all trials: to look at the certificates takes longer than a run."""
    if not _secrets:
        _secrets.append(run.open_secrets(of, plan, {}, None, rehearsal=True))
    return _secrets[0]


# What the screen would be told when the wizard is killed.
_TOLD = {"after": State.VERIFYING, "ended": State.DONE}


class Trial:
    """One installation over simulated hosts, in a folder of its own."""

    def __init__(self, file: Path, plan: Plan, folder: Path, *, locks: bool) -> None:
        self.plan = plan
        self.folder = folder
        self.locks = locks
        self.machines = folder / "hosts"
        os.environ["HARBOR_WIZARD_HOME"] = str(folder / "home")
        self.session = session.create(plan.cluster.name, file.parent)
        secrets(plan, self.session)

    def go(self, point: Point | None) -> dict[str, Any] | None:
        """Run in a process of its own, to the point or to the end.

        Returns how it ended; None where it was killed.
        """
        ending = self.folder / "ending.json"
        until, goes_on = os.pipe()
        child = os.fork()
        if child == 0:
            _on_hosts.append(goes_on)
            signal.alarm(LONGEST)  # no run of a test may hang
            try:
                ending.write_text(json.dumps(self.run(point)))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        os.close(goes_on)
        _, status = os.waitpid(child, 0)
        # What runs on a host at the kill runs to its end there: nothing can be read until then.
        os.read(until, 1)
        os.close(until)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return None
        assert status == 0, f"the run ended with {status}"
        told: dict[str, Any] = json.loads(ending.read_text())
        return told

    def run(self, point: Point | None) -> dict[str, Any]:
        steps = {step.id: step for step in self.plan.steps}

        def tell(event: Event) -> None:
            if point is None or not isinstance(event, StepChanged) or event.step != point.step:
                return
            looks = steps[point.step].apply is None
            if event.state is _TOLD.get(point.when) or (
                looks and point.when == "before" and event.state is State.CHECKING
            ):
                die()

        def connect(host: Host) -> Machine:
            return Machine(host, self.machines, steps, self.plan.cluster.name, point,
                           locks=self.locks)  # fmt: skip

        values = secrets(self.plan, self.session)
        with run.runner(self.session, self.plan, values, connect, tell, Settings()) as runner:
            done = runner.run()
        return {"changed": sorted(done.changed), "already": sorted(done.already),
                "left": done.left, "failed": {one: str(why) for one, why in done.failed.items()},
                "unreached": {one: str(why) for one, why in done.unreached.items()}}  # fmt: skip

    def record(self) -> list[tuple[str, str]]:
        """Return the marks of all hosts, each host's in their order."""
        found = []
        for path in sorted(self.machines.glob("*/applied")):
            found += [(line.split()[0], line.split()[1]) for line in path.read_text().splitlines()]
        return found

    def has(self) -> dict[str, str]:
        """Return what each host has in the end, as it keeps it, and what else is left there."""
        kept = {path.name: path.read_text() for path in sorted(self.machines.glob("*.json"))}
        left = [f"{path.parent.name}/{path.name}" for path in sorted(self.machines.glob("*/*"))
                if path.name != "applied"]  # fmt: skip
        return {**kept, "left": " ".join(left)}


def undisturbed(file: Path, plan: Plan, folder: Path) -> dict[str, Any]:
    """Return what a run without a kill leaves."""
    trial = Trial(file, plan, folder, locks=True)
    ending = trial.go(None)
    return {"ending": ending, "has": trial.has(), "record": trial.record()}


def problems(file: Path, plan: Plan, point: Point, folder: Path, wanted: dict[str, str],
             *, locks: bool) -> list[str]:  # fmt: skip
    """Kill a run at a point and resume it; return what is not as it should be."""
    trial = Trial(file, plan, folder, locks=locks)
    if trial.go(point) is not None:
        return ["the point was not reached"]
    step = plan.step(point.step)
    at_the_kill = trial.record()
    said = [one.data for one in Journal(trial.session.journal_file).records()]
    told = summarise(Journal(trial.session.journal_file).records())
    found = list(after_the_kill(step, point, at_the_kill, said, told.done, told.unknown))
    ending = trial.go(None)
    if ending is None or ending["left"] or ending["failed"] or ending["unreached"]:
        return [*found, f"the resume did not end well: {ending}"]
    if trial.has() != wanted:
        differ = {one: (had, trial.has().get(one)) for one, had in wanted.items()
                  if trial.has().get(one) != had}  # fmt: skip
        found.append(f"the hosts do not have what they have undisturbed: {differ}")
    marks = Counter(trial.record())
    for one in plan.steps:
        begun, ended = marks["begin", one.id], marks["end", one.id]
        half_done = ("begin", one.id) in at_the_kill and ("end", one.id) not in at_the_kill
        if one.apply is None:
            most = least = 0
        elif one is step:
            # Only what was half done, and does not go on by itself, is done again.
            again = point.when == "lost" or (point.when == "during" and not detached(step))
            least = most = 2 if again else 1
        else:
            # The kill met the other hosts at a point of their own.
            least, most = 1, 2 if half_done else 1
        if not least <= begun <= most:
            found.append(f"{one.id} was applied {begun} times, not {least} to {most}")
        if ended > begun or (ended == 0 and most and not half_done):
            found.append(f"{one.id} was ended {ended} times")
    again = set(ending["changed"]) & told.done
    if again:
        found.append(f"changed again though the journal has their ends: {sorted(again)}")
    summary = summarise(Journal(trial.session.journal_file).records())
    if summary.done != {one.id for one in plan.steps} or summary.unknown or summary.failed:
        found.append("the journal does not say that all is done")
    return found


def after_the_kill(
    step: Step, point: Point, record: list[tuple[str, str]], said: list[dict[str, Any]],
    done: frozenset[str], unknown: frozenset[str],
) -> Sequence[str]:  # fmt: skip
    """Say where the point was another one than was wanted, or the journal is behind the hosts."""
    found = []
    begun = {one["step"] for one in said if one["kind"] == "begun"}
    found += [f"{one} was applied before that was in the journal" for mark, one in record
              if mark == "begin" and one not in begun]  # fmt: skip
    ended = {one for mark, one in record if mark == "end"}
    missing = {one for one in done if one in begun} - ended
    if missing:
        found.append(f"the journal says that {missing} are done")
    marks = [mark for mark, one in record if one == step.id]
    wanted = {"before": [], "during": ["begin"], "lost": ["begin"], "after": ["begin", "end"],
              "ended": ["begin", "end"]}[point.when]  # fmt: skip
    if marks != (wanted if step.apply else []):
        found.append(f"at the kill the step stood at {marks}")
    if point.when == "ended":
        if step.id not in done:
            found.append("its end is not in the journal")
    elif step.id in done or (step.apply is not None and step.id not in unknown):
        found.append("it is not unknown in the journal")
    return found


def main() -> None:
    """Try each point of a share of an example's: `killing.py FILE FOLDER SHARE SHARES`."""
    file, folder, share, shares = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])
    plan = make_plan(load.load(file))
    # A kill takes nothing from the kernel: what it has is there, with or without a wait for it.
    os.fsync = lambda _: None  # type: ignore[assignment]
    first = undisturbed(file, plan, folder / "undisturbed")
    print(json.dumps(first), flush=True)
    for number, point in enumerate(points(plan)[share::shares]):
        where = folder / str(number)
        try:
            # The locks of the hosts take most of the time: some points are enough for them.
            wrong = problems(file, plan, point, where, first["has"], locks=number % 8 == 0)
        except Exception:
            wrong = [traceback.format_exc()]
        print(json.dumps({"step": point.step, "when": point.when, "wrong": wrong}), flush=True)
        with contextlib.suppress(OSError):
            shutil.rmtree(where)


if __name__ == "__main__":
    main()
