"""Hears the shippers' heartbeats, and presses the Big Red Button.

Heartbeats are untrusted like everything from the network: what is kept of them is bounded.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter

import msgspec

from natsconsole.domain.shippers import (
    ALL,
    MISSED,
    NO_SHIPPERS,
    ButtonOrder,
    ShipperPulse,
    ShippersSeen,
)
from natsconsole.gateway.heartbeats import LONGEST_TEXT, PROBLEMS, read_heartbeat
from natsconsole.gateway.interface import GatewayError
from natsconsole.gateway.jetstream import ApiError, JetStream
from natsconsole.gateway.key_value import Entry, KeyValue, NoBucketError
from shipper.connection import (
    Connection,
    ConnectionProblem,
    NoRespondersError,
    PermissionDeniedError,
    RequestFailedError,
)
from shipper.wire import (
    HEARTBEAT_SUBJECT,
    HOSTS_PER_HEARTBEAT,
    ORDER_KEY_ALL,
    ORDERS_BUCKET,
    PING_SUBJECT,
    HostPulse,
    Order,
    order_key,
)

MOST_SHIPPERS = 100_000
MOST_HOSTS = 200_000
SHORTEST_INTERVAL, LONGEST_INTERVAL = 1.0, 600.0
FORGOTTEN_AFTER = 3600.0
"""Seconds after which a shipper that is gone is no longer missed."""
FEW = 20
"""Shippers that are asked how they are every ``PING_SECONDS``; more speak of themselves only."""
PING_SECONDS = 5.0
ORDERS_SECONDS = 10.0
"""After which the order for everybody is asked for again where nobody could tell it."""
HOSTS_A_SECOND = 10_000
"""Hosts whose pulses are added up in a second at most."""


class _Shipper:
    __slots__ = ("heard", "hosts", "interval", "is_gone", "lost_bytes", "machine", "problems")

    def __init__(self, machine: str) -> None:
        self.machine = machine
        self.heard = 0.0
        self.interval = SHORTEST_INTERVAL
        self.is_gone = False
        self.hosts: dict[str, HostPulse] = {}
        self.problems: tuple[str, ...] = ()
        self.lost_bytes = 0


class Shippers:
    """The shippers that are heard on a connection."""

    def __init__(self, connection: Connection, jetstream: JetStream) -> None:
        self._connection = connection
        self._bucket = KeyValue(connection, jetstream, ORDERS_BUCKET)
        self._shippers: dict[tuple[str, str], _Shipper] = {}
        self._owners: dict[str, _Shipper] = {}
        self._changed: dict[str, ShipperPulse] = {}
        self._lost: Counter[str] = Counter()
        """By machine, what shippers lost that are forgotten."""
        self._is_listening = False
        self._listening = contextlib.ExitStack()
        self._pinged = 0.0
        self._may_read_orders = True
        self._order = Order()
        """The last one for everybody that could be read."""
        self._asks_again = 0.0
        self.problem = ""
        """Why it is not known which order holds, in one line; empty while it is."""
        self._sum = NO_SHIPPERS
        self._sum_until = 0.0

    async def listen(self, now: float) -> None:
        """Begin to listen, and ask all to say something soon; a few are asked again and again."""
        if not self._is_listening:
            self._is_listening = True
            heard = await self._connection.subscribe(f"{HEARTBEAT_SUBJECT}.>", self._take)
            self._listening.callback(heard.cancel)
        elif len(self._shippers) > FEW or now < self._pinged + PING_SECONDS:
            return
        self._pinged = now
        with contextlib.suppress(ConnectionProblem):
            await self._connection.publish(PING_SUBJECT)

    def close(self) -> None:
        """Listen no more."""
        self._listening.close()

    def changes(self, now: float) -> dict[str, ShipperPulse]:
        """Return the pulses, by host, that are new since this was asked last."""
        for key, shipper in list(self._shippers.items()):
            silence = now - shipper.heard
            if silence > FORGOTTEN_AFTER:
                self._forget(key, shipper)
            elif silence > MISSED * shipper.interval and not shipper.is_gone:
                shipper.is_gone = True
                for host, pulse in shipper.hosts.items():
                    if self._owners.get(host) is shipper:
                        self._changed[host] = _pulse(shipper, pulse)
        changed, self._changed = self._changed, {}
        return changed

    def pulse_of(self, host: str) -> ShipperPulse | None:
        """Return how a host's shipper was when it was last heard; None where none was."""
        shipper = self._owners.get(host)
        return _pulse(shipper, shipper.hosts[host]) if shipper is not None else None

    async def seen(self, now: float) -> ShippersSeen:
        """Return the sum of what was heard, with the order that holds for everybody.

        It is made anew the less often the more hosts there are.
        """
        if now >= self._sum_until:
            self._sum = await self._new_sum(now)
            self._sum_until = now + len(self._owners) / HOSTS_A_SECOND
        return self._sum

    async def _new_sum(self, now: float) -> ShippersSeen:
        order = await self._order_for_all(now) if self._shippers else Order()
        owned = [(shipper, shipper.hosts[host]) for host, shipper in self._owners.items()]
        alive = [pulse for shipper, pulse in owned if not shipper.is_gone]
        gone = {shipper.machine for shipper, _ in owned if shipper.is_gone}
        living = [one for one in self._shippers.values() if not one.is_gone]
        problems = (f"{one.machine}: {text}" for one in living for text in one.problems)
        lost = self._lost.copy()
        for one in self._shippers.values():
            lost[one.machine] += one.lost_bytes
        return ShippersSeen(
            alive=len(living),
            gone=tuple(sorted(gone)),
            hosts=len(alive),
            paused_hosts=sum(pulse.paused for pulse in alive),
            backlog_bytes=sum(pulse.backlog_bytes for pulse in alive),
            lag_seconds=max((one.lag_seconds for one in alive if not one.paused), default=0.0),
            lost_bytes=lost.total(),
            lost_at=tuple(sorted(machine for machine, number in lost.items() if number)),
            problems=tuple(text for text, _ in zip(problems, range(PROBLEMS), strict=False)),
            is_stopped=order.pause,
            reason=order.reason[:LONGEST_TEXT],
        )

    async def press(self, order: ButtonOrder) -> str:
        """Give an order, and return what holds now. A limit of the rate stays as it is.

        Raises:
            GatewayError: there is no bucket for orders.
        """
        key = ORDER_KEY_ALL if order.host == ALL else order_key(order.host)
        try:
            entry = await self._bucket.get(key)
            before = _order_in(entry)
            after = msgspec.structs.replace(before, pause=order.pauses, reason=order.reason)
            if after.pause or after.bytes_per_second:
                await self._bucket.put(key, msgspec.json.encode(after))
            else:
                await self._bucket.delete(key)
            self._sum_until = 0.0
            return await self._outcome(order)
        except NoBucketError:
            raise GatewayError(
                f"there is no bucket {ORDERS_BUCKET!r} for the red button: "
                "make it with `natsconsole setup`"
            ) from None

    async def _outcome(self, order: ButtonOrder) -> str:
        if order.pauses:
            return f"{order.whom}: paused; lines wait in their files until resumed"
        entries = await self._bucket.entries(">", from_leader=True)
        paused = [key for key, entry in entries.items() if _order_in(entry).pause]
        if order.host != ALL and ORDER_KEY_ALL in paused:
            return f"{order.whom}: resumed, but all are paused: resume all lets it go on"
        own = sum(key != ORDER_KEY_ALL for key in paused)
        rest = f"; {own:,} paused by name stay so" if own and order.host == ALL else ""
        return f"{order.whom}: resumed{rest}"

    async def _order_for_all(self, now: float) -> Order:
        if not self._may_read_orders:
            return Order()
        if now < self._asks_again:
            return self._order
        self.problem = ""
        try:
            self._order = _order_in(await self._bucket.get(ORDER_KEY_ALL))
        except PermissionDeniedError:
            self._may_read_orders = False
        except NoBucketError:
            self._order = Order()
        except (ApiError, RequestFailedError, NoRespondersError) as error:
            # A bucket without a leader must not cost the look at all the rest.
            self.problem = f"whether the red button is pressed is not known: {error}"
            self._asks_again = now + ORDERS_SECONDS
        return self._order

    def _take(self, _subject: str, _reply: str, _headers: bytes, payload: bytes) -> None:
        beat = read_heartbeat(payload)
        if beat is None:
            return
        key = (beat.name, beat.instance)
        shipper = self._shippers.get(key)
        if shipper is None:
            if len(self._shippers) >= MOST_SHIPPERS:
                return
            shipper = self._shippers[key] = _Shipper(key[0])
        shipper.heard = time.time()
        shipper.interval = min(LONGEST_INTERVAL, max(SHORTEST_INTERVAL, beat.interval_seconds))
        shipper.is_gone = False
        shipper.lost_bytes = max(shipper.lost_bytes, beat.lost_bytes)
        shipper.problems = beat.problems
        for pulse in beat.hosts[:HOSTS_PER_HEARTBEAT]:
            if pulse.host in self._owners or len(self._owners) < MOST_HOSTS:
                self._owners[pulse.host] = shipper
                shipper.hosts[pulse.host] = pulse
                self._changed[pulse.host] = _pulse(shipper, pulse)

    def _forget(self, key: tuple[str, str], shipper: _Shipper) -> None:
        del self._shippers[key]
        if shipper.lost_bytes and len(self._lost) < MOST_SHIPPERS:
            self._lost[shipper.machine] += shipper.lost_bytes
        for host in shipper.hosts:
            if self._owners.get(host) is shipper:
                del self._owners[host]


def _order_in(entry: Entry | None) -> Order:
    """Read an order; what is none orders nothing, as for the shippers."""
    try:
        return msgspec.json.decode(entry.value, type=Order) if entry else Order()
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Order()


def _pulse(shipper: _Shipper, pulse: HostPulse) -> ShipperPulse:
    return ShipperPulse(
        machine=shipper.machine,
        is_alive=not shipper.is_gone,
        backlog_bytes=max(0, pulse.backlog_bytes),
        lag_seconds=max(0.0, pulse.lag_seconds),
        is_paused=pulse.paused,
        bytes_per_second=max(0, pulse.bytes_per_second),
    )
