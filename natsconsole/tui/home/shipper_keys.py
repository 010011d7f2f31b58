"""The key that stops shippers, and lets them go on: the Big Red Button."""

from __future__ import annotations

from textual import getters

from natsconsole.domain.contexts import why_read_only
from natsconsole.domain.shippers import ButtonOrder, NotAnOrderError, read_order
from natsconsole.gateway.interface import GatewayError
from natsconsole.tui.home.prompt import Prompt
from natsconsole.tui.home.receiver_keys import ReceiverKeys
from natsconsole.tui.triage.confirm import when_confirmed


class ShipperKeys(ReceiverKeys):
    """A screen with a prompt, where an order to the shippers is typed: no slip gives it."""

    prompt = getters.query_one(Prompt)

    def action_red_button(self) -> None:
        """Ask what the shippers are to do."""
        if self._gateway.read_only:
            self.say(why_read_only(self._gateway.context), is_refusal=True)
            return
        example = "resume all" if self.home.shippers.paused_hosts else "pause all"
        self.prompt.ask(
            "button", "RED BUTTON", hint=f"{example}, or pause HOST why, or resume HOST"
        )

    def press_button(self, typed: str) -> None:
        """Give the order that was typed."""
        try:
            order = read_order(typed, {row.host for row in self.home.hosts})
        except NotAnOrderError as error:
            self.say(str(error), is_refusal=True)
            return
        self.prompt.close()
        when_confirmed(self, self._gateway.context, order, lambda: self._give(order))

    def _give(self, order: ButtonOrder) -> None:
        async def press() -> None:
            try:
                self.say(await self._gateway.order_shippers(order))
            except GatewayError as error:
                self.say(str(error), is_refusal=True)

        self.ask("red button", press)
