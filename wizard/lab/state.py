"""What a lab has made on this machine, written down before it is made.

A folder without the marker is no lab and is never deleted; a namespace that is not written down
is somebody else's and is never touched. So a lab whose making was killed can still be taken down.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

from harbor_wizard.files import write_atomically
from harbor_wizard.lab import network
from harbor_wizard.lab.errors import LabError

_MARKER = ".harbor-wizard-lab"


def default_root() -> Path:
    """Return the lab's folder, where nothing else is said."""
    return Path("~/.local/share/harbor-wizard/lab").expanduser()


def default_prefix(root: Path) -> str:
    """Return what a lab's namespaces are called by: another folder, another prefix."""
    if root == default_root():
        return "hwlab"
    return "hwlab-" + hashlib.sha256(str(root).encode()).hexdigest()[:6]


@contextlib.contextmanager
def locked(folder: Path, doing: str, wait: float = 0) -> Iterator[None]:
    """Hold a folder for one process at a time.

    Raises `LabError` where another one has it for longer than `wait` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait
    with (folder / ".lock").open("w", encoding="utf-8") as held:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise LabError(
                        f"another process is {doing} in {folder}; wait for its end"
                    ) from None
                time.sleep(0.2)
        yield


class State:
    """The namespaces of one lab, in its folder."""

    def __init__(self, root: Path, prefix: str) -> None:
        self.root = root
        self._prefix = prefix

    @property
    def _file(self) -> Path:
        return self.root / "state.json"

    @property
    def is_lab(self) -> bool:
        """Whether the folder was made by a lab."""
        return (self.root / _MARKER).exists()

    def claim_root(self) -> None:
        """Make the folder a lab's. Raises `LabError` where it holds something else."""
        if self.root.exists() and not self.is_lab and set(self._names()) - {".lock"}:
            raise LabError(f"{self.root} is not empty and is no lab; name another folder")
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)
        (self.root / _MARKER).touch()
        if not self._file.exists():
            self._write(self.namespaces())

    def _names(self) -> list[str]:
        return [one.name for one in self.root.iterdir()]

    def namespaces(self) -> list[str]:
        """Return the namespaces that are ours, whether they are there or not."""
        try:
            mine: list[str] = json.loads(self._file.read_text(encoding="utf-8"))["namespaces"]
        except FileNotFoundError:
            if not self.is_lab or not (self.root / "hosts").exists():
                return []
            # The list was lost: what is named by our hosts is ours.
            names = ["op", *(one.name for one in (self.root / "hosts").iterdir())]
            mine = [f"{self._prefix}-{name}" for name in names]
        except (ValueError, KeyError):
            raise LabError(f"{self._file} is damaged; delete it to have it made again") from None
        return mine

    def claim(self, namespace: str) -> None:
        """Write down that a namespace will be ours. Raises `LabError` if it is another's."""
        mine = self.namespaces()
        if namespace in mine:
            return
        if namespace in network.namespaces():
            raise LabError(
                f"the network namespace {namespace} is there already and not of {self.root}; "
                "take the other lab down first, or give this one another prefix"
            )
        self._write([*mine, namespace])

    def _write(self, namespaces: list[str]) -> None:
        write_atomically(self._file, json.dumps({"namespaces": namespaces}, indent=2) + "\n")
