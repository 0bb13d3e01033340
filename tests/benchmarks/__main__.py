"""Prints the figures: `python -m tests.benchmarks` (all, some minutes), or with names of parts."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from . import measuring

PYTHON = sys.executable


def _ms(values: list[float]) -> str:
    return (
        f"median {1000 * statistics.median(values):.0f} ms, best {1000 * min(values):.0f}, "
        f"worst {1000 * max(values):.0f}"
    )


def keys(folder: Path) -> None:
    """Answers to keys, with and without 40,000 lines a second from 20 hosts."""
    found = {}
    for name, options in (("silent hosts", ["--silent"]), ("40,000 lines/s", []),
                          ("200,000 lines/s", ["--rate", "200000"])):  # fmt: skip
        one = measuring.key_echo(folder / name.replace(" ", "-").replace("/", "-"), *options)
        found[name] = one
        print(
            f"  {name}: {len(one.keys)} keys answered after {_ms(one.keys)}; event loop late by "
            f"{1000 * one.late_of(0.99):.0f} ms in the worst hundredth, {1000 * max(one.late):.0f} "
            f"at most; {one.lines:.0f} lines/s came through",
            flush=True,
        )
    ratio = found["40,000 lines/s"].median / found["silent hosts"].median
    print(f"  ratio of the medians, 40,000 lines/s to silent: {ratio:.2f}")


def memory(folder: Path, lines: int = 10_000_000) -> None:
    """Memory while ten million lines go through, and what is on disk then."""
    one = measuring.memory(folder / "memory", lines)
    half = next(size for read, size in one.sizes if read >= lines // 2)
    print(
        f"  {lines} lines in {one.seconds:.0f} s ({lines / one.seconds:.0f} a second): "
        f"{half:.0f} MB after half of them, {one.sizes[-1][1]:.0f} MB after all, {one.peak:.0f} MB "
        f"at most; {one.on_disk} lines on disk in {one.bytes_on_disk / 1e6:.0f} MB of logs"
    )


def start(folder: Path) -> None:
    """The time until the first screen, and until --help has been printed."""
    base = measuring.timed(PYTHON, "-c", "import textual.app")
    paint = measuring.first_paint(folder / "paint")
    told = measuring.timed(PYTHON, "-m", "harbor_wizard", "--help")
    bare = measuring.timed(PYTHON, "-c", "pass")
    print(f"  first screen in tmux: {_ms(paint)}")
    print(f"  harbor-wizard --help: {_ms(told)}")
    print(f"  for comparison, import textual.app: {_ms(base)}; python alone: {_ms(bare)}")
    middle = statistics.median
    print(f"  ratios: first screen to textual's import {middle(paint) / middle(base):.1f}, "
          f"--help to python alone {middle(told) / middle(bare):.1f}")  # fmt: skip


PARTS: dict[str, Callable[[Path], None]] = {"start": start, "keys": keys, "memory": memory}


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all if left out"
    )
    for name in parser.parse_args().parts or PARTS:
        print(f"{name}: {PARTS[name].__doc__}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            PARTS[name](Path(folder))


if __name__ == "__main__":
    main()
