"""Receivers: how each is, and every choice for it, confirmed by the state it led to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.reactive import var

from natsconsole.domain.receiver_change import ReceiverChange
from natsconsole.domain.receiver_costs import costs_now
from natsconsole.domain.receivers import ReceiverStatus
from natsconsole.gateway.interface import GatewayError
from natsconsole.tui.format import plural
from natsconsole.tui.page.keys import page_bindings
from natsconsole.tui.page.pick_rows import PickRows
from natsconsole.tui.page.screen import PAGE_CSS, Page, Surroundings
from natsconsole.tui.receiver.form import HINTS, Field, FieldId, Form, Request, following
from natsconsole.tui.receiver.rows import CostLines, DetailRows, FormRows, ReceiverList
from natsconsole.tui.triage.confirm import when_confirmed

AGAIN_SECONDS = 5.0
"""Within these a key that ends something has to be pressed twice."""
Action = Literal["pause", "resume", "drain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What a receiver answered to a change."""

    status: ReceiverStatus
    sentence: str
    settled: frozenset[FieldId] = field(default_factory=frozenset)


class ReceiversScreen(Page):
    """All receivers, and the form of one."""

    CSS_PATH = [PAGE_CSS, "screen.tcss"]
    PLACE = "receivers"
    SENTENCES = (
        "All receivers of this stream that answer. Tab goes from one to the next.",
        "↑ ↓ go through what can be chosen, ← → choose, Enter asks the receiver for it.",
        "What a choice costs is said below before you make it, and in red while it holds.",
        "Policy, waits and limits are the group's; answer and disk are the one receiver's.",
        "Answers that cost lines, and the full disk, are for receivers started with --lab.",
        "A receiver that you start from here ends with this console, unless you say that it stays.",
    )
    BINDINGS = page_bindings("receivers")
    AUTO_FOCUS = "#form"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (112, "-wide")]

    receivers: var[tuple[ReceiverStatus, ...]] = var(())
    chosen: var[str] = var("")

    list = getters.query_one(ReceiverList)
    form_rows = getters.query_one(FormRows)
    cost_lines = getters.query_one(CostLines)
    details = getters.query_one(DetailRows)

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._drafts: dict[str, dict[FieldId, str]] = {}
        self._drain_asked = ("", 0.0)
        """Which receiver was asked to drain for the first time, and when."""

    def compose_body(self) -> ComposeResult:
        """Put the receivers over the form, and what is known beside or below it."""
        with Vertical(classes="page-body"):
            yield ReceiverList().data_bind(ReceiversScreen.receivers, ReceiversScreen.chosen)
            with Horizontal(id="receiver-body"):
                with Vertical(id="choices"):
                    yield FormRows(id="form")
                    yield CostLines(id="cost")
                yield DetailRows()

    def look(self) -> None:
        """Ask all receivers."""
        if self.is_current:
            self.ask("receivers", self.gateway.receivers)

    def answered_receivers(self, found: tuple[ReceiverStatus, ...]) -> None:
        """Show how they are now."""
        self.receivers = tuple(found)
        names = [one.name for one in found]
        if self.chosen not in names:
            self.chosen = names[0] if names else ""
        self.show_form()
        self.tick()

    @property
    def status(self) -> ReceiverStatus | None:
        """The chosen receiver."""
        return next((one for one in self.receivers if one.name == self.chosen), None)

    @property
    def form(self) -> Form | None:
        """Its form, with what is chosen and not asked for."""
        status = self.status
        return Form(status=status, drafts=self._drafts.get(status.name, {})) if status else None

    def show_form(self) -> None:
        """Show the chosen receiver."""
        form, status = self.form, self.status
        if form is None or status is None:
            self.form_rows.show(())
            self.cost_lines.cost = None
            self.details.show(None, self.now)
            self.page_title.words = ("RECEIVERS", "none answers", "")
            self.stand("")
            return
        self.form_rows.is_lab = status.lab
        self.form_rows.show(form.fields())
        self.details.show(status, self.around.clock())
        self.say_cost()
        place = [one.name for one in self.receivers].index(status.name) + 1
        self.page_title.words = (
            "RECEIVERS",
            plural(len(self.receivers), "receiver"),
            f"{status.name}, {place} of {len(self.receivers)}",
        )
        costs = costs_now(status)
        if costs:
            self.stand(f"{status.name}: {costs[0].sentence}", "bad")
        elif status.state == "paused":
            self.stand(f"{status.name} is paused: messages wait in the stream; p resumes", "warn")
        else:
            self.stand(f"{status.name}: nothing that is chosen now costs a line")

    @on(PickRows.Moved)
    def say_cost(self) -> None:
        """Say what the field under the cursor means, and what Enter would do."""
        form, chosen = self.form, self.form_rows.chosen
        if form is None or chosen is None:
            return
        found = form.field(chosen.id)
        self.cost_lines.cost = form.cost(chosen.id)
        refused = form.refusal(chosen.id)
        if refused and found.draft is not None:
            self.cost_lines.words = refused
        elif found.draft is not None:
            self.cost_lines.words = (
                f"Enter asks {form.status.name}: {found.label.strip()} {found.value or '–'} → "
                f"{found.draft or '–'}   Esc drops it"
            )
        else:
            self.cost_lines.words = ""

    # Choosing

    def action_choice(self, step: int) -> None:
        """Choose the next value, or the one before."""
        form, chosen = self.form, self.form_rows.chosen
        if form is None or chosen is None:
            return
        if not chosen.choices:
            self.action_apply()
            return
        self._draft(chosen.id, following(chosen.choices, form.field(chosen.id).wanted, step))

    def _draft(self, field_id: FieldId, value: str) -> None:
        status = self.status
        if status is not None:
            self._drafts.setdefault(status.name, {})[field_id] = value
            self.show_form()

    def action_apply(self) -> None:
        """Ask for what is chosen; let the user type where there is nothing to choose."""
        form, chosen = self.form, self.form_rows.chosen
        if form is None or chosen is None:
            self.say("no receiver answers, so there is nothing to change", is_refusal=True)
            return
        found = form.field(chosen.id)
        if found.draft is None and not found.choices:
            self.type_in(HINTS[found.id], partial(self._typed, found), value=found.value)
            return
        reason = self.refusal() or form.refusal(found.id)
        if reason:
            self.say(reason, is_refusal=True)
            return
        if found.draft is None:
            self.say(f"{found.label.strip()} is {found.value} already; ← → choose another")
            return
        request = form.request(found.id)
        change = ReceiverChange(
            receiver=request.receiver,
            what=f"{found.label.strip()} {found.value or '–'} → {found.draft or '–'}",
            consequences=(form.cost(found.id).sentence,),
        )
        when_confirmed(self, self.gateway.context, change, lambda: self._ask_for(request))

    def _typed(self, found: Field, typed: str) -> None:
        form = self.form
        if form is None:
            return
        problem = form.problem(found.id, typed)
        if problem:
            self.say(problem, is_refusal=True)
            return
        self._draft(found.id, typed.strip())
        self.form_rows.choose(found.id)

    def _ask_for(self, request: Request) -> None:
        async def change() -> Confirmed:
            status = await request.apply(self.gateway)
            return Confirmed(
                status=status, sentence=request.confirmation(status), settled=request.fields
            )

        self._change(change, f"{request.receiver}: asking …")

    def _change(self, change: Callable[[], Awaitable[Confirmed]], words: str) -> None:
        if self.ask("change", change):
            self.stand(words, "accent")
        else:
            self.say("one at a time: the last change is still under way", is_refusal=True)

    def answered_change(self, confirmed: Confirmed) -> None:
        """Show the state that the receiver confirmed."""
        status = confirmed.status
        drafts = self._drafts.get(status.name, {})
        for settled in confirmed.settled:
            drafts.pop(settled, None)
        self.receivers = tuple(status if one.name == status.name else one for one in self.receivers)
        self.say(confirmed.sentence)
        self.show_form()
        self.look()

    def leave_inner(self) -> bool:
        """Drop what is chosen and not asked for."""
        dropped = bool(self._drafts.pop(self.chosen, None))
        if dropped:
            self.show_form()
        return dropped

    def focus_body(self) -> None:
        """Give the keys to the form."""
        self.form_rows.focus()

    # Receivers

    def action_next_receiver(self, step: int) -> None:
        """Choose another receiver."""
        names = [one.name for one in self.receivers]
        if names:
            place = names.index(self.chosen) + step if self.chosen in names else 0
            self.chosen = names[place % len(names)]
            self.show_form()

    def action_toggle_pause(self) -> None:
        """Pause, or resume."""
        status = self.status
        is_paused = status is not None and status.state == "paused"
        self._do("resume" if is_paused else "pause")

    def action_drain(self) -> None:
        """Drain, when asked twice."""
        status = self.status
        if self.gateway.context.is_production:  # which asks in its own way
            self._do("drain")
            return
        now = self.around.clock()
        asked, at = self._drain_asked
        is_again = status is not None and status.name == asked and now - at <= AGAIN_SECONDS
        if status is not None and not self.refusal() and not is_again:
            self._drain_asked = (status.name, now)
            self.say(
                f"D again: {status.name} finishes what it has and ends; "
                "its partitions go to the others of its group, or wait"
            )
            return
        self._drain_asked = ("", 0.0)
        self._do("drain")

    def _do(self, action: Action) -> None:
        status = self.status
        reason = self.refusal() or ("" if status else "no receiver answers")
        if reason or status is None:
            self.say(reason, is_refusal=True)
            return
        name = status.name
        words = {
            "pause": f"{name} pulls no more; what it has is written",
            "resume": f"{name} pulls again",
            "drain": f"{name} finishes what it has, and ends",
        }[action]

        async def change() -> Confirmed:
            return Confirmed(status=await getattr(self.gateway, action)(name), sentence=words)

        when_confirmed(
            self,
            self.gateway.context,
            ReceiverChange(receiver=name, what=action, consequences=(words,)),
            lambda: self._change(change, f"{name}: {action} …"),
        )

    def action_start_receiver(self) -> None:
        """Start a receiver as a child, after asking where it writes and whether it stays."""
        starter = self.around.starter
        reason = self.refusal()
        if not reason and starter is None and self.around.demo is None:
            reason = "this console cannot start receivers: run `natsconsole receive --dir DIR`"
        if reason:
            self.say(reason, is_refusal=True)
        elif self.around.demo is not None:
            self.ask("started", self.around.demo.start_second_receiver)
            self.stand("a second receiver is starting; it ends with the demo", "accent")
        else:
            self.type_in(
                "directory for the hosts' files (receivers of a group on one machine share it)",
                self._with_directory,
            )

    def _with_directory(self, directory: str) -> None:
        if not directory.strip():
            self.say("a receiver needs a directory to write to", is_refusal=True)
            return
        names = {one.name for one in self.receivers}
        free = next(f"receiver-{n}" for n in range(1, 1000) if f"receiver-{n}" not in names)
        self.call_later(
            self.type_in, "its name", partial(self._with_name, directory.strip()), value=free
        )

    def _with_name(self, directory: str, name: str) -> None:
        self.call_later(
            self.type_in,
            "when this console ends, the receiver … ends, or stays?",
            partial(self._with_end, directory, name.strip()),
            value="ends",
        )

    def _with_end(self, directory: str, name: str, typed: str) -> None:
        answer = typed.strip().lower()
        if answer not in {"ends", "stays"}:
            self.say(f"{typed!r} is neither ends nor stays: nothing was started", is_refusal=True)
            return
        stays = answer == "stays"
        end = "and stays when this console ends" if stays else "and ends with this console"
        planned = ReceiverChange(
            receiver=name,
            what="start",
            consequences=(
                f"{name} receives {self.gateway.stream} into {directory}, {end}",
                "it shares the partitions with the receivers of its group",
            ),
        )
        when_confirmed(
            self,
            self.gateway.context,
            planned,
            lambda: self._start(directory, name, stays=stays),
        )

    def _start(self, directory: str, name: str, *, stays: bool) -> None:
        starter = self.around.starter

        async def start() -> str:
            if starter is None:
                raise GatewayError("this console cannot start receivers")
            return await starter.start_receiver(self.gateway.stream, directory, name, stays=stays)

        self.ask("started", start)
        self.stand(f"{name} is starting …", "accent")

    def answered_started(self, sentence: str | None) -> None:
        """Say what was started."""
        self.say(sentence or "a second receiver runs; it ends with the demo")
        self.look()

    def failed(self, name: str, reason: str) -> None:
        """Say what did not work, where."""
        if name == "receivers":
            self.stand(f"this look is incomplete: {reason}", "warn")
        else:
            self.say(f"{self.chosen}: {reason}" if name == "change" else reason, is_refusal=True)
            self.show_form()
