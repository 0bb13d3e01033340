"""A run that was left is shown with its past output, and is taken up again from there."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import DataTable, Log, Static

from harbor_wizard import run
from harbor_wizard.engine.runner import Settings
from harbor_wizard.screens.app import WizardApp
from harbor_wizard.secrets import SecretValues
from harbor_wizard.session import Session
from harbor_wizard.solutions import make_plan

from .test_walk import SIZE, folder, saved, until  # noqa: F401 - a fixture


def half_a_rehearsal(session: Session) -> None:
    """Rehearse until a third is done, then leave as a lost line does."""
    plan = make_plan(session.cluster())
    done: list[object] = []
    values = SecretValues({}, {})

    def sink(event: object) -> None:
        done.append(event)
        if len(done) > len(plan.steps):
            one.stop()

    with run.runner(session, plan, values, run.rehearsal_connector(session, 200), sink,
                    Settings(rehearsal=True)) as one:  # fmt: skip
        assert one.run().left


def texts(app: WizardApp) -> tuple[str, str]:
    table = app.screen.query_one("#hosts-run", DataTable)
    rows = [" ".join(str(cell) for cell in table.get_row_at(at)) for at in range(table.row_count)]
    return str(app.screen.query_one("#overall", Static).content), "\n".join(rows)


@pytest.mark.slow  # a whole run, in two parts
async def test_a_rehearsal_that_was_left_is_gone_on_with(folder: Path) -> None:  # noqa: F811
    session = saved(folder)
    half_a_rehearsal(session)
    app = WizardApp("prod-eu", "run", rehearsal_speed=200)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, "Run")
        first, _ = texts(app)
        assert first.startswith("REHEARSAL ")
        assert "stopped" in first
        past = app.screen.query_one(Log)
        assert any("preflight" in line or "runs Debian" in line or "[" in line for line in past.lines)
        assert "g takes it up" in str(app.screen.query_one("#reason", Static).content)
        await pilot.press("g")
        await until(pilot, "Report")
        report = str(app.screen.query_one("#told-report", Static).content)
    assert "All steps are done" in report
    assert " 0 already so" not in report


async def test_a_run_that_was_killed_opens_with_what_is_unknown(folder: Path) -> None:  # noqa: F811
    session = saved(folder)
    plan = make_plan(session.cluster())
    first, second = plan.on("lb-1")[:2]
    from harbor_wizard.journal import Journal

    with Journal(session.journal_file) as journal:
        journal.write("run", rehearsal=False, steps=len(plan.steps))
        journal.write("begun", step=first.id, inputs=first.fingerprint)
        journal.write("ended", step=first.id, state="done", seconds=1.0, inputs=first.fingerprint)
        journal.write("begun", step=second.id, inputs=second.fingerprint)
    (session.logs / "lb-1.log").write_text(f"2026-11-21 10:00:00 {second.id} half of it\n")
    app = WizardApp("prod-eu")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, "Run")
        overall, rows = texts(app)
        assert "stopped, 1 unknown: will be checked" in overall
        assert "lb-1 ? unknown" in rows
        assert any("half of it" in line for line in app.screen.query_one(Log).lines)
        await pilot.press("g")  # it is the real run that is gone on with: it asks
        await pilot.pause()
        assert "Type the cluster's name" in str(app.screen.query(Static).first().content)
