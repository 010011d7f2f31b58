import pytest

from natsconsole.domain.receiver_costs import (
    cost_of_fault,
    cost_of_max_deliver,
    cost_of_policy,
    cost_of_rule,
    costs_now,
)
from natsconsole.domain.receivers import ACK_POLICIES, ANSWERS, SAFE_ANSWERS, AnswerRule
from screenshots.demo_data import receiver


def test_every_choice_says_what_it_means() -> None:
    for policy in ACK_POLICIES:
        assert cost_of_policy(policy).sentence.startswith(f"{policy}: ")
    for answer in ANSWERS:
        cost = cost_of_rule(AnswerRule(answer=answer))
        assert cost.sentence.startswith(f"{answer}: ")
        assert cost.is_costly == (answer not in SAFE_ANSWERS)


def test_only_what_costs_is_costly() -> None:
    assert cost_of_policy("none").is_costly
    assert not cost_of_policy("all").is_costly
    assert cost_of_max_deliver(3).is_costly
    assert not cost_of_max_deliver(-1).is_costly
    assert cost_of_fault("disk-full").is_costly


def test_a_rule_for_some_says_for_which() -> None:
    rule = AnswerRule(answer="nak-delay", delay_seconds=2.5, share=0.2, hosts="web-*")
    sentence = cost_of_rule(rule).sentence
    assert "after 2.5 s" in sentence
    assert sentence.endswith(
        "Only 20 % of the messages of hosts web-*; the others are acknowledged"
    )


def test_what_holds_now_is_told_dearest_first() -> None:
    status = receiver(
        ack_policy="none", rule=AnswerRule(answer="withhold"), max_deliver=3, fault="disk-full"
    )
    firsts = [cost.sentence.split()[0] for cost in costs_now(status)]
    assert firsts == ["none:", "withhold:", "after", "disk"]
    assert "after 10 s" in costs_now(status)[1].sentence
    assert costs_now(receiver()) == ()


@pytest.mark.parametrize("share", [0.05, 1.0])
def test_a_share_is_told_only_where_it_is_one(share: float) -> None:
    assert ("Only" in cost_of_rule(AnswerRule(answer="nak", share=share)).sentence) == (share < 1)
