"""What a drill found: scenario by scenario what was promised and what was seen."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from harbor_wizard.drill.measuring import Figures
from harbor_wizard.drill.scenario import Promise, Scenario
from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster


@dataclass(frozen=True)
class Seen:
    """What was seen of one scenario. `well_after` are the seconds from its end to health.

    `lost` are tags that were taken and are nowhere; `one_sided` are on one of the Harbors that
    replicate, and were not on the others when the patience ended.
    """

    address: Figures
    pulls: Figures
    pushes: Figures
    well_after: float
    pushed: int
    lost: tuple[str, ...] = ()
    one_sided: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """One scenario's end: what was seen, or why it was not tried."""

    scenario: Scenario
    host: str
    seen: Seen | None
    not_tried: str = ""

    @property
    def unkept(self) -> tuple[str, ...]:
        """Which parts of the promise were not kept, in words."""
        return unkept(self.scenario.promise, self.seen) if self.seen is not None else ()

    @property
    def verdict(self) -> str:
        """One of `kept`, `not kept` and `not tried`."""
        if self.seen is None:
            return "not tried"
        return "not kept" if self.unkept else "kept"


def unkept(promise: Promise, seen: Seen) -> tuple[str, ...]:
    """Return which parts of a promise were not kept, in words."""
    found = []
    for limit, figures, what in (
        (promise.address, seen.address, tr("the address")),
        (promise.pulls, seen.pulls, tr("pulls")),
        (promise.pushes, seen.pushes, tr("pushes")),
    ):
        if limit is not None and figures.outage > limit:
            found.append(
                tr("{what}: {seconds} s without a success, {limit} s are promised", what=what,
                   seconds=f"{figures.outage:.1f}", limit=f"{limit:g}")
            )  # fmt: skip
    if promise.retried and seen.pulls.failed_again:
        found.append(tr("{number} pulls failed after one retry", number=seen.pulls.failed_again))
    if seen.lost:
        found.append(tr("{number} pushed images are lost", number=len(seen.lost)))
    return tuple(found)


@dataclass
class Report:
    """A whole drill. `stopped` says why it ended before its end, if it did."""

    cluster: Cluster
    begun: str
    results: list[Result] = field(default_factory=list)
    stopped: str = ""

    @property
    def good(self) -> bool:
        """Say whether all that was tried was kept, to the end."""
        return not self.stopped and all(one.verdict != "not kept" for one in self.results)


def one_line(result: Result) -> str:
    """Return what was seen of a scenario as one line."""
    seen = result.seen
    if seen is None:
        return tr("not tried: {reason}", reason=result.not_tried)
    return tr(
        "outage: address {address} s, pulls {pulls} s, pushes {pushes} s; failed: {failed_pulls} "
        "of {pulls_tried} pulls ({again} after one retry), {failed_pushes} of {pushes_tried} "
        "pushes; lost: {lost} of {pushed} images; well after {well} s",
        address=f"{seen.address.outage:.1f}", pulls=f"{seen.pulls.outage:.1f}",
        pushes=f"{seen.pushes.outage:.1f}", failed_pulls=seen.pulls.failed,
        pulls_tried=seen.pulls.tried, again=seen.pulls.failed_again,
        failed_pushes=seen.pushes.failed, pushes_tried=seen.pushes.tried, lost=len(seen.lost),
        pushed=seen.pushed, well=f"{seen.well_after:.0f}",
    )  # fmt: skip


def as_markdown(report: Report) -> str:
    """Return the report for people."""
    title = tr("Drill of {cluster}, {begun}", cluster=report.cluster.name, begun=report.begun)
    lines = [f"# {title}", "", tr(
        "Solution: {solution}, Harbor {release}. Clients pulled and pushed through "
        "{front} all the time, with a certificate that was checked. An outage is the longest time "
        "without a success between the break and health. A retry was made one second later.",
        solution=report.cluster.solution.value, release=report.cluster.release,
        front=report.cluster.front,
    ), ""]  # fmt: skip
    verdicts = {"kept": tr("kept"), "not kept": tr("not kept"), "not tried": tr("not tried")}
    for result in report.results:
        lines += [f"## {result.scenario.name}: {verdicts[result.verdict]}", "",
                  result.scenario.title(result.host), "",
                  f"* {tr('Promised: {promise}', promise=result.scenario.promise.text)}",
                  f"* {tr('Seen: {seen}', seen=one_line(result))}"]  # fmt: skip
        lines += [f"* {tr('Not kept: {what}', what=what)}" for what in result.unkept]
        if result.seen is not None:
            if result.seen.one_sided:
                lines.append("* " + tr(
                    "{number} images are on one side only: Harbor did not replicate what was "
                    "pushed as it died. Replicate them by hand.",
                    number=len(result.seen.one_sided),
                ))  # fmt: skip
            reasons = (*result.seen.pulls.reasons, *result.seen.pushes.reasons)
            lines += [f"* {tr('A failure that was seen: {reason}', reason=one)}"
                      for one in dict.fromkeys(reasons)]  # fmt: skip
        lines.append("")
    if report.stopped:
        lines += [tr("The drill was stopped: {reason}", reason=report.stopped), ""]
    return "\n".join(lines)


def as_json(report: Report) -> str:
    """Return the report for programs."""
    data = {
        "cluster": report.cluster.name, "solution": report.cluster.solution.value,
        "release": report.cluster.release, "begun": report.begun, "good": report.good,
        "stopped": report.stopped, "scenarios": [as_data(one) for one in report.results],
    }  # fmt: skip
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def as_data(result: Result) -> dict[str, object]:
    """Return one scenario's result as plain data."""
    return {
        "scenario": result.scenario.name, "host": result.host,
        "promised": dataclasses.asdict(result.scenario.promise),
        "seen": None if result.seen is None else dataclasses.asdict(result.seen),
        "not_tried": result.not_tried, "unkept": list(result.unkept), "verdict": result.verdict,
    }  # fmt: skip


def worst(results: Sequence[Result]) -> str:
    """Return the verdicts, counted, as a line."""
    counted = {word: sum(one.verdict == word for one in results)
               for word in ("kept", "not kept", "not tried")}  # fmt: skip
    return tr("{kept} kept, {unkept} not kept, {left} not tried", kept=counted["kept"],
              unkept=counted["not kept"], left=counted["not tried"])  # fmt: skip
