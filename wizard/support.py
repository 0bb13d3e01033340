"""What is supported, as a table for the README: made of the code, so that it cannot say more.

`python -m harbor_wizard.support` prints it; a test compares the README with it.
"""

from __future__ import annotations

import itertools
import typing

from harbor_wizard.model.cluster import Balancer, BalancerType, Cluster, Packages, Solution, TlsMode
from harbor_wizard.platforms import PLATFORMS
from harbor_wizard.releases import RELEASES

BEGIN = "<!-- supported: made by python -m harbor_wizard.support -->"
END = "<!-- supported: end -->"

# What is run from bare hosts to its verification by the lab's tests, in the words of the table.
PROVEN_SOLUTIONS = tuple(Solution)
PROVEN_RELEASES = ("2.15.2",)
PROVEN_PLATFORMS = ("debian-12", "debian-13")
PROVEN_BALANCERS = (BalancerType.HAPROXY, BalancerType.LVS, BalancerType.NGINX)
PROVEN_STORES = ("local", "filesystem")


def table() -> str:
    """Return the table in Markdown."""
    rows = [
        ("solutions", [one.value for one in Solution], [one.value for one in PROVEN_SOLUTIONS]),
        ("Harbor", list(_lines()), list(PROVEN_RELEASES)),
        ("hosts", list(PLATFORMS), list(PROVEN_PLATFORMS)),
        ("balancers", [one.value for one in BalancerType], [one.value for one in PROVEN_BALANCERS]),
        ("HAProxy's modes", list(_choices(Balancer, "mode")), ["balanced"]),
        ("TLS", [one.value for one in TlsMode], ["terminate", "passthrough", "none"]),
        ("images in", list(_stores()), list(PROVEN_STORES)),
        ("scanner", list(_choices(Cluster, "scanner")), ["none"]),
        ("Docker from", list(_choices(Packages, "source")), ["distribution", "bundle"]),
    ]
    lines = ["| | can be planned | of it, run by the lab's tests |", "| --- | --- | --- |"]
    for what, can, proven in rows:
        unknown = [one for one in proven if one not in can and what != "Harbor"]
        if unknown:
            raise ValueError(f"{what}: {unknown} cannot be planned")
        lines.append(f"| {what} | {', '.join(can)} | {', '.join(proven)} |")
    return "\n".join(lines)


def _lines() -> typing.Iterator[str]:
    """Yield the lines of releases; neighbours as a range."""
    lines = sorted(release.line for release in RELEASES.values())
    for _, group in itertools.groupby(enumerate(lines), lambda at: (at[1][0], at[1][1] - at[0])):
        found = [f"{major}.{minor}" for _, (major, minor) in group]
        yield found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}"


def _choices(part: type, field: str) -> tuple[str, ...]:
    annotation = part.model_fields[field].annotation  # type: ignore[attr-defined]
    return tuple(typing.get_args(annotation))


def _stores() -> typing.Iterator[str]:
    annotation = Cluster.model_fields["storage"].annotation
    for store in typing.get_args(annotation):
        yield typing.get_args(store.model_fields["type"].annotation)[0]


if __name__ == "__main__":
    print(table())  # noqa: T201 - this is what it is for
