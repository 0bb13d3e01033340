"""What is on the screen can be read: by contrast, without colours, and by the cursor alone."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.color import ColorType
from rich.style import Style
from textual.color import Color
from textual.widgets import DataTable

from harbor_wizard.screens import themes
from harbor_wizard.screens.app import WizardApp

from .test_snapshots import folder, looked, saved  # noqa: F401 - a fixture

STEPS = ("Solution", "Topology", "Access", "Services", "Preflight", "Review", "Preview", "Run")


def written(app: WizardApp) -> Iterator[tuple[str, Style]]:
    """Yield what is written on the screen, with its style; lines that frame it are no text."""
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            text = segment.text.strip()
            if text and segment.style and any(unicodedata.category(one)[0] in "LN" for one in text):
                yield text, segment.style


def ratio(style: Style) -> float:
    """Return the contrast of a text with its ground, as WCAG 2 defines it: 1 to 21."""
    assert style.color is not None
    assert style.bgcolor is not None
    front, ground = Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)

    def light(color: Color) -> float:
        parts = [part / 255 for part in color.rgb]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    first, second = sorted((light(front), light(ground)), reverse=True)
    return (first + 0.05) / (second + 0.05)


@pytest.mark.parametrize(("theme", "least"), [("contrast-dark", 7.0), ("contrast-light", 7.0),
                                              ("dark", 4.5), ("light", 4.5)])  # fmt: skip
@pytest.mark.slow
async def test_every_word_stands_out_from_its_ground(theme: str, least: float, folder: Path) -> None:  # noqa: F811
    saved(folder)
    themes.keep(theme)
    app = WizardApp("prod-eu", "solution")
    poor: dict[str, float] = {}
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.theme == theme
        for step in STEPS:
            assert app.work is not None
            if step == "Preflight":
                app.work.looked_before = looked(folder)
            app._show(step)
            await pilot.pause()
            await pilot.pause(0.05)
            for text, style in written(app):
                if not style.dim and ratio(style) < least:  # what cannot be used now is dim
                    poor[f"{step}: {text}"] = round(ratio(style), 1)
    assert poor == {}


async def test_without_colours_none_is_sent_and_the_cursor_is_seen(
    folder: Path, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    saved(folder)
    app = WizardApp("prod-eu", "review")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.1)
        app.screen.query_one(DataTable).move_cursor(row=2)
        await pilot.pause(0.1)
        marked = []
        for text, style in written(app):
            for color in (style.color, style.bgcolor):
                assert color is None or color.type is ColorType.DEFAULT, (text, style)
            if style.reverse:
                marked.append(text)
    assert any("Balanced by" in one for one in marked)


async def test_the_terminals_cursor_goes_with_the_highlight(folder: Path) -> None:  # noqa: F811
    saved(folder)
    app = WizardApp("prod-eu", "review")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.1)
        rows = []
        for _ in range(3):
            await pilot.press("down")
            await pilot.pause(0.05)
            rows.append(app.cursor_position.y)
        assert rows == [rows[0], rows[0] + 1, rows[0] + 2]
        shown = app.screen._compositor.render_strips()[rows[0]].text
        assert "Public name" in shown
