"""Writes a plan out: as text, JSON or Markdown, and its files into a folder. Secrets are masked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harbor_wizard.errors import InputError
from harbor_wizard.language import tr
from harbor_wizard.plan import Plan
from harbor_wizard.step import Command, Kind, Step, Upload
from harbor_wizard.text import Text, Values


def counts(plan: Plan) -> str:
    """Return the plan's size in words."""
    kinds = [step.kind for step in plan.steps]
    return tr(
        "{steps} steps on {hosts} hosts: {commands} commands, {files} files, {uploads} uploads, "
        "{checks} checks",
        steps=len(kinds), hosts=len(plan.hosts), commands=kinds.count(Kind.COMMAND),
        files=kinds.count(Kind.FILE), uploads=kinds.count(Kind.UPLOAD),
        checks=kinds.count(Kind.CHECK),
    )  # fmt: skip


def as_text(plan: Plan, hosts: Iterable[str]) -> str:
    """Return the plan as text: for each host its steps, and of each all that is sent."""
    lines = [f"{plan.cluster.name}: {counts(plan)}", ""]
    for host in plan.hosts:
        if host.name not in hosts:
            continue
        lines += [f"== {host.name} {host.address} ({', '.join(host.roles)})", ""]
        for number, step in enumerate(plan.on(host.name), 1):
            why = tr("why: {why}", why=step.why)
            lines += [f"{number:>3} {step.kind} {step.title}", f"      {why}"]
            waits = sorted(need for need in step.needs if not need.startswith(f"{host.name}/"))
            if waits:
                lines.append(f"      {tr('after: {steps}', steps=', '.join(waits))}")
            lines += [f"      {line}" for line in _body(step)]
            lines += [f"      {line}" for line in taken_back(step)]
            lines.append("")
    return "\n".join(lines)


def _body(step: Step) -> list[str]:
    if step.file is not None:
        about = f"--- {step.file.path} {step.file.owner} {step.file.mode:04o}"
        return [about, *(f"+{line}" for line in step.file.content.masked().splitlines())]
    shown = step.apply.masked() if step.apply is not None else step.check.masked()
    mark = "$" if step.apply is not None else "?"
    return [f"{mark} {line}" for line in shown.splitlines() if line]


def taken_back(step: Step) -> list[str]:
    """Return how a step is taken back, or why it is not, in a line; none where it only looks."""
    if step.undo is not None:
        return [tr("undone by: {how}", how=step.undone)]
    if step.undo_data is not None:
        return [tr("undone with --data only: {how}", how=step.undone)]
    return [tr("not undone: {why}", why=step.undone)] if step.undone else []


def as_data(plan: Plan, hosts: Iterable[str]) -> dict[str, Any]:
    """Return the plan as plain data: everything that each step sends, masked."""
    return {
        "cluster": plan.cluster.name,
        "solution": plan.cluster.solution.value,
        "release": plan.cluster.release,
        "steps": [_step(step) for step in plan.steps if step.host in hosts],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "host": step.host,
        "kind": step.kind.name.lower(),
        "title": step.title,
        "why": step.why,
        "needs": sorted(step.needs),
        "check": _action(step.check),
        "apply": _action(step.apply),
        "verify": _action(step.verify),
        "remember": _action(step.remember),
        "undo": _action(step.undo),
        "undo_data": _action(step.undo_data),
        "undone": step.undone,
    }


def _action(action: Command | Upload | None) -> dict[str, Any] | None:
    if action is None:
        return None
    if isinstance(action, Upload):
        return {"upload": action.source, "path": action.path, "sha256": action.sha256}
    return {
        "script": action.script.masked(),
        "input": action.input.masked() if action.input is not None else None,
        "detached": action.detached,
    }


def as_json(plan: Plan, hosts: Iterable[str]) -> str:
    """Return the plan as JSON."""
    return json.dumps(as_data(plan, hosts), indent=2, ensure_ascii=False)


def as_markdown(plan: Plan, hosts: Iterable[str]) -> str:
    """Return the plan as a runbook in Markdown."""
    lines = [f"# {plan.cluster.name}", "", counts(plan), ""]
    for host in plan.hosts:
        if host.name not in hosts:
            continue
        lines += [f"## {host.name} ({host.address})", ""]
        for number, step in enumerate(plan.on(host.name), 1):
            fence = "`" * 4
            why = tr("{sentence}.", sentence=f"{step.why[0].upper()}{step.why[1:]}")
            lines += [f"### {number}. {step.title}", "", why, ""]
            if step.file is not None:
                about = tr("{path}, {owner}, mode {mode}:", path=f"`{step.file.path}`",
                           owner=step.file.owner, mode=f"{step.file.mode:04o}")  # fmt: skip
                lines += [about, ""]
                shown, language = step.file.content.masked(), ""
            else:
                shown = step.apply.masked() if step.apply else step.check.masked()
                language = "sh"
            lines += [f"{fence}{language}", shown.rstrip("\n"), fence, ""]
            for line in taken_back(step):
                lines += [line, ""]
    return "\n".join(lines)


def write_files(plan: Plan, out: Path, values: Values | None) -> list[Path]:
    """Write every file of the plan under `out/<host>/<absolute path>`; masked without values.

    Raises `InputError` where `out` holds something else already.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(
            tr("{folder} is not an empty folder; name a new one, so that nothing is mixed",
               folder=out)
        )  # fmt: skip
    written = []
    for step in plan.steps:
        if step.file is None:
            continue
        path = out / step.host / step.file.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(_content(step.file.content, values), encoding="utf-8")
        written.append(path)
    return written


def _content(content: Text, values: Values | None) -> str:
    return content.masked() if values is None else content.raw(values)
