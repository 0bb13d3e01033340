"""The command `harbor-wizard logs`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from harbor_wizard.language import tr
from harbor_wizard.options import Asker, Given, SecretsOption, SessionArgument

Planned = Callable[[str], tuple[Any, Any]]


def register(
    app: typer.Typer, planned: Planned, given: Given, asker: Asker, accept: Callable[[Any], bool]
) -> None:
    """Add the command. `planned` returns a session with its plan; see `secrets_cli.register`."""

    @app.command(epilog="Example: harbor-wizard logs prod-eu --out ticket.tar.gz")
    def logs(
        session: SessionArgument,
        out: Annotated[Path, typer.Option("--out", help="A new file: the archive, .tar.gz.")],
        secrets: SecretsOption = None,
    ) -> None:
        """Gather logs, configuration (masked), versions and status of all hosts, for a ticket."""
        from harbor_wizard import keeping, run  # noqa: PLC0415
        from harbor_wizard.inspection import support_bundle  # noqa: PLC0415
        from harbor_wizard.secrets import SecretValues  # noqa: PLC0415

        found, made = planned(session)
        known = given(secrets)
        # The values are what makes the masking certain: they are opened, and none is drawn.
        opener = keeping.passphrase(found, known, asker()) if found.store.exists else None
        local = {
            name: found.local(path) for name, path in run.files(made.cluster).items()
            if found.local(path).is_file()
        }  # fmt: skip
        values = SecretValues({**keeping.kept(found, opener), **known}, local)
        connect = run.ssh_connector(found, made.cluster, values, accept)

        def on_host(host: str, state: str) -> None:
            if state:
                typer.echo(tr("{host}: gathering", host=host), err=True)

        gaps = support_bundle.write(found, made, values, connect, out, on_host)
        for gap in gaps:
            typer.echo(f"! {gap}", err=True)
        size = out.stat().st_size // 1024
        typer.echo(tr("{path}: {size} kB, secrets are bullets; look into it before you send it",
                      path=out, size=size))  # fmt: skip
