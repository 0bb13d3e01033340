"""What hosts print, from bytes to the screen's lines and the log's."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbor_wizard.engine.hostlog import CUT, PIECE, Cleaner, HostLog, tail
from harbor_wizard.errors import Interrupted
from harbor_wizard.text import Masker, printable
from harbor_wizard.transport.base import Call, OnLines, Result
from harbor_wizard.transport.detached import Detached
from harbor_wizard.transport.lines import LONGEST, Kept, Lines, Part
from harbor_wizard.transport.shell import _Output, _Stream

SECRET = "canary-secret-1"
mask = Masker([SECRET, "first line\nsecond line", "x\x1b[1my+z"])

# What ends a line for Python but not for us, escape sequences, secrets, and parts of them.
awkward = st.lists(
    st.one_of(
        st.sampled_from(
            ["\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\t", " ",
             "\x1b[31m", "\x1b]0;a title", "\x07", "\u202e", "\xa0", "登录", SECRET, SECRET[:7],
             SECRET[7:], "first line", "second line", "\udcff", "\x1b[1m"]
        ),
        st.text(max_size=5),
    ),
    max_size=8,
).map(lambda parts: "".join(parts).replace("\n", ""))  # fmt: skip


@given(st.lists(awkward, max_size=8))
def test_a_batch_is_cleaned_and_masked_as_its_lines_are_one_by_one(lines: list[str]) -> None:
    assert Cleaner(mask)(lines) == [mask(printable(line)) for line in lines]


@given(st.binary(max_size=200), st.integers(1, 40))
def test_lines_are_the_same_however_the_bytes_arrive(data: bytes, size: int) -> None:
    split = Lines()
    found = [line for at in range(0, len(data), size) for line in split.feed(data[at : at + size])]
    assert "\n".join([*found, *(split.end() or [""])]) == data.decode("utf-8", "replace")


def test_a_line_of_megabytes_comes_in_pieces_with_a_mark_and_nothing_is_lost(tmp_path: Path) -> None:
    text = "".join(f"{number:07d}" for number in range(600_000))
    data, split, clean = text.encode() + b"\nafter\n", Lines(), Cleaner(mask)
    told: list[str] = []
    for at in range(0, len(data), 192 * 1024):
        told += clean(split.feed(data[at : at + 192 * 1024]))
    assert told[-1] == "after"
    assert max(map(len, told)) <= PIECE + len(CUT)
    assert all(one.endswith(CUT) for one in told[:-2])
    assert "".join(one.removesuffix(CUT) for one in told[:-1]) == text
    # A whole line that is too long is cut as well.
    assert [len(one) for one in Cleaner(mask)(["a" * (PIECE + 1)])] == [PIECE + len(CUT), 1]


@pytest.mark.parametrize("before", [*range(LONGEST - 20, LONGEST + 80, 7), 3 * LONGEST - 9])
def test_no_cut_of_a_long_line_shows_a_part_of_a_secret(before: int) -> None:
    data = b"a" * before + SECRET.encode() + b"b" * 2 * LONGEST + b"\n"
    for size in (1000, 64 * 1024):
        split, clean = Lines(), Cleaner(mask)
        told = [line for at in range(0, len(data), size) for line in clean(split.feed(data[at : at + size]))]
        text = "".join(one.removesuffix(CUT) for one in told)
        assert text == "a" * before + "••••••" + "b" * 2 * LONGEST


def test_a_line_that_is_one_secret_after_the_other_is_held_no_longer_than_a_while() -> None:
    clean, told = Cleaner(mask), 0
    for _ in range(40):
        told += len("".join(clean([Part(SECRET * 4000)])))
    assert told > 0
    assert len(clean._held) < 2 * 1024 * 1024


def test_an_end_marker_is_seen_wherever_it_falls_and_is_told_to_nobody() -> None:
    for before in range(LONGEST - 5, LONGEST + 140, 9):
        for size in (17, 1024, 64 * 1024):
            told: list[str] = []
            stream = _Stream("hw-out-0123456789abcdef01234567:", told.extend)
            data = b"x" * before + b"hw-out-0123456789abcdef01234567: 7\n"
            for at in range(0, len(data), size):
                stream.feed(data[at : at + size])
            assert stream.ended == "7"
            assert "".join(told) == stream.text == "x" * before


def test_the_line_with_the_process_number_is_no_output() -> None:
    told: list[str] = []
    out = _Output("T", told.extend)
    out.feed(b"hw-pid-T: 41")
    out.feed(b"7\none\ntwo\nhw-out-T: 0\n")
    assert (out.group, told, out.text, out.ended) == ("417", ["one", "two"], "one\ntwo", "0")


def test_what_is_kept_of_an_output_is_bounded() -> None:
    kept = Kept(3)
    kept.add(["a", "b"])
    kept.add(["c", "d", ""])
    assert kept.text == "c\nd\n"
    kept.add([Part("e" * 700_000)])
    kept.add([Part("f" * 700_000), "g"])
    assert kept.text == "f" * 700_000 + "g"


def test_a_unit_that_never_stops_printing_is_left_when_the_run_is_stopped() -> None:
    stop, told = threading.Event(), 0
    endless = "running\n" + "YWFhYWFhYWEK" * (192 * 1024 // 9 + 1)

    def run(call: Call, _: OnLines) -> Result:
        size = int(call.script.rpartition("head -c ")[2].split()[0])
        return Result(0, endless[: 8 + size // 3 * 4], "")

    def lines(batch: object) -> None:
        nonlocal told
        told += 1
        if told == 5:
            stop.set()

    with pytest.raises(Interrupted):
        Detached("lb-1", run).follow("unit", lines, stop)


def test_the_end_of_a_log_is_read_from_its_end(tmp_path: Path) -> None:
    log = HostLog(tmp_path / "lb-1.log")
    log.write("lb-1/docker/package", [f"line {number}" for number in range(200_000)])
    log.write("lb-1/docker/package", ["[done]", "", "[INFO] it is\x1b[31m up"])
    log.close()
    assert (tmp_path / "lb-1.log").read_text().count("\n") == 200_003
    found = tail(tmp_path / "lb-1.log", 500)
    assert len(found) == 500
    assert [one[9:] for one in found[-4:]] == ["line 199999", "lb-1/docker/package: done", "", "[INFO] it is up"]
    assert tail(tmp_path / "lb-1.log", 2)[0][9:] == ""
    assert tail(tmp_path / "none.log", 500) == []


def test_a_full_disk_ends_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    log = HostLog(Path("/dev/full"))
    log.write("a/b", ["one"])
    assert "No space left" in log.error
    log.write("a/b", ["two"])
    log.close()
