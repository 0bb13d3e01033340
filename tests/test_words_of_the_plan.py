"""The language changes the words of a plan, and nothing that is done or kept."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harbor_wizard import bundle, language
from harbor_wizard.inspection.status import ClusterStatus, HostStatus
from harbor_wizard.model import load
from harbor_wizard.plan import Plan
from harbor_wizard.solutions import make_plan
from harbor_wizard.step import Command, Step

from .conftest import EXAMPLES

# Titles that are a command as it is typed: there are no words in them.
COMMANDS = ("./prepare", "compose up", "docker load", "systemctl ")


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    language.choose("en")
    yield
    language.choose("en")


def planned(path: Path, code: str) -> Plan:
    language.choose(code)
    return make_plan(load.parse(load.read(path), path.name))


def texts(step: Step) -> list[object]:
    """All that goes to a host and all that is shown of it, with the holes for secrets."""
    found: list[object] = [step.file]
    for command in (step.check, step.apply, step.verify, step.remember, step.undo, step.undo_data):
        if command is None:
            continue
        found.append(command.masked())
        if isinstance(command, Command):
            found += [command.script.parts, command.input]
    return found


def is_chinese(text: str) -> bool:
    return re.search("[\u4e00-\u9fff]", text) is not None


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_only_the_words_of_a_plan_are_translated(path: Path) -> None:
    english, chinese = planned(path, "en"), planned(path, "zh")
    assert [one.id for one in chinese.steps] == [one.id for one in english.steps]
    for one, other in zip(english.steps, chinese.steps, strict=True):
        assert other.fingerprint == one.fingerprint, one.id
        assert texts(other) == texts(one), one.id
        # Whatever else a step has, or will have.
        words = {"title": "", "why": "", "undone": ""}
        assert dataclasses.replace(other, **words) == dataclasses.replace(one, **words), one.id
        assert is_chinese(other.undone) is bool(one.undone), one.id
        assert other.why != one.why, one.id
        assert is_chinese(other.why), one.id
        if (one.file is not None and one.title == one.file.path) or one.title.startswith(COMMANDS):
            assert other.title == one.title, one.id
        else:
            assert other.title != one.title, one.id
            assert is_chinese(other.title), one.id
        assert not is_chinese(one.title + one.why), one.id


def test_monitoring_reads_the_same_status_in_each_language() -> None:
    host = HostStatus("lb-1", "10.0.0.1", ("balancer",), {"haproxy": "active"}, holds_address=True)
    status = ClusterStatus("prod", "10.0.0.9", (host,))
    said = status.as_text(), status.as_json()
    language.choose("zh")
    assert status.as_json() == said[1]
    assert is_chinese(status.as_text())
    assert not is_chinese(said[0])


@pytest.mark.parametrize("known", ["Harbor 2.14.0 has no sigstore signature: only the checksum is "
                                   "known", "checked with cosign: made by Harbor's release workflow",
                                   "not checked: there is no h.tgz.sigstore.json beside the "
                                   "installer"])  # fmt: skip
def test_what_a_manifest_keeps_in_english_is_told_in_the_operators_language(known: str) -> None:
    manifest = {"release": "2.14.0", "installer": "h.tgz", "signature": known}
    assert bundle.signature_known(manifest) == known
    language.choose("zh")
    assert is_chinese(bundle.signature_known(manifest))
    assert bundle.signature_known({**manifest, "signature": "by hand"}) == "by hand"
