"""The integrity account for people: a row a host, the sum below."""

from __future__ import annotations

from natsconsole.demo.integrity_account import Account, IntegrityAccount

_HEADINGS = ("host", "identical", "lines", "lost", "doubled", "out of order", "foreign")


def account_table(account: IntegrityAccount) -> str:
    """Return the account as aligned text, with the verdict in its last line."""
    rows = [_row(host, "yes" if each.identical else "NO", each) for host, each in account.hosts]
    identical = f"{account.identical_hosts}/{len(account.hosts)}"
    total = _row("all", identical, account.totals)
    table = [_HEADINGS, *rows, total]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEADINGS))]
    lines = [_aligned(row, widths) for row in table]
    rule = "-" * max(map(len, lines))
    return "\n".join((*lines[:1], rule, *lines[1:-1], rule, lines[-1], "", _verdict(account)))


def _row(name: str, identical: str, account: Account) -> tuple[str, ...]:
    return (name, identical, *(f"{figure:,}" for figure in account.figures().values()))


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    first, *others = zip(row, widths, strict=True)
    return "  ".join((first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)))


def _verdict(account: IntegrityAccount) -> str:
    restarts = account.receiver_restarts
    times = f"{restarts} time{'' if restarts == 1 else 's'}"
    again = f"; the receiver was started again {times}" if restarts else ""
    if account.is_clean:
        return f"Every host's file is its source, byte for byte{again}."
    differing = len(account.hosts) - account.identical_hosts
    hosts = "1 host's file differs" if differing == 1 else f"{differing} hosts' files differ"
    return f"{hosts} from the source{again}."
