"""What the load saw, as figures: pure functions of its attempts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What was tried."""

    ADDRESS = "address"
    PULL = "pull"
    PUSH = "push"


@dataclass(frozen=True)
class Attempt:
    """One try, with when it began and ended, in seconds of one clock that only goes forward."""

    kind: Kind
    begun: float
    ended: float
    good: bool
    retry: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Figures:
    """What was seen of one kind. `outage` is the longest time without a success, in seconds.

    `failed` counts first tries, `failed_again` those of them whose one retry failed, too.
    """

    outage: float
    tried: int
    failed: int
    failed_again: int
    reasons: tuple[str, ...] = ()


def figures(attempts: Sequence[Attempt], kind: Kind, since: float, until: float) -> Figures:
    """Return what was seen of a kind from `since`, when something was broken, to `until`.

    What was under way at `since` counts; what was given up unasked at the end is not among them.
    """
    mine = [one for one in attempts if one.kind is kind and since <= one.ended <= until]
    first = [one for one in mine if not one.retry]
    again = [one for one in mine if one.retry]
    bad = [one for one in mine if not one.good]
    reasons = dict.fromkeys(one.reason for one in bad if one.reason)
    return Figures(
        outage(mine, since, until), len(first), sum(not one.good for one in first),
        sum(not one.good for one in again), tuple(reasons)[:5],
    )  # fmt: skip


def outage(attempts: Sequence[Attempt], since: float, until: float) -> float:
    """Return the longest time between two successes, or between one and either end, in seconds."""
    ends = sorted(one.ended for one in attempts if one.good and since <= one.ended <= until)
    points = [since, *ends, until]
    return max(after - before for before, after in itertools.pairwise(points))


def succeeded(attempts: Sequence[Attempt], kind: Kind, since: float) -> int:
    """Return how many tries of a kind that began after `since` were good."""
    return sum(one.kind is kind and one.good and one.begun >= since for one in attempts)
