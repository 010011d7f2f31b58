"""What needs attention now, in plain words: the one thing to read when nothing else is read.

Every sentence says what is so, what it costs and what ends it. Texts may hold words from the
network; whoever shows them makes them safe.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Literal

from natsconsole.domain.receiver_costs import cost_of_rule
from natsconsole.domain.receivers import ReceiverStatus
from natsconsole.domain.snapshots import HomeSnapshot, Link
from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.domain.verdicts.words import counted, messages, size, span

Severity = Literal["critical", "warning", "notice", "calm"]
NAMED = 3
"""Silent hosts that are named, those that fell silent last."""
BEHIND_SECONDS = 30.0
"""A shipper whose lines have waited longer than this is behind."""
_WINDOW_IS_FULL = frozenset({"max-ack-pending", "nak-delayed"})
_ORDER: tuple[Severity, ...] = ("critical", "warning", "notice", "calm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One sentence and how much it matters."""

    rule: str
    """What it is about, the same for as long as it lasts: figures in the sentence change."""
    severity: Severity
    sentence: str


_DIGITS = re.compile(r"\d+")


def of_stream(verdicts: Iterable[Verdict], stream: str) -> tuple[Verdict, ...]:
    """Return the verdicts that matter where this stream is shown: its own, and the server's."""
    return tuple(one for one in verdicts if one.weight and one.stream in {"", stream})


def alerts(
    home: HomeSnapshot,
    link: Link,
    now: float,
    gone: ReceiverStatus | None = None,
    verdicts: Iterable[Verdict] = (),
) -> tuple[Alert, ...]:
    """Return what needs attention, worst first.

    Args:
        home: what the look found.
        link: the connection.
        now: in seconds since the epoch.
        gone: a receiver that was there before, as it was last seen.
        verdicts: what is wrong with the stream, its consumers, the server.
    """
    verdicts = tuple(verdicts)
    found = [
        *_of_link(home, link, now),
        *(_of_absence(home, gone) if home.taken else ()),
        *(alert for receiver in home.receivers for alert in _of_receiver(receiver, now)),
        *_of_totals(home, verdicts),
        *_of_shippers(home),
        *_of_silence(home),
        *_of_verdicts(home, verdicts),
    ]
    found.sort(key=lambda alert: _ORDER.index(alert.severity))
    return tuple(found) or (_calm(home, link),)


def _of_link(home: HomeSnapshot, link: Link, now: float) -> Iterator[Alert]:
    if link.state == "lost":
        why = f" ({link.error})" if link.error else ""
        yield Alert(
            rule="link-lost",
            severity="critical",
            sentence=f"no connection for {span(now - link.since)}{why}: "
            "these figures are from before; receivers go on without this screen",
        )
    elif home.problem:
        yield Alert(
            rule="incomplete-look",
            severity="warning",
            sentence=f"this look is incomplete: {home.problem}",
        )


def _of_absence(home: HomeSnapshot, gone: ReceiverStatus | None) -> Iterator[Alert]:
    if home.receivers or not home.knows_receivers:  # what was not seen may be there
        return
    verb = "waits" if home.lag_messages == 1 else "wait"
    waiting = (
        f"{messages(home.lag_messages)} {verb} in the stream"
        if home.lag_messages
        else "no message waits"
    )
    if gone is not None:
        cost = (
            "under ack policy none what it had not written is lost"
            if gone.ack_policy == "none"
            else "nothing is lost"
        )
        yield Alert(
            rule=f"gone {gone.name}",
            severity="critical",
            sentence=f"{gone.name} is gone: {waiting}, {cost}",
        )
    elif home.is_log_stream:
        yield Alert(
            rule="no-receiver", severity="warning", sentence=f"no receiver answers: {waiting}"
        )


def _of_receiver(receiver: ReceiverStatus, now: float) -> Iterator[Alert]:
    name = receiver.name
    yield from _of_state(receiver, now)
    if receiver.answer == "nak":
        yield Alert(
            rule=f"nak {name}",
            severity="critical",
            sentence=f"{name} answers nak: each message is refused, comes again at once and is "
            "not written; r chooses another answer",
        )
    if receiver.answer == "withhold":
        yield Alert(
            rule=f"withhold {name}",
            severity="critical",
            sentence=f"{name} withholds its acks: lines are written, but each message comes again "
            f"after {span(receiver.ack_wait_seconds)}; at {receiver.max_ack_pending:,} unacked "
            "delivery stops",
        )
    if receiver.answer in {"nak-delay", "in-progress", "term"}:
        cost = cost_of_rule(receiver.rule)
        yield Alert(
            rule=f"{receiver.answer} {name}",
            severity="critical",
            sentence=f"{name} answers {cost.sentence}; R changes it",
        )
    if receiver.ack_policy == "none":
        yield Alert(
            rule=f"policy-none {name}",
            severity="critical",
            sentence=f"ack policy none: the server forgets a message once it is sent; "
            f"what {name} has not written when it dies is lost",
        )
    if receiver.max_deliver > 0:
        yield Alert(
            rule=f"max-deliver {name}",
            severity="critical",
            sentence=f"max deliver {receiver.max_deliver}: after that many deliveries a message "
            "is given up, written or not",
        )


def _of_state(receiver: ReceiverStatus, now: float) -> Iterator[Alert]:
    name = receiver.name
    if receiver.state == "held":
        yield _held(receiver, now)
    elif receiver.state == "paused":
        yield Alert(
            rule=f"paused {name}",
            severity="warning",
            sentence=f"{name} is paused: messages wait in the stream, nothing is lost; p resumes",
        )
    elif receiver.state in {"switching", "starting", "draining"}:
        why = f": {receiver.reason}" if receiver.reason else ""
        yield Alert(
            rule=f"{receiver.state} {name}",
            severity="notice",
            sentence=f"{name} is {receiver.state}{why}",
        )
    if receiver.lost:
        yield Alert(
            rule=f"lost {name}",
            severity="critical",
            sentence=f"{receiver.lost:,} lines are lost: the sources' ranges prove them missing",
        )
    if receiver.parked_hosts:
        hosts = counted(receiver.parked_hosts, "host")
        yield Alert(
            rule=f"parked {name}",
            severity="warning",
            sentence=f"{name}: the files of {hosts} cannot be written: their lines wait in the "
            "stream; mend the files before its max age",
        )
    yield from _of_alarms(receiver)


def _of_alarms(receiver: ReceiverStatus) -> Iterator[Alert]:
    met: Counter[str] = Counter()
    for sentence in receiver.alarms:
        kind = _DIGITS.sub("", sentence)  # the same alarm, whatever its figures say
        met[kind] += 1
        yield Alert(
            rule=f"alarm {receiver.name} {met[kind]} {kind}",
            severity="warning",
            sentence=f"{receiver.name}: {sentence}",
        )


def _held(receiver: ReceiverStatus, now: float) -> Alert:
    held = [part.partition for part in receiver.partitions if part.state == "held"]
    everywhere = len(held) == len(receiver.partitions)
    where = "" if everywhere or not held else " " + ", ".join(f"p{number}" for number in held[:4])
    since = "" if receiver.held_since is None else f" for {span(now - receiver.held_since)}"
    is_full = receiver.fault == "disk-full" or "no space left" in receiver.reason
    cause = "disk full" if is_full else receiver.reason or "held"
    detail = f" ({receiver.reason})" if receiver.reason not in {"", cause} else ""
    return Alert(
        rule=f"held {receiver.name}",
        severity="critical",
        sentence=f"{receiver.name}{where}: {cause}, holding "
        f"{messages(receiver.held_messages)}{since}; nothing lost, resumes by itself{detail}",
    )


def _of_totals(home: HomeSnapshot, verdicts: Sequence[Verdict]) -> Iterator[Alert]:
    full = [one for one in verdicts if one.rule in _WINDOW_IS_FULL]
    if full and not home.receivers:  # they tell of each consumer
        return
    totals = home.totals
    if 0 < totals.max_ack_pending <= totals.outstanding_acks:
        ours = _consumers_of(home)
        yield Alert(
            rule="max-ack-pending",
            severity="critical" if any(_is_stuck(one, ours) for one in full) else "warning",
            sentence=f"{totals.outstanding_acks:,} unacked is max ack pending: "
            "the server delivers nothing more until some are acknowledged",
        )


def _of_shippers(home: HomeSnapshot) -> Iterator[Alert]:
    seen = home.shippers
    waiting = f"{size(seen.backlog_bytes)} wait in their files"
    if seen.is_stopped:
        why = f" ({seen.reason})" if seen.reason else ""
        yield Alert(
            rule="red-button",
            severity="warning",
            sentence=f"the red button pauses all shippers{why}: {waiting}, nothing is lost; "
            "B lets them go on",
        )
    elif seen.paused_hosts:
        names = [row.host for row in home.hosts if row.shipper and row.shipper.is_paused]
        yield Alert(
            rule="red-button",
            severity="warning",
            sentence=f"the red button pauses {_some(names, seen.paused_hosts)}: {waiting}; "
            "B lets them go on",
        )
    if seen.lost_bytes:
        yield Alert(
            rule="lost-at-source",
            severity="critical",
            sentence=f"at least {size(seen.lost_bytes)} are lost at the source, on "
            f"{_some(seen.lost_at, len(seen.lost_at))}: files were cut or removed before their "
            "shipper had read them",
        )
    if seen.gone:
        yield Alert(
            rule="shipper-gone",
            severity="warning",
            sentence=f"no heartbeat of the shipper on {_some(seen.gone, len(seen.gone))} any more: "
            "new lines wait in the files there until it runs again",
        )
    if seen.lag_seconds >= BEHIND_SECONDS:
        yield Alert(
            rule="shipper-behind",
            severity="warning",
            sentence=f"a shipper is {span(seen.lag_seconds)} behind its files: {waiting}",
        )
    for problem in seen.problems[:NAMED]:
        yield Alert(rule=f"shipper {problem}", severity="warning", sentence=f"shipper on {problem}")


def _some(names: Sequence[str], total: int) -> str:
    shown = ", ".join(names[:NAMED])
    return f"{shown} and {total - NAMED:,} more" if total > NAMED else shown


def _of_silence(home: HomeSnapshot) -> Iterator[Alert]:
    silent = [row for row in home.hosts if row.state == "silent"]
    if not silent:
        return
    latest = nsmallest(NAMED, silent, key=lambda row: -(row.last_seen or 0.0))
    names = ", ".join(
        f"{row.host} ({span(row.unseen_seconds(home.taken) or 0.0)})" for row in latest
    )
    more = f" and {len(silent) - NAMED:,} more" if len(silent) > NAMED else ""
    is_one = len(silent) == 1
    yield Alert(
        rule="silent",
        severity="warning",
        sentence=f"{len(silent):,} {'host is' if is_one else 'hosts are'} silent: {names}{more}; "
        f"look whether {'its' if is_one else 'their'} shipper runs",
    )


def _of_verdicts(home: HomeSnapshot, verdicts: Iterable[Verdict]) -> Iterator[Alert]:
    for verdict in verdicts:
        if verdict.severity == "ok" or _is_said(verdict, home):
            continue
        about = verdict.consumer or verdict.stream
        yield Alert(
            rule=f"{verdict.rule} {verdict.stream} {verdict.consumer}",
            severity=verdict.severity,
            sentence=f"{about}: {verdict.sentence}" if about else verdict.sentence,
        )


def _is_said(verdict: Verdict, home: HomeSnapshot) -> bool:
    """Whether Home says the same of the same consumer, from what its receiver tells."""
    for receiver in home.receivers:
        for part in receiver.partitions:
            if part.state == "elsewhere" or part.consumer != verdict.consumer or not part.consumer:
                continue
            if verdict.rule == "max-deliver-finite" and receiver.max_deliver > 0:
                return True
            if verdict.rule == "max-ack-pending" and (
                verdict.severity != "critical"  # it flows: a full window is how that looks
                or part.state == "held"
                or receiver.state == "paused"
                or receiver.answer in {"withhold", "in-progress"}
                or 0 < home.totals.max_ack_pending <= home.totals.outstanding_acks
            ):
                return True
    return False


def _is_stuck(verdict: Verdict, ours: frozenset[str]) -> bool:
    return verdict.severity == "critical" and verdict.consumer in ours


def _consumers_of(home: HomeSnapshot) -> frozenset[str]:
    return frozenset(part.consumer for one in home.receivers for part in one.partitions)


def _calm(home: HomeSnapshot, link: Link) -> Alert:
    if link.state == "connecting":
        return Alert(
            rule="calm",
            severity="notice",
            sentence=f"connecting to {link.address or 'the server'} …",
        )
    if not home.taken:
        return Alert(rule="calm", severity="notice", sentence="taking the first look …")
    if not home.hosts:
        where = f" in {home.stream}" if home.stream else ""
        return Alert(rule="calm", severity="notice", sentence=f"no host has sent a line{where} yet")
    if not home.lag_messages:
        return Alert(rule="calm", severity="calm", sentence="every line that is stored is written")
    return Alert(
        rule="calm",
        severity="calm",
        sentence=f"flowing: the oldest line not yet written is {span(home.lag_seconds)} old",
    )
