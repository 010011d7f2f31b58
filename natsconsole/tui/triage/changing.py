"""Screens from which something may be changed: first the plan, then the question, then the deed."""

from __future__ import annotations

from functools import partial

from natsconsole.domain.actions import Action
from natsconsole.domain.terminal_text import visible
from natsconsole.tui.page.screen import Page
from natsconsole.tui.triage.confirm import ConfirmScreen


class Changing(Page):
    """Proposes actions, and copies commands."""

    def copy(self, command: str) -> None:
        """Put a command on the clipboard, also over SSH (OSC 52)."""
        if not command:
            self.say("there is no command for this", is_refusal=True)
            return
        if visible(command) != command:
            self.say("not copied: a terminal would act on characters in its names", is_refusal=True)
            return
        self.app.copy_to_clipboard(command)
        self.say(f"copied: {command}")

    def propose(self, action: Action) -> None:
        """Show what an action would do, and do it where the user confirms it."""
        reason = self.refusal()
        if reason:
            self.say(reason, is_refusal=True)
            return
        context = self.gateway.context

        def answer(is_wanted: bool | None) -> None:
            if is_wanted:
                self.ask("done", partial(self._carry_out, action))

        self.app.push_screen(
            ConfirmScreen(action, context.name, is_production=context.is_production), answer
        )

    async def _carry_out(self, action: Action) -> str:
        sentence = await self.gateway.carry_out(action)
        await self.after_change()
        return sentence

    async def after_change(self) -> None:
        """Learn what has changed. Each screen has its own way."""

    def answered_done(self, sentence: str) -> None:
        """Say what came of it."""
        self.say(sentence)
        self.look()
