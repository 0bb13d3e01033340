"""The command `harbor-wizard bundle`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from harbor_wizard.language import tr


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    example = "Example: harbor-wizard bundle --release 2.15.2 --platform debian-13 --out bundle"
    app.command("bundle", epilog=example)(bundle)


def bundle(
    platform: Annotated[
        list[str] | None, typer.Option("--platform", help="Of the hosts; may be given again.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The bundle's folder.")] = None,
    release: Annotated[
        str | None, typer.Option("--release", help="Of Harbor; the newest one if left out.")
    ] = None,
    installer: Annotated[
        str | None, typer.Option("--installer", help="A file or URL; GitHub's if left out.")
    ] = None,
    docker: Annotated[
        Literal["distribution", "docker"] | None,
        typer.Option("--docker", help="Where Docker comes from; the distribution if it can."),
    ] = None,
    mirror: Annotated[
        str | None, typer.Option("--mirror", help="Of https://download.docker.com.")
    ] = None,
    source_list: Annotated[
        list[str] | None,
        typer.Option("--source-list", metavar="[PLATFORM=]FILE",
                     help="Package sources: a sources.list, or for dnf a .repo file."),
    ] = None,
    verify: Annotated[
        Path | None, typer.Option("--verify", metavar="FOLDER", help="Only check a bundle.")
    ] = None,
) -> None:  # fmt: skip
    """Fetch all that an isolated site needs into a folder: packages and Harbor's installer."""
    from harbor_wizard import bundle as bundles  # noqa: PLC0415
    from harbor_wizard.errors import InputError  # noqa: PLC0415
    from harbor_wizard.releases import NEWEST  # noqa: PLC0415

    if verify is not None:
        raise typer.Exit(_verify(verify))
    if out is None:
        raise InputError(tr("--out: no folder is given; say where the bundle is to be"))
    names = tuple(platform or ())
    sources: dict[str, Path] = {}
    for given in source_list or ():
        name, _, path = given.rpartition("=")
        if not name and len(names) != 1:
            raise InputError(
                tr("--source-list: for which platform is {path}? say PLATFORM={path}", path=path)
            )
        sources[name or names[0]] = Path(path).expanduser()
    wish = bundles.Wish(release or NEWEST, names, installer, docker, mirror, sources)
    made = bundles.make(wish, out, typer.echo)
    size = sum(about["size"] for about in made["files"].values()) >> 20
    typer.echo(tr("{folder}: {count} files, {size} MB. In the cluster file:",
                  folder=out, count=len(made["files"]), size=size))  # fmt: skip
    typer.echo(f"  installer:\n    file: {out / made['installer']}")
    typer.echo(f"  packages:\n    source: bundle\n    bundle: {out}")


def _verify(folder: Path) -> int:
    from harbor_wizard import bundle as bundles  # noqa: PLC0415

    found = list(bundles.problems(folder))
    for problem in found:
        typer.echo(f"✗ {problem}")
    if found:
        return 1
    about = bundles.read(folder)
    what = ", ".join(about["platforms"])
    whole = tr("{folder} is whole: Harbor {release}, packages for {platforms}",
               folder=folder, release=about["release"], platforms=what)  # fmt: skip
    known = tr("signature of the installer: {said}", said=bundles.signature_known(about))
    typer.echo(f"✓ {whole}")
    typer.echo(f"  {known}")
    return 0
