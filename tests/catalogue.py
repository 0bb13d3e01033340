"""The catalogues of other languages: collected from the code, merged, compiled.

`python -m tests.catalogue` brings `wizard/locale/*/LC_MESSAGES/harbor-wizard.po` up to date (new
texts are empty there, and are to be translated), and compiles it. `test_language.py` looks that
this was done.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
LOCALE = ROOT / "wizard" / "locale"
DOMAIN = "harbor-wizard"
_KEYWORDS: dict[str, tuple[int, ...] | None] = {"tr": None, "mark": None, "trn": (1, 2)}

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
    """Return all texts of the product, untranslated."""
    catalog = Catalog(project="harbor-wizard", domain=DOMAIN, fuzzy=False)
    for folder in ("wizard", "screens"):
        found = extract_from_dir(
            ROOT / folder, [("**.py", "python")], {}, _KEYWORDS, strip_comment_tags=True
        )
        for _, _, message, _, _ in sorted(found, key=lambda one: (one[0], one[1])):
            catalog.add(message)
    for text, _ in declared():
        if text:
            catalog.add(text)
    return catalog


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
