"""How the project is laid out, kept true."""

from __future__ import annotations

import ast
import json
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
        if path.name not in ("cli.py", "start.py"):
            assert not any(name.startswith("harbor_wizard.screens") for name in imports(path)), path


def test_screens_open_no_connection_and_render_no_template() -> None:
    for path in (ROOT / "screens").rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & {"fabric", "paramiko", "jinja2"}


# All that `--help` may import besides Python's own: it is to be there within 0.3 s.
HELP_PACKAGES = {
    "typer", "annotated_doc", "click", "shellingham",  # the command line; the latter are typer's
}  # fmt: skip
HELP_MODULES = {
    "harbor_wizard",
    "harbor_wizard.bundle_cli", "harbor_wizard.drill_cli", "harbor_wizard.logs_cli",
    "harbor_wizard.secrets_cli",
    "harbor_wizard.cli",
    "harbor_wizard.errors",
    "harbor_wizard.files",
    "harbor_wizard.language",
    "harbor_wizard.options",
    "harbor_wizard.secrets",
    "harbor_wizard.start",
    "harbor_wizard.text",
}


def test_help_imports_only_what_is_named_here() -> None:
    code = """
import json, sys
before = set(sys.modules)
from harbor_wizard import start
sys.argv = ["harbor-wizard", "--help"]
try:
    start.main()
except SystemExit:
    pass
print(json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "apply" in done.stdout
    found = json.loads(done.stderr)
    ours = {name for name in found if name.split(".")[0] == "harbor_wizard"}
    others = {name.split(".")[0] for name in found} - {"harbor_wizard"} - sys.stdlib_module_names
    # Compiled modules bring runtimes along, which are files of their own to nobody.
    others -= {name for name in others if "cython" in name}
    assert ours <= HELP_MODULES
    assert others <= HELP_PACKAGES

