"""Bundles: what an isolated site needs, fetched where there is access and carried in.

A bundle is a folder: Harbor's installer, one archive of packages for each platform, and
`bundle.json`, which says what is in it. An archive is a package repository that leans on nothing:
it is worked out against a host on which nothing is installed, so that a host which lacks any of a
package's dependencies finds it there.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harbor_wizard import releases
from harbor_wizard.errors import HarborWizardError, InputError
from harbor_wizard.files import write_atomically
from harbor_wizard.language import mark, tr
from harbor_wizard.platforms import (
    DOCKER_URL,
    PLATFORMS,
    Platform,
    Source,
    docker_refusal,
    packages_for,
)

SCHEMA = 1
MANIFEST = "bundle.json"
# Harbor's images are made for this one alone.
_ARCHITECTURE = {"apt": "amd64", "dnf": "x86_64", "yum": "x86_64"}
_INSTALLER = "https://github.com/goharbor/harbor/releases/download/v{0}/{1}"
_BLOCK = 1 << 20
# Who signs Harbor's releases from 2.15.0 on, as its release notes give it.
_ISSUER = "https://token.actions.githubusercontent.com"
_IDENTITY = (
    "^https://github.com/goharbor/harbor/.github/workflows/publish_release.yml@refs/tags/v.*$"
)

Say = Callable[[str], None]


class BundleError(HarborWizardError):
    """A bundle could not be made: something was not to be had, or a program failed."""


@dataclass(frozen=True)
class Wish:
    """What a bundle is to hold.

    `installer` is a path or a URL, Harbor's own release where it is None; `docker` is where Docker
    comes from, for each platform its own packages where they are good for Harbor if it is None;
    `mirror` stands in for https://download.docker.com; `sources` are files with the package
    sources of platforms: sources.list for apt, .repo for the others.
    """

    release: str
    platforms: tuple[str, ...]
    installer: str | None = None
    docker: Source | None = None
    mirror: str | None = None
    sources: Mapping[str, Path] = field(default_factory=dict)


def make(wish: Wish, out: Path, say: Say) -> dict[str, Any]:
    """Make a bundle in the folder `out`, or go on with it, and return its manifest.

    What is there already and fits its checksum is kept. Raises `HarborWizardError`.
    """
    chosen = {name: _docker_source(wish, PLATFORMS[name]) for name in _known(wish)}
    _tools(wish, chosen)
    manifest = _begin(wish, out)
    _bring_installer(wish, out, manifest, say)
    for name, source in chosen.items():
        _bring_packages(wish, PLATFORMS[name], source, out, manifest, say)
    manifest["made"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    write_atomically(out / MANIFEST, _written(manifest), 0o644)
    (out / f"{MANIFEST}.part").unlink(missing_ok=True)
    shutil.rmtree(out / ".work", ignore_errors=True)
    return manifest


def read(folder: Path) -> dict[str, Any]:
    """Return a bundle's manifest. Raises `InputError` where the folder holds none that we know."""
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if (folder / f"{MANIFEST}.part").is_file():
            raise InputError(tr(
                "{folder} is an unfinished bundle; run the same “harbor-wizard bundle” again, it "
                "goes on where it stopped",
                folder=folder,
            )) from None  # fmt: skip
        raise InputError(tr(
            "{folder} is no bundle, it has no {file}; make one with “harbor-wizard bundle”",
            folder=folder, file=MANIFEST,
        )) from None  # fmt: skip
    except (OSError, ValueError) as error:
        raise InputError(
            tr("{path} cannot be read ({reason}); make the bundle again", path=path, reason=error)
        ) from None
    if not isinstance(found, dict) or not isinstance(found.get("files"), dict):
        raise InputError(
            tr("{path} is not the manifest of a bundle; make the bundle again", path=path)
        )
    if found.get("schema") != SCHEMA:
        raise InputError(tr(
            "{path} is of schema {found}, this harbor-wizard reads {known}; make the bundle again "
            "with this one",
            path=path, found=found.get("schema"), known=SCHEMA,
        ))  # fmt: skip
    return found


def problems(folder: Path) -> Iterator[str]:
    """Yield what is wrong with a bundle, each a sentence; nothing where it is whole.

    Raises `InputError` where the folder holds no bundle.
    """
    for name, about in read(folder)["files"].items():
        if not isinstance(about, dict) or "/" in name or name.startswith("."):
            yield tr(
                "{manifest}: “{name}” is not the name of a bundle's file; make the bundle again",
                manifest=MANIFEST, name=name,
            )  # fmt: skip
            continue
        path = folder / name
        if not path.is_file():
            yield tr("{name} is missing; copy the whole folder again", name=name)
        elif path.stat().st_size != about.get("size"):
            yield tr(
                "{name} has {size} bytes, {wanted} were put into the bundle; copy it again",
                name=name, size=path.stat().st_size, wanted=about.get("size"),
            )  # fmt: skip
        elif checksum(path) != about.get("sha256"):
            yield tr(
                "{name} is damaged: its SHA-256 is not the manifest's; copy it again", name=name
            )


def checksum(path: Path) -> str:
    """Return a file's SHA-256. Raises `InputError` where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(tr(
            "{path} cannot be read ({reason}); check its path and permissions",
            path=path, reason=error.strerror,
        )) from None  # fmt: skip


# What is wished for


def _known(wish: Wish) -> tuple[str, ...]:
    reason = releases.supported(wish.release)
    if reason:
        raise InputError(f"--release: {wish.release} {reason}")
    if not wish.platforms:
        raise InputError(tr("--platform: none is given; name those of your hosts, as debian-13"))
    for name in (*wish.platforms, *wish.sources):
        if name not in PLATFORMS:
            raise InputError(tr(
                "--platform: {name} is not supported; there are {known}",
                name=name, known=", ".join(PLATFORMS),
            ))  # fmt: skip
    return tuple(dict.fromkeys(wish.platforms))


def _docker_source(wish: Wish, platform: Platform) -> Source:
    source = wish.docker
    if source is None:
        source = "docker" if docker_refusal(platform, "distribution") else "distribution"
    refused = docker_refusal(platform, source)
    if refused:
        other = "docker" if source == "distribution" else "distribution"
        # What it says after its semicolon is for a cluster file, and there is none here.
        raise InputError(tr(
            "--docker: {refused}; say “--docker {other}” for it",
            refused=re.split("[;；]", refused)[0], other=other,
        ))  # fmt: skip
    return source


def _tools(wish: Wish, chosen: Mapping[str, Source]) -> None:
    """Raise `InputError` where a program or a file is missing that is needed later on."""
    for name, source in chosen.items():
        platform = PLATFORMS[name]
        apt = platform.manager == "apt"
        needed = ["apt-get", "dpkg-deb"] if apt else ["dnf", "createrepo_c"]
        needed += ["gpg"] if source == "docker" else []
        missing = [program for program in needed if shutil.which(program) is None]
        if missing:
            raise InputError(tr(
                "{programs} is not on this machine, and packages for {platform} are fetched with "
                "it; install it here, or make the bundle on a machine that has it",
                programs=tr(" and ").join(missing), platform=name,
            ))  # fmt: skip
        if name in wish.sources:
            if not wish.sources[name].is_file():
                raise InputError(tr(
                    "--source-list: {path} is not a file; give the path of one",
                    path=wish.sources[name],
                ))  # fmt: skip
        elif not apt:
            raise InputError(tr(
                "--source-list: {platform} needs one: a .repo file as such a host has it in "
                "/etc/yum.repos.d, say “--source-list {platform}=FILE”",
                platform=name,
            ))  # fmt: skip


def _begin(wish: Wish, out: Path) -> dict[str, Any]:
    """Return the manifest that is gone on with: that of an unfinished or of a finished bundle."""
    manifest: dict[str, Any] = {"files": {}, "platforms": {}}
    for name in (f"{MANIFEST}.part", MANIFEST):
        if (out / name).is_file():
            try:
                manifest = json.loads((out / name).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            break
    if manifest.get("release", wish.release) != wish.release:
        raise InputError(tr(
            "--out: {folder} is a bundle of Harbor {there}; choose another folder for {release}",
            folder=out, there=manifest["release"], release=wish.release,
        ))  # fmt: skip
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(tr(
            "--out: {folder} cannot be made ({reason}); choose another folder",
            folder=out, reason=error.strerror,
        )) from None  # fmt: skip
    return {
        **manifest, "schema": SCHEMA, "by": f"harbor-wizard {version('harbor-wizard')}",
        "release": wish.release,
    }  # fmt: skip


def _written(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, indent=2, sort_keys=True) + "\n"


def _there(out: Path, manifest: Mapping[str, Any], name: str) -> bool:
    """Say whether a file is in the bundle already, as the manifest has it."""
    about, path = manifest["files"].get(name), out / name
    return about is not None and path.is_file() and checksum(path) == about["sha256"]


def _enter(out: Path, manifest: dict[str, Any], name: str) -> None:
    """Enter a file into the manifest, so that a run after this one keeps it."""
    path = out / name
    manifest["files"][name] = {"size": path.stat().st_size, "sha256": checksum(path)}
    write_atomically(out / f"{MANIFEST}.part", _written(manifest), 0o644)


# Harbor's installer


def _bring_installer(wish: Wish, out: Path, manifest: dict[str, Any], say: Say) -> None:
    release = releases.find(wish.release)
    name = release.installer_name
    given = wish.installer or _INSTALLER.format(wish.release, name)
    signed = release.signature == "sigstore"
    if _there(out, manifest, name):
        say(tr("{name} is there", name=name))
    else:
        say(tr("fetching {name}", name=name))
        _bring(given, out / name, say)
        with (out / name).open("rb") as stream:
            if stream.read(2) != b"\x1f\x8b":
                (out / name).unlink()
                raise InputError(tr(
                    "{given} is not an installer of Harbor (no .tgz); look at --installer",
                    given=given,
                ))  # fmt: skip
    manifest["installer"] = name
    _enter(out, manifest, name)
    signature = f"{name}.sigstore.json"
    if signed and not _there(out, manifest, signature):
        try:
            _bring(f"{given}.sigstore.json", out / signature, say)
            _enter(out, manifest, signature)
        except HarborWizardError:
            (out / signature).unlink(missing_ok=True)
    known = _checked(out / name, out / signature, signed=signed)
    manifest["signature"] = known.format(**_signature_values(manifest))
    say(tr("signature: {said}", said=signature_known(manifest)))


# What can be known of who made the installer; the manifest has it in English.
_UNSIGNED = mark("Harbor {release} has no sigstore signature: only the checksum is known")
_NO_SIGNATURE = mark("not checked: there is no {file} beside the installer")
_NO_COSIGN = mark(
    "not checked: cosign is not on this machine; {file} is kept, so that it can be checked later"
)
_SIGNED = mark("checked with cosign: made by Harbor's release workflow")


def signature_known(manifest: Mapping[str, Any]) -> str:
    """Return what a bundle's manifest says of who made the installer, for people."""
    said, values = str(manifest["signature"]), _signature_values(manifest)
    for text in (_UNSIGNED, _NO_SIGNATURE, _NO_COSIGN, _SIGNED):
        if text.format(**values) == said:
            return tr(text, **values)
    return said


def _signature_values(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {
        "release": str(manifest["release"]),
        "file": f"{manifest['installer']}.sigstore.json",
    }


def _checked(installer: Path, signature: Path, *, signed: bool) -> str:
    """Return what is known of who made the installer. Raises `BundleError` where it is not Harbor.

    Only the signatures from 2.15.0 on are checked: before, there was a PGP one or none.
    """
    if not signed:
        known = _UNSIGNED
    elif not signature.is_file():
        known = _NO_SIGNATURE
    elif shutil.which("cosign") is None:
        known = _NO_COSIGN
    else:
        _run(["cosign", "verify-blob", "--bundle", str(signature),
              "--certificate-oidc-issuer", _ISSUER, "--certificate-identity-regexp", _IDENTITY,
              str(installer)],
             tr("{name} is not signed by Harbor's release workflow; do not use it",
                name=installer.name),
        )  # fmt: skip
        known = _SIGNED
    return known


def known_of(release: releases.Release, installer: Path) -> tuple[str, str]:
    """Return what is known of who made an installer: a word, and a sentence for people.

    The word is good, unchecked (there is a signature, and nothing here that checks it) or none.
    Raises `BundleError` where it is not Harbor's release workflow.
    """
    name = f"{installer.name}.sigstore.json"
    known = _checked(
        installer, installer.with_name(name), signed=release.signature == "sigstore"
    )
    word = {_SIGNED: "good", _NO_COSIGN: "unchecked"}.get(known, "none")
    return word, tr(known, release=release.version, file=name)


def _bring(given: str, path: Path, say: Say) -> None:
    """Copy a file, or fetch a URL; a fetch goes on where an earlier one stopped."""
    part = path.with_name(f"{path.name}.part")
    if not re.match(r"https?://", given):
        source = Path(given).expanduser()
        try:
            if not (path.exists() and source.samefile(path)):
                shutil.copyfile(source, part)
                part.replace(path)
        except OSError as error:
            raise InputError(tr(
                "{source} cannot be copied to {path} ({reason}); check the path, and the room "
                "that is left",
                source=source, path=path, reason=error.strerror,
            )) from None  # fmt: skip
        return
    there = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(given, headers={"Range": f"bytes={there}-"} if there else {})  # noqa: S310 - http or https
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
            if there and answer.status != 206:
                there = 0
            total = there + int(answer.headers.get("Content-Length") or 0)
            with part.open("ab" if there else "wb") as stream:
                _receive(answer, stream, there, total, path.name, say)
    except urllib.error.HTTPError as error:
        if error.code == 416 and there:  # what is there is not of this file: from the beginning
            part.unlink()
            _bring(given, path, say)
            return
        raise BundleError(tr(
            "{given} is not to be had (HTTP {status}); check the address, or bring the file and "
            "say --installer FILE",
            given=given, status=error.code,
        )) from None  # fmt: skip
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise BundleError(tr(
            "{given} could not be fetched ({reason}); run the same command again, it goes on "
            "where it stopped",
            given=given, reason=reason,
        )) from None  # fmt: skip
    part.replace(path)


def _receive(answer: Any, stream: Any, done: int, total: int, name: str, say: Say) -> None:
    told = done
    while block := answer.read(_BLOCK):
        stream.write(block)
        done += len(block)
        if done - told >= 100 * _BLOCK:
            told = done
            say(tr("{name}: {done} of {total} MB", name=name, done=done // _BLOCK,
                   total=total // _BLOCK or "?"))  # fmt: skip
    if total and done < total:
        raise OSError(tr("it ended after {done} of {total} bytes", done=done, total=total))


# Packages


def _bring_packages(
    wish: Wish, platform: Platform, docker: Source, out: Path, manifest: dict[str, Any], say: Say
) -> None:
    name = platform.name
    archive = f"{name}.tar"
    wanted = {
        what: list(packages_for(platform, what, docker if what == "docker" else "distribution"))
        for what in sorted({*platform.packages, "docker"})
    }
    about = {"docker": docker, "packages": wanted}
    if manifest["platforms"].get(name) == about and all(
        _there(out, manifest, one) for one in (archive, f"{archive}.sha256")
    ):
        say(tr("{name} is there", name=archive))
        return
    say(tr("fetching the packages for {platform} (Docker: {docker})",
           platform=platform.title, docker=docker))  # fmt: skip
    work = (out / ".work" / name).resolve()
    work.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(one for group in wanted.values() for one in group))
    repository = _repository(platform, wish.mirror, work) if docker == "docker" else ""
    if platform.manager == "apt":
        members = _fetch_apt(platform, wish.sources.get(name), repository, names, work)
    else:
        members = _fetch_dnf(platform, wish.sources[name], repository, names, work)
    for what, group in wanted.items():
        members[f"names/{what}"] = (" ".join(group) + "\n").encode()
    _pack(members, out / archive)
    (out / f"{archive}.sha256").write_text(f"{checksum(out / archive)}  {archive}\n")
    manifest["platforms"][name] = about
    for one in (archive, f"{archive}.sha256"):
        _enter(out, manifest, one)
    shutil.rmtree(work)
    say(f"{archive}: {manifest['files'][archive]['size'] // _BLOCK} MB")


def _pack(members: Mapping[str, bytes | Path], path: Path) -> None:
    """Write an archive that is the same each time for the same contents."""
    part = path.with_name(f"{path.name}.part")
    with tarfile.open(part, "w") as archive:
        for name, content in sorted(members.items()):
            about = tarfile.TarInfo(name)
            about.mode = 0o644
            if isinstance(content, bytes):
                about.size = len(content)
                archive.addfile(about, io.BytesIO(content))
            else:
                about.size = content.stat().st_size
                with content.open("rb") as stream:
                    archive.addfile(about, stream)
    part.replace(path)


def _repository(platform: Platform, mirror: str | None, work: Path) -> str:
    """Return Docker's repository for apt or dnf, with its key compared and laid beside it."""
    docker = platform.docker
    if docker is None:
        raise InputError(docker_refusal(platform, "docker"))
    address = (mirror or DOCKER_URL).rstrip("/")
    # apt takes a key in letters by this ending only.
    key = work / "docker.asc"
    key.unlink(missing_ok=True)
    _bring(f"{address}/{docker.key_path}", key, _quiet)
    url = f"{address}/{docker.key_path}"
    with tempfile.TemporaryDirectory() as home:
        show = ["gpg", "--homedir", home, "--batch", "--with-colons", "--show-keys", str(key)]
        seen = _fingerprints(_run(show, tr("the key at {url} cannot be read", url=url)))
    if seen != [docker.fingerprint]:
        raise BundleError(tr(
            "the key at {url} has the fingerprint {seen}, Docker's is {wanted}; nothing was "
            "fetched from there, look at --mirror",
            url=url, seen=" ".join(seen) or tr("(none)"), wanted=docker.fingerprint,
        ))  # fmt: skip
    if platform.manager == "apt":
        return (
            f"Types: deb\nURIs: {address}/{docker.path}\nSuites: {docker.suite}\n"
            f"Components: stable\nSigned-By: {key}\n"
        )
    return (
        f"[docker]\nname=Docker\nbaseurl={address}/{docker.path}\nenabled=1\ngpgcheck=1\n"
        f"gpgkey={key.as_uri()}\n"
    )


def _fingerprints(listed: str) -> list[str]:
    """Return the fingerprints of the primary keys in what `gpg --with-colons` prints."""
    found, primary = [], False
    for fields in (line.split(":") for line in listed.splitlines()):
        if fields[0] == "pub":
            primary = True
        elif fields[0] == "fpr" and primary:
            found.append(fields[9])
            primary = False
    return found


def _fetch_apt(
    platform: Platform, given: Path | None, repository: str, names: Sequence[str], work: Path
) -> dict[str, bytes | Path]:
    """Fetch packages with this machine's apt, which sees another system: an empty one."""
    parts, lists, archives = work / "sources", work / "lists", work / "archives"
    for folder in (parts, lists / "partial", archives / "partial", work / "etc"):
        folder.mkdir(parents=True, exist_ok=True)
    for old in parts.iterdir():
        old.unlink()
    if given is None:
        (parts / "distribution.sources").write_text(_apt_sources(platform))
    else:
        text = given.read_text(encoding="utf-8")
        ending = "sources" if re.search(r"^Types:", text, re.M | re.I) else "list"
        (parts / f"distribution.{ending}").write_text(text)
    if repository:
        (parts / "docker.sources").write_text(repository)
    # Nothing is presumed to be installed: what a bare host lacks is never missing.
    (work / "status").write_text("")
    architecture = _ARCHITECTURE["apt"]
    apt = [
        "apt-get", f"-oDir::Etc={work / 'etc'}", f"-oDir::Etc::SourceParts={parts}",
        "-oDir::Etc::SourceList=/dev/null", f"-oDir::State={work}", f"-oDir::State::lists={lists}",
        f"-oDir::State::status={work / 'status'}", f"-oDir::Cache={work}",
        f"-oDir::Cache::archives={archives}", f"-oAPT::Architecture={architecture}",
        f"-oAPT::Architectures={architecture}", "-oAPT::Sandbox::User=root",
        "-oDebug::NoLocking=true", "-oAPT::Get::AllowUnauthenticated=false",
        "-oAcquire::Retries=3", "-oAcquire::Languages=none", "-q",
    ]  # fmt: skip
    _run([*apt, "-oAPT::Update::Error-Mode=any", "update"],
         tr("the package sources of {platform} could not be read; check the way there, or give "
            "others by --source-list", platform=platform.title),
    )  # fmt: skip
    _run([*apt, "-y", "--download-only", "--no-install-recommends", "install", *names],
         tr("the package sources of {platform} do not give all packages; run the same command "
            "again, or give others by --source-list", platform=platform.title),
    )  # fmt: skip
    _run([*apt, "autoclean"],
         tr("{folder} could not be tidied; delete it and run again", folder=archives),
    )  # fmt: skip
    return _apt_repository(archives)


def _apt_sources(platform: Platform) -> str:
    """Return the sources of a distribution as it installs them itself."""
    suite = platform.docker.suite if platform.docker else ""
    if platform.os_id == "debian":
        keyring, package = "debian-archive-keyring.gpg", "debian-archive-keyring"
        stanzas = [
            ("http://deb.debian.org/debian", f"{suite} {suite}-updates", "main"),
            ("http://deb.debian.org/debian-security", f"{suite}-security", "main"),
        ]
    else:
        keyring, package = "ubuntu-archive-keyring.gpg", "ubuntu-keyring"
        suites = f"{suite} {suite}-updates {suite}-security"
        stanzas = [("http://archive.ubuntu.com/ubuntu", suites, "main universe")]
    path = Path("/usr/share/keyrings") / keyring
    if not path.is_file():
        raise InputError(tr(
            "{path} is not on this machine, and the packages of {platform} are checked with it; "
            "install the package {package}, or give a list by --source-list",
            path=path, platform=platform.title, package=package,
        ))  # fmt: skip
    return "\n".join(
        f"Types: deb\nURIs: {address}\nSuites: {suites}\nComponents: {components}\n"
        f"Signed-By: {path}\n"
        for address, suites, components in stanzas
    )


def _apt_repository(folder: Path) -> dict[str, bytes | Path]:
    """Return a flat repository of the packages in a folder: its files, and the index of them."""
    members: dict[str, bytes | Path] = {}
    index = []
    for path in sorted(folder.glob("*.deb")):
        control = _run(["dpkg-deb", "-f", str(path)],
                       tr("{path} is damaged; delete it, run again", path=path))  # fmt: skip
        fields = dict(re.findall(r"^(Package|Version|Architecture): *(.*)$", control, re.M))
        # apt's own names have %3a for the colon of an epoch, and would be looked for with a colon.
        plain = fields["Version"].rpartition(":")[2]
        name = f"{fields['Package']}_{plain}_{fields['Architecture']}.deb"
        members[name] = path
        index.append(
            f"{control.strip()}\nFilename: ./{name}\nSize: {path.stat().st_size}\n"
            f"SHA256: {checksum(path)}\n"
        )
    return {**members, "Packages": "\n".join(index).encode()}


def _fetch_dnf(
    platform: Platform, given: Path, repository: str, names: Sequence[str], work: Path
) -> dict[str, bytes | Path]:
    """Fetch packages with this machine's dnf, for an empty root of that system.

    Their signatures are checked where the .repo file says `gpgcheck=1`.
    """
    repositories, fetched = work / "repos", work / "packages"
    shutil.rmtree(work / "root", ignore_errors=True)
    for folder in (repositories, fetched):
        folder.mkdir(parents=True, exist_ok=True)
    (repositories / "distribution.repo").write_text(given.read_text(encoding="utf-8"))
    if repository:
        (repositories / "docker.repo").write_text(repository)
    (work / "dnf.conf").write_text("[main]\nretries=3\n")
    module = f"platform:el{platform.os_version}"
    _run(["dnf", "-y", f"--config={work / 'dnf.conf'}", f"--installroot={work / 'root'}",
          f"--releasever={platform.os_version}", f"--forcearch={_ARCHITECTURE['dnf']}",
          f"--setopt=reposdir={repositories}", f"--setopt=cachedir={work / 'cache'}",
          "--setopt=install_weak_deps=False", f"--setopt=module_platform_id={module}",
          "--downloadonly", f"--downloaddir={fetched}", "install", *names],
         tr("the package sources of {platform} do not give all packages; look at {path}",
            platform=platform.title, path=given))  # fmt: skip
    _run(["createrepo_c", "--quiet", "--compatibility", str(fetched)]
         if platform.manager == "yum" else ["createrepo_c", "--quiet", str(fetched)],
         tr("the index of {folder} could not be made", folder=fetched))  # fmt: skip
    return {
        str(path.relative_to(fetched)): path
        for path in sorted(fetched.rglob("*"))
        if path.is_file()
    }


def _run(arguments: Sequence[str], failed: str) -> str:
    """Run a program of this machine and return what it printed. Raises `BundleError`."""
    try:
        done = subprocess.run(
            list(arguments), check=False, capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        raise BundleError(tr(
            "{failed} ({program} could not be run: {reason})",
            failed=failed, program=arguments[0], reason=error.strerror,
        )) from None  # fmt: skip
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        wrong = [line for line in lines if re.match(r"(E|Err|Error)\b", line)] or lines
        raise BundleError(f"{failed} ({arguments[0]}: {' / '.join(wrong[-3:])[:400]})")
    return done.stdout


def _quiet(_: str) -> None:
    pass
