"""Faults are drawn from the seed alone, and no component has two at a time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from benchmarks.chaos.schedule import WARM_UP, PlannedFault, draw_faults

DECKS = {
    "receiver-1": ["kill", "freeze", "blackhole", "half-open", "slow", "reset"],
    "receiver-2": ["kill", "freeze", "blackhole", "half-open", "slow", "reset"],
    "disk": ["disk-full"],
    "nobody": [],
}


def of(component: str, faults: tuple[PlannedFault, ...]) -> list[PlannedFault]:
    return [fault for fault in faults if fault.component == component]


def test_a_seed_gives_the_same_faults_again() -> None:
    assert draw_faults(7, 60, DECKS) == draw_faults(7, 60, DECKS)
    assert draw_faults(7, 60, DECKS) != draw_faults(8, 60, DECKS)


def test_what_one_component_suffers_does_not_depend_on_the_others() -> None:
    alone = draw_faults(7, 60, {"disk": DECKS["disk"]})

    assert of("disk", draw_faults(7, 60, DECKS)) == list(alone)


@pytest.mark.parametrize("seed", range(10))
def test_a_component_has_one_fault_at_a_time_and_all_are_over_in_time(seed: int) -> None:
    faults = draw_faults(seed, 60, DECKS)

    assert list(faults) == sorted(faults, key=lambda fault: fault.at)
    for component in ("receiver-1", "receiver-2", "disk"):
        own = of(component, faults)
        assert own[0].at >= WARM_UP
        assert own[-1].until <= 60
        assert all(first.until < second.at for first, second in pairwise(own))
    assert any(
        first.at < second.at < first.until and first.component != second.component
        for first in faults
        for second in faults
    ), "different components are troubled at once"


@pytest.mark.parametrize("seed", range(10))
def test_every_kind_comes_before_any_comes_again(seed: int) -> None:
    kinds = [fault.kind for fault in of("receiver-1", draw_faults(seed, 300, DECKS))]

    deck = set(DECKS["receiver-1"])
    assert len(kinds) > 2 * len(deck)
    assert set(kinds[: len(deck)]) == set(kinds[len(deck) : 2 * len(deck)]) == deck
