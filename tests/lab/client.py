"""A real registry client (skopeo) that trusts one CA, run where the lab's hosts are reached."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

from harbor_wizard.lab.lab import Lab
from harbor_wizard.lab.standin.build import write_archive


class Client:
    """Logs in, pushes an image made on the spot, pulls it; each answers with what went wrong."""

    def __init__(self, lab: Lab, folder: Path, ca: Path, password: str, user: str = "admin") -> None:
        assert shutil.which("skopeo"), "skopeo is not installed"
        self._lab, self._folder, self._password, self._user = lab, folder, password, user
        self._certificates = folder / "certs"
        self._certificates.mkdir(exist_ok=True)
        shutil.copy(ca, self._certificates / "ca.crt")
        self._auth = folder / "auth.json"
        self._pulls = 0

    def login(self, registry: str) -> None:
        done = subprocess.run(
            self._lab.wrap(["skopeo", "login", "--authfile", str(self._auth), "--cert-dir",
                            str(self._certificates), "--username", self._user, "--password-stdin", registry]),
            input=self._password, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def push(self, there: str, content: str = "an image") -> str:
        image = self._folder / "image.tar"
        _image(image, content)
        return self._skopeo("copy", "--authfile", str(self._auth), "--dest-cert-dir", str(self._certificates),
                            f"docker-archive:{image}", f"docker://{there}")  # fmt: skip

    def pull(self, there: str) -> str:
        self._pulls += 1
        out = self._folder / f"pulled-{self._pulls}"
        said = self._skopeo("copy", "--authfile", str(self._auth), "--src-cert-dir", str(self._certificates),
                            f"docker://{there}", f"oci:{out}:v1")  # fmt: skip
        assert said or (out / "index.json").is_file()
        return said

    def delete(self, there: str) -> str:
        return self._skopeo("delete", "--authfile", str(self._auth), "--cert-dir", str(self._certificates),
                            f"docker://{there}")  # fmt: skip

    def _skopeo(self, *arguments: str) -> str:
        done = self._lab.execute(["skopeo", "--insecure-policy", *arguments])
        return "" if done.returncode == 0 else done.stderr or "skopeo failed"


def _image(path: Path, content: str) -> None:
    base, layer = path.with_suffix(".base"), path.with_suffix(".layer")
    for tarred, text in ((base, "the same for all"), (layer, content)):
        with tarfile.open(tarred, "w") as tar:
            _add(tar, "content", text.encode())
    plain = path.with_suffix(".all")
    with plain.open("wb") as stream:
        write_archive(stream, base, layer.read_bytes(), "v1")
    # One image is enough: the archive's first one.
    with tarfile.open(plain) as every, tarfile.open(path, "w") as one:
        manifest = every.extractfile("manifest.json")
        assert manifest is not None
        for member in every:
            if member.name != "manifest.json":
                one.addfile(member, every.extractfile(member))
        _add(one, "manifest.json", json.dumps(json.loads(manifest.read())[:1]).encode())


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    about = tarfile.TarInfo(name)
    about.size = len(content)
    tar.addfile(about, io.BytesIO(content))
