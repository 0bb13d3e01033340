"""The command line.

Heavy modules are imported where they are used, so that `--help` is there at once.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from harbor_wizard import bundle_cli, drill_cli, language, logs_cli, secrets_cli
from harbor_wizard.errors import HarborWizardError, Interrupted, PreflightFailed
from harbor_wizard.language import tr, trn
from harbor_wizard.options import SecretsOption, SessionArgument
from harbor_wizard.start import shows_screens

_EPILOG = (
    "Exit codes: 0 done, 1 a step failed, 2 the input is wrong, 3 a preflight check failed, "
    "4 locked by another run, 130 interrupted."
)

app = typer.Typer(
    help="Install a highly available Harbor registry over SSH, without Kubernetes. "
    "Without a command, the full-screen wizard starts.",
    epilog=_EPILOG,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

# Taken out of our own environment by `start`.
_from_environment: dict[str, str] = {}


def _version(show: bool) -> None:
    if show:
        from importlib.metadata import version  # noqa: PLC0415

        typer.echo(f"harbor-wizard {version('harbor-wizard')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _main(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback does it all
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    lang: Annotated[  # noqa: ARG001 - taken before, so that this help speaks it, too
        str | None, typer.Option("--lang", help="en or zh; else what LANG says.")
    ] = None,
) -> None:
    if context.invoked_subcommand is None:
        if shows_screens():
            _full_screen(None)
        _ask_plainly(None)


def _full_screen(name: str | None, start: str | None = None) -> None:
    if not shows_screens():
        raise _needs_terminal()
    from harbor_wizard.screens.app import run  # noqa: PLC0415

    raise typer.Exit(run(name, start))


def _ask_plainly(name: str | None) -> None:
    """Ask the same questions line by line."""
    if not sys.stdin.isatty():
        raise _needs_terminal()
    from harbor_wizard.prompts import ask_all  # noqa: PLC0415

    made = ask_all(name)
    typer.echo(tr("Saved. See what would be done: harbor-wizard plan {name}", name=made.name))


def _needs_terminal() -> HarborWizardError:
    from harbor_wizard.errors import InputError  # noqa: PLC0415

    return InputError(
        tr("the wizard asks its questions on a terminal, and this is not one; give it a file: "
           "“harbor-wizard apply CLUSTER.yaml”")
    )  # fmt: skip


@app.command(epilog="Example: harbor-wizard new prod-eu")
def new(
    name: Annotated[str | None, typer.Argument(help="The new session's name.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Ask without a full screen.")] = False,
) -> None:
    """Make a session and answer its questions."""
    from harbor_wizard import session as sessions  # noqa: PLC0415

    if plain or not shows_screens():
        _ask_plainly(name)
        return
    if name is not None:
        made = sessions.create(name, Path.cwd())
        if not made.cluster_file.exists():
            made.save_answers({"name": name})
    _full_screen(name)


@app.command(epilog="Example: harbor-wizard resume prod-eu")
def resume(
    name: Annotated[str | None, typer.Argument(help="The session; the last one used if left out.")]
    = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; without a full screen.")] = False,
    secrets: SecretsOption = None,
) -> None:
    """Take a session up again, where it was stopped."""
    from harbor_wizard import session as sessions  # noqa: PLC0415
    from harbor_wizard.errors import SessionError  # noqa: PLC0415

    if name is None:
        known = sessions.all_sessions()
        if not known:
            raise SessionError(
                tr("there is no session yet; make one with “harbor-wizard new”")
            )
        name = known[0].name
    if yes or not sys.stdin.isatty():
        _run(name, secrets, yes=yes, output="lines", rehearsal=False)
        return
    _full_screen(sessions.resolve(name).name)


@app.command("sessions", epilog="Example: harbor-wizard sessions")
def list_sessions() -> None:
    """List the sessions: what each is, and how far it came."""
    import time  # noqa: PLC0415

    from harbor_wizard import session as sessions  # noqa: PLC0415
    from harbor_wizard.journal import Journal, summarise  # noqa: PLC0415

    known = sessions.all_sessions()
    if not known:
        typer.echo(tr("no session yet; “harbor-wizard new” makes one"))
    for one in known:
        try:
            done = summarise(Journal(one.journal_file).records())
            parts = [trn("{number} step done", "{number} steps done", len(done.done))]
            if done.failed:
                parts.append(tr("{number} failed", number=len(done.failed)))
            if done.unknown:
                parts.append(tr("{number} unknown, will be checked", number=len(done.unknown)))
            state = ", ".join(parts)
            solution = one.answers().get("solution", tr("not chosen yet"))
        except HarborWizardError as error:
            state, solution = str(error), "?"
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(sessions.last_used(one)))
        typer.echo(f"{one.name:<24} {solution:<16} {used}  {state}")


@app.command(epilog="Example: harbor-wizard plan examples/active-active.yaml --host lb-1")
def plan(
    session: SessionArgument,
    format: Annotated[  # noqa: A002 - the option's name
        Literal["text", "json", "markdown"], typer.Option("--format", help="How it is written.")
    ] = "text",
    host: Annotated[str | None, typer.Option("--host", help="Only this host.")] = None,
) -> None:
    """Show every command and file, without touching any host."""
    from harbor_wizard import show  # noqa: PLC0415

    if format == "json":
        language.choose("en")  # other programs read it
    found, made = _planned(session)
    _tell(found, made)
    names = {one.name for one in made.hosts}
    if host is not None:
        if host not in names:
            from harbor_wizard.errors import InputError  # noqa: PLC0415

            known = ", ".join(sorted(names))
            raise InputError(
                tr('there is no host "{host}" in it; there are {known}', host=host, known=known)
            )
        names = {host}
    writers = {"text": show.as_text, "json": show.as_json, "markdown": show.as_markdown}
    typer.echo(writers[format](made, names))


def _planned(name: str) -> tuple[Any, Any]:
    from harbor_wizard import session as sessions  # noqa: PLC0415
    from harbor_wizard.solutions import make_plan  # noqa: PLC0415

    found = sessions.resolve(name)
    return found, make_plan(found.cluster())


def _tell(found: Any, made: Any) -> None:
    """Say on standard error what is worth knowing before anything is done."""
    from harbor_wizard import run  # noqa: PLC0415
    from harbor_wizard.changes import changes  # noqa: PLC0415
    from harbor_wizard.journal import Journal, summarise  # noqa: PLC0415
    from harbor_wizard.notes import notes  # noqa: PLC0415

    cluster = made.cluster
    since = changes(made, summarise(Journal(found.journal_file).records())).told()

    for line in (*since, *run.precheck(found, cluster), *notes(cluster)):
        typer.echo(f"! {line}", err=True)


def _given(path: Path | None) -> dict[str, str]:
    from harbor_wizard.secrets import from_file  # noqa: PLC0415

    return {**_from_environment, **(from_file(path) if path is not None else {})}


def _asker() -> Callable[[str], str] | None:
    """Return what asks for a secret on the terminal, or None where there is none."""
    if not sys.stdin.isatty():
        return None
    import getpass  # noqa: PLC0415

    def ask(name: str) -> str:
        while True:
            value = getpass.getpass(f"{name.replace('_', ' ')}: ")
            if len(value) >= 4:
                return value
            typer.echo(tr("at least four characters, please"), err=True)

    return ask


@app.command(epilog="Example: harbor-wizard render examples/active-active.yaml --out rendered")
def render(
    session: SessionArgument,
    out: Annotated[Path, typer.Option("--out", help="A new folder.")],
    reveal: Annotated[bool, typer.Option("--reveal", help="With the secrets in them.")] = False,
    secrets: SecretsOption = None,
) -> None:
    """Write every file that would be written to the hosts into a folder, secrets masked."""
    from harbor_wizard import run, show  # noqa: PLC0415

    found, made = _planned(session)
    values = run.open_secrets(found, made, _given(secrets), _asker()) if reveal else None
    written = show.write_files(made, out, values)
    said = tr("{number} files in {folder}", number=len(written), folder=out)
    typer.echo(said if reveal else f"{said}, {tr('secrets masked')}")


@app.command(epilog="Example: harbor-wizard apply prod-eu.yaml --secrets secrets.yaml --yes")
def apply(
    session: SessionArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before changing hosts.")] = False,
    output: Annotated[
        Literal["lines", "json"], typer.Option("--output", help="What is printed.")
    ] = "lines",
    secrets: SecretsOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="With the hosts' output.")] = False,
    break_lock: Annotated[
        bool, typer.Option("--break-lock", help="Break a dead run's lock on the hosts.")
    ] = False,
) -> None:
    """Install, or take an installation up again: what is so already is left as it is."""
    _run(session, secrets, yes=yes, output=output, rehearsal=False, verbose=verbose,
         break_lock=break_lock)  # fmt: skip


@app.command(epilog="Example: harbor-wizard undo prod-eu --show")
def undo(
    name: Annotated[str, typer.Argument(metavar="SESSION", help="The session's name.")],
    show: Annotated[
        bool, typer.Option("--show", help="Only show what would be undone, with the scripts.")
    ] = False,
    data: Annotated[
        bool, typer.Option("--data", help="Remove the data, too: images, databases, logs.")
    ] = False,
    confirm: Annotated[
        str | None,
        typer.Option("--confirm", metavar="NAME", help="The cluster's name, for --data unasked."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before changing hosts.")] = False,
    output: Annotated[
        Literal["lines", "json"], typer.Option("--output", help="What is printed.")
    ] = "lines",
    secrets: SecretsOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="With the hosts' output.")] = False,
    break_lock: Annotated[
        bool, typer.Option("--break-lock", help="Break a dead run's lock on the hosts.")
    ] = False,
) -> None:
    """Take back what a session did, newest first; what it did not make, and data, are left."""
    from harbor_wizard import run  # noqa: PLC0415
    from harbor_wizard import session as sessions  # noqa: PLC0415
    from harbor_wizard import undo as undoing  # noqa: PLC0415
    from harbor_wizard.engine.runner import Settings  # noqa: PLC0415
    from harbor_wizard.journal import Journal  # noqa: PLC0415
    from harbor_wizard.output import JsonPrinter, LinePrinter  # noqa: PLC0415

    as_json = output == "json"
    if as_json:
        language.choose("en")  # other programs read it
    found = sessions.find(name)
    done = undoing.read(Journal(found.journal_file).records())
    if show or not done.chosen(data=data):
        typer.echo(undoing.as_text(done, data=data))
        if not done.chosen(data=data):
            typer.echo(tr("nothing is left to undo"))
        return
    cluster = found.cluster()
    made, gone = undoing.make_plan(cluster, done, data=data)
    if not yes:
        typer.echo(tr("{name}: {steps} steps on {hosts} hosts will be undone. “harbor-wizard undo "
                      "{name} --show” shows them all.", name=name, steps=len(made.steps),
                      hosts=len(made.hosts)))  # fmt: skip
    _type(tr("Type the session's name to undo it"), name, given=name if yes else None,
          option="--yes")  # fmt: skip
    if data:
        _type(tr("The data will be gone. Type the cluster's name to remove them"), cluster.name,
              given=confirm, option=f"--confirm {cluster.name}")  # fmt: skip
    values = undoing.secrets_for(found, made, _given(secrets), _asker())
    printer = JsonPrinter() if as_json else LinePrinter(verbose=verbose)
    connect = run.ssh_connector(found, cluster, values, _accept)
    with undoing.runner(found, done, made, values, connect, printer,
                        Settings(break_lock=break_lock)) as runner:  # fmt: skip
        _on_signals(runner.stop)
        outcome = runner.run()
        left = runner.left
    printer.close()
    if not as_json:
        typer.echo(undoing.closing(found, made, outcome, left, gone, data=data))
    raise typer.Exit(outcome.exit_code or int(bool(gone)))


def _type(question: str, wanted: str, *, given: str | None, option: str) -> None:
    """Have a name typed, unless it was given. Raises where it is another one."""
    from harbor_wizard.errors import InputError  # noqa: PLC0415

    if given is None:
        if not sys.stdin.isatty():
            raise InputError(
                tr("nobody can be asked here; say {option} to change the hosts without asking",
                   option=option)
            )  # fmt: skip
        given = typer.prompt(question)
    if given != wanted:
        raise InputError(tr("that is another name; nothing was changed"))


@app.command(epilog="Example: harbor-wizard rehearse examples/active-active.yaml")
def rehearse(
    session: SessionArgument,
    output: Annotated[
        Literal["lines", "json"], typer.Option("--output", help="What is printed.")
    ] = "lines",
    speed: Annotated[
        float, typer.Option("--speed", min=0.1, help="10 is ten times as fast.")
    ] = 1.0,
) -> None:
    """Run with every host simulated; no host is touched."""
    _run(session, None, yes=True, output=output, rehearsal=True, speed=speed)


def _run(
    name: str, secrets: Path | None, *, yes: bool, output: str, rehearsal: bool,
    speed: float = 1.0, verbose: bool = False, break_lock: bool = False,
) -> None:  # fmt: skip
    from harbor_wizard import run, show  # noqa: PLC0415
    from harbor_wizard.engine.runner import Settings  # noqa: PLC0415
    from harbor_wizard.output import JsonPrinter, LinePrinter  # noqa: PLC0415
    from harbor_wizard.report import closing, write_report  # noqa: PLC0415

    if output == "json":
        language.choose("en")  # other programs read it
    found, made = _planned(name)
    _tell(found, made)
    mark = "REHEARSAL" if rehearsal else ""
    if not rehearsal:
        _confirm(made.cluster.name, show.counts(made), yes=yes)
    values = run.open_secrets(found, made, _given(secrets), _asker(), rehearsal=rehearsal)
    printer: JsonPrinter | LinePrinter
    as_json = output == "json"
    printer = JsonPrinter(mark=mark) if as_json else LinePrinter(mark=mark, verbose=verbose)
    connect = (
        run.rehearsal_connector(found, speed)
        if rehearsal
        else run.ssh_connector(found, made.cluster, values, _accept)
    )
    settings = Settings(rehearsal=rehearsal, break_lock=break_lock)
    with run.runner(found, made, values, connect, printer, settings) as runner:
        _on_signals(runner.stop)
        outcome = runner.run()
    printer.close()
    if output == "lines":
        for line in closing(found, made, outcome, rehearsal=rehearsal).splitlines():
            typer.echo(f"{mark} {line}".lstrip())
    if not rehearsal:
        write_report(found, made, outcome)  # last: a full disk may not take it
    raise typer.Exit(outcome.exit_code)


def _on_signals(stop: Callable[[], None]) -> None:
    """Let a signal stop the run in order; a second Ctrl+C ends it at once."""

    def handle(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop()
        if sys.stderr.isatty():
            said = tr("stopping; what runs on the hosts goes on, resume takes it up")
            with contextlib.suppress(OSError):  # SIGHUP comes when the terminal is closed
                typer.echo(f"\n{said}", err=True)

    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, handle)


def _confirm(name: str, counts: str, *, yes: bool) -> None:
    from harbor_wizard.errors import InputError  # noqa: PLC0415

    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError(
            tr("nobody can be asked here; say --yes to change the hosts without asking")
        )
    typer.echo(tr("{name}: {counts}. “harbor-wizard plan” shows them all.", name=name,
                  counts=counts))  # fmt: skip
    if typer.prompt(tr("Type the cluster's name to begin")) != name:
        raise Interrupted(tr("that is another name; nothing was changed"))


def _accept(unknown: Any) -> bool:
    if not sys.stdin.isatty():
        return False
    typer.echo(tr("{host} is not known yet. Its {kind} key has the fingerprint",
                  host=unknown.name, kind=unknown.key_type))  # fmt: skip
    typer.echo(f"  {unknown.fingerprint}")
    return typer.confirm(tr("Is that the host's own?"), default=False)


@app.command(epilog="Example: harbor-wizard status prod-eu --output json")
def status(
    session: SessionArgument,
    output: Annotated[
        Literal["text", "json"], typer.Option("--output", help="What is printed.")
    ] = "text",
    drift: Annotated[
        bool, typer.Option("--drift", help="With how each file differs from the plan.")
    ] = False,
    secrets: SecretsOption = None,
) -> None:
    """Show how all hosts stand: what runs, disks, certificates, replication, changed files."""
    if output == "json":
        language.choose("en")  # other programs read it
    from harbor_wizard import run  # noqa: PLC0415
    from harbor_wizard.drill.record import told  # noqa: PLC0415
    from harbor_wizard.inspection.status import Looker  # noqa: PLC0415

    found, made = _planned(session)
    if left := told(found):
        typer.echo(f"! {left}", err=True)
    values = _values_for_status(found, made, _given(secrets))
    connect = run.ssh_connector(found, made.cluster, values, _accept)
    with Looker(made.cluster, connect, plan=made, values=values, session=found) as looker:
        seen = looker.look()
    typer.echo(seen.as_json() if output == "json" else seen.as_text(drift=drift))
    raise typer.Exit(0 if seen.well else 1)


def _values_for_status(session: Any, made: Any, given: Mapping[str, str]) -> Any:
    """Return the secrets that are here; only a login that needs another one makes it be asked for.

    A status has a use for each: files are compared with them, and the replication is asked about.
    """
    from harbor_wizard import keeping, run  # noqa: PLC0415
    from harbor_wizard.errors import SecretsError  # noqa: PLC0415
    from harbor_wizard.secrets import PASSPHRASE, SecretValues  # noqa: PLC0415

    values = dict(given)
    try:
        values = {**keeping.kept(session, keeping.passphrase(session, given, None)), **given}
    except SecretsError:
        if PASSPHRASE in given:  # it is a wrong one
            raise
    if _login_secrets(made.cluster) - values.keys():
        return run.open_secrets(session, made, given, _asker())
    local = {name: session.local(path) for name, path in run.files(made.cluster).items()}
    return SecretValues(values, {name: path for name, path in local.items() if path.is_file()})


def _login_secrets(cluster: Any) -> set[str]:
    """Return the names of the secrets that logins take."""
    accesses = [cluster.reached_by(host) for host in cluster.hosts]
    references = (one for access in accesses for one in (access.password, access.sudo_password))
    return {one.removeprefix("secret:") for one in references if one}


@app.command(epilog="Example: harbor-wizard verify prod-eu")
def verify(
    session: SessionArgument,
    output: Annotated[
        Literal["text", "json"], typer.Option("--output", help="What is printed.")
    ] = "text",
    secrets: SecretsOption = None,
) -> None:
    """Log in, push and pull as clients do, compare the nodes, and follow what replicates."""
    if output == "json":
        language.choose("en")  # other programs read it
    from harbor_wizard import run  # noqa: PLC0415
    from harbor_wizard.inspection.verify import as_json  # noqa: PLC0415
    from harbor_wizard.inspection.verify import verify as verify_all  # noqa: PLC0415

    found, made = _planned(session)
    values = run.open_secrets(found, made, _given(secrets), _asker())
    connect = run.ssh_connector(found, made.cluster, values, _accept)
    checks = []
    for check in verify_all(found, made.cluster, values, connect):
        checks.append(check)
        if output == "text":
            typer.echo(f"{'✓' if check.good else '✗'} {check.what}: {check.seen}")
    if output == "json":
        typer.echo(as_json(made.cluster.name, checks))
    raise typer.Exit(0 if all(check.good for check in checks) else 1)


@app.command(epilog="Example: harbor-wizard check prod-eu --output json")
def check(
    session: SessionArgument,
    output: Annotated[
        Literal["text", "json"], typer.Option("--output", help="What is printed.")
    ] = "text",
    secrets: SecretsOption = None,
) -> None:
    """Look at all hosts and services before anything is done, all at once.

    Nothing is changed there, but for one file that each node writes to a shared image store and
    removes again.
    """
    if output == "json":
        language.choose("en")  # other programs read it
    from harbor_wizard import preflight, run  # noqa: PLC0415

    found, made = _planned(session)
    values = run.values_for_looking(found, made, _given(secrets), _asker())
    seen = preflight.look(
        made.cluster, run.ssh_connector(found, made.cluster, values, _accept), values=values,
        folder=found.folder,
    )
    preflight.save(found, seen, preflight.load(found)[1])
    typer.echo(seen.as_json() if output == "json" else seen.as_text())
    raise typer.Exit(0 if seen.well else PreflightFailed.exit_code)


bundle_cli.register(app)
secrets_cli.register(app, _given, _asker)
logs_cli.register(app, _planned, _given, _asker, _accept)
drill_cli.register(app, _given, _asker, _accept)


@app.command(epilog="Example: harbor-wizard schema > cluster.schema.json")
def schema() -> None:
    """Print the JSON Schema of the cluster file, for editors."""
    from harbor_wizard.model.load import schema as text  # noqa: PLC0415

    typer.echo(text())


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True,
                      "help_option_names": []},
    epilog="Example: harbor-wizard lab up",
)  # fmt: skip
def lab(context: typer.Context) -> None:
    """Make disposable real hosts on this Linux machine, to practise on (up, status, down, …)."""
    from harbor_wizard.lab.cli import app as lab_app  # noqa: PLC0415

    lab_app(args=context.args, prog_name="harbor-wizard lab", standalone_mode=False)


def _take_language() -> None:
    """Take `--lang` out of the arguments, wherever it stands, before anything is said."""
    words, wanted = sys.argv, None
    for at, word in enumerate(words):
        if word in ("--", "lab"):  # what follows is for somebody else
            break
        option, has_value, value = word.partition("=")
        if option == "--lang":
            taken = 1 if has_value else 2
            wanted = value if has_value else (words[at + 1 :] or [""])[0]
            del words[at : at + taken]
            break
    language.choose(wanted)


def helps(command: Any) -> Iterator[tuple[Any, str, str]]:
    """Yield what `--help` says of a command and those below it: whose it is, which, the text."""
    for holder in (command, *command.params):
        for which in ("help", "epilog"):
            text = getattr(holder, which, None)
            if text and not str(text).startswith("Example: "):
                yield holder, which, text
    for one in getattr(command, "commands", {}).values():
        yield from helps(one)


def _speak(command: Any) -> None:
    """Have `--help` speak the operator's language."""
    for holder, which, text in helps(command):
        setattr(holder, which, tr(text))


def run(given: Mapping[str, str]) -> None:
    """Run the command that the arguments name. `given` are secrets of the environment."""
    _from_environment.update(given)
    _take_language()
    command = typer.main.get_command(app)
    _speak(command)
    command(standalone_mode=True)
