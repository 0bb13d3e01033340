"""The command `harbor-wizard drill`."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from harbor_wizard import language
from harbor_wizard.language import tr, trn
from harbor_wizard.options import Asker, Given, SecretsOption, SessionArgument


def register(app: typer.Typer, given: Given, asker: Asker, accept: Callable[[Any], bool]) -> None:
    """Add the command. `given` reads a secrets file, `asker` returns what asks on the terminal.

    `accept` is asked about unknown host keys.
    """

    @app.command(epilog="Example: harbor-wizard drill prod-eu --scenario balancer-network")
    def drill(
        session: SessionArgument,
        scenario: Annotated[
            list[str] | None,
            typer.Option("--scenario", metavar="NAME", help="Only this one; see --list. May be "
                         "given again."),
        ] = None,
        listed: Annotated[
            bool, typer.Option("--list", help="Only list the scenarios and what is promised.")
        ] = False,
        put_back: Annotated[
            bool, typer.Option("--put-back", help="Only put back what a killed drill left.")
        ] = False,
        yes: Annotated[
            bool, typer.Option("--yes", help="Do not ask before breaking anything.")
        ] = False,
        in_use: Annotated[
            bool, typer.Option("--in-use", help="Do not ask again where the cluster is in use.")
        ] = False,
        out: Annotated[
            Path | None, typer.Option("--out", help="Write the report there, too (Markdown).")
        ] = None,
        output: Annotated[
            Literal["lines", "json"], typer.Option("--output", help="What is printed.")
        ] = "lines",
        secrets: SecretsOption = None,
        break_lock: Annotated[
            bool, typer.Option("--break-lock", help="Break a dead run's lock on the hosts.")
        ] = False,
    ) -> None:  # fmt: skip
        """Cause failures on an installed cluster, under load, and measure what clients see."""
        from harbor_wizard import run  # noqa: PLC0415
        from harbor_wizard import session as sessions  # noqa: PLC0415
        from harbor_wizard.drill import report  # noqa: PLC0415
        from harbor_wizard.drill.running import Drill  # noqa: PLC0415
        from harbor_wizard.files import write_atomically  # noqa: PLC0415
        from harbor_wizard.lock import Lock  # noqa: PLC0415
        from harbor_wizard.solutions import make_plan  # noqa: PLC0415

        if output == "json":
            language.choose("en")  # other programs read it
        found = sessions.resolve(session)
        cluster = found.cluster()
        chosen = [] if put_back else _chosen(cluster, scenario or [])
        if listed:
            # Which of them holds the address is known when it comes to it.
            holders = tr(" or ").join(host.name for host in cluster.vip_holders)
            for one in chosen:
                typer.echo(f"{one.name:<28} {one.title(one.host or holders)}\n"
                           f"{'':<28} {one.promise.text}")  # fmt: skip
            return
        values = run.open_secrets(found, make_plan(cluster), given(secrets), asker())
        connect = run.ssh_connector(found, cluster, values, accept)
        stop = threading.Event()
        printer = _Printer(as_json=output == "json")
        # A host's end of a connection that breaks is expected here, and told by what follows.
        _hush()
        with Lock(found.lock_file):
            made = Drill(found, cluster, values, connect, printer, stop, break_lock=break_lock)
            _on_signals(stop)
            if not made.put_back() and put_back:
                typer.echo(tr("no drill left anything broken"), err=output == "json")
            if put_back:
                return
            _ask(found, cluster, values, chosen, yes=yes, in_use=in_use)
            done = made.run(chosen)
        if out is not None:
            write_atomically(out, report.as_markdown(done), mode=0o644)
        if output == "lines":
            typer.echo(report.worst(done.results))
            typer.echo(tr("The report is {path}", path=found.path / "drill.md"))
        raise typer.Exit(130 if stop.is_set() else 0 if done.good else 1)


def _chosen(cluster: Any, names: list[str]) -> list[Any]:
    """Return the scenarios that are wanted. Raises `InputError`."""
    from harbor_wizard.drill.scenario import scenarios  # noqa: PLC0415
    from harbor_wizard.errors import InputError  # noqa: PLC0415

    every = scenarios(cluster)
    if not every:
        raise InputError(
            tr("{cluster} claims to survive no failure: it has no second balancer or node behind "
               "one address, so there is nothing to drill", cluster=cluster.name)
        )  # fmt: skip
    for name in names:
        if name not in {word for one in every for word in (one.name, one.failure.value)}:
            known = ", ".join(dict.fromkeys(one.failure.value for one in every))
            raise InputError(
                tr('there is no scenario "{name}" for this cluster; there are {known}, and those '
                   "of one node as node-core@{node}", name=name[:60], known=known,
                   node=cluster.nodes[0].name)
            )  # fmt: skip
    return [one for one in every
            if not names or one.name in names or one.failure.value in names]  # fmt: skip


def _ask(
    session: Any, cluster: Any, values: Any, chosen: list[Any], *, yes: bool, in_use: bool
) -> None:
    """Ask before anything is broken, and once more where others use the cluster."""
    from harbor_wizard.drill.images import others  # noqa: PLC0415
    from harbor_wizard.inspection.ways import Ways  # noqa: PLC0415

    typer.echo(
        trn("{name}: {number} failure will be caused, one after the other, while pulls and pushes "
            "run. Hosts are rebooted and cut off. “--list” shows them.",
            "{name}: {number} failures will be caused, one after the other, while pulls and pushes "
            "run. Hosts are rebooted and cut off. “--list” shows them.",
            len(chosen), name=session.name), err=True,
    )  # fmt: skip
    _typed(tr("Type the session's name to begin"), session.name, said=yes, option="--yes")
    password = values.value(cluster.admin_password.removeprefix("secret:"))
    count = others(Ways(session, cluster, values).front(), password)
    if count == 0:
        return
    typer.echo(
        tr("whether the cluster is in use cannot be seen, so it is taken to be") if count is None
        else trn("the cluster is in use: it has {number} repository; its clients will see what "
                 "the drill measures", "the cluster is in use: it has {number} repositories; its "
                 "clients will see what the drill measures", count), err=True,
    )  # fmt: skip
    _typed(tr("Type the public name to drill it nevertheless"), cluster.public_name, said=in_use,
           option="--in-use")  # fmt: skip


def _typed(question: str, wanted: str, *, said: bool, option: str) -> None:
    """Have a name typed, unless an option said so. Raises where it is another one."""
    from harbor_wizard.errors import InputError  # noqa: PLC0415

    if said:
        return
    if not sys.stdin.isatty():
        raise InputError(
            tr("nobody can be asked here; say {option} to break what is to be broken without "
               "asking", option=option)
        )  # fmt: skip
    if typer.prompt(question, err=True) != wanted:
        raise InputError(tr("that is another name; nothing was broken"))


def _on_signals(stop: threading.Event) -> None:
    """Let a signal end the drill in order; a second Ctrl+C ends it at once."""

    def handle(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop.set()
        if sys.stderr.isatty():
            with contextlib.suppress(OSError):  # SIGHUP comes when the terminal is closed
                typer.echo("\n" + tr("stopping; what is broken is put back first"), err=True)

    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, handle)


def _hush() -> None:
    import logging  # noqa: PLC0415

    logging.getLogger("paramiko").setLevel(logging.CRITICAL)


class _Printer:
    """Prints what happens as it does: lines with the time, or an object a line."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def __call__(self, told: Any) -> None:
        from harbor_wizard.output import write  # noqa: PLC0415

        if self._as_json:
            line = json.dumps({"event": told.what, **dataclasses.asdict(told)}, ensure_ascii=False)
            write(sys.stdout, line + "\n")
            return
        stamp = time.strftime("%H:%M:%S")
        for line in told.text.splitlines():
            write(sys.stdout, f"{stamp} {told.scenario:<24} {line}\n")
