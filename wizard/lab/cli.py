"""`harbor-wizard lab`: hosts to practise on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from harbor_wizard.lab.errors import LabError
from harbor_wizard.lab.host import LabHost
from harbor_wizard.lab.lab import Lab, default_root

app = typer.Typer(
    help="Disposable real hosts on this Linux machine, to practise on.",
    rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False,
    no_args_is_help=True,
)  # fmt: skip

HostArgument = Annotated[str, typer.Argument(help="A host's name, for example lb-1.")]


def _lab() -> Lab:
    return Lab(default_root(), log=typer.echo)


def _host(name: str) -> LabHost:
    return _lab().host(name)


@app.command(epilog="Example: harbor-wizard lab up")
def up(
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Make all hosts bare again first.")
    ] = False,
    installer: Annotated[
        Path | None, typer.Option("--installer", help="Harbor's own installer, if you have it.")
    ] = None,
    host: Annotated[
        list[str] | None, typer.Option("--host", help="Only this host; may be given repeatedly.")
    ] = None,
) -> None:
    """Make and boot the lab's hosts; without --installer, with a stand-in for Harbor."""
    lab = _lab()
    if fresh:
        lab.fresh()
    lab.up(installer, hosts=host or None)
    typer.echo("the lab is up. Next:")
    typer.echo(
        "  harbor-wizard lab exec -- harbor-wizard apply examples/active-active.yaml "
        f"--secrets {lab.secrets_file} --yes"
    )


@app.command(epilog="Example: harbor-wizard lab status")
def status() -> None:
    """Show which hosts run."""
    for name, runs in _lab().status().items():
        typer.echo(f"{'✓' if runs else '✗'} {name}: {'runs' if runs else 'does not run'}")


@app.command(epilog="Example: harbor-wizard lab down")
def down() -> None:
    """Take away all that the lab made here, but for what it fetched."""
    _lab().down()
    typer.echo("the lab is gone")


@app.command(
    "exec", context_settings={"allow_extra_args": True, "ignore_unknown_options": True,
                              "allow_interspersed_args": False},
    epilog="Example: harbor-wizard lab exec -- ssh -i KEY root@10.77.0.11",
)  # fmt: skip
def execute(context: typer.Context) -> None:
    """Run a command where the lab's hosts are reached."""
    if not context.args:
        raise LabError("lab exec wants a command, for example: harbor-wizard lab exec -- ip addr")
    lab = _lab()
    # Sessions of the lab's clusters are the lab's, and go with it: their secrets fit no later one.
    environment = {"HARBOR_WIZARD_HOME": str(lab.root / "wizard"), **os.environ}
    arguments = lab.wrap(context.args)
    os.execvpe(arguments[0], arguments, environment)  # noqa: S606 - an argument list, no shell


@app.command(epilog="Example: harbor-wizard lab cut lb-1")
def cut(host: HostArgument) -> None:
    """Cut a host off its network."""
    _host(host).cut()


@app.command(epilog="Example: harbor-wizard lab mend lb-1")
def mend(host: HostArgument) -> None:
    """Put a host on its network again."""
    _host(host).mend()


@app.command(epilog="Example: harbor-wizard lab kill harbor-1")
def kill(host: HostArgument) -> None:
    """Cut a host's power; its disk stays as it is."""
    _host(host).kill()


@app.command(epilog="Example: harbor-wizard lab boot harbor-1")
def boot(host: HostArgument) -> None:
    """Switch a host on again, and wait until it answers."""
    chosen = _host(host)
    chosen.boot()
    chosen.wait_ssh()
