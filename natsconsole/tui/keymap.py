"""Every command, once: bindings, key line, help and palette are all made from this table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

Area = Literal["receiver", "hosts", "pane", "rows", "go", "app", "leave"]


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
        return self.shown_key or self.key


COMMANDS: tuple[Command, ...] = (
    Command(
        id="receiver.policy",
        key="a",
        action="cycle_policy",
        label="policy",
        tooltip="Switch the ack policy: explicit, all, none",
        show=True,
    ),
    Command(
        id="receiver.answer",
        key="r",
        action="cycle_answer",
        label="answer",
        tooltip="Choose the answer to each message: ack, nak, withhold (lab only)",
        show=True,
    ),
    Command(
        id="receiver.disk",
        key="d",
        action="toggle_disk_full",
        label="disk full",
        tooltip="Make the receiver's disk full, or end it (lab only)",
        show=True,
    ),
    Command(
        id="receiver.crash",
        key="x",
        action="crash_receiver",
        label="crash",
        tooltip="Kill the receiver with -9; the demo starts it again (demo only)",
        show=True,
    ),
    Command(
        id="receiver.pause",
        key="p",
        action="toggle_pause",
        label="pause",
        tooltip="Stop the receiver's pulling, or let it pull again",
        show=True,
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
        id="go.events",
        key="e",
        action="app.go('events')",
        label="events",
        tooltip="What JetStream tells: given up, terminated, refused, pinned, leaders",
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
        id="hosts.open",
        key="enter",
        action="open_host",
        label="open",
        tooltip="Show the host's lines in the marked pane",
        show=True,
    ),
    Command(
        id="hosts.filter",
        key="slash",
        action="filter_hosts",
        label="filter",
        tooltip="Show only hosts whose name holds a text; Esc shows all",
        show=True,
        shown_key="/",
    ),
    Command(
        id="hosts.sort",
        key="s",
        action="sort_hosts",
        label="sort",
        tooltip="Sort the hosts by the next column",
        show=True,
    ),
    Command(
        id="hosts.reverse",
        key="S",
        action="reverse_hosts",
        label="reverse",
        tooltip="Turn the order of the hosts round",
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
    ),
    Command(
        id="rows.up",
        key="up,k",
        action="row_up",
        label="up",
        tooltip="One row up; a pane stops following",
        shown_key="↑ k",
    ),
    Command(
        id="rows.down",
        key="down,j",
        action="row_down",
        label="down",
        tooltip="One row down",
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
        key="pagedown,ctrl+f,space",
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
        tooltip="Go to the first row",
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
        id="hosts.clear",
        key="escape",
        action="clear",
        label="clear",
        tooltip="Leave the filter, go back to the hosts",
        shown_key="Esc",
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

_BY_ID = {command.id: command for command in COMMANDS}


def command(command_id: str) -> Command:
    """Return the command with this id."""
    return _BY_ID[command_id]


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
