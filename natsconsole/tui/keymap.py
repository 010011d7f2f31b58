"""Every command, once: bindings, key line, help and palette are all made from this table."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

from textual.binding import Binding, BindingType
from textual.keys import KEY_NAME_REPLACEMENTS, Keys

Area = Literal["receiver", "hosts", "lines", "pane", "rows", "home", "go", "replay", "app", "leave"]
ELSEWHERE = {"hosts": "lines", "lines": "hosts"}
"""Areas whose keys work only where the others' do not: one key may mean two things there."""
Place = Literal[
    "receivers", "unacked", "message", "events", "lab",
    "streams", "stream", "consumers", "consumer", "contexts",
]  # fmt: skip
PLACES: dict[Place, str] = {
    "receivers": "Receivers",
    "unacked": "Unacked",
    "message": "Message",
    "events": "Events",
    "lab": "Ack lab",
    "streams": "Streams",
    "stream": "Stream",
    "consumers": "Consumers",
    "consumer": "Consumer",
    "contexts": "Contexts",
}
"""The screens beside Home, each with keys of its own, as people call them."""
GENERAL = frozenset({"rows", "go", "replay", "app", "leave"})
"""Areas whose keys work on those screens, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something a user can ask for. The id is public: keymaps refer to it."""

    id: str
    key: str
    action: str
    label: str
    tooltip: str
    show: bool = False
    shown_key: str = ""
    priority: bool = False
    """Whether the key works also while something else reads keys."""

    @property
    def area(self) -> str:
        """What the command is about: the part of the id before its dot."""
        return self.id.partition(".")[0]

    @property
    def key_text(self) -> str:
        """The key as people write it."""
        return self.shown_key or _readable(self.key.partition(",")[0])


COMMANDS: tuple[Command, ...] = (
    Command(
        id="receiver.policy",
        key="a",
        action="screen.cycle_policy",
        label="policy",
        tooltip="Switch the ack policy: explicit, all, none",
        show=True,
    ),
    Command(
        id="receiver.answer",
        key="r",
        action="screen.cycle_answer",
        label="answer",
        tooltip="Choose the answer to each message: ack, nak, withhold (lab only)",
        show=True,
    ),
    Command(
        id="receiver.disk",
        key="d",
        action="screen.toggle_disk_full",
        label="disk full",
        tooltip="Make the receiver's disk full, or end it (lab only)",
        show=True,
    ),
    Command(
        id="receiver.crash",
        key="x",
        action="screen.crash_receiver",
        label="crash",
        tooltip="Kill the receiver with -9; the demo starts it again (demo only)",
        show=True,
    ),
    Command(
        id="receiver.pause",
        key="p",
        action="screen.toggle_pause",
        label="pause",
        tooltip="Stop the receiver's pulling, or let it pull again",
        show=True,
    ),
    Command(
        id="hosts.open",
        key="enter",
        action="screen.open_hosts",
        label="open",
        tooltip="Show the host in the active pane; marked hosts in one each",
        show=True,
    ),
    Command(
        id="hosts.filter",
        key="slash",
        action="screen.filter_hosts",
        label="filter",
        tooltip="Show only some hosts: web, !web (not), ~wb1 (in this order)",
        show=True,
    ),
    Command(
        id="hosts.mark",
        key="space",
        action="screen.mark_host",
        label="mark",
        tooltip="Mark the host, to open several at once",
        show=True,
    ),
    Command(
        id="hosts.sort",
        key="s",
        action="screen.sort_hosts",
        label="sort",
        tooltip="Sort the hosts by the next column; a click on a column does, too",
        show=True,
    ),
    Command(
        id="hosts.reverse",
        key="S",
        action="screen.reverse_hosts",
        label="reverse",
        tooltip="Turn the order of the hosts round",
    ),
    Command(
        id="go.unacked",
        key="u",
        action="app.go('unacked')",
        label="unacked",
        tooltip="Every message in flight, with its countdown; answer one by hand",
        show=True,
    ),
    Command(
        id="go.consumers",
        key="C",
        action="app.go('consumers')",
        label="consumers",
        tooltip="All consumers of all streams, worst first: lag, unacked, why one is stuck",
        show=True,
    ),
    Command(
        id="go.events",
        key="e",
        action="app.go('events')",
        label="events",
        tooltip="What JetStream tells: given up, terminated, refused, pinned, leaders",
        show=True,
    ),
    Command(
        id="go.streams",
        key="M",
        action="app.go('streams')",
        label="streams",
        tooltip="All streams of the account: limits, rates, leaders, what is wrong",
        show=True,
    ),
    Command(
        id="go.receivers",
        key="R",
        action="app.go('receivers')",
        label="receivers",
        tooltip="All receivers, and every choice for each: answers, waits, limits, drain",
        show=True,
    ),
    Command(
        id="go.lab",
        key="L",
        action="app.go('lab')",
        label="lab",
        tooltip="Guided scenes on acknowledgement, each with a way back (demo)",
        show=True,
    ),
    Command(
        id="go.contexts",
        key="K",
        action="app.go('contexts')",
        label="contexts",
        tooltip="The nats CLI's contexts: switch to another without a restart",
        show=True,
    ),
    Command(
        id="pane.next",
        key="tab",
        action="app.focus_next",
        label="pane",
        tooltip="Go on to the next pane",
        show=True,
    ),
    Command(
        id="pane.previous",
        key="shift+tab",
        action="app.focus_previous",
        label="previous pane",
        tooltip="Go back to the pane before",
        shown_key="shift+tab",
    ),
    Command(
        id="pane.follow",
        key="F",
        action="screen.toggle_follow",
        label="follow",
        tooltip="Pause the pane, or follow its newest lines again",
        show=True,
    ),
    Command(
        id="pane.jump",
        key="J",
        action="screen.jump",
        label="jump",
        tooltip="Go to a time or sequence: 12:30, -5m, a date, #18204",
        show=True,
    ),
    Command(
        id="lines.search",
        key="slash",
        action="screen.search_lines",
        label="search",
        tooltip="Find a text in the host's lines, back to the stream's beginning",
        show=True,
    ),
    Command(
        id="lines.older",
        key="n",
        action="screen.find_older",
        label="older",
        tooltip="Go to the next line above that holds the text",
        show=True,
    ),
    Command(
        id="lines.newer",
        key="N",
        action="screen.find_newer",
        label="newer",
        tooltip="Go to the next line below that holds the text",
        show=True,
    ),
    Command(
        id="lines.mark",
        key="space",
        action="screen.mark_lines",
        label="mark",
        tooltip="Begin to mark lines here: move on to mark more",
        show=True,
    ),
    Command(
        id="lines.copy",
        key="c",
        action="screen.copy_lines",
        label="copy",
        tooltip="Copy the marked lines to your clipboard, also over SSH (OSC 52)",
        show=True,
    ),
    Command(
        id="lines.save",
        key="s",
        action="screen.save_lines",
        label="save",
        tooltip="Save the marked lines, or all that are loaded, to a new file",
        show=True,
    ),
    Command(
        id="lines.left",
        key="left,h",
        action="screen.lines_left",
        label="left",
        tooltip="Go back to the left in lines that are cut off",
        shown_key="← h",
    ),
    Command(
        id="lines.right",
        key="right,l",
        action="screen.lines_right",
        label="right",
        tooltip="Show what is cut off at the right",
        shown_key="→ l",
    ),
    Command(
        id="pane.wrap",
        key="w",
        action="screen.toggle_wrap",
        label="wrap",
        tooltip="Fold long lines, or cut them",
        show=True,
    ),
    Command(
        id="pane.times",
        key="t",
        action="screen.cycle_times",
        label="times",
        tooltip="Tell when lines were stored: auto, local, UTC, how long ago, off",
        show=True,
    ),
    Command(
        id="pane.add",
        key="plus,equals_sign",
        action="screen.add_pane",
        label="add pane",
        tooltip="Add a pane for the host under the cursor; four at most",
        show=True,
        shown_key="+",
    ),
    Command(
        id="pane.close",
        key="minus",
        action="screen.close_pane",
        label="close pane",
        tooltip="Close the active pane",
        shown_key="-",
    ),
    Command(
        id="pane.zoom",
        key="z",
        action="screen.zoom",
        label="zoom",
        tooltip="Hide the hosts to give the panes their room, or show them",
        show=True,
    ),
    Command(
        id="rows.up",
        key="up,k",
        action="row_up",
        label="up",
        tooltip="One row up; a pane pauses",
        shown_key="↑ k",
    ),
    Command(
        id="rows.down",
        key="down,j",
        action="row_down",
        label="down",
        tooltip="One row down; below the last line a pane follows again",
        shown_key="↓ j",
    ),
    Command(
        id="rows.page_up",
        key="pageup,ctrl+b",
        action="rows_page_up",
        label="page up",
        tooltip="One page up",
        shown_key="PgUp",
    ),
    Command(
        id="rows.page_down",
        key="pagedown,ctrl+f",
        action="rows_page_down",
        label="page down",
        tooltip="One page down",
        shown_key="PgDn",
    ),
    Command(
        id="rows.start",
        key="home,g",
        action="rows_start",
        label="start",
        tooltip="Go to the first row; in a pane to the stream's oldest line",
        shown_key="g",
    ),
    Command(
        id="rows.end",
        key="end,G",
        action="rows_end",
        label="end",
        tooltip="Go to the last row; a pane follows its newest lines again",
        shown_key="G",
    ),
    Command(
        id="home.back",
        key="escape",
        action="screen.back",
        label="back",
        tooltip="Leave what you are in: a search, marks, the filter, the pane",
        shown_key="Esc",
    ),
    Command(
        id="home.alerts",
        key="exclamation_mark",
        action="screen.show_alerts",
        label="alerts",
        tooltip="Everything that needs attention, and for how long it has",
        shown_key="!",
        show=True,
    ),
    Command(
        id="home.button",
        key="B",
        action="screen.red_button",
        label="red button",
        tooltip="The Big Red Button: pause all shippers, or one host's, or let them go on",
    ),
    Command(
        id="replay.play",
        key="f5",
        action="app.replay_play",
        label="play",
        tooltip="Let a recording's time go on, or stop it (replay)",
        shown_key="F5",
    ),
    Command(
        id="replay.on",
        key="right_square_bracket",
        action="app.replay_step(1)",
        label="step",
        tooltip="Go to the recording's next moment (replay)",
        shown_key="]",
    ),
    Command(
        id="replay.back",
        key="left_square_bracket",
        action="app.replay_step(-1)",
        label="step back",
        tooltip="Go to the recording's moment before (replay)",
        shown_key="[",
    ),
    Command(
        id="replay.minute_on",
        key="right_curly_bracket",
        action="app.replay_skip(60)",
        label="minute",
        tooltip="Go a minute on in the recording (replay)",
        shown_key="}",
    ),
    Command(
        id="replay.minute_back",
        key="left_curly_bracket",
        action="app.replay_skip(-60)",
        label="minute back",
        tooltip="Go a minute back in the recording (replay)",
        shown_key="{",
    ),
    Command(
        id="replay.jump",
        key="f6",
        action="app.replay_jump",
        label="jump",
        tooltip="Go to a time of the recording: 12:30, -5m, a date (replay)",
        shown_key="F6",
    ),
    Command(
        id="app.palette",
        key="colon,ctrl+p",
        action="app.command_palette",
        label="command",
        tooltip="Find any command by its name",
        show=True,
        shown_key=":",
    ),
    Command(
        id="app.help",
        key="question_mark,f1",
        action="app.help",
        label="help",
        tooltip="What the signs mean, and every key",
        show=True,
        shown_key="?",
    ),
    Command(
        id="app.suspend",
        key="ctrl+z",
        action="app.suspend_process",
        label="suspend",
        tooltip="Go back to the shell; fg comes back here",
        shown_key="Ctrl+Z",
    ),
    Command(
        id="leave.quit",
        key="q",
        action="app.quit",
        label="quit",
        tooltip="Leave; receivers elsewhere go on",
        show=True,
    ),
    Command(
        id="leave.interrupt",
        key="ctrl+c",
        action="app.quit",
        label="quit",
        tooltip="Leave, also while typing",
        shown_key="Ctrl+C",
        priority=True,
    ),
)


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


def _lists(place: Place) -> tuple[Command, ...]:
    """The keys of a list of streams or consumers."""
    return (
        _key(f"{place}.open", "enter", "open_row", "open",
             "What it is, what is wrong with it, why, and what to do"),
        _key(f"{place}.filter", *_FILTER, "filter",
             "Show only those that hold a text; !text for those that do not", shown="/"),
        _key(f"{place}.sort", "s", "sort_rows", "sort",
             "Sort by the next column; a click on a column does, too"),
        _key(f"{place}.reverse", "S", "reverse_rows", "reverse", "Turn the order round",
             show=False),
        _key(f"{place}.trouble", "t", "only_trouble", "trouble", "Show only what needs attention"),
        _key(f"{place}.copy", "c", "copy_command", "copy",
             "Copy the nats command for what is wrong with it"),
    )  # fmt: skip


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
    _key("message.hex", "x", "next_form", "form", "Show the payload as text, as JSON, as bytes"),
    _key("message.before", "left,h", "neighbour(-1)", "same subject",
         "Go to the message before of the same subject", shown="← →"),
    _key("message.after", "right,l", "neighbour(1)", "next of subject",
         "Go to the next message of the same subject", shown="→ l", show=False),
    _key("message.copy", "c", "copy_command", "copy", "Copy the nats command that shows it"),
    _key("message.again", "r", "republish", "republish",
         "Publish it anew, after a look at what that does"),
    _key("message.delete", "D", "delete_message", "delete",
         "Delete it from the stream, after a look at what that does"),
    *_answers("message"),
    _key("events.open", "enter", "open_message", "open", "Open the message it is about"),
    _key("events.kind", "f", "next_kind(1)", "kind", "Show only one kind of event, the next one"),
    _key("events.kind_before", "F", "next_kind(-1)", "kind before", "Go back to the kind before",
         show=False),
    _key("events.filter", *_FILTER, "filter", "Show only events that hold a text", shown="/"),
    *_lists("streams"),
    _key("streams.hosts", "h", "show_hosts", "as hosts",
         "Show the stream's hosts on Home; you say which part of a subject is the host"),
    *_lists("consumers"),
    _key("consumers.hosts", "h", "show_hosts", "as hosts",
         "Show the hosts of its stream on Home, with its ack floor in the lines"),
    _key("stream.open", "enter", "open_row", "open", "Open the consumer or message of the row"),
    _key("stream.copy", "c", "copy_command", "copy", "Copy the nats command above the cursor"),
    _key("stream.oldest", "o", "open_end('first')", "oldest", "Open its oldest message"),
    _key("stream.newest", "n", "open_end('last')", "newest", "Open its newest message"),
    _key("stream.message", "m", "open_message", "message", "Open a message: #18204, 12:30, -5m"),
    _key("stream.hosts", "h", "show_hosts", "as hosts",
         "Show its hosts on Home; you say which part of a subject is the host"),
    _key("stream.purge", "P", "purge", "purge",
         "Remove messages: all, below a sequence, of a subject; shows what goes first"),
    _key("consumer.open", "enter", "open_row", "open", "Open the message of the row"),
    _key("consumer.copy", "c", "copy_command", "copy", "Copy the nats command above the cursor"),
    _key("consumer.oldest", "o", "open_oldest", "stuck on",
         "Open the first message past the ack floor: what it is stuck on"),
    _key("consumer.pause", "p", "pause", "pause", "Pause it for a time, or let it go on"),
    _key("consumer.reset", "r", "reset", "reset",
         "Deliver again from the ack floor, a sequence or a time"),
    _key("consumer.edit", "i", "edit", "edit", "Edit waits and limits while it runs"),
    _key("consumer.unpin", "x", "unpin", "unpin", "Take the pin from the client that has it"),
    _key("consumer.delete", "D", "delete", "delete", "Delete it"),
    _key("consumer.hosts", "h", "show_hosts", "as hosts",
         "Show the hosts of its stream on Home, with its ack floor in the lines"),
    _key("contexts.switch", "enter", "switch", "switch", "Connect there, without a restart"),
    _key("lab.start", "enter", "start_scene", "start", "Start the scene; its number does, too"),
    _key("lab.back", "b", "go_back", "way back",
         "End the scene and set everything as it was before it"),
    _key("page.back", "escape", "back", "back", "Leave what you are in; at last, go back to Home",
         shown="Esc"),
)  # fmt: skip


def keys_of(place: Place) -> tuple[Command, ...]:
    """Return the commands of a screen, those every such screen has at the end."""
    return tuple(one for one in PAGE_COMMANDS if one.area in {place, "page"})


ALL_COMMANDS = (*COMMANDS, *PAGE_COMMANDS)


def _name_of(character: str) -> str:
    """Return the name Textual gives a character's key."""
    if character.isalnum():
        return character
    name = unicodedata.name(character, character).lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


_CHARACTERS = {_name_of(chr(code)): chr(code) for code in range(33, 127)}
_NAMED_KEYS = frozenset(one.value for one in Keys if "+" not in one.value and "<" not in one.value)
_SHORT = {"escape": "Esc", "pageup": "PgUp", "pagedown": "PgDn", "space": "space"}
IDS = frozenset(command.id for command in ALL_COMMANDS)


class KeymapError(ValueError):
    """A user's keymap cannot be used. The text names the command and the mend."""

    def __init__(self, command_id: str, problem: str) -> None:
        super().__init__(problem)
        self.command_id = command_id


def with_keys(keys: Mapping[str, str]) -> tuple[Command, ...]:
    """Return all commands with a user's keys, as ``ctrl+x`` or ``a,b``, for some of them.

    Raises:
        KeymapError: no such command, no such key, or a key that would mean two things.
    """
    for command_id in keys:
        if command_id not in IDS:
            near = get_close_matches(command_id, sorted(IDS), 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise KeymapError(command_id, f"there is no such command{hint}")
    chosen = tuple(_with_key(one, keys[one.id]) if one.id in keys else one for one in ALL_COMMANDS)
    for elsewhere in ELSEWHERE.values():
        _refuse_two_meanings([one for one in home_of(chosen) if one.area != elsewhere], keys)
    for place in PLACES:
        _refuse_two_meanings(place_of(chosen, place), keys)
    return chosen


def home_of(commands: Iterable[Command]) -> tuple[Command, ...]:
    """Return those of the commands that work on Home."""
    return tuple(one for one in commands if one.area not in PLACES and one.area != "page")


def place_of(commands: Iterable[Command], place: Place) -> tuple[Command, ...]:
    """Return those of the commands that work on a screen beside Home, its own first."""
    works = [one for one in commands if one.area in GENERAL or one.area in {place, "page"}]
    return tuple(sorted(works, key=lambda one: one.area in GENERAL))


def _with_key(command: Command, keys: str) -> Command:
    names = [_key_name(key.strip(), command.id) for key in _split(keys)]
    shown = " ".join(_readable(name) for name in names[:2])
    return replace(command, key=",".join(names), shown_key=shown)


def _split(keys: str) -> list[str]:
    return [keys] if keys == "," else keys.split(",")


def _key_name(key: str, command_id: str) -> str:
    *modifiers, last = key.split("+") if key != "+" and not key.endswith("++") else [key]
    if set(modifiers) <= {"ctrl", "shift", "alt"} and last:
        if len(last) == 1 and last.isprintable():
            return "+".join([*modifiers, _name_of(last)])
        if last in _NAMED_KEYS or last in _CHARACTERS:
            return "+".join([*modifiers, last])
    raise KeymapError(command_id, f"there is no key {key!r}; write it as a, ctrl+x, f5 or pageup")


def written(keys: str) -> str:
    """Return a command's keys as a settings file has them: ``/`` rather than ``slash``."""
    names = keys.split(",")
    chars = (_CHARACTERS.get(name) if name != "comma" else None for name in names)
    return ",".join(char or name for char, name in zip(chars, names, strict=True))


def _readable(key: str) -> str:
    *modifiers, last = key.split("+")
    return "+".join(
        [
            *(one.capitalize() for one in modifiers),
            _SHORT.get(last) or _CHARACTERS.get(last) or last,
        ]
    )


def _refuse_two_meanings(commands: Iterable[Command], keys: Mapping[str, str]) -> None:
    meanings: dict[str, Command] = {}
    for command in commands:
        for key in command.key.split(","):
            other = meanings.setdefault(key, command)
            if other is not command:
                mine, its = (command, other) if command.id in keys else (other, command)
                raise KeymapError(
                    mine.id, f"{_readable(key)} already means {its.id}: give that another key, too"
                )


def bindings(*areas: Area) -> list[BindingType]:
    """Return the bindings of these areas, in the table's order."""
    return [
        Binding(
            one.key,
            one.action,
            one.label,
            show=one.show,
            key_display=one.key_text,
            tooltip=one.tooltip,
            id=one.id,
            priority=one.priority,
        )
        for one in COMMANDS
        if one.area in areas
    ]
