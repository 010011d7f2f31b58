"""Who leads, who follows, and whether enough of them are there."""

from __future__ import annotations

from collections.abc import Iterator

from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.streams import Replica, StreamState
from natsconsole.domain.verdicts.verdict import Severity, Verdict
from natsconsole.domain.verdicts.words import counted, nats, span

GONE_AFTER = 5.0
"""Seconds unheard of after which a replica that is not current is gone: heartbeats come each."""
FAR_BEHIND = 1_000
"""Operations that a replica is behind when it counts though the server calls it current."""


def of_stream_replicas(stream: StreamState) -> Iterator[Verdict]:
    """Judge a stream's leader and replicas."""
    if stream.offline_reason:
        yield Verdict(
            rule="offline",
            severity="critical",
            sentence=f"no server runs it: {stream.offline_reason}",
            evidence=(("reason", stream.offline_reason),),
            remedy="run it on the server version that made it",
            command=nats("stream", "info", stream.name),
            stream=stream.name,
        )
    elif stream.is_missing or (stream.is_replicated and not stream.leader):
        yield _no_leader("stream", stream.replicas, stream.replicas_wanted, stream.name)
    elif stream.is_replicated:
        yield from _of_peers("stream", stream.replicas, stream.replicas_wanted, stream.name)


def of_consumer_replicas(consumer: ConsumerState) -> Iterator[Verdict]:
    """Judge a consumer's leader and replicas."""
    wanted = consumer.replicas_wanted
    if consumer.is_missing or (wanted > 1 and not consumer.leader):
        yield _no_leader("consumer", consumer.replicas, wanted, consumer.stream, consumer.name)
    elif wanted > 1:
        yield from _of_peers("consumer", consumer.replicas, wanted, consumer.stream, consumer.name)


def _no_leader(
    what: str, replicas: tuple[Replica, ...], wanted: int, stream: str, consumer: str = ""
) -> Verdict:
    stops = "nothing is stored" if what == "stream" else "nothing is delivered"
    # Without a leader nobody knows who is there: the list is only of who should be.
    names = ", ".join(peer.name for peer in replicas)
    return Verdict(
        rule="no-leader",
        severity="critical",
        sentence=f"the {what} has no leader: {stops} until one is elected, which needs more than "
        "half of its replicas",
        evidence=(("replicas_wanted", wanted), ("replicas", names)),
        remedy="bring the servers of its replicas back; if they are lost, remove those peers",
        command=_cluster_command(stream, consumer),
        stream=stream,
        consumer=consumer,
    )


def _of_peers(
    what: str, replicas: tuple[Replica, ...], wanted: int, stream: str, consumer: str = ""
) -> Iterator[Verdict]:
    gone = [peer for peer in replicas if _is_gone(peer)]
    missing = max(0, wanted - 1 - len(replicas))
    online = 1 + len(replicas) - len(gone)
    names = ", ".join(peer.name for peer in gone)
    if online < wanted // 2 + 1:
        stops = "stored" if what == "stream" else "delivered"
        yield Verdict(
            rule="no-quorum",
            severity="critical",
            sentence=f"the {what} has no quorum: {online} of {wanted} replicas are there "
            f"({names or 'others'} gone); nothing is {stops} until more are back",
            evidence=(
                ("replicas_wanted", wanted), ("replicas_online", online), ("gone", names),
            ),
            remedy="bring the servers back; if they are lost, remove those peers",
            command=_cluster_command(stream, consumer),
            stream=stream,
            consumer=consumer,
        )  # fmt: skip
        return
    behind = [peer for peer in replicas if not _is_gone(peer) and _is_behind(peer)]
    if not gone and not behind and not missing:
        return
    told = [
        *(f"{peer.name} is gone, seen {span(peer.seen_seconds)} ago" for peer in gone),
        *(f"{peer.name} is {counted(peer.lag, 'operation')} behind, seen "
          f"{span(peer.seen_seconds)} ago" for peer in behind),
        *([f"{counted(missing, 'replica')} of {wanted} not placed"] if missing else []),
    ]  # fmt: skip
    spare = online - len(behind) - (wanted // 2 + 1)
    severity: Severity = "critical" if spare < 0 else "warning"
    last = "the next that fails stops it" if spare <= 0 else "it goes on"
    yield Verdict(
        rule="replica-behind",
        severity=severity,
        sentence=f"the {what}'s replicas: {', '.join(told)}; {last}",
        evidence=(
            ("replicas_wanted", wanted),
            ("replicas_online", online),
            ("gone", names),
            ("behind", ", ".join(peer.name for peer in behind)),
            ("worst_lag", max((peer.lag for peer in replicas), default=0)),
        ),
        remedy="bring the server back, and wait until it has caught up before touching another",
        command=_cluster_command(stream, consumer),
        stream=stream,
        consumer=consumer,
    )


def _is_gone(peer: Replica) -> bool:
    """Whether it counts for no quorum: a server takes its time to call a peer offline."""
    return peer.is_offline or (not peer.is_current and peer.seen_seconds >= GONE_AFTER)


def _is_behind(peer: Replica) -> bool:
    return not peer.is_current or peer.lag > FAR_BEHIND


def _cluster_command(stream: str, consumer: str) -> str:
    if consumer:
        return nats("consumer", "info", stream, consumer)
    return nats("stream", "info", stream)
