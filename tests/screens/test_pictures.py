"""The pictures of the README are what the screens show today.

After a change that is meant: `pytest tests/screens/test_pictures.py --snapshot-update`.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from harbor_wizard import run
from harbor_wizard.screens.app import WizardApp
from harbor_wizard.secrets import SecretValues

from .test_snapshots import (  # noqa: F401 - a fixture
    NOW,
    Standing0,
    folder,
    looked,
    saved,
    some_events,
)

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
SIZE = (100, 30)


def words(svg: str) -> str:
    """Return what is written in a picture: how it is drawn may change with a version."""
    texts = re.findall(r"<text [^>]*>(.*?)</text>", svg)
    return " ".join(html.unescape(" ".join(texts)).split())


def kept(name: str, app: WizardApp, *, update: bool) -> None:
    svg = app.export_screenshot(title="harbor-wizard")
    # A picture that is looked at asks nobody's server for its letters.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    path = PICTURES / f"{name}.svg"
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_text(svg, encoding="utf-8")
    assert words(path.read_text(encoding="utf-8")) == words(svg), "--snapshot-update makes it anew"


@pytest.mark.slow
async def test_the_pictures_are_of_today(folder: Path, request: pytest.FixtureRequest) -> None:  # noqa: F811
    update = bool(request.config.option.update_snapshots)
    session = saved(folder)
    app = WizardApp("prod-eu", "solution")
    async with app.run_test(size=SIZE) as pilot:

        async def show(step: str) -> None:
            app._show(step)
            await pilot.pause()
            await pilot.pause(0.1)

        await show("Solution")
        kept("solution", app, update=update)
        assert app.work is not None
        app.work.looked_before = looked(folder)
        await show("Preflight")
        kept("preflight", app, update=update)
        await show("Preview")
        await pilot.press("down", "down", "down", "down", "down", "down")
        await pilot.pause(0.1)
        kept("preview", app, update=update)
        plan = app.work.plan()
        control = Standing0(session, plan, SecretValues({}, {}), run.rehearsal_connector(session),
                            rehearsal=False, durations={})  # fmt: skip
        for event in some_events(plan):
            control.view.hear(event)
            control.view.take(event)
        control.view.begun = NOW - 252
        app.control = control
        await show("Run")
        await pilot.press("down", "down", "down")
        await pilot.pause(0.1)
        kept("run", app, update=update)
