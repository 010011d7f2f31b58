"""Rates from counters."""

from __future__ import annotations

import pytest

from natsconsole.domain.rates import RateMeter


def test_rate_is_over_the_window() -> None:
    meter = RateMeter(window=5)
    for second in range(20):
        meter.note(second, 100 * second if second < 10 else 900)

    assert meter.rate == 0.0
    assert meter.history[:3] == (100.0, 100.0, 100.0)


def test_one_sample_has_no_rate() -> None:
    assert RateMeter().note(1.0, 50) == 0.0


def test_a_counter_that_falls_starts_over() -> None:
    meter = RateMeter()
    meter.note(0, 1000)
    meter.note(1, 1100)
    meter.note(2, 10)
    meter.note(4, 30)

    assert meter.rate == pytest.approx(10.0)
