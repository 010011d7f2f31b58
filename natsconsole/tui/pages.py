"""Makes the screens beside Home; each is loaded when it is first asked for."""

from __future__ import annotations

from natsconsole.tui.keymap import Place
from natsconsole.tui.page.screen import Page, Surroundings


def page(place: Place, around: Surroundings) -> Page:
    """Return a new screen for this place."""
    match place:
        case "events":
            from natsconsole.tui.events.screen import EventsScreen

            return EventsScreen(around)
        case "receivers":
            from natsconsole.tui.receiver.screen import ReceiversScreen

            return ReceiversScreen(around)
        case "lab":
            from natsconsole.tui.lab.screen import LabScreen

            return LabScreen(around)
        case "streams":
            from natsconsole.tui.triage.lists import StreamsScreen

            return StreamsScreen(around)
        case "consumers":
            from natsconsole.tui.triage.lists import ConsumersScreen

            return ConsumersScreen(around)
        case "contexts":
            from natsconsole.tui.contexts.screen import ContextsScreen

            return ContextsScreen(around)
        case _:
            from natsconsole.tui.unacked.screen import UnackedScreen

            return UnackedScreen(around)
