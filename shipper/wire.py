"""The wire contract: subjects, headers, message ids and the newline rule.

A producer publishes to ``<prefix>.<host>`` and knows nothing of partitions; the stream's subject
transform stores the message under ``<prefix>.<partition>.<host>``. The payload is raw bytes of
one or more lines. The headers below say which bytes of which file they are; a message without
them is one line from any client.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import msgspec

from shipper.headers import fields_of
from shipper.subjects import is_literal

DEFAULT_PREFIX = "logs"

HOST_HEADER = "Log-Host"
NAME_HEADER = "Log-Name"
FILE_HEADER = "Log-File"
RANGE_HEADER = "Log-Range"
LINE_HEADER = "Log-Line"
SPLIT_HEADER = "Log-Split"
LABELS_HEADER = "Log-Labels"
"""``name=value`` pairs joined by commas, as the shipper's configuration gives them to a file."""
MESSAGE_ID_HEADER = "Nats-Msg-Id"

ORDERS_BUCKET = "shippers"
"""The key-value bucket of the Big Red Button: ``all`` and ``host.<host>`` hold an `Order`."""
ORDER_KEY_ALL = "all"
HEARTBEAT_SUBJECT = "natsconsole.shipper.heartbeat"
"""Shippers publish a `Heartbeat` to ``<this>.<machine>``; nothing stores it."""
PING_SUBJECT = "natsconsole.shipper.ping"
"""Whoever publishes to it hears a heartbeat of each shipper within two seconds."""
HEARTBEAT_SECONDS = 30.0
"""The mean time between heartbeats; one is sent sooner when an order or a problem changed."""
HOSTS_PER_HEARTBEAT = 500

Split = Literal["head", "middle", "tail"]
"""Which piece of a line too long for one message a payload ends or begins with."""

_WHITE = re.compile(r"[\s\x00-\x20\x7f]")
_NOT_IN_KEY = re.compile(r"[^-/_.a-zA-Z0-9]+")
_SPAN = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")
_LINE = re.compile(r"[0-9]{1,18}")

_RANGE = RANGE_HEADER.encode()
_SPLIT = SPLIT_HEADER.encode()
_RANGE_START = b"\r\n%b: " % _RANGE
_RANGE_AND_LINE = re.compile(
    rb"\r\n%b: ([0-9]{1,18})-([0-9]{1,18})\r\n%b: ([0-9]{1,18})\r\n"
    % (_RANGE, LINE_HEADER.encode())
)
_LONGEST_HEAD = 512
"""Bytes of what stands before the range, to be remembered."""


class BadHostError(ValueError):
    """A host name that cannot be part of a subject."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"host {host!r} cannot be part of a subject: it must not be empty, hold spaces, "
            "'*' or '>', or begin, end or repeat a '.'"
        )


class SourceRange(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Which bytes of which source file a payload is."""

    host: str
    """The host's full name."""
    name: str
    """The log's name. A rotation chain is one log with one name."""
    file: str
    """The file's identity: unlike its path it survives a rename, and is never used twice."""
    start: int
    """Offset of the first byte in the file."""
    end: int
    """Offset after the last byte."""
    line: int
    """How many line ends the file holds before ``start``: tells lost lines from lost bytes."""
    split: Split | None = None

    @property
    def message_id(self) -> str:
        """The ``Nats-Msg-Id``: a resend of the same range is the same message."""
        return f"{self.host}:{self.file}:{self.start}-{self.end}"

    def headers(self) -> dict[str, str]:
        """Return the message headers that carry this range."""
        fields = {
            HOST_HEADER: self.host,
            NAME_HEADER: self.name,
            FILE_HEADER: self.file,
            RANGE_HEADER: f"{self.start}-{self.end}",
            LINE_HEADER: str(self.line),
            MESSAGE_ID_HEADER: self.message_id,
        }
        if self.split is not None:
            fields[SPLIT_HEADER] = self.split
        return fields


def source_range(block: bytes) -> SourceRange | None:
    """Read the range from a raw header block.

    None where a client of another kind sent the message, or where a field is malformed: then its
    bytes still count, as lines of no known file.
    """
    at = block.find(_RANGE_START)
    if 0 < at <= _LONGEST_HEAD and block.find(_SPLIT, at) < 0:
        log = _log_of(block[:at])
        numbers = _RANGE_AND_LINE.match(block, at)
        if log is not None and numbers is not None:
            start, end, line = map(int, numbers.groups())
            if end < start:
                return None
            host, name, file = log
            return SourceRange(host=host, name=name, file=file, start=start, end=end, line=line)
    return _range_of_fields(fields_of(block)) if _RANGE in block else None


@lru_cache(maxsize=20_000)
def _log_of(head: bytes) -> tuple[str, str, str] | None:
    """Read what stands before the range, which is the same in all messages of a log's file.

    None where host, name and file do not all stand there, or a field that follows them does.
    """
    fields = fields_of(head)
    host, name, file = (fields.get(key, "") for key in (HOST_HEADER, NAME_HEADER, FILE_HEADER))
    if not (host and name and file) or fields.keys() & {RANGE_HEADER, LINE_HEADER, SPLIT_HEADER}:
        return None
    return host, name, file


def _range_of_fields(fields: Mapping[str, str]) -> SourceRange | None:
    span = _SPAN.fullmatch(fields.get(RANGE_HEADER, ""))
    line = _LINE.fullmatch(fields.get(LINE_HEADER, "0"))
    host, name, file = (fields.get(key, "") for key in (HOST_HEADER, NAME_HEADER, FILE_HEADER))
    if span is None or line is None or not (host and name and file):
        return None
    start, end = int(span[1]), int(span[2])
    if end < start:
        return None
    split = fields.get(SPLIT_HEADER)
    return SourceRange(
        host=host,
        name=name,
        file=file,
        start=start,
        end=end,
        line=int(line[0]),
        split=split if split in ("head", "middle", "tail") else None,  # type: ignore[arg-type]
    )


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the Big Red Button says. An absent field orders nothing."""

    pause: bool = False
    """Publish nothing; the lines wait in their files."""
    bytes_per_second: int = 0
    """Publish no more than this of each host; 0 is no limit."""
    reason: str = ""
    """For people."""


def strictest(one: Order, other: Order) -> Order:
    """Return the order that obeys both."""
    limits = [order.bytes_per_second for order in (one, other) if order.bytes_per_second > 0]
    reasons = (order.reason for order in (one, other) if order != Order())
    return Order(
        pause=one.pause or other.pause,
        bytes_per_second=min(limits, default=0),
        reason="; ".join(filter(None, reasons)),
    )


def order_key(host: str) -> str:
    """Return a host's key in the bucket; what a key cannot hold is written as ``=XX``."""
    return "host." + _NOT_IN_KEY.sub(
        lambda found: "".join(f"={byte:02X}" for byte in found[0].encode()), host
    )


def orders_subject(key: str) -> str:
    """Return the subject of a key of the bucket; ``>`` is all."""
    return f"$KV.{ORDERS_BUCKET}.{key}"


class HostPulse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one host's logs stand."""

    host: str
    logs: int = 0
    backlog_bytes: int = 0
    """Bytes in files that are not known to be in the stream."""
    lag_seconds: float = 0.0
    """For how long, at most, the oldest of them have waited."""
    paused: bool = False
    bytes_per_second: int = 0
    """The limit that is obeyed; 0 is none."""


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A shipper's sign of life: one message a process, or several where it ships many hosts.

    It is published as plain NATS, stored nowhere and acknowledged by nobody: 50,000 shippers make
    1,700 messages a second, which cost a server nothing while nobody listens. Who has not been
    heard of for three intervals is silent.
    """

    name: str
    """The machine."""
    instance: str
    """Of this start of the process; several messages of one heartbeat have it in common."""
    version: str
    started: float
    """Seconds since the epoch, as ``sent``."""
    sent: float
    interval_seconds: float = HEARTBEAT_SECONDS
    hosts: tuple[HostPulse, ...] = ()
    part: int = 1
    parts: int = 1
    files: int = 0
    lost_bytes: int = 0
    """At least so many bytes were taken away before they were read, as copytruncate does."""
    problems: tuple[str, ...] = ()
    """What is wrong now, one line each."""
    problem_kinds: tuple[str, ...] = ()
    """Of each of them what kind it is, such as ``full``, ``storage`` or ``no-answer``."""


def publish_subject(prefix: str, host: str) -> str:
    """Return the subject that ``host`` publishes to.

    Raises:
        BadHostError: the host cannot be part of a subject.
    """
    if not is_literal(host):
        raise BadHostError(host)
    return f"{prefix}.{host}"


def stored_subject(prefix: str, partition: str, host: str) -> str:
    """Return the subject under which the stream keeps a host's lines; ``*`` is any partition."""
    return f"{prefix}.{partition}.{host}"


def as_lines(payload: bytes, source: SourceRange | None) -> bytes:
    """Return the bytes to append to a host's file.

    A payload with a range is written exactly as it is; without one a missing final newline is
    added, so that ``nats pub logs.web1 hello`` is one line.
    """
    if source is not None or payload.endswith(b"\n"):
        return payload
    return payload + b"\n"


class BadPatternError(ValueError):
    """A host pattern that cannot be used."""


@dataclass(frozen=True, slots=True)
class HostPattern:
    """Where the host stands in a stored subject: ``{host}`` one token, ``{host>}`` all that remain.

    >>> HostPattern.parse("logs.*.{host>}").host_of("logs.3.web1.example.net")
    'web1.example.net'
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    takes_rest: bool

    @classmethod
    def parse(cls, text: str) -> HostPattern:
        """Read a pattern such as ``logs.*.{host>}`` or ``orders.{host}.>``.

        Raises:
            BadPatternError: it is no subject, there is not exactly one host, or tokens stand behind
                ``{host>}``.
        """
        tokens = text.split(".")
        places = [i for i, token in enumerate(tokens) if token in ("{host}", "{host>}")]
        if len(places) != 1 or not all(tokens):
            raise BadPatternError(f"pattern {text!r} needs exactly one {{host}} or {{host>}} token")
        (place,) = places
        takes_rest = tokens[place] == "{host>}"
        after = tuple(tokens[place + 1 :])
        if any(_WHITE.search(token) for token in tokens) or ">" in tokens[:-1]:
            raise BadPatternError(
                f"pattern {text!r} is no subject: no spaces, and > only at the end"
            )
        if takes_rest and after:
            raise BadPatternError(f"pattern {text!r}: nothing can follow {{host>}}")
        return cls(tuple(tokens[:place]), after, takes_rest)

    @classmethod
    def ours(cls, prefix: str = DEFAULT_PREFIX) -> HostPattern:
        """The pattern of our own streams: ``<prefix>.*.{host>}``."""
        return cls.parse(f"{prefix}.*.{{host>}}")

    @property
    def filter_subject(self) -> str:
        """The subject filter that matches every host."""
        return self._subject(">" if self.takes_rest else "*")

    def subject_of(self, host: str) -> str:
        """The subject filter that matches one host."""
        return self._subject(host)

    def _subject(self, host: str) -> str:
        return ".".join((*self.before, host, *self.after))

    def host_of(self, subject: str) -> str | None:
        """Return the host a stored subject names, or None where the pattern does not match."""
        tokens = subject.split(".")
        place = len(self.before)
        if len(tokens) <= place or not _tokens_match(self.before, tokens[:place]):
            return None
        if self.takes_rest:
            return ".".join(tokens[place:])
        return tokens[place] if _tokens_match(self.after, tokens[place + 1 :]) else None


def _tokens_match(pattern: tuple[str, ...], tokens: list[str]) -> bool:
    if pattern and pattern[-1] == ">":
        return len(tokens) >= len(pattern) and _tokens_match(
            pattern[:-1], tokens[: len(pattern) - 1]
        )
    return len(pattern) == len(tokens) and all(
        want in ("*", token) for want, token in zip(pattern, tokens, strict=True)
    )
