"""What is known of one stream or consumer, as lines: verdicts first, then figures. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from natsconsole.domain.consumers import ConsumerState
from natsconsole.domain.streams import Replica, StreamState
from natsconsole.domain.triage import TriageSnapshot
from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.domain.verdicts.words import nats
from natsconsole.tui.drawing import Ink
from natsconsole.tui.format import clock_time, duration, plural, scaled, size
from natsconsole.tui.page.wrapping import wrapped
from natsconsole.tui.sparkline import sparkline
from natsconsole.tui.triage.cells import WEIGHT_SIGNS, limit_words, verdict_ink

NAME_WIDTH = 16
SPARK = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One line."""

    name: str = ""
    words: str = ""
    ink: Ink = "plain"
    sign: str = ""
    is_heading: bool = False
    command: str = ""
    """What is copied on this line."""
    stream: str = ""
    sequence: int = 0
    """The message that is opened from here, 0 for none."""
    consumer: str = ""
    """The consumer that is opened from here."""


def heading(name: str, words: str = "") -> Detail:
    """Return the title of a part."""
    return Detail(name=name, words=words, is_heading=True)


def of_verdicts(verdicts: Iterable[Verdict], info: str, width: int) -> Iterator[Detail]:
    """Tell each verdict in full: sentence, evidence, remedy, command."""
    found = list(verdicts)
    if not found:
        yield Detail(sign="✓", words="nothing is wrong with it", ink="good", command=info)
        yield Detail()
    for verdict in found:
        sign, _ = WEIGHT_SIGNS[verdict.weight] if verdict.weight else ("›", "muted")
        ink: Ink = verdict_ink(verdict) if verdict.weight else "plain"
        command = verdict.command or info
        for place, part in enumerate(wrapped(verdict.sentence, width)):
            yield Detail(
                sign="" if place else sign, words=part, ink=ink, command=command,
                consumer=verdict.consumer, stream=verdict.stream,
            )  # fmt: skip
        evidence = ", ".join(evidence_words(name, value) for name, value in verdict.evidence)
        texts: list[tuple[str, str, Ink]] = [
            ("evidence", evidence, "muted"),
            ("remedy", verdict.remedy, "plain"),
            ("command", verdict.command, "accent"),
            ("rule", verdict.rule, "faint"),
        ]
        for name, text, text_ink in texts:
            for place, part in enumerate(wrapped(text, width - NAME_WIDTH) if text else ()):
                yield Detail(
                    name="" if place else name, words=part, ink=text_ink, command=command,
                    sequence=_sequence_in(verdict), stream=verdict.stream,
                    consumer=verdict.consumer,
                )  # fmt: skip
        yield Detail()


def evidence_words(name: str, value: float | str) -> str:
    """Return one figure as people read it."""
    words = name.removesuffix("_seconds").replace("_", " ")
    if name.endswith("_seconds") and not isinstance(value, str):
        return f"{words} {duration(value, gap=' ')}"
    if isinstance(value, str):
        return f"{words} {value or 'none'}"
    return f"{words} {value:,}" if isinstance(value, int) else f"{words} {value:,.1f}"


def _sequence_in(verdict: Verdict) -> int:
    for name, value in verdict.evidence:
        if name.endswith("sequence") and isinstance(value, int):
            return value
    return 0


def consumer_details(snapshot: TriageSnapshot, one: ConsumerState, width: int) -> list[Detail]:
    """Return all that is known of a consumer."""
    info = nats("consumer", "info", one.stream, one.name)
    lines = [heading("WHAT IS SO", "enter opens the message   c copies the command")]
    lines += of_verdicts(snapshot.verdicts_of(one.stream, one.name), info, width)
    if one.is_missing:
        return [*lines, Detail(words="nobody tells how it stands now", ink="warn")]
    lines += [heading("WHERE IT STANDS"), *_standing(one, info), Detail()]
    if one.given_up_total:
        lines.append(heading("GIVEN UP", f"{one.given_up_total:,} since we watch or as kept"))
        lines += [
            Detail(
                name=f"#{given.sequence:,}",
                words=f"after {given.deliveries} deliveries, at {given.time}",
                stream=one.stream,
                sequence=given.sequence,
                command=nats("stream", "get", one.stream, given.sequence),
            )
            for given in one.given_up
        ]
        lines.append(Detail())
    lines += [heading("SETTINGS"), *_consumer_settings(one, info), Detail()]
    lines += [heading("SERVERS"), *_servers(one.leader, one.replicas, one.cluster)]
    return lines


def _standing(one: ConsumerState, info: str) -> Iterator[Detail]:
    def line(name: str, words: str, ink: Ink = "plain", sequence: int = 0) -> Detail:
        command = nats("stream", "get", one.stream, sequence) if sequence else info
        return Detail(name=name, words=words, ink=ink, stream=one.stream, sequence=sequence,
                      command=command)  # fmt: skip

    chart = sparkline(one.history, SPARK).lstrip()
    trend = f"{one.lag_per_second:+,.1f}/s" if one.lag_per_second else "steady"
    zero = one.seconds_to_zero
    if zero and one.lag_messages:
        trend += f", none left in {duration(zero, gap=' ')}"
    yield line("lag", f"{plural(one.lag_messages, 'message')} wait, {trend}  {chart}")
    if one.lag_seconds is None:
        yield line("lag in time", "not known (yet, or reading messages is not permitted)", "muted")
    else:
        yield line("lag in time", duration(one.lag_seconds, gap=" "))
    if one.oldest is not None:
        yield line(
            "stuck on",
            f"#{one.oldest.sequence:,} on {one.oldest.subject}, stored "
            f"{clock_time(one.oldest.time)}",
            sequence=one.oldest.sequence,
        )
    most = "no limit" if one.max_ack_pending < 0 else f"at most {one.max_ack_pending:,}"
    yield line("unacked", f"{one.unacked:,}, {most}", "bad" if one.is_full else "plain")
    yield line(
        "redelivered",
        f"{one.redelivered:,} in that state now; {one.redeliveries:,} redeliveries counted in "
        f"{duration(one.watched_seconds, gap=' ')}",
    )
    if one.is_pull:
        yield line("waiting pulls", f"{one.waiting_pulls:,} of at most {one.max_waiting:,}")
    else:
        bound = "somebody listens" if one.is_bound else "nobody listens"
        yield line(
            "delivers to", f"{one.deliver_subject}: {bound}", "plain" if one.is_bound else "bad"
        )
    yield line(
        "rates",
        f"{scaled(one.delivered_per_second)} delivered/s, {scaled(one.acked_per_second)} acked/s",
    )
    sent, acked = (
        "never (since its leader started)" if age is None else f"{duration(age, gap=' ')} ago"
        for age in (one.last_delivery_seconds, one.last_ack_seconds)
    )
    yield line("last delivery", sent)
    yield line("last ack", acked)
    yield line(
        "ack floor",
        f"#{one.ack_floor_seq:,}, {plural(one.ack_floor_gap, 'sequence')} behind the last "
        f"delivery #{one.delivered_seq:,}",
        sequence=one.ack_floor_seq,
    )
    if one.pinned_client:
        yield line("served alone", f"client {one.pinned_client}")
    if one.is_paused:
        until = "" if one.paused_until is None else f" until {clock_time(one.paused_until)}"
        yield line("paused", f"yes{until}", "warn")
    if one.lost_unread:
        yield line("lost unread", f"at least {plural(one.lost_unread, 'message')}", "bad")
    if one.deleted_unacked:
        yield line("lost unacked", f"{plural(one.deleted_unacked, 'message')}", "bad")


def _consumer_settings(one: ConsumerState, info: str) -> Iterator[Detail]:
    backoff = " ".join(f"{wait:g}s" for wait in one.backoff_seconds)
    texts = (
        ("kind", f"{one.kind}, {'durable' if one.is_durable else 'ephemeral'}"),
        ("filter", ", ".join(one.filters) or "every subject"),
        ("starts at", one.deliver_policy),
        ("ack policy", one.ack_policy),
        ("ack wait", f"{one.ack_wait_seconds:g} s{f'; back-off {backoff}' if backoff else ''}"),
        ("max deliver", "without end" if one.max_deliver < 0 else f"{one.max_deliver}"),
        ("priority", " ".join((one.priority_policy, *one.groups)) if one.priority_policy else ""),
        ("goes after",
         f"{duration(one.inactive_threshold_seconds, gap=' ')} without a client"
         if one.inactive_threshold_seconds else ""),
        ("created", one.created),
        ("description", one.description),
        *((name, value) for name, value in sorted(one.metadata.items())),
    )  # fmt: skip
    return (Detail(name=name, words=words, command=info) for name, words in texts if words)


def _servers(leader: str, replicas: tuple[Replica, ...], cluster: str) -> Iterator[Detail]:
    if not cluster:
        yield Detail(name="server", words="alone: no replicas")
        return
    yield Detail(name="cluster", words=cluster)
    yield Detail(name="leader", words=leader or "none: nothing is stored or delivered",
                 ink="plain" if leader else "bad")  # fmt: skip
    for one in replicas:
        if one.is_offline:
            words, ink = f"offline, heard of {duration(one.seen_seconds, gap=' ')} ago", "bad"
        elif not one.is_current:
            heard = f"heard of {duration(one.seen_seconds, gap=' ')} ago"
            words, ink = f"{one.lag:,} operations behind, {heard}", "warn"
        else:
            words, ink = "current", "plain"
        yield Detail(name=one.name, words=words, ink=ink)  # type: ignore[arg-type]


def stream_details(snapshot: TriageSnapshot, one: StreamState, width: int) -> list[Detail]:
    """Return all that is known of a stream."""
    info = nats("stream", "info", one.name)
    lines = [heading("WHAT IS SO", "c copies the command")]
    lines += of_verdicts(snapshot.verdicts_of(one.name), info, width)
    if one.is_missing:
        return [*lines, Detail(words="nobody tells how it stands now", ink="warn")]
    lines += [heading("WHAT IT HOLDS"), *_holding(one, info), Detail()]
    consumers = [each for each in snapshot.consumers if each.stream == one.name]
    lines.append(heading("CONSUMERS", f"{len(consumers):,} of {one.consumers_count:,}"))
    if not one.knows_consumers:
        lines.append(Detail(words="not permitted, or not read yet", ink="muted"))
    for each in consumers:
        worst = max(
            snapshot.verdicts_of(one.name, each.name), key=lambda found: found.weight, default=None
        )
        lag = f"lag {each.lag_messages:,}, unacked {each.unacked:,}"
        words = f"{lag}  {worst.sentence}" if worst is not None and worst.weight else lag
        lines.append(
            Detail(
                name=each.name, words=words, stream=one.name, consumer=each.name,
                ink=verdict_ink(worst) if worst is not None and worst.weight else "plain",
                command=nats("consumer", "info", one.name, each.name),
            )
        )  # fmt: skip
    lines += [Detail(), heading("SETTINGS"), *_stream_settings(one, info), Detail()]
    lines += [heading("SERVERS"), *_servers(one.leader, one.replicas, one.cluster)]
    if snapshot.not_permitted:
        lines += [Detail(), heading("NOT PERMITTED", "what this login may not know")]
        lines += [Detail(words=each, ink="warn") for each in snapshot.not_permitted]
    return lines


def _holding(one: StreamState, info: str) -> Iterator[Detail]:
    def line(name: str, words: str, ink: Ink = "plain", sequence: int = 0) -> Detail:
        command = nats("stream", "get", one.name, sequence) if sequence else info
        return Detail(name=name, words=words, ink=ink, stream=one.name, sequence=sequence,
                      command=command)  # fmt: skip

    yield line(
        "messages",
        f"{one.messages:,} in {size(one.bytes)}, {plural(one.subjects_count, 'subject')}",
    )
    yield line(
        "rates",
        f"{scaled(one.messages_per_second)} stored/s, {scaled(one.removed_per_second)} removed/s, "
        f"{'+' if one.bytes_per_second >= 0 else '-'}{size(abs(one.bytes_per_second))}/s"
        f"  {sparkline(one.history, SPARK).lstrip()}",
    )
    for name, sequence, moment in (
        ("oldest", one.first_seq, one.first_time),
        ("newest", one.last_seq, one.last_time),
    ):
        if moment is not None:
            age = duration(one.taken - moment, gap=" ")
            yield line(name, f"#{sequence:,}, stored {age} ago", sequence=sequence)
    if one.deleted:
        yield line("deleted", f"{plural(one.deleted, 'message')} between the two")
    for limit in one.limits:
        words = limit_words(limit).partition(" ")[2]
        yield line(limit.name, f"used {words}", "warn" if limit.share >= 0.9 else "plain")
    if not one.limits:
        yield line("limits", "none: it grows until the server's storage is full", "warn")


def _stream_settings(one: StreamState, info: str) -> Iterator[Detail]:
    transform = f" → {one.transform}" if one.transform else ""
    texts = (
        ("subjects", ", ".join(one.subjects) + transform),
        ("sources", ", ".join(f"{each.name} (lag {each.lag:,})" for each in one.sources)),
        ("keeps by", f"{one.retention}, discard {one.discard}, {one.storage}"),
        ("per subject", f"at most {one.max_messages_per_subject:,} messages"
         if one.max_messages_per_subject > 0 else ""),
        ("message size", f"at most {size(one.max_message_bytes)}"
         if one.max_message_bytes > 0 else ""),
        ("duplicates", f"recognised for {duration(one.duplicate_window_seconds, gap=' ')}"
         if one.duplicate_window_seconds else ""),
        ("direct get", "allowed" if one.allow_direct else "not allowed: reads go to the leader"),
        ("replicas", f"{one.replicas_wanted}"),
        ("created", one.created),
        ("description", one.description),
        *((name, value) for name, value in sorted(one.metadata.items())),
    )  # fmt: skip
    return (Detail(name=name, words=words, command=info) for name, words in texts if words)
