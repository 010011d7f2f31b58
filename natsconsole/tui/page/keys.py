"""The keys of the screens beside Home: bindings, key line, help and README read these tables."""

from __future__ import annotations

from typing import Literal

from textual import events
from textual.binding import Binding, BindingType
from textual.reactive import var

from natsconsole.tui.drawing import Line, OneLine
from natsconsole.tui.keymap import COMMANDS, Command

Place = Literal["receivers", "unacked", "message", "events", "lab"]
PLACES: dict[Place, str] = {
    "receivers": "Receivers",
    "unacked": "Unacked",
    "message": "Message",
    "events": "Events",
    "lab": "Ack lab",
}
GAP = 2
LAST = ("page.back", "app.help", "leave.quit")
"""Never cut off, however narrow the screen."""


def _key(
    id: str,  # noqa: A002
    key: str,
    action: str,
    label: str,
    tooltip: str,
    *,
    shown: str = "",
    show: bool = True,
) -> Command:
    return Command(
        id=id, key=key, action=action, label=label, tooltip=tooltip, show=show, shown_key=shown
    )


def _answers(place: Place) -> tuple[Command, ...]:
    """The answers to one message: the same keys in the list and in the message itself."""
    return (
        _key(f"{place}.ack", "a", "answer('ack')", "ack", "Acknowledge it, written first"),
        _key(f"{place}.nak", "n", "answer('nak')", "nak",
             "Refuse it; it comes again at once (lab)"),
        _key(
            f"{place}.later", "N", "answer('nak-delay')", "nak later",
            "Refuse it: it comes again after the seconds you type (lab)",
        ),
        _key(
            f"{place}.working", "i", "answer('in-progress')", "in progress",
            "Say that work on it goes on: its countdown starts anew",
        ),
        _key(
            f"{place}.term", "T", "answer('term')", "term",
            "Give it up for good: it goes to quarantine, with the reason you type (lab)",
        ),
    )  # fmt: skip


_FILTER = ("slash", "filter_rows")
PAGE_COMMANDS: tuple[Command, ...] = (
    _key("receivers.less", "left,h", "choice(-1)", "choose", "Choose the value before",
         shown="← →"),
    _key("receivers.more", "right,l", "choice(1)", "choose", "Choose the value behind",
         shown="→ l", show=False),
    _key("receivers.apply", "enter", "apply", "apply",
         "Ask for what is chosen; type a value where there is nothing to choose"),
    _key("receivers.next", "tab", "next_receiver(1)", "next one", "Go on to the next receiver"),
    _key("receivers.previous", "shift+tab", "next_receiver(-1)", "previous",
         "Go back to the receiver before", show=False),
    _key("receivers.start", "plus", "start_receiver", "start one",
         "Start a receiver from here: it ends with this console unless you say that it stays",
         shown="+"),
    _key("receivers.pause", "p", "toggle_pause", "pause", "Stop its pulling, or let it pull again"),
    _key("receivers.drain", "D", "drain", "drain",
         "Let it finish what it has, and end; press it twice"),
    _key("unacked.open", "enter", "open_message", "open", "Open the message"),
    *_answers("unacked"),
    _key("unacked.filter", *_FILTER, "filter", "Show only hosts whose name holds a text",
         shown="/"),
    _key("unacked.sort", "s", "sort_rows", "sort", "Sort by the next column"),
    _key("unacked.reverse", "S", "reverse_rows", "reverse", "Turn the order round", show=False),
    *_answers("message"),
    _key("message.hex", "x", "toggle_hex", "hex", "Show the payload as bytes, or as text"),
    _key("events.open", "enter", "open_message", "open", "Open the message it is about"),
    _key("events.kind", "f", "next_kind(1)", "kind", "Show only one kind of event, the next one"),
    _key("events.kind_before", "F", "next_kind(-1)", "kind before", "Go back to the kind before",
         show=False),
    _key("events.filter", *_FILTER, "filter", "Show only events that hold a text", shown="/"),
    _key("lab.start", "enter", "start_scene", "start", "Start the scene; its number does, too"),
    _key("lab.back", "b", "go_back", "way back",
         "End the scene and set everything as it was before it"),
    _key("page.back", "escape", "back", "back", "Leave what you are in; at last, go back to Home",
         shown="Esc"),
)  # fmt: skip


def keys_of(place: Place) -> tuple[Command, ...]:
    """Return the commands of a screen, those every such screen has at the end."""
    return tuple(one for one in PAGE_COMMANDS if one.area in {place, "page"})


def page_bindings(place: Place) -> list[BindingType]:
    """Return the bindings of a screen."""
    return [
        Binding(
            one.key,
            f"screen.{one.action}",
            one.label,
            show=one.show,
            key_display=one.key_text,
            tooltip=one.tooltip,
            id=one.id,
        )
        for one in keys_of(place)
    ]


class PageKeys(OneLine):
    """The last line: what the keys do here. A click is as good as a key."""

    refused: var[frozenset[str]] = var(frozenset())
    """Ids of commands that would be refused now: they are faint."""

    def __init__(self, place: Place) -> None:
        super().__init__(id="page-keys")
        general = [one for one in COMMANDS if one.show and one.area in {"go", "app", "leave"}]
        shown = [one for one in keys_of(place) if one.show]
        self._commands = [*shown, *general]

    def watch_refused(self) -> None:
        """Make the refused ones faint."""
        self.repaint()

    def draw_line(self) -> Line:
        """Draw the keys that fit."""
        line = self.line()
        for start, command in self._placed():
            is_refused = command.id in self.refused
            line.fill_to(start).put(command.key_text, "faint" if is_refused else "key").space()
            line.put(command.label, "faint" if is_refused else "muted")
        return line

    def _placed(self) -> list[tuple[int, Command]]:
        first = [one for one in self._commands if one.id not in LAST]
        last = [one for one in self._commands if one.id in LAST]
        while first and sum(_cells(one) + GAP for one in (*first, *last)) > self.size.width:
            first.pop()
        places, start = [], 1
        for command in (*first, *last):
            places.append((start, command))
            start += _cells(command) + GAP
        return places

    async def on_click(self, event: events.Click) -> None:
        """Do what the key would do."""
        for start, command in self._placed():
            if start <= event.x < start + _cells(command):
                await self.screen.run_action(command.action)


def _cells(command: Command) -> int:
    return len(command.key_text) + 1 + len(command.label)
