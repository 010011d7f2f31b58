"""Each figure of the account, from files made by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natsconsole.demo.account_table import account_table
from natsconsole.demo.directory import DemoDirectory
from natsconsole.demo.integrity_account import (
    Account,
    IntegrityAccount,
    _compare_lines,
    compare,
    take_account,
)

SOURCE = b"a\nb\nc\nd\n"


@pytest.fixture
def directory(tmp_path: Path) -> DemoDirectory:
    return DemoDirectory.claim(tmp_path)


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param(b"a\nb\nc\nd\n", Account(lines=4), id="identical"),
        pytest.param(b"a\nc\nd\n", Account(identical=False, lines=4, lost=1), id="lost"),
        pytest.param(b"", Account(identical=False, lines=4, lost=4), id="empty"),
        pytest.param(
            b"a\nb\na\nb\nc\nd\n", Account(identical=False, lines=4, doubled=2), id="doubled"
        ),
        pytest.param(b"a\nd\nb\nc\n", Account(identical=False, lines=4, out_of_order=2), id="late"),
        pytest.param(
            b"b\na\nd\nc\n", Account(identical=False, lines=4, out_of_order=2), id="swapped"
        ),
        pytest.param(
            b"a\nx\nb\nc\nd\n", Account(identical=False, lines=4, foreign=1), id="foreign"
        ),
        pytest.param(
            b"a\nb\nc\nd", Account(identical=False, lines=4, lost=1, foreign=1), id="cut off"
        ),
    ],
)
def test_each_figure_counts_what_it_says(tmp_path: Path, output: bytes, expected: Account) -> None:
    sources = [put(tmp_path / "source", SOURCE)]

    assert compare(sources, [put(tmp_path / "output", output)]) == expected


def test_a_line_the_source_has_twice_is_not_doubled(tmp_path: Path) -> None:
    sources = [put(tmp_path / "source", b"a\na\nb\n")]

    assert compare(sources, [put(tmp_path / "same", b"a\na\nb\n")]) == Account(lines=3)
    assert compare(sources, [put(tmp_path / "less", b"a\nb\n")]).lost == 1
    assert compare(sources, [put(tmp_path / "more", b"a\na\na\nb\n")]).doubled == 1


def test_rotated_files_count_as_one_log_also_where_a_line_spans_two(tmp_path: Path) -> None:
    sources = [put(tmp_path / "1", b"a\nb"), put(tmp_path / "2", b"b\nc\n")]

    assert compare(sources, [put(tmp_path / "output", b"a\nbb\nc\n")]) == Account(lines=3)


def test_big_files_are_compared_beyond_their_first_block(tmp_path: Path) -> None:
    lines = b"".join(b"%07d\n" % number for number in range(100_000))
    sources = [put(tmp_path / "source", lines)]

    assert compare(sources, [put(tmp_path / "same", lines)]) == Account(lines=100_000)
    changed = compare(sources, [put(tmp_path / "less", lines.replace(b"0099999\n", b""))])
    assert changed == Account(identical=False, lines=100_000, lost=1)


@given(
    source=st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"d\n"]), max_size=12),
    output=st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"x\n"]), max_size=12),
)
def test_lost_doubled_and_foreign_are_the_difference_of_the_multisets(
    source: list[bytes], output: list[bytes]
) -> None:
    account = _compare_lines(source, output)

    missing, extra = Counter(source) - Counter(output), Counter(output) - Counter(source)
    assert account.lines == len(source)
    assert account.lost == missing.total()
    assert account.doubled == sum(count for line, count in extra.items() if line in source)
    assert account.foreign == sum(count for line, count in extra.items() if line not in source)
    assert account.out_of_order <= len(output)


def test_every_host_is_accounted_for_with_its_rotated_files(directory: DemoDirectory) -> None:
    put(directory.hosts / "web-01" / "access.log.000001", b"1\n")
    put(directory.hosts / "web-01" / "access.log.000002", b"2\n")
    put(directory.hosts / "web-01" / "access.log", b"3\n")
    put(directory.received / "web-01" / "access.log", b"1\n2\n3\n")
    put(directory.hosts / "db-01" / "postgres.log", b"1\n2\n")
    put(directory.received / ".natsconsole" / "ledger", b"not a log")

    account = take_account(directory, receiver_restarts=2)

    assert account.as_json() == {
        "totals": {
            "hosts": 2,
            "identical": 1,
            "lines": 5,
            "lost": 2,
            "doubled": 0,
            "out_of_order": 0,
            "foreign": 0,
            "receiver_restarts": 2,
        },
        "hosts": [
            {
                "host": "db-01",
                "identical": False,
                "lines": 2,
                "lost": 2,
                "doubled": 0,
                "out_of_order": 0,
                "foreign": 0,
            },
            {
                "host": "web-01",
                "identical": True,
                "lines": 3,
                "lost": 0,
                "doubled": 0,
                "out_of_order": 0,
                "foreign": 0,
            },
        ],
    }


def test_a_file_that_has_no_source_is_foreign(directory: DemoDirectory) -> None:
    put(directory.hosts / "web-01" / "access.log", b"1\n")
    put(directory.received / "web-01" / "access.log", b"1\n")
    put(directory.received / "web-01" / "access-2.log", b"1\n")
    put(directory.received / "mail-01" / "mail.log", b"1\n2\n")

    account = take_account(directory)

    assert [(host, each.foreign) for host, each in account.hosts] == [("web-01", 1), ("mail-01", 2)]
    assert not account.is_clean


def test_the_table_is_aligned_and_ends_with_a_verdict() -> None:
    clean = IntegrityAccount(
        hosts=(("web-01", Account(lines=1234)), ("db-01", Account(lines=5))), receiver_restarts=1
    )

    assert account_table(clean) == (
        "host    identical  lines  lost  doubled  out of order  foreign\n"
        "--------------------------------------------------------------\n"
        "web-01        yes  1,234     0        0             0        0\n"
        "db-01         yes      5     0        0             0        0\n"
        "--------------------------------------------------------------\n"
        "all           2/2  1,239     0        0             0        0\n"
        "\n"
        "Every host's file is its source, byte for byte; the receiver was started again 1 time."
    )


def test_the_table_names_the_host_that_differs() -> None:
    bad = IntegrityAccount(hosts=(("web-01", Account(identical=False, lines=3, lost=1)),))

    table = account_table(bad).splitlines()

    assert table[2].split() == ["web-01", "NO", "3", "1", "0", "0", "0"]
    assert table[-1] == "1 host's file differs from the source."
