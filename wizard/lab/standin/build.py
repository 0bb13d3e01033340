"""Builds the stand-in: a tarball laid out as Harbor's offline installer is.

No Docker engine is needed: the images' archive is written as `docker save` writes one, with a
Debian root file system as the layer that all images share.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from harbor_wizard.lab.base import sources
from harbor_wizard.lab.command import run

_INCLUDE = (
    "python3", "python3-yaml", "python3-psycopg2", "python3-redis", "python3-jwt",
    "python3-cryptography", "python3-bcrypt", "docker-registry", "nginx-light", "openssl", "curl",
    "postgresql", "redis-server",
)  # fmt: skip
# What nothing here reads: papers, and the compiler of queries, which is half of PostgreSQL.
_EXCLUDE = (
    "/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/lib/*/libLLVM*",
    "/usr/lib/*/libz3*", "/usr/lib/postgresql/*/lib/bitcode/*",
)  # fmt: skip

# Each image with what it starts; the names are those of Harbor's release.
_PARTS: dict[str, tuple[str, ...]] = {
    "prepare": ("python3", "-m", "standin.prepare"),
    "harbor-core": ("python3", "-m", "standin.core"),
    "harbor-jobservice": ("python3", "-m", "standin.jobservice"),
    "harbor-registryctl": ("python3", "-m", "standin.small", "registryctl"),
    "harbor-portal": ("python3", "-m", "standin.small", "portal"),
    "harbor-log": ("python3", "-m", "standin.small", "log"),
    "registry-photon": ("docker-registry", "serve", "/etc/registry/config.yml"),
    "nginx-photon": ("nginx", "-c", "/etc/nginx/nginx.conf", "-g", "daemon off;"),
    "harbor-db": ("python3", "-m", "standin.bundled"),
}
# The cache's command can be replaced, to start it with other settings.
_CACHES = {"valkey-photon": ("valkey-server", "/etc/redis.conf"),
           "redis-photon": ("redis-server", "/etc/redis.conf")}  # fmt: skip
_FIRST_VALKEY = (2, 15, 2)
_BUNDLED = ("harbor-db", *_CACHES)
_PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/17/bin"
_FILES = {
    # Without a name for its user, PostgreSQL makes no database.
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\npostgres:x:999:999::/tmp:/bin/sh\n"
    "harbor:x:10000:10000::/tmp:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n",
    "etc/redis.conf": "bind * -::*\nprotected-mode no\ndir /var/lib/redis\n",
    "usr/local/bin/valkey-sentinel": '#!/bin/sh\nexec redis-server "$@" --sentinel\n',
}
_LINKS = {"usr/local/bin/valkey-server": "/usr/bin/redis-server",
          "usr/local/bin/valkey-cli": "/usr/bin/redis-cli"}  # fmt: skip
_ROOT_PARTS = ("prepare", "harbor-log")


def build(
    destination: Path, cache: Path, version: str = "v2.15.2", log: Callable[[str], None] = print
) -> Path:
    """Write the installer's tarball and return its path; about a minute on the first call."""
    cache.mkdir(parents=True, exist_ok=True)
    layer = root_layer(cache)
    if not layer.exists():
        log("making the root file system of the stand-in's images")
        part, listed = cache / "standin-root.part.tar", cache / "standin.sources"
        part.unlink(missing_ok=True)
        listed.write_text(sources("trixie"), encoding="utf-8")
        exclude = [f'--dpkgopt=path-exclude="{what}"' for what in _EXCLUDE]
        # The cluster that Debian's package makes is none of ours.
        drop = '--customize-hook=rm -rf "$1"/var/lib/postgresql/*'
        run(["mmdebstrap", "--variant=apt", f"--include={','.join(_INCLUDE)}", *exclude, drop,
             "trixie", str(part), str(listed)], timeout=900)  # fmt: skip
        part.rename(layer)
    log("packing the stand-in's installer")
    payload = resources.files("harbor_wizard.lab.standin") / "payload"
    images = cache / f"harbor.{version}.tar.gz"
    with gzip.open(images, "wb", compresslevel=1) as stream:
        write_archive(stream, layer, _payload_layer(payload / "standin"), version)
    destination.parent.mkdir(parents=True, exist_ok=True)
    part = destination.with_name(destination.name + ".part")
    with gzip.open(part, "wb", compresslevel=1) as stream, tarfile.open(
        fileobj=stream, mode="w"
    ) as tar:
        for name, mode in (("install.sh", 0o755), ("prepare", 0o755), ("common.sh", 0o755),
                           ("README", 0o644)):  # fmt: skip
            text = (payload / "host" / name).read_text(encoding="utf-8")
            _add(tar, f"harbor/{name}", text.replace("@VERSION@", version).encode(), mode)
        _add(tar, "harbor/harbor.yml.tmpl", b"# stand-in: see Harbor's own release\n", 0o644)
        tar.add(images, f"harbor/harbor.{version}.tar.gz")
    part.rename(destination)
    images.unlink()
    return destination


def root_layer(cache: Path) -> Path:
    """Return where the root file system is, or will be: other packages, another file."""
    mark = hashlib.sha256(" ".join((*_INCLUDE, *_EXCLUDE)).encode()).hexdigest()[:6]
    return cache / f"standin-root-{mark}.tar"


def cache_image(version: str) -> str:
    """Return the name of the image with Redis; a part of a version that is no number is 0."""
    numbers = [int(part) for part in re.findall(r"\d+", version.partition("-")[0])]
    return "valkey-photon" if tuple(numbers) >= _FIRST_VALKEY else "redis-photon"


def write_archive(stream: Any, base: Path, payload: bytes, version: str) -> None:
    """Write an archive that `docker load` takes: two layers, and a configuration per image."""
    with base.open("rb") as opened:
        base_id = hashlib.file_digest(opened, "sha256").hexdigest()
    payload_id = hashlib.sha256(payload).hexdigest()
    layers = [f"{base_id}/layer.tar", f"{payload_id}/layer.tar"]
    manifest = []
    with tarfile.open(fileobj=stream, mode="w|") as tar:
        tar.add(base, layers[0])
        _add(tar, layers[1], payload, 0o644)
        redis = cache_image(version)
        for name, command in (*_PARTS.items(), (redis, _CACHES[redis])):
            config = json.dumps(_config(name, command, version, [base_id, payload_id])).encode()
            file = f"{hashlib.sha256(config).hexdigest()}.json"
            _add(tar, file, config, 0o644)
            manifest.append(
                {"Config": file, "RepoTags": [f"goharbor/{name}:{version}"], "Layers": layers}
            )
        _add(tar, "manifest.json", json.dumps(manifest).encode(), 0o644)


def _config(name: str, command: tuple[str, ...], version: str, layers: list[str]) -> dict[str, Any]:
    starts: dict[str, Any] = {"Entrypoint": list(command)}
    if name in _CACHES:
        starts = {"Cmd": list(command)}
    elif name == "harbor-db":
        starts["StopSignal"] = "SIGINT"  # not to wait until everyone has left
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": "2026-01-01T00:00:00Z",
        "config": {
            **starts,
            "User": _user(name),
            "Env": [f"PATH={_PATH}", "PYTHONUNBUFFERED=1", f"TAG={version}", "PYTHONPATH=/opt"],
            "Labels": {"description": "stand-in for Harbor, for tests and practice runs only"},
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{one}" for one in layers]},
        "history": [{"created_by": "harbor-wizard lab"} for _ in layers],
    }


def _user(name: str) -> str:
    if name in _ROOT_PARTS:
        return ""
    return "999:999" if name in _BUNDLED else "10000:10000"


def _payload_layer(folder: Traversable) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, text in _FILES.items():
            _add(tar, name, text.encode(), 0o755 if text.startswith("#!") else 0o644)
        for name, target in _LINKS.items():
            about = tarfile.TarInfo(name)
            about.type, about.linkname = tarfile.SYMTYPE, target
            tar.addfile(about)
        for name in ("run/postgresql", "var/lib/redis"):
            about = tarfile.TarInfo(name)
            about.type, about.mode, about.uid, about.gid = tarfile.DIRTYPE, 0o775, 999, 999
            tar.addfile(about)
        for file in sorted(folder.iterdir(), key=lambda one: one.name):
            if file.name.endswith(".py"):
                _add(tar, f"opt/standin/{file.name}", file.read_bytes(), 0o644)
    return written.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    about = tarfile.TarInfo(name)
    about.size, about.mode = len(content), mode
    tar.addfile(about, io.BytesIO(content))
