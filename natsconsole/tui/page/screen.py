"""A screen beside Home: the same first line, a title, a body, one line of words, the keys."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.message import Message
from textual.reactive import var
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import Worker

from natsconsole.domain.contexts import why_read_only
from natsconsole.domain.snapshots import Link
from natsconsole.gateway.interface import Contexts, Gateway, GatewayError
from natsconsole.gateway.replay import Player
from natsconsole.tui.demo_controls import DemoControls
from natsconsole.tui.drawing import Ink, Line, OneLine, fade
from natsconsole.tui.home.top_line import TopLine
from natsconsole.tui.hooks import WithHooks
from natsconsole.tui.keymap import PLACES, Place
from natsconsole.tui.lab.runner import LabRunner
from natsconsole.tui.page.help import PageHelp
from natsconsole.tui.page.keys import PageKeys
from natsconsole.tui.page.notice import NoticeLine
from natsconsole.tui.receiver.starter import ReceiverStarter
from natsconsole.tui.replay.bar import ReplayBar
from natsconsole.tui.triage.feed import TriageFeed
from natsconsole.tui.typed_line import TypedLine

PAGE_CSS = Path(__file__).with_name("page.tcss")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every screen is given."""

    gateway: Gateway
    title: str = ""
    demo: DemoControls | None = None
    clock: Callable[[], float]
    interval: float = 1.0
    """Seconds between two looks."""
    tick: float = 0.5
    """Seconds between two movements of clock and ages."""
    starter: ReceiverStarter | None = None
    lab: LabRunner | None = None
    triage: TriageFeed
    """The looks at all streams and consumers that the screens share."""
    player: Player | None = None
    """What moves the recording, where one is shown."""
    contexts: Contexts | None = None
    """Where another connection can be chosen."""


@dataclass
class Answered(Message, Generic[Answer]):
    """A question has its answer."""

    name: str
    answer: Answer


@dataclass
class Failed(Message):
    """A question has none, and why."""

    name: str
    reason: str


class PageTitle(OneLine):
    """What this screen is and how much it shows, with what may be said on the right."""

    words: var[tuple[str, str, str]] = var(("", "", ""))
    """Name, figures, and on the right how it is ordered or narrowed."""

    def watch_words(self) -> None:
        """Show the newest."""
        self.repaint()

    def draw_line(self) -> Line:
        """Draw left and right."""
        name, figures, right = self.words
        line = self.line().space().put(name, "title").space(2).put(figures, "muted")
        end = self.line().put(right, "muted").space()
        start = self.size.width - end.cells
        return line.fill_to(start).join(end) if start > line.cells + 1 else line


class Page(Screen[None], metaclass=WithHooks):
    """The frame. Workers ask and post one message; the page keeps it; widgets draw it."""

    CSS_PATH: ClassVar[Any] = [PAGE_CSS]
    PLACE: ClassVar[Place] = "unacked"
    SENTENCES: ClassVar[Sequence[str]] = ()
    BINDINGS = [Binding("question_mark,f1", "page_help", "help", show=False, id="app.help")]

    link: var[Link] = var(Link())
    now: var[float] = var(0.0)

    page_title = getters.query_one(PageTitle)
    notice = getters.query_one(NoticeLine)
    page_keys = getters.query_one(PageKeys)
    input = getters.query_one("#page-input", TypedLine)

    def __init__(self, around: Surroundings) -> None:
        super().__init__()
        self.around = around
        self.gateway = around.gateway
        self._workers: dict[str, Worker[None]] = {}
        self._on_typed: Callable[[str], object] | None = None
        self._narrows = False
        self.set_reactive(Page.link, around.gateway.link)
        self.set_reactive(Page.now, around.clock())

    def compose(self) -> ComposeResult:
        """Put the frame around the body."""
        yield TopLine(
            self.around.title, self.gateway.context, is_read_only=self.gateway.read_only
        ).data_bind(Page.link, Page.now)
        yield PageTitle(id="page-title")
        yield from self.compose_body()
        if self.around.player is not None:
            yield ReplayBar(self.around.player)
        yield NoticeLine(id="notice")
        yield TypedLine("page-input")
        yield PageKeys(self.PLACE)

    @abstractmethod
    def compose_body(self) -> ComposeResult:
        """Yield what the screen is for. Each has its own."""

    def on_mount(self) -> None:
        """Start asking."""
        self.page_title.words = (PLACES[self.PLACE].upper(), "", "")
        self.look()
        self.set_interval(self.around.interval, self.look)
        self.set_interval(self.around.tick, self.tick)

    def look(self) -> None:
        """Ask for what the screen shows. Each asks its own."""

    def tick(self) -> None:
        """Move the clock on."""
        if not self.is_current:
            return
        self.link = self.gateway.link
        self.now = self.around.clock()
        fade(self, "#top, #notice, #page-keys", is_stale=self.link.state != "live")

    # Asking

    def ask(self, name: str, question: Callable[[], Awaitable[Any]]) -> bool:
        """Ask in a worker; return False where the same is still asked from before."""
        worker = self._workers.get(name)
        if worker is not None and not worker.is_finished:
            return False
        self._workers[name] = self.run_worker(
            partial(self._ask, name, question), name=name, group=name
        )
        return True

    async def _ask(self, name: str, question: Callable[[], Awaitable[Any]]) -> None:
        try:
            answer = await question()
        except GatewayError as error:
            self.post_message(Failed(name, str(error)))
        except Exception as error:  # noqa: BLE001 - a console on call goes on, and says what it met
            self.post_message(Failed(name, f"{type(error).__name__}: {error}"))
        else:
            self.post_message(Answered(name, answer))

    @on(Answered)
    def take_answer(self, event: Answered[Any]) -> None:
        """Give an answer to the method that is named after its question."""
        event.stop()
        getattr(self, f"answered_{event.name}")(event.answer)

    @on(Failed)
    def take_failure(self, event: Failed) -> None:
        """Say why there is no answer."""
        event.stop()
        self.failed(event.name, event.reason)

    def failed(self, name: str, reason: str) -> None:  # noqa: ARG002 - others look at the name
        """Say why a question has no answer."""
        self.say(reason, is_refusal=True)

    def refusal(self) -> str:
        """Return why nothing at all can be changed now, or nothing."""
        if self.around.player is not None:
            return "this is a recording: what was cannot be changed"
        if self.gateway.read_only:
            return why_read_only(self.gateway.context)
        if self.gateway.link.state != "live":
            return "there is no connection: nothing can be changed until it is back"
        return ""

    # Words

    def say(self, sentence: str, *, is_refusal: bool = False) -> None:
        """Show what came of a key for some seconds."""
        self.notice.notice = (sentence, is_refusal)

    def stand(self, sentence: str, ink: Ink = "muted") -> None:
        """Show this while there is nothing newer to say."""
        self.notice.standing = (sentence, ink)

    # Typing

    def type_in(
        self,
        prompt: str,
        on_typed: Callable[[str], object],
        *,
        value: str = "",
        narrows: bool = False,
    ) -> None:
        """Let the user type one line; ``narrows`` hears every letter."""
        self._on_typed = None
        self.notice.question = prompt
        self.input.value = value
        self.input.cursor_position = len(self.input.value)
        self._on_typed, self._narrows = on_typed, narrows
        self.add_class("-typing")
        self.input.focus()
        if not narrows:  # what is offered gives way to what is typed
            self.input.select_all()

    def _stop_typing(self) -> None:
        self._on_typed = None
        self.notice.question = ""
        self.remove_class("-typing")
        self.focus_body()

    def focus_body(self) -> None:
        """Give the keys back to the body. Each screen has its own."""

    @on(Input.Changed)
    def typed_a_letter(self, event: Input.Changed) -> None:
        """Narrow while the user types."""
        event.stop()
        if self._narrows and self._on_typed is not None:
            self._on_typed(event.value)

    @on(Input.Submitted)
    def typed_all(self, event: Input.Submitted) -> None:
        """Take what was typed."""
        event.stop()
        on_typed = self._on_typed
        self._stop_typing()
        if on_typed is not None:
            on_typed(event.value)

    # Actions

    def action_back(self) -> None:
        """Leave the typing, then what is narrowed, then the screen."""
        if self.has_class("-typing"):
            on_typed, narrows = self._on_typed, self._narrows
            self._stop_typing()
            if narrows and on_typed is not None:
                on_typed("")
        elif not self.leave_inner():
            self.app.pop_screen()

    def leave_inner(self) -> bool:
        """Leave what is narrowed here; return False where nothing is."""
        return False

    def action_page_help(self) -> None:
        """Explain this screen."""
        self.app.push_screen(PageHelp(self.PLACE, self.SENTENCES))
