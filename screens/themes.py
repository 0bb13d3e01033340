"""The colours: dark, light, two with high contrast, and the terminal's own; and which is chosen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from textual.theme import BUILTIN_THEMES, Theme

from harbor_wizard import session as sessions
from harbor_wizard.files import write_atomically
from harbor_wizard.language import mark

# What F2 goes through, with its name.
THEMES: dict[str, str] = {
    "dark": mark("dark"),
    "light": mark("light"),
    "contrast-dark": mark("high contrast, dark"),
    "contrast-light": mark("high contrast, light"),
    "ansi-dark": mark("the terminal's own colours, dark"),
    "ansi-light": mark("the terminal's own colours, light"),
}


def _clearer(builtin: str, name: str) -> Theme:
    """Return one of Textual's themes with what cannot be read in it mended (4.5:1)."""
    theme = BUILTIN_THEMES[builtin]
    mended = {"block-cursor-background": "#005a9e", "block-cursor-foreground": "#ffffff"}
    if not theme.dark:
        mended["text-warning"] = "#7a4b00"
    return replace(theme, name=name, variables={**theme.variables, **mended})


# With high contrast all text on its ground is at 7:1 and more: WCAG 2, level AAA.
OWN = (
    _clearer("textual-dark", "dark"),
    _clearer("textual-light", "light"),
    Theme(
        name="contrast-dark", dark=True, primary="#66ccff", secondary="#ffffff",
        accent="#ffff00", warning="#ffff00", error="#ff9f9f", success="#7fff7f",
        foreground="#ffffff", background="#000000", surface="#000000", panel="#000000",
        boost="#000000",
        variables={
            "text-muted": "#ffffff", "text-disabled": "#c0c0c0", "text-error": "#ff9f9f",
            "text-warning": "#ffff00", "text-success": "#7fff7f",
            "block-cursor-background": "#ffff00", "block-cursor-foreground": "#000000",
            "block-cursor-text-style": "bold", "footer-key-foreground": "#ffff00",
            "input-cursor-background": "#ffff00", "input-cursor-foreground": "#000000",
        },
    ),
    Theme(
        name="contrast-light", dark=False, primary="#00309f", secondary="#000000",
        accent="#00309f", warning="#5f3a00", error="#8f0000", success="#00500f",
        foreground="#000000", background="#ffffff", surface="#ffffff", panel="#ffffff",
        boost="#ffffff",
        variables={
            "text-muted": "#000000", "text-disabled": "#404040", "text-error": "#8f0000",
            "text-warning": "#5f3a00", "text-success": "#00500f",
            "block-cursor-background": "#00309f", "block-cursor-foreground": "#ffffff",
            "block-cursor-text-style": "bold", "footer-key-foreground": "#00309f",
            "input-cursor-background": "#00309f", "input-cursor-foreground": "#ffffff",
        },
    ),
)  # fmt: skip


def chosen() -> str:
    """Return the theme that was chosen last on this machine."""
    try:
        name = json.loads(_file().read_text(encoding="utf-8"))["theme"]
    except (OSError, ValueError, KeyError, TypeError):
        name = ""
    return name if name in THEMES else "dark"


def keep(theme: str) -> None:
    """Remember a theme. A folder that cannot be written is no reason to disturb anybody."""
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        write_atomically(_file(), json.dumps({"theme": theme}) + "\n")
    except OSError:
        return


def _file() -> Path:
    return sessions.home() / "screen.json"


def after(theme: str) -> str:
    """Return the theme that F2 goes to."""
    names = list(THEMES)
    return names[(names.index(theme) + 1) % len(names)] if theme in names else names[0]
