"""The catalogues of other languages: collected from the code, merged, compiled.

`python -m tests.catalogue` brings `wizard/locale/*/LC_MESSAGES/harbor-wizard.po` up to date (new
texts are empty there, and are to be translated), and compiles it. `test_language.py` looks that
this was done.
"""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
LOCALE = ROOT / "wizard" / "locale"
DOMAIN = "harbor-wizard"
# The calls that look a text up, with how many forms of it they are given.
_FORMS = {"tr": 1, "mark": 1, "trn": 2}

_HEADER = """\
# Of harbor-wizard. Brought up to date by: python -m tests.catalogue
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

"""


def declared() -> Iterator[tuple[str, str]]:
    """Yield texts that no call in the code holds as a literal, each with where it is declared."""
    import typer

    from harbor_wizard import cli, questions
    from harbor_wizard.engine.events import State
    from harbor_wizard.model.fields import Part

    for question in (*questions.QUESTIONS, *questions.HOST_QUESTIONS):
        yield question.label, "questions"
        yield question.help, "questions"
    for part in sorted(Part.__subclasses__(), key=lambda one: one.__name__):
        for field in part.model_fields.values():
            yield field.description or "", "model"  # what a sentence says is expected there
    for state in (*State, "connecting", "connected", "lost"):
        yield str(state), "engine.events"
    for _, _, text in cli.helps(typer.main.get_command(cli.app)):
        yield text, "cli"


def collected() -> Catalog:
    """Return all texts of the product, untranslated.

    They are read from the syntax tree: extraction by tokens does not see into f-strings before
    Python 3.12.
    """
    catalog = Catalog(project="harbor-wizard", domain=DOMAIN, fuzzy=False)
    for folder in ("wizard", "screens"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for text in called(ast.parse(path.read_text(encoding="utf-8")), path):
                catalog.add(text)
    for text, _ in declared():
        if text:
            catalog.add(text)
    return catalog


def called(tree: ast.AST, path: Path) -> Iterator[str | tuple[str, str]]:
    """Yield the texts that are looked up in a module. Raises `ValueError` at an f-string."""
    for node in ast.walk(tree):
        name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if name not in _FORMS:
            continue
        texts = node.args[: _FORMS[name]]
        if any(isinstance(one, ast.JoinedStr) for one in texts):
            raise ValueError(f"{path}:{node.lineno}: a text that is looked up cannot be an f-string")
        words = [one.value for one in texts if isinstance(one, ast.Constant)]
        if len(words) == _FORMS[name]:
            yield words[0] if len(words) == 1 else (words[0], words[1])


def files() -> list[Path]:
    """Return the catalogues that there are."""
    return sorted(LOCALE.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))


def read(path: Path) -> Catalog:
    """Return a catalogue."""
    with path.open("rb") as stream:
        return read_po(stream, domain=DOMAIN, locale=path.parts[-3])


def compiled(catalog: Catalog) -> bytes:
    """Return the form of a catalogue that programs read."""
    stream = io.BytesIO()
    # The day of the compilation would make another file of the same words.
    catalog.creation_date = catalog.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    write_mo(stream, catalog)
    return stream.getvalue()


def update(path: Path) -> None:
    """Merge what is collected into a catalogue, and compile it."""
    catalog = read(path)
    catalog.update(collected(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    body = io.BytesIO()
    write_po(body, catalog, width=100, sort_output=True, no_location=True, omit_header=True)
    # Dates and versions would change the file each time, and say nothing that git does not.
    path.write_text(_HEADER.format(language=path.parts[-3]) + body.getvalue().decode(), "utf-8")
    path.with_suffix(".mo").write_bytes(compiled(read(path)))


if __name__ == "__main__":
    for file in files():
        update(file)
        left = [one.id for one in read(file) if one.id and not one.string]
        print(f"{file}: {len(left)} texts to translate")
