"""What the wizard promises under load, as far as a busy machine can tell: ratios, not times.

The figures themselves are printed by `python -m tests.benchmarks`.
"""

from __future__ import annotations

import shutil
import statistics
import sys
from pathlib import Path

import pytest

from . import measuring

pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


def test_a_key_is_answered_under_a_flood_as_it_is_without(tmp_path: Path) -> None:
    silent = measuring.key_echo(tmp_path / "silent", "--silent")
    flooded = measuring.key_echo(tmp_path / "flooded")
    print(f"median {1000 * silent.median:.0f} ms silent, {1000 * flooded.median:.0f} ms flooded; "
          f"{flooded.lines:.0f} lines/s")  # fmt: skip
    assert flooded.lines > 20_000
    # An unbounded queue answers after seconds; a machine that does other things, too, after some.
    assert flooded.median < max(0.3, 4 * silent.median)
    assert flooded.late_of(0.9) < 0.1


def test_memory_does_not_grow_with_the_lines_and_all_of_them_are_on_disk(tmp_path: Path) -> None:
    lines = 500_000
    found = measuring.memory(tmp_path / "memory", lines)
    half = next(size for read, size in found.sizes if read >= lines // 2)
    print(
        f"{half:.0f} MB after half, {found.sizes[-1][1]:.0f} MB in the end, {found.peak:.0f} MB peak"
    )
    assert found.on_disk == lines
    assert found.peak < 300
    assert found.sizes[-1][1] < 1.15 * half


def test_the_first_screen_comes_soon_after_what_it_is_made_of(tmp_path: Path) -> None:
    base = statistics.median(measuring.timed(sys.executable, "-c", "import textual.app", times=5))
    paint = statistics.median(measuring.first_paint(tmp_path / "paint", times=5))
    told = statistics.median(
        measuring.timed(sys.executable, "-m", "harbor_wizard", "--help", times=5)
    )
    print(f"first screen {paint / base:.1f} times, --help {told / base:.1f} times textual's import")
    assert paint < 12 * base
    assert told < 2 * base
