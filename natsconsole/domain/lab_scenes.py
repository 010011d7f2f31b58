"""The scenes of the ack lab: the series' lessons, each as data."""

from __future__ import annotations

from collections.abc import Mapping

from natsconsole.domain.lab import (
    AnswerWorst,
    Condition,
    Counter,
    Expectation,
    LabScene,
    Process,
    Progress,
    SetFault,
    SetPolicy,
    SetRule,
    SetSettings,
    Step,
)
from natsconsole.domain.receivers import AckPolicy, AnswerRule, SettingsRequest

ALL_KEPT: Mapping[Counter, Expectation] = {
    "lost": "none",
    "doubled": "none",
    "out of order": "none",
}
SMALL_WINDOW = 20
POISON = AnswerRule(answer="nak-delay", delay_seconds=2.0, share=0.03)
SOME_LATE = AnswerRule(answer="nak-delay", delay_seconds=1.0, share=0.1)
TO_EXHAUST = AnswerRule(answer="nak-delay", delay_seconds=1.0, share=0.1)


def _written_again(progress: Progress) -> bool:
    return progress.now.runs and progress.grew("written")


def _is_held(progress: Progress) -> bool:
    return any(one.state == "held" and one.unwritten for one in progress.now.receivers)


def _has_restarted(progress: Progress) -> bool:
    started = {one.name: one.started for one in progress.since.receivers}
    return any(one.started > started.get(one.name, one.started) for one in progress.now.receivers)


def _restarted_and_runs(progress: Progress) -> bool:
    return _has_restarted(progress) and progress.now.runs


def _is_at_limit(progress: Progress) -> bool:
    return any(0 < one.max_ack_pending <= one.unacked for one in progress.now.receivers)


def _stands_still(progress: Progress) -> bool:
    return not progress.grew("written")


def _flows_again(progress: Progress) -> bool:
    return progress.grew("written") and not _is_at_limit(progress)


def _redelivered(number: int) -> Condition:
    def is_so(progress: Progress) -> bool:
        return progress.now.redelivered - progress.since.redelivered >= number

    return is_so


def _in_flight(number: int) -> Condition:
    def is_so(progress: Progress) -> bool:
        return progress.now.unacked >= number

    return is_so


def _has_policy(policy: AckPolicy) -> Condition:
    def is_so(progress: Progress) -> bool:
        return progress.now.runs and all(one.ack_policy == policy for one in progress.now.receivers)

    return is_so


def _told(kind: str, number: int = 1) -> Condition:
    def is_so(progress: Progress) -> bool:
        return progress.now.events.get(kind, 0) - progress.since.events.get(kind, 0) >= number

    return is_so


def _settled(progress: Progress) -> bool:
    return progress.now.unacked < progress.since.unacked / 2


def _is_shared(progress: Progress) -> bool:
    receivers = progress.now.receivers
    return len(receivers) == 2 and all(
        any(part.state == "running" for part in one.partitions) for one in receivers
    )


def _has_all(progress: Progress) -> bool:
    receivers = progress.now.receivers
    if len(receivers) != 1 or receivers[0].name == progress.before.receivers[0].name:
        return False
    return all(part.state == "running" for part in receivers[0].partitions)


def _hold_kept_order(progress: Progress) -> bool:
    return _written_again(progress) and not progress.grew("out of order")


SCENES: tuple[LabScene, ...] = (
    LabScene(
        key="1",
        title="restart without losing",
        will="The receiver is killed with -9 in the middle of its work, and started again.",
        watch="Lost and doubled stay 0. Repeats may grow: what was written and not acknowledged "
        "comes again, and is recognised.",
        steps=(
            Step(
                words="kill -9 the receiver, and start it again",
                do=Process("crash"),
                until=_has_restarted,
            ),
            Step(
                words="it cuts the files to what its ledger knows, rewinds the consumer, goes on",
                until=_written_again,
                at_least=3,
            ),
        ),
        expects=ALL_KEPT,
        lesson="Written, synced, in the ledger, and only then acknowledged: a crash loses nothing.",
        needs_demo=True,
    ),
    LabScene(
        key="2",
        title="ack none, and what it loses",
        will="With policy none the disk fills and the receiver is killed: what it held in memory "
        "is gone, because the server forgot it when it was sent.",
        watch="Lost: the ranges in later messages prove which bytes never came. These lines stay "
        "lost; the way back restores the policy.",
        steps=(
            Step(
                words="ack policy none: delivery is the acknowledgement",
                do=SetPolicy("none"),
                until=_has_policy("none"),
            ),
            Step(
                words="the disk is full: what comes now is in memory only",
                do=SetFault("disk-full"),
                until=_is_held,
                at_least=3,
            ),
            Step(
                words="kill -9 the receiver, and start it again",
                do=Process("crash"),
                until=_restarted_and_runs,
            ),
            Step(
                words="later lines come, and prove the gap",
                until=lambda progress: progress.now.count("lost") > progress.before.count("lost"),
                at_least=2,
            ),
        ),
        expects={"lost": "some", "doubled": "none"},
        lesson="Ack none trusts the receiver's memory: what was not written when it died is lost.",
        needs_demo=True,
    ),
    LabScene(
        key="3",
        title="disk full",
        will="The receiver's disk fills, and after some seconds has room again.",
        watch="Home: the held hosts and the alert. Unacked: the countdowns start anew again and "
        "again, because the receiver says that it is still at work.",
        steps=(
            Step(
                words="the disk is full: the receiver holds what it has and pulls no more",
                do=SetFault("disk-full"),
                until=_is_held,
                at_least=6,
            ),
            Step(
                words="there is room again: it goes on, in order",
                do=SetFault("none"),
                until=_written_again,
                at_least=3,
            ),
        ),
        expects=ALL_KEPT,
        lesson="Hold and say in progress: nothing is lost, doubled, or out of order.",
    ),
    LabScene(
        key="4",
        title="poison message",
        will="Three messages in a hundred are refused each time they come: the poison. The worst "
        "of them is then given up for good, with a reason.",
        watch="Unacked: these few come again and again (↻). Events: the naks, then one terminated. "
        "The ack floor stands still before the first of them.",
        steps=(
            Step(
                words="3 % of the messages are refused, and come again after 2 s",
                do=SetRule(POISON),
                until=lambda progress: progress.now.most_deliveries >= 3,
                at_least=4,
            ),
            Step(
                words="the one that came most often is terminated: it goes to quarantine",
                do=AnswerWorst("term", "poison, as the lab has it"),
                until=lambda progress: (
                    progress.grew("quarantined") or _told("terminated")(progress)
                ),
                at_least=3,
            ),
        ),
        expects={"doubled": "none", "quarantined": "some"},
        lesson="A poison message is given up by name and kept in quarantine; max deliver would "
        "give up good ones, too. The others are written late when you go back: out of order.",
    ),
    LabScene(
        key="5",
        title="stuck consumer, max ack pending",
        will=f"Max ack pending becomes {SMALL_WINDOW} a partition and no ack is sent: when so many "
        "are in flight, the server delivers nothing more.",
        watch="Unacked climbs to its limit and stays there; lines written stands still; on Home "
        "the lag grows.",
        steps=(
            Step(
                words=f"max ack pending {SMALL_WINDOW} for each partition",
                do=SetSettings(SettingsRequest(max_ack_pending=SMALL_WINDOW)),
                until=lambda progress: all(
                    one.max_ack_pending <= SMALL_WINDOW * max(1, len(one.partitions))
                    for one in progress.now.receivers
                ),
            ),
            Step(
                words="lines are written, no ack is sent: unacked climbs to its limit",
                do=SetRule(AnswerRule(answer="withhold")),
                until=_is_at_limit,
                within=60,
            ),
            Step(
                words="the consumer is stuck: nothing new is delivered, nothing is written",
                until=_stands_still,
                at_least=5,
            ),
            Step(
                words="the acks are sent: all that waited comes at once",
                do=SetRule(AnswerRule(answer="ack")),
                until=_flows_again,
                at_least=2,
            ),
        ),
        expects=ALL_KEPT,
        lesson="A consumer that delivers nothing and has max ack pending in flight waits for acks, "
        "not for messages.",
    ),
    LabScene(
        key="6",
        title="nak storm",
        will="Every message is refused at once, and comes again at once: the same few messages go "
        "round in circles.",
        watch="Home: ↻ and redelivered race, out is 0. Events fill with naks. Nothing is written.",
        steps=(
            Step(
                words="every message is refused, and comes again at once",
                do=SetRule(AnswerRule(answer="nak")),
                until=_redelivered(200),
                at_least=6,
            ),
            Step(
                words="ack again: the consumer is rewound, and all is written in order",
                do=SetRule(AnswerRule(answer="ack")),
                until=_written_again,
                at_least=3,
            ),
        ),
        expects=ALL_KEPT,
        lesson="A nak without a delay is a loop through the network. What cannot be done now "
        "wants a delay, or to be held.",
    ),
    LabScene(
        key="7",
        title="ack all",
        will="With policy all one ack settles every message at or below it: dozens in flight are "
        "settled by one ack for each partition.",
        watch="Unacked: it climbs while no ack is sent, and falls to nothing at one stroke.",
        steps=(
            Step(words="ack policy all", do=SetPolicy("all"), until=_has_policy("all")),
            Step(
                words="lines are written, no ack is sent for some seconds",
                do=SetRule(AnswerRule(answer="withhold")),
                until=_in_flight(40),
                at_least=3,
            ),
            Step(
                words="one ack for each partition settles all below it",
                do=SetRule(AnswerRule(answer="ack")),
                until=_settled,
                at_least=2,
            ),
        ),
        expects=ALL_KEPT,
        lesson="Ack all is cheap and safe where one worker reads a partition: with two, one's ack "
        "would settle the other's unwritten messages.",
    ),
    LabScene(
        key="8",
        title="max deliver, and its advisory",
        will="Max deliver becomes 2 and a tenth of the messages is refused: after two deliveries "
        "the server gives them up, though they were never written.",
        watch="Events: ✗ max deliver, one for each message. The server's ack floor moves past them "
        "as if all were well.",
        steps=(
            Step(
                words="max deliver 2",
                do=SetSettings(SettingsRequest(max_deliver=2)),
                until=lambda progress: all(one.max_deliver == 2 for one in progress.now.receivers),
            ),
            Step(
                words="a tenth of the messages is refused, and comes again after 1 s",
                do=SetRule(TO_EXHAUST),
                until=_told("max deliver", 3),
                at_least=4,
            ),
        ),
        expects={"lost": "none", "doubled": "none"},
        is_late=True,
        lesson="The server counts them as done. The ledger knows better: on the way back the "
        "consumer is rewound, and they are written after all, late.",
    ),
    LabScene(
        key="9",
        title="take-over by a second receiver",
        will="A second receiver takes half of the partitions; then the first is killed and stays "
        "down, and the second takes the rest.",
        watch="Receivers: whose partition is whose. Events: pinned. Lost, doubled and out of order "
        "stay as they are.",
        steps=(
            Step(
                words="a second receiver starts, and is given its share",
                do=Process("start second"),
                until=_is_shared,
                at_least=3,
            ),
            Step(
                words="kill -9 the first, and leave it down: its leases run out",
                do=Process("kill"),
                until=_has_all,
                within=60,
            ),
            Step(
                words="the second has every partition, from the first line not written on",
                until=_written_again,
                at_least=3,
            ),
        ),
        expects=ALL_KEPT,
        lesson="Fence, cut, unpin, rewind, and only then pull: a take-over repeats nothing on one "
        "machine and loses nothing anywhere.",
        needs_demo=True,
    ),
    LabScene(
        key="0",
        title="order: broken by nak, kept by hold",
        will="First a tenth of the messages is refused for a second: later lines overtake them. "
        "Then the disk is full for as long: the receiver holds.",
        watch="Out of order grows while the refused lines are written; it does not grow after the "
        "hold.",
        steps=(
            Step(
                words="a tenth of the messages is refused, and comes again after 1 s",
                do=SetRule(SOME_LATE),
                until=_redelivered(3),
                at_least=4,
            ),
            Step(
                words="ack again: the refused lines are written, behind later ones",
                do=SetRule(AnswerRule(answer="ack")),
                until=lambda progress: (
                    progress.now.count("out of order") > progress.before.count("out of order")
                ),
                at_least=3,
            ),
            Step(
                words="the disk is full: the receiver holds",
                do=SetFault("disk-full"),
                until=_is_held,
                at_least=4,
            ),
            Step(
                words="there is room again: what was held is written, in order",
                do=SetFault("none"),
                until=_hold_kept_order,
                at_least=3,
            ),
        ),
        expects={"lost": "none", "doubled": "none", "out of order": "some"},
        lesson="A nak is a reordering. What must stay in order is held, and its sender told that "
        "work goes on.",
    ),
)
