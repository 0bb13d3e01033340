"""A bundle says what is in it, notices what is damaged, and goes on where it stopped."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harbor_wizard import bundle
from harbor_wizard.cli import app
from harbor_wizard.components import packages
from harbor_wizard.errors import HarborWizardError, InputError
from harbor_wizard.model.cluster import Cluster
from tests.test_platforms import applied, on

INSTALLER = b"\x1f\x8b an installer of Harbor"
NAME = "harbor-offline-installer-v{}.tgz"
FPR = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Packages without a network: which platforms they were fetched for."""
    asked: list[str] = []

    def fetch(platform: Any, *_: Any) -> dict[str, bytes | Path]:
        asked.append(platform.name)
        return {"Packages": b"Package: x\n"}

    monkeypatch.setattr(bundle, "_fetch_apt", fetch)
    monkeypatch.setattr(bundle, "_fetch_dnf", fetch)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "cosign" else f"/bin/{name}")
    return asked


@pytest.fixture
def installer(tmp_path: Path) -> Path:
    path = tmp_path / "harbor.tgz"
    path.write_bytes(INSTALLER)
    return path


def made(tmp_path: Path, installer: Path, *platforms: str, release: str = "2.15.2", **more: Any) -> Path:
    wish = bundle.Wish(release, platforms or ("debian-13",), str(installer), **more)
    bundle.make(wish, tmp_path / "bundle", lambda _: None)
    return tmp_path / "bundle"


def test_the_manifest_says_what_is_in_it(tmp_path: Path, installer: Path, fetched: list[str]) -> None:
    folder = made(tmp_path, installer, "debian-12", "debian-13")
    found = bundle.read(folder)
    assert (found["schema"], found["release"], list(found["platforms"])) == (
        1, "2.15.2", ["debian-12", "debian-13"],
    )  # fmt: skip
    assert found["files"][NAME.format("2.15.2")] == {
        "size": len(INSTALLER), "sha256": hashlib.sha256(INSTALLER).hexdigest(),
    }  # fmt: skip
    assert found["platforms"]["debian-13"]["docker"] == "distribution"
    assert found["made"].startswith("20")
    assert found["by"].startswith("harbor-wizard ")
    assert {one.name for one in folder.iterdir()} == {*found["files"], bundle.MANIFEST}


def test_an_archive_says_which_packages_are_for_what(
    tmp_path: Path, installer: Path, fetched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "_repository", lambda *_: "[docker]\n")
    repo = tmp_path / "rocky.repo"
    repo.write_text("[base]\n")
    folder = made(tmp_path, installer, "rocky-9", sources={"rocky-9": repo})
    with tarfile.open(folder / "rocky-9.tar") as archive:
        names = archive.extractfile("names/docker")
        assert names is not None
        assert names.read().split()[0] == b"docker-ce"
        assert "names/haproxy" in archive.getnames()


def test_what_is_whole_is_kept(tmp_path: Path, installer: Path, fetched: list[str]) -> None:
    folder = made(tmp_path, installer)
    before = {one.name: one.stat().st_mtime_ns for one in folder.iterdir() if one.name != bundle.MANIFEST}
    made(tmp_path, installer, "debian-13", "debian-12")
    assert fetched == ["debian-13", "debian-12"]
    for name, when in before.items():
        assert (folder / name).stat().st_mtime_ns == when


def test_what_is_damaged_is_fetched_again(tmp_path: Path, installer: Path, fetched: list[str]) -> None:
    folder = made(tmp_path, installer)
    (folder / "debian-13.tar").write_bytes(b"damaged")
    assert len(list(bundle.problems(folder))) == 1
    made(tmp_path, installer)
    assert fetched == ["debian-13", "debian-13"]
    assert list(bundle.problems(folder)) == []


def test_a_stopped_bundle_is_gone_on_with(
    tmp_path: Path, installer: Path, fetched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = bundle._fetch_apt

    def stops(platform: Any, *rest: Any) -> dict[str, bytes | Path]:
        if platform.name == "debian-12":
            raise bundle.BundleError("the network is gone")
        return fetch(platform, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(bundle, "_fetch_apt", stops)
        with pytest.raises(bundle.BundleError):
            made(tmp_path, installer, "debian-13", "debian-12")
    with pytest.raises(InputError, match="unfinished"):
        bundle.read(tmp_path / "bundle")
    made(tmp_path, installer, "debian-13", "debian-12")
    assert fetched == ["debian-13", "debian-12"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(b"short"), "has 5 bytes"),
        (lambda path: path.write_bytes(b"x" * path.stat().st_size), "is damaged"),
    ],
)
def test_verify_tells_each_damage(
    tmp_path: Path, installer: Path, fetched: list[str], damage: Any, said: str
) -> None:
    folder = made(tmp_path, installer)
    good = CliRunner().invoke(app, ["bundle", "--verify", str(folder)])
    assert (good.exit_code, "is whole: Harbor 2.15.2" in good.output) == (0, True)
    damage(folder / "debian-13.tar")
    bad = CliRunner().invoke(app, ["bundle", "--verify", str(folder)])
    assert (bad.exit_code, bad.output.count("✗")) == (1, 1)
    assert f"debian-13.tar {said}" in bad.output


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "is no bundle"), ("{", "cannot be read"), ("[]", "is not the manifest"),
     ('{"schema": 9, "files": {}}', "of schema 9")],
)  # fmt: skip
def test_a_folder_that_is_no_bundle_is_said_to_be_none(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / bundle.MANIFEST).write_text(text)
    with pytest.raises(InputError, match=said):
        bundle.read(tmp_path)


def test_a_manifest_names_no_file_outside_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / bundle.MANIFEST).write_text(json.dumps({"schema": 1, "files": {"../x": {"size": 1}}}))
    assert list(bundle.problems(tmp_path)) == [
        "bundle.json: “../x” is not the name of a bundle's file; make the bundle again"
    ]


@pytest.mark.parametrize(
    ("platforms", "more", "said"),
    [
        (("debian-13",), {"release": "2.99"}, "--release: 2.99 is not a version"),
        (("debian-7",), {}, "--platform: debian-7 is not supported"),
        (("rocky-9",), {"docker": "distribution"}, "say “--docker docker”"),
        (("openeuler-24.03",), {"docker": "docker"}, "say “--docker distribution”"),
        (("rocky-9",), {}, "--source-list: rocky-9 needs one"),
        (("debian-13",), {"sources": {"debian-13": Path("/none")}}, "--source-list: /none is not a file"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_fetched(
    tmp_path: Path, installer: Path, fetched: list[str], platforms: Any, more: Any, said: str
) -> None:
    with pytest.raises(InputError) as told:
        made(tmp_path, installer, *platforms, **more)
    assert said in str(told.value)
    assert not fetched
    assert not (tmp_path / "bundle").exists()


def test_no_platform_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none is given"):
        bundle.make(bundle.Wish("2.15.2", ()), tmp_path / "bundle", print)


def test_a_missing_program_is_named(
    tmp_path: Path, installer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="apt-get and dpkg-deb is not on this machine"):
        made(tmp_path, installer)


def test_another_release_wants_another_folder(tmp_path: Path, installer: Path, fetched: list[str]) -> None:
    made(tmp_path, installer)
    with pytest.raises(InputError, match=r"is a bundle of Harbor 2\.15\.2"):
        made(tmp_path, installer, release="2.14.4")


def test_an_error_page_is_no_installer(tmp_path: Path, fetched: list[str]) -> None:
    page = tmp_path / "page"
    page.write_text("<html>")
    with pytest.raises(InputError, match="is not an installer of Harbor"):
        made(tmp_path, page)


def test_the_signature_is_kept_where_cosign_is_missing(
    tmp_path: Path, installer: Path, fetched: list[str]
) -> None:
    installer.with_name("harbor.tgz.sigstore.json").write_text("{}")
    found = bundle.read(made(tmp_path, installer))
    assert f"{NAME.format('2.15.2')}.sigstore.json" in found["files"]
    assert found["signature"].startswith("not checked: cosign is not on this machine")


def test_a_wrong_signature_stops(
    tmp_path: Path, installer: Path, fetched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    installer.with_name("harbor.tgz.sigstore.json").write_text("{}")
    cosign = tmp_path / "cosign"
    cosign.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\necho "no match" >&2\nexit 1\n')
    cosign.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(bundle.BundleError, match="not signed by Harbor's release workflow"):
        made(tmp_path, installer)
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("verify-blob --bundle ")
    assert "publish_release.yml@refs/tags/v.*$" in asked


def test_releases_without_a_signature_say_so(tmp_path: Path, installer: Path, fetched: list[str]) -> None:
    found = bundle.read(made(tmp_path, installer, release="2.14.4"))
    assert found["signature"].startswith("Harbor 2.14.4 has no sigstore signature")


class _Server(http.server.SimpleHTTPRequestHandler):
    """Serves files, from where it is asked to."""

    def do_GET(self) -> None:
        path = Path(self.directory) / self.path.lstrip("/")
        if not path.is_file():
            return self.send_error(404)
        data, begin = path.read_bytes(), 0
        if "Range" in self.headers:
            begin = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(data) - begin))
        self.end_headers()
        self.wfile.write(data[begin:])
        return None

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    folder = tmp_path / "site"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Server, directory=str(folder))
    ) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


def test_a_download_goes_on_where_it_stopped(tmp_path: Path, site: tuple[str, Path]) -> None:
    address, folder = site
    (folder / "file").write_bytes(b"0123456789")
    (tmp_path / "file.part").write_bytes(b"01234")
    bundle._bring(f"{address}/file", tmp_path / "file", print)
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_a_file_that_is_not_there_is_told_in_one_sentence(tmp_path: Path, site: tuple[str, Path]) -> None:
    with pytest.raises(HarborWizardError, match=r"/file is not to be had \(HTTP 404\)"):
        bundle._bring(f"{site[0]}/file", tmp_path / "file", print)


@pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg compares the keys")
def test_a_key_of_somebody_else_is_not_trusted(tmp_path: Path, site: tuple[str, Path]) -> None:
    address, folder = site
    (folder / "linux/debian").mkdir(parents=True)
    gpg = ["gpg", "--homedir", str(tmp_path), "--batch"]
    subprocess.run([*gpg, "--passphrase", "", "--quick-gen-key", "x", "ed25519"], check=True, capture_output=True)
    key = subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True).stdout
    (folder / "linux/debian/gpg").write_bytes(key)
    subprocess.run(["gpgconf", "--homedir", str(tmp_path), "--kill", "all"], check=False)
    with pytest.raises(bundle.BundleError, match=rf"Docker's is {FPR}; nothing was fetched"):
        bundle._repository(bundle.PLATFORMS["debian-13"], address, tmp_path)


def test_only_primary_keys_count() -> None:
    listed = f"pub:u:255\nfpr:::::::::{FPR}:\nuid:u\nsub:u:255\nfpr:::::::::OTHER:\n"
    assert bundle._fingerprints(listed) == [FPR]


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="it makes a package")
def test_the_index_of_packages_names_them_without_their_epoch(tmp_path: Path) -> None:
    control = tmp_path / "x/DEBIAN/control"
    control.parent.mkdir(parents=True)
    control.write_text("Package: x\nVersion: 1:2.0-1\nArchitecture: all\nMaintainer: x <x@x.x>\nDescription: x\n")
    folder = tmp_path / "archives"
    folder.mkdir()
    subprocess.run(["dpkg-deb", "-b", tmp_path / "x", folder / "x_1%3a2.0-1_all.deb"], check=True, capture_output=True)
    members = bundle._apt_repository(folder)
    assert set(members) == {"Packages", "x_2.0-1_all.deb"}
    index = members["Packages"]
    assert isinstance(index, bytes)
    assert b"Filename: ./x_2.0-1_all.deb\n" in index
    assert hashlib.sha256((folder / "x_1%3a2.0-1_all.deb").read_bytes()).hexdigest() in index.decode()


def test_a_host_unpacks_what_the_bundle_holds(
    tmp_path: Path, installer: Path, fetched: list[str], cluster: Cluster
) -> None:
    folder = made(tmp_path, installer)
    here = on(cluster, "debian-13", source="bundle", bundle=str(folder))
    unpack = list(packages.ready(here, here.nodes[0]))[2]
    check, apply = (one.replace(packages.BUNDLES, str(folder)) for one in (unpack.check.masked(), applied(unpack)))
    for script, well in ((check, False), (apply, True), (check, True)):
        assert (subprocess.run(["sh"], input=script, text=True, capture_output=True).returncode == 0) == well
    assert (folder / "debian-13/names/docker").read_text().split() == ["docker.io", "docker-cli", "docker-compose"]


def test_the_command_asks_for_a_platform_for_each_list(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["bundle", "--out", str(tmp_path / "b"), "--platform", "debian-12", "--platform", "debian-13",
              "--source-list", "x"],
    )  # fmt: skip
    assert "for which platform is x? say PLATFORM=x" in str(done.exception)
