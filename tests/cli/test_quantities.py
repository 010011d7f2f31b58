"""Durations, sizes and addresses as people write them."""

from __future__ import annotations

from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from natsconsole.cli.quantities import Duration, Size
from shipper.addresses import ListenAddress
from shipper.http_server import Address


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("30d", 2_592_000),
        ("2w", 1_209_600),
        (" 5s ", 5),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0), ("17", 17), ("17B", 17), ("100MB", 100_000_000), ("100mb", 100_000_000),
        ("50GiB", 50 << 30), ("1.5GiB", 3 << 29), ("0.1KB", 100), ("10K", 10_000),
        ("1 TiB", 1 << 40), ("999999999999999TiB", 999_999_999_999_999 << 40),
    ],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert Size().convert(text, None, None) == size


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Size(), "lots"), (Size(), ""), (Size(), "-1"), (Size(), "10i"), (Size(), "10iB"),
        (Size(), "1e9"), (Size(), "9" * 5000), (Size(), "٣MB"), (Size(), "1PB"), (Size(), "inf"),
        (Duration(), "soon"), (Duration(), ""), (Duration(), "-1s"), (Duration(), "9" * 400),
        (Duration(), "1y"), (Duration(), "nan"), (Duration(), "٣s"),
        (ListenAddress(), "9100"), (ListenAddress(), "host"), (ListenAddress(), "::1:9100"),
        (ListenAddress(), "[::1]"), (ListenAddress(), "a:65536"), (ListenAddress(), "a:-1"),
        (ListenAddress(), "http://a:1"), (ListenAddress(), "a b:1"), (ListenAddress(), "[x]:1"),
        (ListenAddress(), "a:٣"), (ListenAddress(), ""),
    ],
)  # fmt: skip
def test_what_is_none_is_refused_with_an_example(kind: click.ParamType[Any], text: str) -> None:
    with pytest.raises(click.BadParameter, match="write "):
        kind.convert(text, None, None)


def test_what_is_below_the_least_is_refused() -> None:
    with pytest.raises(click.BadParameter, match="'0' is too small: the least is 1MB"):
        Size(minimum="1MB").convert("0", None, None)
    with pytest.raises(click.BadParameter, match="'59s' is too short: the least is 1m"):
        Duration(minimum="1m").convert("59s", None, None)

    assert Size(minimum="1MB").convert("1MB", None, None) == 1_000_000
    assert Duration(minimum="1m").convert("60", None, None) == 60


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9100", Address("127.0.0.1", 9100)),
        ("[::1]:9100", Address("::1", 9100)),
        ("[fe80::1%eth0]:9100", Address("fe80::1%eth0", 9100)),
        (":9100", Address("", 9100)),
        ("collector-1.example.net:0", Address("collector-1.example.net", 0)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    found = ListenAddress().convert(text, None, None)

    assert found == address
    assert str(found) == text


@given(st.text())
def test_no_text_is_a_traceback(text: str) -> None:
    for kind in (Duration(minimum="1s"), Size(minimum="1B"), ListenAddress()):
        try:
            kind.convert(text, None, None)
        except click.BadParameter:
            continue
