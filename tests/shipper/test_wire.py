"""The wire contract: what a producer writes is what a receiver reads, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipper.headers import fields_of, status_of
from shipper.wire import (
    BadHostError,
    BadPatternError,
    HostPattern,
    SourceRange,
    as_lines,
    publish_subject,
    source_range,
    stored_subject,
)

SOURCE = SourceRange(
    host="web1.example.net", name="app.log", file="f-1", start=10, end=25, line=3, split="head"
)


def block(fields: dict[str, str]) -> bytes:
    lines = [b"NATS/1.0", *(f"{name}: {value}".encode() for name, value in fields.items())]
    return b"\r\n".join((*lines, b"", b""))


texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cf")), min_size=1, max_size=20
)


@given(
    host=texts,
    name=texts,
    file=texts,
    start=st.integers(0, 1 << 58),
    length=st.integers(0, 1 << 30),
    line=st.integers(0, 1 << 59),
    split=st.sampled_from([None, "head", "middle", "tail"]),
)
def test_a_range_survives_the_wire(
    host: str, name: str, file: str, start: int, length: int, line: int, split: str | None
) -> None:
    sent = SourceRange(
        host=host,
        name=name,
        file=file,
        start=start,
        end=start + length,
        line=line,
        split=split,  # type: ignore[arg-type]
    )
    assert source_range(block(sent.headers())) == sent


def test_a_resend_is_the_same_message() -> None:
    assert SOURCE.message_id == "web1.example.net:f-1:10-25"
    assert SOURCE.headers()["Nats-Msg-Id"] == SOURCE.message_id


@pytest.mark.parametrize(
    "changes",
    [
        {"Log-Range": "10"},
        {"Log-Range": "25-10"},
        {"Log-Range": "-1-10"},
        {"Log-Range": "1-99999999999999999999"},
        {"Log-Line": "x"},
        {"Log-Line": "-1"},
        {"Log-Host": ""},
        {"Log-Name": ""},
        {"Log-File": ""},
    ],
)
def test_a_malformed_range_is_none(changes: dict[str, str]) -> None:
    assert source_range(block(SOURCE.headers() | changes)) is None


FIELDS = (
    b"Log-Host: web1", b"Log-Host: web2", b"Log-Host:", b"Log-Name: app.log", b"Log-File: f-1",
    b"Log-File: f-2", b"Log-Range: 10-25", b"Log-Range : 1-2", b"Log-Range: 9-3", b"Log-Range: x",
    b"Log-Line: 3", b"Log-Line:4", b"Log-Line: y", b"Log-Split: head", b"Nats-Pin-Id: p",
    b"nonsense", b" Log-Name: other ", b"Log-Name: a\xff",
)  # fmt: skip


def plain_source_range(block: bytes) -> SourceRange | None:
    """What the fields say, read one by one."""
    fields = fields_of(block)
    host, name, file = (fields.get(f"Log-{key}", "") for key in ("Host", "Name", "File"))
    start, dash, end = fields.get("Log-Range", "").partition("-")
    line = fields.get("Log-Line", "0")
    split = fields.get("Log-Split")
    if not (host and name and file and dash and start.isdigit() and end.isdigit()):
        return None
    if not line.isdigit() or int(end) < int(start):
        return None
    return SourceRange(
        host=host, name=name, file=file, start=int(start), end=int(end), line=int(line),
        split=split,  # type: ignore[arg-type]
    )  # fmt: skip


@given(st.lists(st.sampled_from(FIELDS), max_size=4), st.lists(st.sampled_from(FIELDS), max_size=6))
def test_any_order_of_fields_means_the_same(before: list[bytes], after: list[bytes]) -> None:
    usual = [b"Log-Host: web1", b"Log-Name: app.log", b"Log-File: f-1", b"Log-Range: 10-25"]
    for fields in ([*before, *after], [*before, *usual, *after], [*usual, b"Log-Line: 3", *after]):
        block = b"\r\n".join((b"NATS/1.0", *fields, b"", b""))
        assert source_range(block) == plain_source_range(block)


def test_what_stands_before_the_range_may_be_long() -> None:
    fields = {"Padding": "x" * 5000} | SOURCE.headers()
    assert source_range(block(fields)) == SOURCE


def test_an_unknown_split_is_no_split() -> None:
    found = source_range(block(SOURCE.headers() | {"Log-Split": "sideways"}))
    assert found is not None
    assert found.split is None


@given(st.binary(max_size=200))
def test_no_header_block_raises(data: bytes) -> None:
    for hostile in (data, b"NATS/1.0" + data, b"NATS/1.0\r\nLog-Range: " + data):
        source_range(hostile)
        fields_of(hostile)
        status_of(hostile)


def test_statuses() -> None:
    found = status_of(b"NATS/1.0 404 No Messages\r\n\r\n")
    assert found is not None
    assert (found.code, found.description) == (404, "No Messages")
    assert status_of(b"NATS/1.0 503\r\n\r\n") == (503, "")
    assert status_of(b"NATS/1.0\r\nA: b\r\n\r\n") is None
    assert status_of(b"NATS/1.0") is None
    assert status_of(b"NATS/1.0 \xff\xfe\r\n\r\n") is None


def test_the_first_of_a_repeated_field_counts() -> None:
    assert fields_of(b"NATS/1.0\r\nA: 1\r\nA:2\r\n\xff: 3\r\nnonsense\r\n\r\n") == {"A": "1"}


@pytest.mark.parametrize("host", ["web1", "web1.example.net", "wéb", "a-b_c"])
def test_subjects(host: str) -> None:
    assert publish_subject("logs", host) == f"logs.{host}"
    stored = stored_subject("logs", "7", host)
    assert HostPattern.ours().host_of(stored) == host


@pytest.mark.parametrize("host", ["", ".", "a.", ".a", "a..b", "a b", "a*", ">", "a\n", "\x00"])
def test_a_host_that_is_no_subject_is_refused(host: str) -> None:
    with pytest.raises(BadHostError):
        publish_subject("logs", host)


def test_the_newline_rule() -> None:
    assert as_lines(b"a", None) == b"a\n"
    assert as_lines(b"a\n", None) == b"a\n"
    assert as_lines(b"", None) == b"\n"
    assert as_lines(b"a", SOURCE) == b"a"


@pytest.mark.parametrize(
    ("pattern", "subject", "host"),
    [
        ("logs.*.{host>}", "logs.3.web1.example.net", "web1.example.net"),
        ("logs.*.{host>}", "logs.3", None),
        ("logs.*.{host>}", "other.3.web1", None),
        ("orders.{host}.>", "orders.web1.a.b", "web1"),
        ("orders.{host}.>", "orders.web1", None),
        ("{host}.log", "web1.log", "web1"),
        ("{host}.log", "web1.log.x", None),
        ("{host}", "web1", "web1"),
    ],
)
def test_host_patterns(pattern: str, subject: str, host: str | None) -> None:
    assert HostPattern.parse(pattern).host_of(subject) == host


def test_pattern_subjects() -> None:
    ours = HostPattern.ours("logs")
    assert ours.filter_subject == "logs.*.>"
    assert ours.subject_of("web1.x") == "logs.*.web1.x"
    assert HostPattern.parse("orders.{host}.>").filter_subject == "orders.*.>"


@pytest.mark.parametrize("pattern", ["", "logs", "{host}.{host}", "{host>}.x", "a..{host}"])
def test_bad_patterns(pattern: str) -> None:
    with pytest.raises(BadPatternError):
        HostPattern.parse(pattern)
