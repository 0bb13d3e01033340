"""The commands `harbor-wizard secrets …`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from harbor_wizard.language import tr
from harbor_wizard.options import Asker, Given, SecretsOption, SessionArgument


def register(app: typer.Typer, given: Given, asker: Asker) -> None:
    """Add the commands. `given` reads a secrets file, `asker` returns what asks on the terminal."""
    group = typer.Typer(
        help="List, keep elsewhere, hand out and draw anew what a session keeps secret.",
        no_args_is_help=True,
    )

    def opened(name: str, file: Path | None) -> tuple[Any, dict[str, str], str | None]:
        from harbor_wizard import keeping, session  # noqa: PLC0415

        found = session.resolve(name)
        opener = keeping.passphrase(found, given(file), asker())
        return found, keeping.kept(found, opener), opener

    @group.command("list", epilog="Example: harbor-wizard secrets list prod-eu")
    def names(session: SessionArgument, secrets: SecretsOption = None) -> None:
        """List the names of what is kept; no value."""
        from harbor_wizard import keeping  # noqa: PLC0415

        found, values, _ = opened(session, secrets)
        typer.echo(tr("kept: {where}", where=keeping.keeping(found).value))
        for name in sorted(values):
            typer.echo(f"  {name}")

    @group.command("keep", epilog="Example: harbor-wizard secrets keep prod-eu keyring")
    def keep(
        session: SessionArgument,
        where: Annotated[str, typer.Argument(help="passphrase, keyring or nothing.")],
        out: Annotated[
            Path | None, typer.Option("--out", help="With nothing: a new file for what was kept.")
        ] = None,
        secrets: SecretsOption = None,
    ) -> None:
        """Keep the secrets under a passphrase, by the system's keyring, or not at all."""
        from harbor_wizard import keeping  # noqa: PLC0415
        from harbor_wizard.errors import InputError  # noqa: PLC0415

        if where not in set(keeping.Keeping):
            raise InputError(
                tr('"{where}" is no place for secrets; say passphrase, keyring or nothing',
                   where=where[:20])
            )  # fmt: skip
        found, values, opener = opened(session, secrets)
        to = keeping.Keeping(where)
        if to is keeping.Keeping.NOTHING and values:
            if out is None:
                raise InputError(
                    tr("{number} secrets are kept, some of them drawn here: name a file that they "
                       "go to with --out, for each run has to be given them", number=len(values))
                )  # fmt: skip
            _hand_out(out, values)
        had = {**given(secrets), **({"passphrase": opener} if opener is not None else {})}
        keeping.move(found, to, had, asker())
        typer.echo(tr("kept: {where}", where=to.value))

    @group.command("export", epilog="Example: harbor-wizard secrets export prod-eu --out s.yaml")
    def export(
        session: SessionArgument,
        out: Annotated[Path, typer.Option("--out", help="A new file; its mode will be 0600.")],
        secrets: SecretsOption = None,
    ) -> None:
        """Write what is kept into a new file, in plain: for a vault of yours."""
        _, values, _ = opened(session, secrets)
        _hand_out(out, values)

    @group.command("rotate", epilog="Example: harbor-wizard secrets rotate prod-eu harbor_csrf_key")
    def rotate(
        session: SessionArgument,
        name: Annotated[list[str], typer.Argument(metavar="NAME…", help="See: secrets list.")],
        secrets: SecretsOption = None,
    ) -> None:
        """Have secrets drawn anew; the next apply brings them to the hosts."""
        from harbor_wizard.rotation import rotated  # noqa: PLC0415

        found, values, opener = opened(session, secrets)
        left = rotated(values, name)
        assert opener is not None  # noqa: S101 - else nothing is kept, and nothing was found
        found.store.write(left, opener)
        typer.echo(tr("drawn anew by the next run: harbor-wizard apply {name}", name=found.name))

    @group.command("passphrase", epilog="Example: harbor-wizard secrets passphrase prod-eu")
    def passphrase(session: SessionArgument, secrets: SecretsOption = None) -> None:
        """Encrypt what is kept under another passphrase."""
        from harbor_wizard import keeping  # noqa: PLC0415

        found, _, opener = opened(session, secrets)
        ask = asker()
        if ask is not None:
            typer.echo(tr("The new passphrase:"))
        had = {**given(secrets), **({"passphrase": opener} if opener is not None else {})}
        keeping.move(found, keeping.Keeping.PASSPHRASE, had, ask)

    app.add_typer(group, name="secrets")


def _hand_out(path: Path, values: dict[str, str]) -> None:
    """Write values into a new file that nobody else can read."""
    import yaml  # noqa: PLC0415 - keeps --help fast

    from harbor_wizard.errors import InputError  # noqa: PLC0415

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InputError(
            tr("{path} cannot be made ({reason}); name a new file", path=path,
               reason=error.strerror)
        ) from None  # fmt: skip
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(yaml.safe_dump(values, allow_unicode=True))
        stream.flush()
        os.fsync(stream.fileno())
    typer.echo(tr("{number} secrets are in {path}, readable by you only", number=len(values),
                  path=path))  # fmt: skip
