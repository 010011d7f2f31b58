"""Contexts: what can be connected to, what is known of each, and what this account may use."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Vertical

from natsconsole.domain.contexts import Context
from natsconsole.domain.triage import AccountFacts
from natsconsole.gateway.interface import Gateway
from natsconsole.tui.drawing import Line, OneLine
from natsconsole.tui.format import plural, size
from natsconsole.tui.home.top_line import PRODUCTION, ink_of_context
from natsconsole.tui.page.keys import page_bindings
from natsconsole.tui.page.pick_rows import PickRows
from natsconsole.tui.page.screen import Surroundings
from natsconsole.tui.triage.page import TriagePage

NAME, ADDRESS, LOGIN, MARKS = 22, 28, 20, 22
WIDE, SLIM = 130, 100


class ContextHeader(OneLine):
    """The columns' names."""

    def draw_line(self) -> Line:
        """Draw them over their columns."""
        width = self.size.width - 1
        line = self.line().space(3).put("context", "muted", width=NAME).space()
        line.put("server", "muted", width=ADDRESS).space()
        if width >= WIDE:
            line.put("login", "muted", width=LOGIN).space()
        if width >= SLIM:
            line.put("marks", "muted", width=MARKS).space()
        return line.put("description", "muted")


class ContextRows(PickRows[Context]):
    """The contexts; the one that is open has a sign."""

    def __init__(self, opened: str) -> None:
        super().__init__(id="contexts")
        self._opened = opened

    def identity(self, row: Context) -> Hashable:
        """A context is its name."""
        return row.name

    def draw_one(self, row: Context, *, is_chosen: bool) -> Line:
        """Draw a context."""
        is_open = row.name == self._opened
        line = self.line().put("● " if is_open else "* " if row.is_selected else "  ",
                               "good" if is_open else "muted")  # fmt: skip
        plain = ink_of_context(row) if row.settings.colour else "strong" if is_chosen else "plain"
        line.put(row.name, plain, width=NAME).space()
        line.put(row.address, "muted", width=ADDRESS).space()
        if self.row_width >= WIDE:
            login = row.login or ("" if row.problem else "no login")
            line.put(login, "muted", width=LOGIN).space()
        if self.row_width >= SLIM:
            marks = " ".join(
                filter(None, (PRODUCTION * row.is_production,
                              "READ-ONLY" * row.settings.read_only,
                              row.domain and f"domain {row.domain}"))
            )  # fmt: skip
            line.put(marks, "bad-word" if row.is_production else "warn", width=MARKS).space()
        if row.problem:
            return line.put(f"✗ {row.problem}", "bad")
        return line.put(row.description, "muted")


class AccountLines(OneLine):
    """What this account uses of what it may, in one line."""

    def __init__(self) -> None:
        super().__init__(id="account")
        self.account: AccountFacts | None = None
        self.words = "this account: looking …"

    def show(self, account: AccountFacts | None, reason: str) -> None:
        """Show the latest."""
        self.account = account
        self.words = reason
        self.repaint()

    def draw_line(self) -> Line:
        """Draw what is used of what."""
        line = self.line().space()
        if self.account is None:
            return line.put(self.words, "muted")
        one = self.account
        line.put("this account  ", "title")
        for name, used, most in (
            ("storage", one.storage, one.max_storage),
            ("memory", one.memory, one.max_memory),
        ):
            words = f"{size(used)} of {'no limit' if most < 0 else size(most)}"
            line.put(f"{name} ", "muted").put(words, "warn" if 0 < most <= used / 0.9 else "plain")
            line.space(2)
        for name, used, most in (
            ("streams", one.streams, one.max_streams),
            ("consumers", one.consumers, one.max_consumers),
        ):
            words = f"{used:,} of {'no limit' if most < 0 else f'{most:,}'}"
            line.put(f"{name} ", "muted").put(words, "warn" if 0 < most <= used else "plain")
            line.space(2)
        if one.domain:
            line.put("domain ", "muted").put(one.domain, "plain").space(2)
        return line.put(f"tier {one.tier}" if one.tier else "", "muted")


class ContextsScreen(TriagePage):
    """The contexts of the `nats` CLI."""

    PLACE = "contexts"
    SENTENCES = (
        "The contexts of the nats CLI, from its own files. ● is open here, * is the CLI's choice.",
        "Enter connects to another. The one that is open stays until the new one answers.",
        (
            "Where a context is read-only or production is said in the settings file: see "
            "`natsconsole --print-config`."
        ),
        "A production context asks for names to be typed before anything is changed.",
        "Below: what this account uses of what it may.",
    )
    BINDINGS = page_bindings("contexts")
    AUTO_FOCUS = "#contexts"

    rows = getters.query_one(ContextRows)
    account = getters.query_one(AccountLines)

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._switching = ""

    def compose_body(self) -> ComposeResult:
        """Put the names over the rows, the account below."""
        with Vertical(classes="page-body"):
            yield ContextHeader()
            yield ContextRows(self.gateway.context.name)
            yield AccountLines()

    def on_mount(self) -> None:
        """Read the contexts' files once."""
        contexts = self.around.contexts
        known = contexts.known() if contexts is not None else ()
        self.rows.empty_text = (
            "there are no contexts: make one with  nats context add"
            if contexts is not None
            else "this console was started on one connection of its own: there is no other"
        )
        self.rows.show(known)
        names = [one.name for one in known]
        if self.gateway.context.name in names:
            self.rows.cursor = names.index(self.gateway.context.name)
        opened = self.gateway.context.name or "a connection without a context"
        words = ("CONTEXTS", plural(len(known), "context"), f"open: {opened}")
        self.call_after_refresh(lambda: setattr(self.page_title, "words", words))

    def show(self) -> None:
        """Show the account."""
        found = self.snapshot
        reason = found.problem or "this account: its limits are not permitted to be known"
        self.account.show(found.account, reason)
        self.stand_by_look()

    def focus_body(self) -> None:
        """Give the keys to the rows."""
        self.rows.focus()

    @on(PickRows.Opened)
    def action_switch(self) -> None:
        """Connect to the chosen one."""
        chosen, contexts = self.rows.chosen, self.around.contexts
        if chosen is None or contexts is None:
            return
        if chosen.name == self.gateway.context.name:
            self.say("this one is open")
        elif chosen.problem:
            self.say(chosen.problem, is_refusal=True)
        elif self.ask("opened", partial(contexts.open, chosen.name)):
            self._switching = chosen.name
            self.say(f"connecting to {chosen.name} …")
        else:
            self.say(f"still connecting to {self._switching}", is_refusal=True)

    def answered_opened(self, gateway: Gateway) -> None:
        """Show what is there."""
        self.app.open_gateway(gateway)  # type: ignore[attr-defined]
