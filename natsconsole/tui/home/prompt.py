"""One line to type into, in the place of the key line: a search, a time, a file's name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Input

from natsconsole.tui.drawing import Line, OneLine, fit
from natsconsole.tui.typed_line import TypedLine

Purpose = Literal["search", "jump", "save", "button"]


class PromptWords(OneLine):
    """What is asked, or how to answer."""

    words: var[str] = var("")

    def watch_words(self) -> None:
        """Ask."""
        self.repaint()

    def draw_line(self) -> Line:
        """Draw the words."""
        is_question = self.has_class("-question")
        return self.line().space().put(self.words, "title" if is_question else "muted")


class Prompt(Horizontal):
    """Asks for one line. Esc leaves it."""

    @dataclass
    class Answered(Message):
        """The line was entered."""

        purpose: Purpose
        text: str

    purpose: Purpose = "search"
    question = getters.query_one("#prompt-question", PromptWords)
    hint = getters.query_one("#prompt-hint", PromptWords)
    typed = getters.query_one(TypedLine)

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.goes_back_to: Widget | None = None

    def compose(self) -> ComposeResult:
        """Put question, line and hint beside each other."""
        yield PromptWords(id="prompt-question", classes="-question")
        yield TypedLine("prompt-input")
        yield PromptWords(id="prompt-hint")

    def ask(self, purpose: Purpose, question: str, *, value: str = "", hint: str = "") -> None:
        """Show the line and let the user type."""
        self.purpose = purpose
        width = min(len(question) + 2, max(12, self.screen.size.width // 3))
        self.question.styles.width = width
        self.question.words = fit(question, width - 2).rstrip()
        whole = f"{hint}   Esc leaves" if hint else "Esc leaves"
        fits = len(whole) + 2 <= self.screen.size.width - width - 24
        self.hint.words = whole if fits else "Esc leaves"
        self.typed.placeholder = "" if fits else hint
        self.hint.styles.width = len(self.hint.words) + 2
        self.goes_back_to = self.screen.focused
        self.screen.add_class("-asking")
        self.typed.value = value
        self.typed.cursor_position = len(self.typed.value)
        self.typed.focus()

    @property
    def is_open(self) -> bool:
        """Whether it is being typed into."""
        return self.screen.has_class("-asking")

    def close(self) -> None:
        """Go back to where the user was."""
        if self.is_open:
            self.screen.remove_class("-asking")
            if self.goes_back_to is not None:
                self.goes_back_to.focus()

    @on(Input.Submitted)
    def answer(self, event: Input.Submitted) -> None:
        """Pass the line on; whoever asked closes the prompt."""
        event.stop()
        self.post_message(self.Answered(self.purpose, event.value))
