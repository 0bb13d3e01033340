"""The cluster as lines of text, drawn from what was answered so far."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len, set_cell_size

from harbor_wizard import questions
from harbor_wizard.language import tr
from harbor_wizard.screens.speaking import pad
from harbor_wizard.text import printable

_NAME = 14  # cells at most, so that all of it fits beside the rail at 80 columns


def diagram(data: dict[str, Any], wrong: frozenset[int] = frozenset()) -> list[str]:
    """Return the cluster as lines of text: `?` where nothing is yet, ✗ where it is wrong."""
    listed = data.get("hosts")
    hosts = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    columns: dict[str, list[str]] = {"balancer": [], "harbor": [], "services": []}
    for index, host in enumerate(hosts):
        name = _cut(str(host.get("name") or "?"), _NAME)
        mark = " ✗" if index in wrong else ""
        roles = host.get("roles")
        for role, column in columns.items():
            if isinstance(roles, list) and role in roles:
                column.append(f"{name}{mark}")
    balancers, nodes = columns["balancer"], columns["harbor"] or ["?"]
    virtual = _cut(
        str(questions.get(data, "virtual_address.address") or "?").partition("/")[0], 39
    )
    if questions.get(data, "balancer.type") == "existing":
        virtual, balancers = "", [tr("your balancer")]
    solution = data.get("solution")
    if solution == "active-standby":
        return [*_standby(virtual, nodes), *_services(columns["services"])]
    if solution == "master-slave":
        return _slaves(_front(virtual, balancers), nodes)
    if solution == "master-master":
        return _masters(_front(virtual, balancers), nodes)
    front = _front(virtual, balancers or ["?"])
    return [*_joined(front, nodes), *_services(columns["services"])]


def _cut(text: str, cells: int) -> str:
    """Return a text that takes no more than so many cells; wide characters take two."""
    shown = printable(text)
    return shown if cell_len(shown) <= cells else set_cell_size(shown, cells - 1).rstrip() + "…"


def _wide(texts: list[str]) -> list[str]:
    """Return texts that take the same number of cells."""
    width = max(map(cell_len, texts), default=0)
    return [text + " " * (width - cell_len(text)) for text in texts]


def _front(virtual: str, balancers: list[str]) -> list[str]:
    """Return what stands before the nodes: one line for each balancer; none without any."""
    if not balancers:
        return []
    start = f"{tr('clients')} ─▶ {virtual} ─▶ " if virtual else f"{tr('clients')} ─▶ "
    lines = [f"{start if at == 0 else ' ' * cell_len(start)}{one}"
             for at, one in enumerate(balancers)]  # fmt: skip
    return _wide(lines)


def _joined(left: list[str], right: list[str]) -> list[str]:
    """Return lines in which each on the left leads to each on the right."""
    rows = max(len(left), len(right))
    blank = " " * cell_len(left[0])
    lines = []
    for at in range(rows):
        before = left[at] if at < len(left) else blank
        node = right[at] if at < len(right) else ""
        if rows == 1:
            joint = "─"
        else:
            here = at < len(left)
            joint = "┬" if at == 0 else "┴" if at == rows - 1 else "┼" if here else "├"
            if at and not here:
                joint = "└" if at == rows - 1 else "├"
        link = f"{'─' if at < len(left) else ' '}{joint}{'─▶' if node else '  '}"
        lines.append(f"{before} {link} {node}".rstrip())
    return lines


def _standby(virtual: str, nodes: list[str]) -> list[str]:
    """Return two nodes one of which holds the address."""
    start = f"{tr('clients')} ─▶ {virtual} ─"
    blank = " " * cell_len(start)
    lines = [f"{start}{'┬' if len(nodes) > 1 else '─'}─▶ {nodes[0]} ({tr('active')})"]
    for at, node in enumerate(nodes[1:], 2):
        lines.append(f"{blank}{'└' if at == len(nodes) else '├'}┄▶ {node} ({tr('standby')})")
    return lines


def _slaves(front: list[str], nodes: list[str]) -> list[str]:
    """Return a master, and its replicas at the right of it."""
    master, replicas = nodes[0], nodes[1:] or ["?"]
    start = [f"{one} ─▶ " for one in front[:1]] or [f"{tr('pushes')} ─▶ "]
    pulls = "" if front else f" ◀─ {tr('pulls')}"
    blank = " " * cell_len(f"{start[0]}{master} ")
    more = [*front[1:], *[""] * len(replicas)]
    lines = []
    for at, replica in enumerate(_wide(replicas)):
        last = at == len(replicas) - 1
        joint = "═" if len(replicas) == 1 else "╦" if at == 0 else "╚" if last else "╠"
        before = f"{start[0]}{master} ═" if at == 0 else f"{pad(more[at - 1], cell_len(blank))} "
        lines.append(f"{before}{joint}═▶ {replica}{pulls}".rstrip())
    lines += [one for one in more[len(replicas) - 1 :] if one]
    return lines


def _masters(front: list[str], nodes: list[str]) -> list[str]:
    """Return Harbors that replicate to each other."""
    if not front:
        second = nodes[1:] or ["?"]
        people = tr("clients")
        return [f"{people} ─▶ {nodes[0]} ⇄ {' ⇄ '.join(second)} ◀─ {people}"]
    both = _wide(nodes if len(nodes) > 1 else [*nodes, "?"])
    last = len(both) - 1
    tied = [f"{one} ⇄{'┐' if at == 0 else '┘' if at == last else '┤'}"
            for at, one in enumerate(both)]  # fmt: skip
    return _joined(front, tied)


def _services(hosts: list[str]) -> list[str]:
    """Return the line about a host that has the database and Redis."""
    if not hosts:
        return []
    return [tr("nodes ─▶ {hosts} (database, Redis)", hosts=", ".join(hosts))]
