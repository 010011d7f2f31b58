"""What a stream refuses, drops, or will soon."""

from __future__ import annotations

from collections.abc import Iterator

from natsconsole.domain.streams import PREFIX_KEY, Limit, StreamState
from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.domain.verdicts.words import DAY, HOUR, messages, nats, size, span

NEARLY_FULL = 0.9
LOG_NAMES = ("log", "logs", "journal", "syslog")


def of_stream(stream: StreamState) -> Iterator[Verdict]:
    """Judge a stream by its limits."""
    rejecting = [limit for limit in stream.limits if _rejects(stream, limit)]
    if rejecting:
        yield _full(stream, rejecting[0])
    else:
        yield from _filling(stream)
    if stream.discard == "old" and keeps_logs(stream) and stream.retention == "limits":
        yield from _drops_logs(stream)


def keeps_logs(stream: StreamState) -> bool:
    """Tell whether it is a log stream: ours by its metadata, or by its name or first token."""
    if PREFIX_KEY in stream.metadata:
        return True
    names = {stream.name.lower(), *(subject.split(".")[0].lower() for subject in stream.subjects)}
    return not names.isdisjoint(LOG_NAMES)


def _rejects(stream: StreamState, limit: Limit) -> bool:
    if stream.discard != "new" or limit.name == "max age":
        return False
    average = stream.bytes / stream.messages if stream.messages else 0
    room = limit.limit - limit.used
    return room < (1 if limit.name == "max messages" else max(1.0, average))


def _full(stream: StreamState, limit: Limit) -> Verdict:
    return Verdict(
        rule="stream-full",
        severity="critical",
        sentence=f"full and refusing: {_used(limit)}; each publish gets an error, and its sender "
        "must keep the message",
        evidence=_evidence(stream, limit),
        remedy="raise the limit, or remove what every consumer has done",
        command=nats("stream", "edit", stream.name, *_doubled(limit)),
        stream=stream.name,
    )


def _filling(stream: StreamState) -> Iterator[Verdict]:
    for limit in stream.limits:
        if stream.discard != "new" or limit.name == "max age":
            continue
        left = limit.seconds_left
        is_soon = left is not None and left < HOUR
        if limit.share < NEARLY_FULL and not is_soon:
            continue
        when = f", full in {span(left)} at this rate" if left is not None and left < DAY else ""
        yield Verdict(
            rule="stream-filling",
            severity="warning",
            sentence=f"{limit.share:.0%} of {limit.name} used{when}: then it refuses what is "
            "published",
            evidence=_evidence(stream, limit),
            remedy="raise the limit, or remove what every consumer has done",
            command=nats("stream", "info", stream.name),
            stream=stream.name,
        )
        return


def _drops_logs(stream: StreamState) -> Iterator[Verdict]:
    bound = [limit for limit in stream.limits if limit.name != "max age"]
    if not bound:
        return
    (limit, *_) = bound
    is_dropping = limit.share >= 0.98 and stream.first_seq > 1
    yield Verdict(
        rule="discard-old",
        severity="critical" if is_dropping else "warning",
        sentence="a log stream with discard old: "
        + (
            "it is full, and drops its oldest lines, read or not"
            if is_dropping
            else "once it is full it drops its oldest lines, read or not, and nobody is told"
        ),
        evidence=(*_evidence(stream, limit), ("first_sequence", stream.first_seq)),
        remedy="set discard new: a full stream then refuses at the source, where the file waits",
        command=nats("stream", "edit", stream.name, "--discard", "new"),
        stream=stream.name,
    )


def _used(limit: Limit) -> str:
    if limit.name == "max bytes":
        return f"{size(limit.used)} of {size(limit.limit)}"
    return f"{limit.used:,.0f} of {messages(int(limit.limit))}"


def _doubled(limit: Limit) -> tuple[str, str]:
    flag = "--max-bytes" if limit.name == "max bytes" else "--max-msgs"
    return flag, str(int(2 * limit.limit))


def _evidence(stream: StreamState, limit: Limit) -> tuple[tuple[str, int | float | str], ...]:
    left = limit.seconds_left
    return (
        ("limit", limit.name),
        ("used", int(limit.used)),
        ("allowed", int(limit.limit)),
        ("discard", stream.discard),
        *((("full_in_seconds", round(left)),) if left is not None else ()),
    )
