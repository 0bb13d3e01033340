"""Runs programs of this machine, by argument list and within a time."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from harbor_wizard.lab.errors import LabError


def run(arguments: Sequence[str], *, timeout: float = 120, input: str | None = None) -> str:  # noqa: A002
    """Run a program to its end and return what it printed. Raises `LabError`."""
    try:
        done = subprocess.run(
            list(arguments), check=False, capture_output=True, text=True, timeout=timeout,
            input=input, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise LabError(f"{arguments[0]} did not end within {timeout:.0f} s") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-4:]
        raise LabError(f"{' '.join(arguments[:6])} failed: {' / '.join(said)[:500]}")
    return done.stdout
