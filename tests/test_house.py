"""How the project is laid out, kept true."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = {"harbor_wizard": "wizard", "harbor_wizard.screens": "screens",
           "harbor_wizard.templates": "templates"}  # fmt: skip


def test_every_package_is_listed_for_the_installation() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = set()
    for package, folder in FOLDERS.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            inner = init.parent.relative_to(ROOT / folder).parts
            if "payload" not in inner:
                found.add(".".join([package, *inner]))
    assert listed == found


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_the_core_knows_no_face() -> None:
    for path in (ROOT / "wizard").rglob("*.py"):
        if "payload" in path.parts:
            continue
        faces = {name.split(".")[0] for name in imports(path)} & {"textual", "questionary"}
        if path.name == "prompts.py":
            faces -= {"questionary"}
        assert not faces, path
        if path.name != "cli.py":
            assert not any(name.startswith("harbor_wizard.screens") for name in imports(path)), path


def test_screens_open_no_connection_and_render_no_template() -> None:
    for path in (ROOT / "screens").rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & {"fabric", "paramiko", "jinja2"}


def test_help_imports_nothing_heavy() -> None:
    heavy = ("textual", "questionary", "fabric", "paramiko", "jinja2", "pydantic", "cryptography")
    code = (
        "import sys\nfrom harbor_wizard import cli\n"
        "sys.argv = ['harbor-wizard', '--help']\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        f"print([one for one in {heavy!r} if one in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == "[]"
    assert "apply" in done.stdout
