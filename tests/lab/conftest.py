"""A lab of the tests' own: real hosts, in namespaces and a folder of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harbor_wizard.lab import requirements
from harbor_wizard.lab.lab import Lab, default_cache

EXAMPLE = Path(__file__).parent.parent.parent / "examples/active-active.yaml"


class Operator:
    """Runs harbor-wizard as the operator would, where the hosts are reached."""

    def __init__(self, lab: Lab, home: Path) -> None:
        self.lab = lab
        self.home = home
        self.environment = {**os.environ, "HOME": str(home), "HARBOR_WIZARD_HOME": str(home / "hw")}

    def command(self, *arguments: str) -> list[str]:
        return self.lab.wrap([sys.executable, "-m", "harbor_wizard", *arguments])

    def run(self, *arguments: str, timeout: float = 500) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*arguments), capture_output=True, text=True,
                              timeout=timeout, env=self.environment, stdin=subprocess.DEVNULL)  # fmt: skip

    def apply(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.run("apply", str(EXAMPLE), "--secrets", str(self.lab.secrets_file), "--yes", *options)

    def kill_when(self, wanted: Callable[[dict[str, Any]], bool]) -> bool:
        """Apply, and SIGKILL the wizard at the first event that is wanted; say whether it came."""
        arguments = self.command("apply", str(EXAMPLE), "--secrets", str(self.lab.secrets_file),
                                 "--yes", "--output", "json")  # fmt: skip
        deadline = time.monotonic() + 300
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=self.environment,
                              stdin=subprocess.DEVNULL, text=True) as running:  # fmt: skip
            assert running.stdout is not None
            for line in running.stdout:
                if wanted(json.loads(line)):
                    running.kill()
                    return True
                assert time.monotonic() < deadline
        return False


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    lacking = requirements.missing()
    if lacking:
        pytest.skip(f"the lab cannot be made here: {'; '.join(lacking)}")
    home = tmp_path_factory.mktemp("operator")
    # A name of its own, so that two runs of the tests on one machine do not meet.
    lab = Lab(home / ".local/share/harbor-wizard/lab", default_cache(), prefix=f"hwt{os.getpid()}")
    try:
        lab.up()
        yield Operator(lab, home)
    finally:
        lab.down()
