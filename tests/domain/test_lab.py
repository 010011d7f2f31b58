import msgspec
import pytest

from natsconsole.domain.lab import (
    Moment,
    Process,
    Progress,
    Resume,
    SetFault,
    SetPolicy,
    SetRule,
    SetSettings,
    account_of,
    is_back,
    proof,
    refusal,
    way_back,
)
from natsconsole.domain.lab_scenes import SCENES
from natsconsole.domain.receivers import AnswerRule, HostStatus, ReceiverStatus
from screenshots.demo_data import receiver

NAK = AnswerRule(answer="nak")


def moment(*receivers: ReceiverStatus, **counters: int) -> Moment:
    named = {name.replace("_", " "): number for name, number in counters.items()}
    return Moment(receivers=receivers, counters=named)  # type: ignore[arg-type]


def changed(**fields: object) -> ReceiverStatus:
    return msgspec.structs.replace(receiver(), **fields)


def test_every_scene_is_whole() -> None:
    assert len({one.key for one in SCENES}) == len(SCENES) == 10
    for scene in SCENES:
        assert scene.steps
        assert all(step.words and 0 < step.at_least < step.within for step in scene.steps)
        assert scene.will.endswith(".")
        assert scene.lesson.endswith(".")
        needs = any(isinstance(step.do, Process) for step in scene.steps)
        assert needs == scene.needs_demo


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.key)
def test_no_step_has_happened_before_it_began(scene) -> None:  # type: ignore[no-untyped-def]
    now = moment(receiver(unacked=0), written=5)
    still = Progress(before=now, since=now, now=now)
    waits = [step for step in scene.steps if "nothing new is delivered" not in step.words]
    trivial = [step.words for step in waits if step.until(still)]
    assert all("max ack pending" in words or "max deliver" in words for words in trivial)


def test_the_account_is_the_sum_of_all_hosts() -> None:
    hosts = {
        name: HostStatus(
            host=name, partition=0, delivered=9, written=9, written_lines=5, lost=1, doubled=2,
            out_of_order=3, suppressed=4, quarantined=6,
        )
        for name in ("a", "b")
    }  # fmt: skip
    assert account_of(hosts) == {
        "written": 10, "lost": 2, "doubled": 4, "out of order": 6, "repeats": 8, "quarantined": 12,
    }  # fmt: skip
    assert account_of({})["lost"] == 0


def test_the_way_back_sets_only_what_was_changed() -> None:
    before = moment(receiver())
    assert way_back(before, before, is_demo=False) == ()
    now = moment(
        changed(
            rule=NAK, fault="disk-full", ack_policy="none", max_deliver=2, max_ack_pending=80,
            state="paused",
        )
    )  # fmt: skip
    actions = way_back(before, now, is_demo=False)
    kinds = [type(one) for one in actions]
    assert kinds == [SetFault, Resume, SetRule, SetSettings, SetPolicy]
    settings = next(one.settings for one in actions if isinstance(one, SetSettings))
    assert (settings.max_ack_pending, settings.max_deliver) == (100, -1)
    assert settings.backoff_seconds == ()


def test_in_a_demo_the_way_back_revives_and_ends_receivers() -> None:
    before = moment(receiver())
    actions = way_back(before, moment(), is_demo=True)
    assert actions[:2] == (Process("revive"), Process("stop second"))
    two = moment(receiver(), receiver(name="receiver-2"))
    assert Process("stop second") not in way_back(two, two, is_demo=True)


def test_it_is_back_only_when_all_is_as_it_was_and_runs() -> None:
    before = moment(receiver())
    assert is_back(before, before)
    for different in (
        moment(),
        moment(changed(rule=NAK)),
        moment(changed(state="held")),
        moment(changed(fault="disk-full")),
        moment(changed(ack_policy="all")),
        moment(changed(max_deliver=2)),
        moment(changed(held_messages=3)),
        moment(receiver(), receiver(name="receiver-2")),
        moment(receiver(name="receiver-2")),
    ):
        assert not is_back(before, different)


@pytest.mark.parametrize(
    ("now", "changes", "words"),
    [
        (moment(receiver()), {"is_demo": False}, "never runs on a stream of yours"),
        (moment(receiver()), {"is_demo": False, "is_lab_stream": True}, "only `natsconsole demo`"),
        (moment(), {}, "no receiver answers"),
        (moment(changed(lab=False)), {}, "no lab receiver"),
        (moment(changed(state="held")), {}, "is held"),
        (moment(changed(rule=NAK)), {}, "answer nak"),
        (moment(changed(ack_policy="none")), {}, "policy none"),
        (moment(receiver()), {}, ""),
    ],
)
def test_where_a_scene_is_refused_it_says_why(
    now: Moment, changes: dict[str, bool], words: str
) -> None:
    given = {"is_demo": True, "is_lab_stream": False, **changes}
    found = refusal(now, scene=SCENES[0], **given)
    assert words in found
    assert bool(found) == bool(words)


def test_the_proof_compares_with_what_was_promised() -> None:
    lines = {
        one.counter: one
        for one in proof(SCENES[1], moment(written=5), moment(written=9, lost=3, doubled=1))
    }
    assert lines["lost"].holds is True, "some were promised"
    assert lines["doubled"].holds is False, "none was promised"
    assert lines["written"].holds is None
    assert lines["written"].change == 4
