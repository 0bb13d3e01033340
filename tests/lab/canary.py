"""Looks for secrets wherever none may be: what the processes of a machine show, files, journals."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from harbor_wizard.lab.host import LabHost

# Values that everybody may see.
PUBLIC = ("certificate", "_crt")
SHORTEST = 8


class Canary:
    """Secrets, as what would be found of them: each value, of a PEM each line in its middle."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self.found_by: dict[str, str] = {}
        for name, value in secrets.items():
            if any(word in name for word in PUBLIC) and "PRIVATE KEY" not in value:
                continue
            lines = value.splitlines()
            if len(lines) > 1:
                public = _public_part(value)
                lines = [line for line in lines[1:-1]
                         if len(line) >= 40 and base64.b64decode(line) not in public]  # fmt: skip
            for line in lines:
                assert len(line) >= SHORTEST, f"{name} is too short to be searched for"
                self.found_by[line] = name
                self.found_by[base64.b64encode(line.encode()).decode().rstrip("=")[:-1]] = name
                self.found_by[json.dumps(line)[1:-1]] = name
        assert self.found_by
        self._pattern = re.compile(
            b"|".join(re.escape(one.encode()) for one in sorted(self.found_by, key=len, reverse=True))
        )

    def names_in(self, data: bytes | str) -> set[str]:
        """Return the names of the secrets that are in it."""
        raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
        return {self.found_by[found.decode()] for found in set(self._pattern.findall(raw))}

    @property
    def patterns(self) -> str:
        return "".join(f"{one}\n" for one in self.found_by)


def _public_part(pem: str) -> bytes:
    """Return what of a private key is in its certificate, too."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    der, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(der, form)


class Processes:
    """Keeps what all processes of the machine show of themselves, sampled all the time.

    The lab's hosts and their containers are processes of this machine. Docker's containers get
    their environment by Harbor's own compose file: that of theirs is left out, their command
    lines are not.
    """

    def __init__(self) -> None:
        self.shown: dict[bytes, str] = {}
        self.samples = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Processes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)

    def _sample(self) -> None:
        while not self._over.wait(0.02):
            self.samples += 1
            for folder in Path("/proc").iterdir():
                if folder.name.isdigit():
                    self._look(folder)

    def _look(self, folder: Path) -> None:
        try:
            command = (folder / "cmdline").read_bytes()
            if not command:  # the kernel's own
                return
            self.shown.setdefault(b"cmdline " + command, "")
            environment = (folder / "environ").read_bytes()
            key = b"environ " + command[:80] + b" " + environment
            if key not in self.shown:
                group = (folder / "cgroup").read_text()
                if "docker" not in group.rpartition("/")[2] and "/docker/" not in group:
                    self.shown[key] = group
        except OSError:  # it ended meanwhile
            return

    def leaks(self, canary: Canary) -> list[str]:
        """Return what shows a secret, without the secret."""
        return [
            f"{sorted(names)}: {shown[:60]!r} {where.strip()}"
            for shown, where in self.shown.items()
            if (names := canary.names_in(shown))
        ]


def in_files(paths: Iterable[Path], canary: Canary) -> list[str]:
    """Return the files below some paths with a secret in them or in their name."""
    found = []
    for path in paths:
        for file in [path, *path.rglob("*")] if path.is_dir() else [path]:
            names = canary.names_in(str(file))
            if file.is_file() and not file.is_symlink():
                names |= canary.names_in(file.read_bytes())
            if names:
                found.append(f"{file}: {sorted(names)}")
    return found


_SEARCH = r"""
grep -rlaF -D skip --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev --exclude-dir=harbor-shared -f - / 2>/dev/null |
while IFS= read -r file; do
  others=no
  setpriv --reuid 65534 --regid 65534 --clear-groups test -r "$file" && others=yes
  printf '%s\t%s\t%s\n' "$others" "$(stat -c '%a %u:%g' "$file")" "$file"
done
"""


def on_host(host: LabHost, canary: Canary) -> dict[str, tuple[str, bool]]:
    """Return each file of a host with a secret in it: its mode and owner, and whether others can read it."""
    said = host.run(["bash", "-c", _SEARCH], input=canary.patterns, timeout=300)
    found = {}
    for line in said.splitlines():
        others, mode, path = line.split("\t", 2)
        found[path] = (mode, others == "yes")
    return found


def in_journal(host: LabHost, canary: Canary) -> set[str]:
    """Return the names of the secrets that are in a host's whole journal."""
    return canary.names_in(host.run(["journalctl", "--no-pager", "-o", "export"], timeout=120))


def in_units(host: LabHost, canary: Canary) -> set[str]:
    """Return the names of the secrets that are in what systemd says of its units."""
    show = "systemctl show '*' --no-pager 2>/dev/null; systemctl list-units --all --no-pager"
    return canary.names_in(host.run(["sh", "-c", show], timeout=120))

