"""What a check is: one look at one host, with a verdict.

Checks are pure: what a host said goes in, a verdict comes out. One that does not apply to a host
gives None. Figures that Harbor's documentation names are from its installation prerequisites.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harbor_wizard.language import tr
from harbor_wizard.model.cluster import Cluster, Host
from harbor_wizard.preflight.answer import Facts
from harbor_wizard.preflight.finding import Finding, Level


@dataclass(frozen=True)
class Seen:
    """One host with all that is known: `hosts` are the facts of every host that was reached."""

    cluster: Cluster
    host: Host
    facts: Facts
    hosts: Mapping[str, Facts]


@dataclass(frozen=True)
class Verdict:
    """What a check says; see `Finding`."""

    level: Level
    seen: str
    figure: str = ""
    wanted: str = ""
    cure: str = ""


@dataclass(frozen=True)
class Check:
    """One check. `source` is where its requirement comes from."""

    name: str
    title: str
    source: str
    look: Callable[[Seen], Verdict | None]

    def finding(self, seen: Seen) -> Finding | None:
        """Return what it finds on a host, or None where it does not apply."""
        verdict = self.look(seen)
        if verdict is None:
            return None
        return Finding(self.name, seen.host.name, verdict.level, verdict.seen, verdict.figure,
                       verdict.wanted, tr(self.source), verdict.cure)  # fmt: skip


def well(seen: str, figure: str = "", wanted: str = "") -> Verdict:
    """Return the verdict of what is as it should be."""
    return Verdict(Level.OK, seen, figure, wanted)
