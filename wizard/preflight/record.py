"""Keeps what was found last, and which warnings the operator accepted, in the session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harbor_wizard.files import write_atomically
from harbor_wizard.preflight.finding import Finding, Level
from harbor_wizard.preflight.looking import Preflight
from harbor_wizard.session import Session


def _file(session: Session) -> Path:
    return session.path / "preflight.json"


def save(session: Session, found: Preflight, accepted: dict[str, str]) -> None:
    """Keep it. `accepted` are warnings, `check host`, with what was seen when they were."""
    data = json.loads(found.as_json())
    data.update(hosts=found.hosts, accepted=accepted)
    write_atomically(_file(session), json.dumps(data, indent=1, ensure_ascii=False))


def load(session: Session) -> tuple[Preflight | None, dict[str, str]]:
    """Return what was kept; nothing where there is none that this version reads."""
    try:
        data: dict[str, Any] = json.loads(_file(session).read_text(encoding="utf-8"))
        findings = tuple(
            Finding(**{**one, "level": Level(one["level"])}) for one in data["findings"]
        )
        hosts = tuple(map(str, data["hosts"]))
        accepted = {str(key): str(value) for key, value in data["accepted"].items()}
        return Preflight(hosts, findings, float(data["time"])), accepted
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, {}
