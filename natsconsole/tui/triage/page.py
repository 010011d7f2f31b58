"""What all screens of streams and consumers have: looks, verdicts, what is not permitted."""

from __future__ import annotations

from abc import abstractmethod

from natsconsole.domain.triage import EMPTY_TRIAGE, TriageSnapshot
from natsconsole.domain.verdicts.verdict import Verdict
from natsconsole.tui.format import clock_time, duration, milliseconds, plural
from natsconsole.tui.page.screen import Surroundings
from natsconsole.tui.triage.changing import Changing

OLD = 6.0
"""Seconds from which on figures are said to be old."""


class TriagePage(Changing):
    """A screen that is a function of the latest look at all streams and consumers."""

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self.feed = around.triage
        self.snapshot: TriageSnapshot = self.feed.latest
        self._failure = ""
        self._is_old = False

    def look(self) -> None:
        """Ask for a look; a fresh one is taken as it is."""
        if self.is_current:
            self.ask("triage", self.feed.look)

    def tick(self) -> None:
        """Say how old the figures are, where they are older than they should be."""
        super().tick()
        age = self.now - self.snapshot.taken
        was_old, self._is_old = self._is_old, bool(self.snapshot.taken) and age > OLD
        if self.is_current and (was_old or self._is_old):
            self.stand_by_look()

    def answered_triage(self, snapshot: TriageSnapshot) -> None:
        """Show it."""
        self._failure = ""
        if snapshot is not self.snapshot or snapshot is EMPTY_TRIAGE:
            self.snapshot = snapshot
            self.show()
        self.tick()

    def on_mount(self) -> None:
        """Show what another screen has found already, once there is a size to show it in."""
        if self.snapshot.taken:
            self.call_after_refresh(self.show)

    @abstractmethod
    def show(self) -> None:
        """Show the latest look. Each screen has its own way."""

    def failed(self, name: str, reason: str) -> None:
        """A look that failed is said where it stands; what a key asked for, at once."""
        if name == "triage":
            self._failure = reason
            self.stand(f"this look failed: {reason}", "bad")
        else:
            super().failed(name, reason)

    def stand_by_look(self) -> None:
        """Say what is missing from the look, or what it cost."""
        found = self.snapshot
        if self._failure:
            self.stand(f"this look failed: {self._failure}", "bad")
        elif self._is_old and self.around.player is None:
            self.stand(
                f"these figures are {duration(self.now - found.taken, gap=' ')} old: the last look "
                f"took {duration(found.seconds, gap=' ')}, the next comes after "
                f"{duration(found.interval_seconds, gap=' ')}",
                "warn",
            )
        elif found.problem:
            self.stand(found.problem, "warn")
        elif found.not_permitted:
            more = len(found.not_permitted) - 1
            words = f" (and {more} more)" if more else ""
            self.stand(f"{found.not_permitted[0]}{words}", "warn")
        elif found.taken and self.around.player is not None:
            self.stand(f"as it was seen at {clock_time(found.taken)}")
        elif found.taken:
            self.stand(
                f"{plural(found.requests, 'request')} in {milliseconds(found.seconds)}, again "
                f"every {duration(found.interval_seconds, gap=' ')}; rates and counts since "
                f"{duration(found.watched_seconds, gap=' ')} ago"
            )

    async def after_change(self) -> None:
        """Look anew: something was changed."""
        self.snapshot = await self.feed.look_again()

    def answered_done(self, sentence: str) -> None:
        """Say what came of it."""
        self.show()
        self.say(sentence)


def command_of(verdict: Verdict | None, otherwise: str) -> str:
    """Return the command that shows or cures what is wrong, else another."""
    return verdict.command if verdict is not None and verdict.command else otherwise
