"""What became of every line: sources and outputs compared by content, nobody's counters asked.

Identity is found byte for byte in bounded memory. Only where files differ are their lines
compared, one log at a time, to say how.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from natsconsole.demo.directory import DemoDirectory
from natsconsole.demo.host_log import log_files

_BLOCK = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What became of the lines of one log, or of several."""

    identical: bool = True
    """Whether the output is the source, byte for byte."""
    lines: int = 0
    """Lines of the source."""
    lost: int = 0
    """Lines of the source that the output lacks."""
    doubled: int = 0
    """Copies beyond those that the source has."""
    out_of_order: int = 0
    """Lines that stand behind a line which follows them in the source."""
    foreign: int = 0
    """Lines of the output that the source never had."""

    def __add__(self, other: Account) -> Account:
        """Sum both."""
        return Account(
            identical=self.identical and other.identical,
            lines=self.lines + other.lines,
            lost=self.lost + other.lost,
            doubled=self.doubled + other.doubled,
            out_of_order=self.out_of_order + other.out_of_order,
            foreign=self.foreign + other.foreign,
        )

    def figures(self) -> dict[str, int]:
        """Return every figure that counts lines."""
        return {
            "lines": self.lines,
            "lost": self.lost,
            "doubled": self.doubled,
            "out_of_order": self.out_of_order,
            "foreign": self.foreign,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrityAccount:
    """Every host's account."""

    hosts: tuple[tuple[str, Account], ...]
    receiver_restarts: int = 0

    @property
    def totals(self) -> Account:
        """All hosts as one."""
        return sum((account for _, account in self.hosts), Account())

    @property
    def is_clean(self) -> bool:
        """Whether every host's output is its source."""
        return self.totals.identical

    @property
    def identical_hosts(self) -> int:
        """How many hosts' outputs are their sources."""
        return sum(account.identical for _, account in self.hosts)

    def as_json(self) -> dict[str, object]:
        """Return it as scripts read it: fields are added, never renamed."""
        return {
            "totals": {
                "hosts": len(self.hosts),
                "identical": self.identical_hosts,
                **self.totals.figures(),
                "receiver_restarts": self.receiver_restarts,
            },
            "hosts": [
                {"host": host, "identical": account.identical, **account.figures()}
                for host, account in self.hosts
            ],
        }


def take_account(directory: DemoDirectory, *, receiver_restarts: int = 0) -> IntegrityAccount:
    """Compare everything that was written with everything that was received."""
    accounts: dict[str, Account] = {}
    expected = set()
    for log in directory.host_logs():
        expected.add(log.output)
        found = compare(log_files(log.source), [log.output])
        accounts[log.host] = accounts.get(log.host, Account()) + found
    for stray in sorted(directory.received.glob("[!.]*/*")):
        if stray not in expected and stray.is_file():
            host = stray.parent.name
            accounts[host] = accounts.get(host, Account()) + compare([], [stray])
    return IntegrityAccount(hosts=tuple(accounts.items()), receiver_restarts=receiver_restarts)


def compare(sources: Sequence[Path], outputs: Sequence[Path]) -> Account:
    """Compare a log's source files, oldest first, with its output files."""
    if _same_bytes(sources, outputs):
        return Account(lines=sum(1 for _ in _lines(sources)))
    return _compare_lines(_lines(sources), _lines(outputs))


def _compare_lines(source: Iterable[bytes], output: Iterable[bytes]) -> Account:
    places: dict[bytes, list[int]] = {}
    lines = 0
    for lines, line in enumerate(source, start=1):
        places.setdefault(_key(line), []).append(lines)
    seen: dict[bytes, int] = {}
    highest = found = doubled = out_of_order = foreign = 0
    for line in output:
        key = _key(line)
        if key not in places:
            foreign += 1
            continue
        copies = seen.get(key, 0)
        if copies == len(places[key]):
            doubled += 1
            continue
        seen[key] = copies + 1
        found += 1
        place = places[key][copies]
        out_of_order += place < highest
        highest = max(highest, place)
    return Account(
        identical=False,
        lines=lines,
        lost=lines - found,
        doubled=doubled,
        out_of_order=out_of_order,
        foreign=foreign,
    )


def _key(line: bytes) -> bytes:
    return hashlib.blake2b(line, digest_size=12).digest()


def _same_bytes(sources: Sequence[Path], outputs: Sequence[Path]) -> bool:
    return all(left == right for left, right in zip_longest(_blocks(sources), _blocks(outputs)))


def _blocks(paths: Iterable[Path]) -> Iterator[bytes]:
    """Yield the files' content as if they were one, in blocks of one size."""
    kept = b""
    for path in paths:
        for block in _read(path):
            kept += block
            while len(kept) >= _BLOCK:
                yield kept[:_BLOCK]
                kept = kept[_BLOCK:]
    if kept:
        yield kept


def _lines(paths: Iterable[Path]) -> Iterator[bytes]:
    """Yield the files' lines as if they were one, ends of line included."""
    rest = b""
    for block in _blocks(paths):
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
            yield line + b"\n"
    if rest:
        yield rest


def _read(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
    except FileNotFoundError:
        return
