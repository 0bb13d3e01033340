"""The plain prompts ask for all four solutions what the screens ask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import questionary

from harbor_wizard import prompts

HOSTS = {
    "active-active": ["balancer", "harbor", "harbor"],
    "active-standby": ["harbor", "harbor"],
    "master-slave": ["harbor", "harbor"],
    "master-master": ["harbor", "harbor", "balancer"],
}
WORDS = {
    "Public name": "registry.example.com", "Virtual address": "10.0.0.10/24",
    "Database host": "10.0.0.31", "Redis host": "10.0.0.31", "Shared folder": "/mnt/harbor",
    "Installer file": "installer.tgz",
}  # fmt: skip


class Answer:
    def __init__(self, value: Any) -> None:
        self.value = value

    def unsafe_ask(self) -> Any:
        return self.value


@pytest.mark.parametrize("solution", HOSTS)
def test_plain_prompts_make_a_whole_cluster(
    solution: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARBOR_WIZARD_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "installer.tgz").write_text("installer.tgz\n")
    asked: list[str] = []
    printed: list[str] = []
    roles = HOSTS[solution]
    made: list[str] = []

    def text(about: str, default: str = "", validate: Callable[[str], Any] | None = None) -> Answer:
        label = about.partition(" – ")[0]
        asked.append(label)
        if label.startswith("Host "):
            number = int(label[5])
            value = {"name": f"host-{number}", "address": f"10.0.0.1{number}",
                     "interface": "eth0"}.get(label.partition(", ")[2], "")  # fmt: skip
        else:
            value = WORDS.get(label, default)
        assert validate is None or validate(value) is True, (label, value, validate(value))
        return Answer(value)

    def select(about: str, choices: list[Any], default: Any = None) -> Answer:
        label = about.partition(" – ")[0]
        asked.append(label)
        words = [getattr(one, "value", one) for one in choices]
        if label.endswith(", role"):
            made.append(roles[len(made)])
            assert made[-1] in words
            return Answer(made[-1])
        wanted = {"Solution": solution, "Certificate of": "wizard"}.get(label)
        assert default is None or default in words
        return Answer(wanted or default or words[0])

    monkeypatch.setattr(questionary, "text", text)
    monkeypatch.setattr(questionary, "select", select)
    monkeypatch.setattr(questionary, "confirm", lambda *_, **__: Answer(len(made) < len(roles)))
    monkeypatch.setattr(questionary, "print", printed.append)
    session = prompts.ask_all("prod-eu")
    assert not [line for line in printed if line.startswith("✗")]
    assert session.cluster().solution == solution
    assert ("Virtual address" in asked) == (solution != "master-slave")
    assert asked.count("Public name") == 1
    assert any("does not replicate" in line for line in printed) == solution.startswith("master")
