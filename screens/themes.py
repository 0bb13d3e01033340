"""The colours: dark, light, two with high contrast, and the terminal's own; and which is chosen."""

from __future__ import annotations

import json
from pathlib import Path

from textual.theme import Theme

from harbor_wizard import session as sessions
from harbor_wizard.files import write_atomically
from harbor_wizard.language import mark

# What F2 goes through, with its name.
THEMES: dict[str, str] = {
    "textual-dark": mark("dark"),
    "textual-light": mark("light"),
    "contrast-dark": mark("high contrast, dark"),
    "contrast-light": mark("high contrast, light"),
    "ansi-dark": mark("the terminal's own colours, dark"),
    "ansi-light": mark("the terminal's own colours, light"),
}

# All text on its ground is at 7:1 and more, as WCAG 2 asks for at its level AAA.
CONTRAST = (
    Theme(
        name="contrast-dark", dark=True, primary="#66ccff", secondary="#ffffff",
        accent="#ffff00", warning="#ffff00", error="#ff9f9f", success="#7fff7f",
        foreground="#ffffff", background="#000000", surface="#000000", panel="#000000",
        boost="#000000",
        variables={
            "text-muted": "#ffffff", "text-disabled": "#c0c0c0", "text-error": "#ff9f9f",
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
    return name if name in THEMES else "textual-dark"


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
