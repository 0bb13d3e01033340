"""The other languages say all that English says."""

from __future__ import annotations

import gettext
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from harbor_wizard import language
from harbor_wizard.errors import InputError
from tests import catalogue

FILES = {path.parts[-3]: path for path in catalogue.files()}


@pytest.fixture
def english() -> Iterator[None]:
    yield
    language.choose("en")


def places(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def test_there_is_a_catalogue_for_each_language_but_english() -> None:
    assert {"en", *FILES} == set(language.LANGUAGES)


@pytest.mark.parametrize("path", FILES.values(), ids=FILES)
def test_a_catalogue_has_all_texts_and_no_others(path: Path) -> None:
    wanted = {one.id for one in catalogue.collected() if one.id}
    there = {one.id for one in catalogue.read(path) if one.id}
    assert not wanted - there, "run: python -m tests.catalogue, and translate what is empty"
    assert not there - wanted, "run: python -m tests.catalogue"


@pytest.mark.parametrize("path", FILES.values(), ids=FILES)
def test_each_text_is_translated_with_the_same_places(path: Path) -> None:
    for one in catalogue.read(path):
        if not one.id:
            continue
        plural = isinstance(one.id, tuple)
        english = one.id[-1] if plural else one.id
        said = one.string[0] if plural else one.string
        assert said, f"not translated: {english}"
        assert not one.fuzzy, f"not looked at: {english}"
        assert places(said) == places(english), (english, said)


@pytest.mark.parametrize("path", FILES.values(), ids=FILES)
def test_what_programs_read_is_what_people_wrote(path: Path) -> None:
    with path.with_suffix(".mo").open("rb") as stream:
        compiled = gettext.GNUTranslations(stream)
    for one in catalogue.read(path):
        if isinstance(one.id, tuple):
            assert compiled.ngettext(*one.id, 2) == one.string[0]
        elif one.id:
            assert compiled.gettext(one.id) == one.string, "run: python -m tests.catalogue"


@pytest.mark.parametrize(
    ("name", "value", "back"),
    [("LANG", "zh_CN.UTF-8", "返回"), ("LC_ALL", "zh_TW.UTF-8", "返回"),
     ("LANGUAGE", "zh:en", "返回"), ("LANG", "C.UTF-8", "Back"), ("LANG", "de_DE.UTF-8", "Back")],
)  # fmt: skip
def test_the_language_is_that_of_the_environment(
    name: str, value: str, back: str, english: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(one, raising=False)
    monkeypatch.setenv(name, value)
    language.choose()
    assert language.tr("Back") == back


def test_a_language_that_is_asked_for_comes_before_the_environments(
    english: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")
    language.choose("zh")
    assert language.tr("Back") == "返回"
    language.choose("en")
    assert language.tr("Back") == "Back"


def test_an_unknown_language_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(InputError, match="zh"):
        language.choose("xx")


def test_braces_of_the_operators_are_only_text() -> None:
    assert language.tr("{name} is it", name="{0.__class__}") == "{0.__class__} is it"
