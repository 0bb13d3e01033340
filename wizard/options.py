"""Arguments and options that several commands take, and what their modules are handed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

SessionArgument = Annotated[
    str, typer.Argument(metavar="SESSION", help="A session or a cluster file.")
]
SecretsOption = Annotated[
    Path | None,
    typer.Option("--secrets", help="A YAML file of mode 0600 with secrets, and “passphrase”."),
]

# Reads a secrets file, and returns with it what the environment gave.
Given = Callable[[Path | None], dict[str, str]]
# Returns what asks for a secret on the terminal; None where nobody can be asked.
Asker = Callable[[], Callable[[str], str] | None]
