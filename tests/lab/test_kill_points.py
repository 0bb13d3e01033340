"""The wizard is killed at points drawn anew in each run, on real hosts, and resumed.

For each solution one installation from bare hosts: the wizard is started, SIGKILLed as soon as it
comes to the next of the points that were drawn, started again, and so on to the end. The seed is
printed; HARBOR_WIZARD_SEED repeats the points of a run, as far as hosts work side by side.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harbor_wizard.model import load
from harbor_wizard.plan import Plan
from harbor_wizard.solutions import make_plan

from .conftest import Operator
from .test_main_job import HOSTS, STATE

pytestmark = [pytest.mark.lab, pytest.mark.long]

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
SOLUTIONS = ("active-active", "active-standby", "master-slave", "master-master")
# At least so many kills for each solution: more than 50 in all.
POINTS = 13
# More are drawn: some never come, as that of a step that is so already. Others are drawn for those.
DRAWN = 15
SEED = int(os.environ.get("HARBOR_WIZARD_SEED") or random.SystemRandom().randrange(1 << 32))
# So long may it take to come to a point, or to the end (seconds).
LONGEST = 240

# The states by which a step is seen to be before, in and after what it does.
BEFORE, DURING, AFTER, ENDED = "checking", "running", "verifying", "done"


@dataclass(frozen=True)
class Point:
    """A step and the state in which the wizard is killed, `later` seconds after it is told."""

    step: str
    state: str
    later: float

    def __str__(self) -> str:
        return f"{self.step} {self.state} +{self.later:.2f} s"


def drawn(plan: Plan, source: random.Random, number: int, over: set[str]) -> list[Point]:
    """Draw points of steps that are not over; only in what changes something there is a during."""
    ready = [step for step in plan.steps if step.id not in over]
    found = []
    for step in source.sample(ready, min(number, len(ready))):
        states = [BEFORE, DURING, AFTER, ENDED] if step.apply is not None else [BEFORE, ENDED]
        state = source.choice(states)
        later = source.uniform(0, 0.6) if state == DURING else 0.0
        found.append(Point(step.id, state, later))
    return found


def to_the_next(
    operator: Operator, arguments: list[str], left: list[Point]
) -> tuple[Point | None, list[str], list[str], list[str]]:
    """Apply until the next point comes, and kill the wizard there.

    Returns the point, or None where it went to its end; the steps whose end was told, those that
    were so already; and what was told of failures.
    """
    wanted = {(one.step, one.state): one for one in left}
    ended: list[str] = []
    already: list[str] = []
    failed: list[str] = []
    deadline = time.monotonic() + LONGEST
    with subprocess.Popen(operator.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=operator.environment, stdin=subprocess.DEVNULL, text=True) as running:  # fmt: skip
        assert running.stdout is not None
        for line in running.stdout:
            if not line.startswith("{"):
                continue
            event: dict[str, Any] = json.loads(line)
            if event.get("state") == "failed":
                failed.append(line)
            if event.get("state") == "done":
                ended.append(event["step"])
            if event.get("state") == "already so":
                already.append(event["step"])
            point = wanted.get((event.get("step", ""), event.get("state", "")))
            if point is not None:
                time.sleep(point.later)
                running.kill()
                return point, ended, already, failed
            if time.monotonic() > deadline:
                running.kill()
                pytest.fail(f"no end after {LONGEST} s: {line}")
    if running.returncode != 0:
        failed.append(f"exit code {running.returncode}")
    return None, ended, already, failed


def state(operator: Operator) -> dict[str, str]:
    return {name: operator.lab.hosts[name].run(["sh"], input=STATE) for name in HOSTS}


@pytest.mark.parametrize("solution", SOLUTIONS)
def test_killed_at_points_drawn_anew_it_resumes_to_an_installation_that_is_well(
    operator: Operator, solution: str
) -> None:
    file = EXAMPLES / f"{solution}.yaml"
    secrets = ("--secrets", str(operator.lab.secrets_file))
    plan = make_plan(load.parse(load.read(file), file.name))
    source = random.Random(f"{SEED} {solution}")
    left = drawn(plan, source, DRAWN, set())
    said = f"HARBOR_WIZARD_SEED={SEED}"
    print(said, *map(str, left), sep="\n  ")

    operator.lab.fresh()
    operator.lab.up()
    if solution == "active-standby":  # the run makes the database and its owner
        operator.lab.hosts["services"].run(
            ["runuser", "-u", "postgres", "--", "psql", "-q", "-d", "postgres"],
            input="DROP DATABASE registry;\nDROP ROLE harbor;\n",
        )
    changes = {step.id for step in plan.steps if step.apply is not None}
    killed: list[Point] = []
    done: set[str] = set()
    over: set[str] = set()
    arguments = ["apply", str(file), *secrets, "--yes", "--output", "json"]
    while True:
        point, ended, already, told = to_the_next(operator, arguments, left)
        assert not told, (said, told, list(map(str, killed)))
        # What a run saw to its end is so: no later one does it again.
        again = done & set(ended) & changes
        assert not again, (said, sorted(again), list(map(str, killed)))
        done |= set(ended)
        if point is None:
            break
        killed.append(point)
        over |= {*ended, *already, point.step}
        left = [one for one in left if one.step not in over]
        left += drawn(plan, source, DRAWN - len(killed) - len(left), over | {one.step for one in left})
    assert len(killed) >= POINTS, (said, list(map(str, killed)))
    print(f"{said} {solution}: killed at", *map(str, killed), sep="\n  ")

    verified = operator.run("verify", str(file), *secrets)
    assert verified.returncode == 0, (said, verified.stdout + verified.stderr)
    # Each part runs, and each file is what the plan writes: the state of an undisturbed run.
    stands = operator.run("status", str(file), *secrets)
    assert stands.returncode == 0, (said, stands.stdout + stands.stderr)
    before = state(operator)
    again_run = operator.run("apply", str(file), *secrets, "--yes")
    assert again_run.returncode == 0, (said, again_run.stdout[-3000:])
    assert "nothing to do: all" in again_run.stdout, (said, again_run.stdout[-3000:])
    assert state(operator) == before, said
    for name, seen in before.items():
        # No lock, no part of an upload, no input of a prepare is left.
        rest = seen.splitlines()
        assert not {"owner", "beat"} & set(rest), (said, name, seen)
        assert not [one for one in rest if "/input." in one or one.endswith(".part")], (said, name, seen)
