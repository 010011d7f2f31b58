"""What is wrong with the receivers of a log stream, as they say themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from natsconsole.domain.receivers import ReceiverStatus
from natsconsole.domain.verdicts.verdict import Evidence, Severity, Verdict
from natsconsole.domain.verdicts.words import counted, messages, nats


def of_receivers(
    stream: str, receivers: Sequence[ReceiverStatus], lag_messages: int
) -> Iterator[Verdict]:
    """Judge a log stream's receivers; ``lag_messages`` is what no receiver has written."""
    if not receivers and lag_messages:
        yield _verdict(
            "no-receiver",
            "warning",
            stream,
            f"no receiver answers, and the stream holds {messages(lag_messages)} for one",
            (("lag_messages", lag_messages),),
            "start `natsconsole receive`, or see why it does not answer",
        )
    for receiver in receivers:
        yield from _of_one(stream, receiver)


def _of_one(stream: str, receiver: ReceiverStatus) -> Iterator[Verdict]:
    name = receiver.name
    if receiver.state == "held":
        yield _verdict(
            "receiver-held",
            "critical",
            stream,
            f"{name} holds {messages(receiver.held_messages)}: {receiver.reason or 'held'}; "
            "nothing is lost, and it goes on by itself",
            (
                ("receiver", name),
                ("held_messages", receiver.held_messages),
                ("disk_free_bytes", receiver.disk_free_bytes),
            ),
            "end the cause it names",
        )
    elif receiver.state == "paused":
        yield _verdict(
            "receiver-paused",
            "warning",
            stream,
            f"{name} is paused: messages wait in the stream",
            (("receiver", name),),
            "resume it in the console",
        )
    if receiver.lost:
        yield _verdict(
            "receiver-lost",
            "critical",
            stream,
            f"{name}: {counted(receiver.lost, 'line')} lost, as the ranges of their sources prove",
            (("receiver", name), ("lost", receiver.lost)),
            "get them from their source; see the stream's limits",
        )
    if receiver.parked_hosts:
        yield _verdict(
            "receiver-parked",
            "warning",
            stream,
            f"{name}: the files of {counted(receiver.parked_hosts, 'host')} cannot be written; "
            "their lines wait in the stream",
            (("receiver", name), ("parked_hosts", receiver.parked_hosts)),
            "mend their files before the stream's max age",
        )
    for sentence in receiver.alarms:
        yield _verdict(
            "receiver-alarm",
            "warning",
            stream,
            f"{name}: {sentence}",
            (("receiver", name),),
            "see docs/receiver.md, and the receiver's log",
        )


def _verdict(
    rule: str, severity: Severity, stream: str, sentence: str, evidence: Evidence, remedy: str
) -> Verdict:
    return Verdict(
        rule=rule,
        severity=severity,
        sentence=sentence,
        evidence=evidence,
        remedy=remedy,
        command=nats("micro", "ls"),
        stream=stream,
    )
