"""What ``natsconsole status`` says, as plain data: a contract with scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.receivers import ReceiverStatus
from natsconsole.domain.snapshots import HostRow
from natsconsole.domain.streams import StreamState
from natsconsole.domain.triage import TriageSnapshot
from natsconsole.domain.verdicts.judge import in_order
from natsconsole.domain.verdicts.verdict import Verdict

EXIT_CODES = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """What one log stream's look found."""

    stream: str
    taken: float = 0.0
    """In seconds since the epoch."""
    hosts: tuple[HostRow, ...] = ()
    hosts_total: int = 0
    has_more_hosts: bool = False
    """Whether there are more than the server told."""
    receivers: tuple[ReceiverStatus, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    problem: str = ""
    """Why nothing of it is known, in one line; empty where something is."""
    not_permitted: str = ""
    """What the server refuses this login, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One look at everything."""

    triage: TriageSnapshot
    pipelines: tuple[Pipeline, ...] = ()

    @classmethod
    def of(cls, triage: TriageSnapshot, pipelines: Sequence[Pipeline]) -> Status:
        """Join them: the verdicts of receivers are those of their streams."""
        more = [verdict for one in pipelines for verdict in one.verdicts]
        refused = (f"{one.stream}: {one.not_permitted}" for one in pipelines if one.not_permitted)
        triage = replace(
            triage,
            verdicts=in_order([*triage.verdicts, *more]),
            not_permitted=(*triage.not_permitted, *refused),
        )
        failed = [f"hosts and receivers of {one.stream} are not known: {one.problem}"
                  for one in pipelines if one.problem]  # fmt: skip
        if failed and not triage.problem:
            triage = replace(triage, problem=failed[0], problem_kind="no-answer")
        return cls(triage=triage, pipelines=tuple(pipelines))

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.triage.worst]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON. Fields may be added, none is renamed; ``null`` is not known."""
        triage = self.triage
        rtt, ahead = triage.server.rtt_seconds, triage.server.clock_ahead_seconds
        return {
            "worst": triage.worst,
            "problem": triage.problem,
            "problem_kind": triage.problem_kind,
            "not_permitted": list(triage.not_permitted),
            "taken": round(triage.taken, 3),
            "watched_seconds": round(triage.watched_seconds, 3),
            "requests": triage.requests,
            "server": {
                "name": triage.server.name,
                "version": triage.server.version,
                "address": triage.server.address,
                "rtt_ms": None if rtt is None else round(rtt * 1000, 3),
                "clock_ahead_seconds": _rounded(ahead),
            },
            "account": _account(triage),
            "streams_total": triage.streams_total,
            "consumers_total": triage.consumers_total,
            "verdicts": [verdict_as_json(one) for one in triage.verdicts],
            "streams": [_stream(one, triage) for one in triage.streams],
            "consumers": [_consumer(one, triage) for one in triage.consumers],
            "hosts": [_host(one, found) for found in self.pipelines for one in found.hosts],
            "receivers": [_receiver(one) for found in self.pipelines for one in found.receivers],
        }


def verdict_as_json(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict; the figures it rests on are an object."""
    return {
        "rule": verdict.rule,
        "severity": verdict.severity,
        "sentence": verdict.sentence,
        "evidence": dict(verdict.evidence),
        "remedy": verdict.remedy,
        "command": verdict.command,
        "stream": verdict.stream,
        "consumer": verdict.consumer,
    }


def _account(triage: TriageSnapshot) -> dict[str, Any] | None:
    account = triage.account
    if account is None:
        return None
    return {
        "domain": account.domain,
        "storage": account.storage,
        "max_storage": account.max_storage,
        "memory": account.memory,
        "max_memory": account.max_memory,
        "streams": account.streams,
        "max_streams": account.max_streams,
        "consumers": account.consumers,
        "max_consumers": account.max_consumers,
    }


def _stream(stream: StreamState, triage: TriageSnapshot) -> dict[str, Any]:
    known = not stream.is_missing
    nearest = stream.nearest_limit
    return {
        "name": stream.name,
        "messages": stream.messages if known else None,
        "bytes": stream.bytes if known else None,
        "first_seq": stream.first_seq if known else None,
        "last_seq": stream.last_seq if known else None,
        "subjects": stream.subjects_count if known else None,
        "consumers": stream.consumers_count if known else None,
        "consumers_known": stream.knows_consumers,
        "messages_per_second": round(stream.messages_per_second, 2) if known else None,
        "replicas": stream.replicas_wanted,
        "leader": stream.leader,
        "limit": nearest.name if nearest else None,
        "limit_share": round(nearest.share, 4) if nearest else None,
        "limit_in_seconds": _rounded(nearest.seconds_left) if nearest else None,
        "verdicts": [verdict_as_json(one) for one in triage.verdicts_of(stream.name)],
    }


def _consumer(consumer: ConsumerState, triage: TriageSnapshot) -> dict[str, Any]:
    found = triage.verdicts_of(consumer.stream, consumer.name)
    verdicts = [verdict_as_json(one) for one in found]
    name = {"stream": consumer.stream, "name": consumer.name}
    figures = (
        "lag_messages", "lag_seconds", "unacked", "max_ack_pending", "redelivered", "redeliveries",
        "waiting", "paused", "ack_floor", "delivered", "last_delivery_seconds", "last_ack_seconds",
        "lag_per_second", "age_seconds",
    )  # fmt: skip
    if consumer.is_missing:
        return name | dict.fromkeys(figures) | {"verdicts": verdicts}
    values = (
        consumer.lag_messages,
        _rounded(consumer.lag_seconds),
        consumer.unacked,
        consumer.max_ack_pending,
        consumer.redelivered,
        consumer.redeliveries,
        consumer.waiting_pulls,
        consumer.is_paused,
        consumer.ack_floor_seq,
        consumer.delivered_seq,
        _rounded(consumer.last_delivery_seconds),
        _rounded(consumer.last_ack_seconds),
        round(consumer.lag_per_second, 2),
        round(max(0.0, triage.taken - consumer.taken), 3),
    )
    return name | dict(zip(figures, values, strict=True)) | {"verdicts": verdicts}


def _host(host: HostRow, found: Pipeline) -> dict[str, Any]:
    return {
        "host": host.host,
        "stream": found.stream,
        "lag_messages": host.lag_messages,
        "lag_seconds": _rounded(host.lag_seconds),
        "last_seen_seconds": _rounded(host.unseen_seconds(found.taken)),
        "unacked": host.unacked,
        "state": host.state,
    }


def _receiver(receiver: ReceiverStatus) -> dict[str, Any]:
    return {
        "name": receiver.name,
        "stream": receiver.stream,
        "group": receiver.group,
        "ack_policy": receiver.ack_policy,
        "answer": receiver.answer,
        "state": receiver.state,
        "reason": receiver.reason,
        "unacked": receiver.unacked,
        "written_lines": receiver.written_lines,
        "lost": receiver.lost,
        "doubled": receiver.doubled,
        "out_of_order": receiver.out_of_order,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
