"""Rates from counters that are looked at now and then."""

from __future__ import annotations

from collections import deque
from itertools import islice

WINDOW_SECONDS = 5.0
"""Long enough to be steady to the eye, short enough to show a stop soon."""
HISTORY_LENGTH = 60


class RateMeter:
    """The rate of a counter over the last seconds, and its recent past.

    A counter that falls (a purge, a receiver that started anew) starts over.
    """

    def __init__(self, *, window: float = WINDOW_SECONDS, history: int = HISTORY_LENGTH) -> None:
        self._window = window
        self._samples: deque[tuple[float, float]] = deque()
        self._history: deque[float] = deque(maxlen=history)

    def note(self, now: float, value: float) -> float:
        """Take a sample and return the rate per second."""
        samples = self._samples
        if samples and (value < samples[-1][1] or now <= samples[-1][0]):
            samples.clear()
        previous = samples[-1] if samples else None
        samples.append((now, value))
        while len(samples) > 2 and now - samples[1][0] >= self._window:
            samples.popleft()
        if previous is not None:
            self._history.append((value - previous[1]) / (now - previous[0]))
        return self.rate

    @property
    def rate(self) -> float:
        """Per second, over the window; 0 before the second sample."""
        if len(self._samples) < 2:
            return 0.0
        (first_time, first), (last_time, last) = self._samples[0], self._samples[-1]
        return (last - first) / (last_time - first_time)

    @property
    def history(self) -> tuple[float, ...]:
        """The rate between each two looks, oldest first."""
        return tuple(self._history)

    def latest(self, number: int) -> tuple[float, ...]:
        """The last so many of them."""
        history = self._history
        return tuple(islice(history, max(0, len(history) - number), None))


class Trend:
    """How fast a figure rises or falls over the last seconds.

    Unlike a `RateMeter`'s counter it may fall; two samples are always kept, however far apart.
    """

    __slots__ = ("_samples", "_window")

    def __init__(self, *, window: float = 2 * WINDOW_SECONDS) -> None:
        self._window = window
        self._samples: deque[tuple[float, float]] = deque()

    def note(self, now: float, value: float) -> None:
        """Take a sample; one that is not later than the last replaces it."""
        samples = self._samples
        while samples and samples[-1][0] >= now:
            samples.pop()
        samples.append((now, value))
        while len(samples) > 2 and now - samples[1][0] >= self._window:
            samples.popleft()

    @property
    def rate(self) -> float:
        """Per second, over the window; 0 before the second sample."""
        if len(self._samples) < 2:
            return 0.0
        (first_time, first), (last_time, last) = self._samples[0], self._samples[-1]
        return (last - first) / (last_time - first_time)
