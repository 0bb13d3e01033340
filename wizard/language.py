"""The language that the operator reads: English, or one that there is a catalogue of.

Texts are looked up when they are shown or raised, by the usual gettext catalogues in `locale/`.
What goes to a host, into the journal's fields or into JSON is never translated, and neither are
names that operators search for: commands, files, keys of the cluster file.
"""

from __future__ import annotations

import gettext
from pathlib import Path

from harbor_wizard.errors import InputError

DOMAIN = "harbor-wizard"
LOCALE = Path(__file__).parent / "locale"

# By the names that `--lang` takes. Each is told in its own language.
LANGUAGES = {"en": "English", "zh": "中文"}

_catalogue: gettext.NullTranslations = gettext.NullTranslations()


def choose(language: str | None = None) -> None:
    """Speak a language from now on; without one, what LANGUAGE, LC_ALL, LC_MESSAGES and LANG say.

    Raises `InputError` where there is no such language.
    """
    global _catalogue  # noqa: PLW0603 - a process has one reader
    if language == "en":
        _catalogue = gettext.NullTranslations()
        return
    if language is not None and language not in LANGUAGES:
        known = ", ".join(f"{code} ({name})" for code, name in LANGUAGES.items())
        raise InputError(f'there is no language "{language[:20]}" here; there are {known}')
    wanted = [language] if language is not None else None
    _catalogue = gettext.translation(DOMAIN, LOCALE, languages=wanted, fallback=True)


def tr(text: str, /, **values: object) -> str:
    """Return a text in the language that is spoken, with its `{places}` filled.

    A text in the code is a literal, so that the catalogues can be made from it; one that was
    declared elsewhere (a question's label, say) is either marked there or collected from there.
    """
    found = _catalogue.gettext(text) if text else text
    return found.format(**values) if values else found


def trn(one: str, many: str, number: int, /, **values: object) -> str:
    """Return the form of a text that goes with a number, which fills `{number}`."""
    return _catalogue.ngettext(one, many, number).format(number=number, **values)


def mark(text: str) -> str:
    """Return the text as it is: it is declared here, and looked up by `tr` where it is shown."""
    return text
