"""What is wrong with the servers or the account as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from natsconsole.domain.triage import AccountFacts, PublishTrouble, ServerFacts
from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.domain.verdicts.words import counted, nats, size, span

SKEW, BAD_SKEW = 1.0, 10.0
NEARLY_FULL = 0.9
NAMED = 3


def of_server(
    server: ServerFacts, account: AccountFacts | None, troubles: Sequence[PublishTrouble]
) -> Iterator[Verdict]:
    """Judge what no single stream or consumer is to blame for."""
    if not server.has_leader:
        yield _no_meta_leader(server)
    ahead = server.clock_ahead_seconds
    if ahead is not None and abs(ahead) >= SKEW:
        yield _skew(ahead)
    if account is not None:
        yield from _of_limits(account)
    if troubles:
        yield from _of_publishing(troubles)


def _no_meta_leader(server: ServerFacts) -> Verdict:
    return Verdict(
        rule="no-quorum",
        severity="critical",
        sentence="JetStream as a whole has no leader: streams go on where theirs has one, and "
        "nothing can be made, changed or listed until more than half of the servers are up",
        evidence=(("asked", server.name),),
        remedy="bring the cluster's servers back",
        command=nats("server", "report", "jetstream"),
    )


def _skew(ahead: float) -> Verdict:
    way = "ahead of" if ahead > 0 else "behind"
    return Verdict(
        rule="clock-skew",
        severity="critical" if abs(ahead) >= BAD_SKEW else "warning",
        sentence=f"a server's clock is {span(abs(ahead))} {way} the one here: ages that are "
        "reckoned across machines, max age and resume times are off by as much",
        evidence=(("clock_ahead_seconds", round(ahead, 3)),),
        remedy="see that both machines keep time (NTP)",
        command=nats("rtt"),
    )


def _of_limits(account: AccountFacts) -> Iterator[Verdict]:
    tier = f" of tier {account.tier}" if account.tier else ""
    for what, used, limit, text in (
        ("storage", account.storage, account.max_storage, size),
        ("memory", account.memory, account.max_memory, size),
        ("streams", account.streams, account.max_streams, _number),
        ("consumers", account.consumers, account.max_consumers, _number),
    ):
        if limit <= 0 or used < NEARLY_FULL * limit:
            continue
        is_store = what in {"storage", "memory"}
        is_full = used >= limit * (0.99 if is_store else 1)
        then = "publishes are refused" if is_store else f"no {what} can be made"
        yield Verdict(
            rule="account-limit",
            severity="critical" if is_full and is_store else "warning",
            sentence=f"the account's {what}{tier}: {text(used)} of {text(limit)} used; "
            f"{then} {'now' if is_full else 'when it is full'}",
            evidence=(("limit", what), ("used", used), ("allowed", limit)),
            remedy="remove what is not needed, or have the account's limit raised",
            command=nats("account", "info"),
        )


def _of_publishing(troubles: Sequence[PublishTrouble]) -> Iterator[Verdict]:
    stored = [one for one in troubles if one.kind in {"no-answer", "no-room"}]
    if not stored:
        return
    silent = [one for one in stored if one.kind == "no-answer"]
    who = ", ".join(one.who for one in stored[:NAMED])
    more = f" and {len(stored) - NAMED:,} more" if len(stored) > NAMED else ""
    how = (
        "get no answer to what they publish, while the JetStream API answers: a server's disk "
        "is full or does not write"
        if silent
        else "are refused for want of room: a server's storage is full"
    )
    yield Verdict(
        rule="storage-full",
        severity="critical",
        sentence=f"{counted(len(stored), 'shipper')} ({who}{more}) {how}",
        evidence=(
            ("shippers", len(stored)),
            ("without_answer", len(silent)),
            ("said", stored[0].sentence),
        ),
        remedy="make room on the server's disk; a stream that met a full disk takes messages again "
        "only after a restart of that server; set max_file_store below the size of the disk",
        command=nats("server", "report", "jetstream"),
    )


def _number(value: float) -> str:
    return f"{value:,.0f}"
