"""Rates from counters."""

from __future__ import annotations

import pytest

from natsconsole.domain.rates import RateMeter, Trend


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


def test_a_trend_rises_and_falls() -> None:
    trend = Trend(window=10.0)
    trend.note(0.0, 100)
    assert trend.rate == 0.0
    trend.note(10.0, 200)
    assert trend.rate == 10.0
    trend.note(20.0, 100)
    assert trend.rate == -10.0


def test_a_trend_keeps_two_samples_however_far_apart() -> None:
    trend = Trend(window=10.0)
    for moment in (0.0, 60.0, 120.0):
        trend.note(moment, moment * 2)
    assert trend.rate == 2.0
    trend.note(120.0, 300)
    assert trend.rate == 3.0
