"""The Big Red Button: a key that pauses all shippers or one host's, or limits their rate.

The orders are in a key-value bucket, so they outlast every restart. What is published to the
bucket only rings: what counts is read from the bucket itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Collection, Container

import msgspec

from shipper.connection import (
    Connection,
    ConnectionProblem,
    NoRespondersError,
    PermissionDeniedError,
    Reply,
    Subscription,
)
from shipper.headers import fields_of, server_fields_of, status_of
from shipper.problems import Problems
from shipper.wire import (
    ORDER_KEY_ALL,
    ORDERS_BUCKET,
    Order,
    order_key,
    orders_subject,
    strictest,
)

POLL_SECONDS = 300.0
"""How often the bucket is read though nothing rang; with 50,000 hosts some 170 reads a second."""
_SPREAD_SECONDS = 0.3
"""So many shippers that hear the bell do not all read at once."""
_AGAIN_SECONDS = 1.0
_MISSING_AGAIN_AT_MOST = 10.0
"""How long, at most, until a bucket is looked for again of which orders are known."""
_UNKNOWN_AT_MOST = 10.0
"""How long lines wait to know what the button says, if the bucket does not answer."""
_ONE_BY_ONE = 16
_API = f"$JS.API.DIRECT.GET.KV_{ORDERS_BUCKET}"
_NO_ORDER = Order()


class RedButton:
    """Knows the orders and holds up what they forbid.

    Args:
        hosts: whose lines are shipped, now.
        on_change: is called when an order changed.
    """

    def __init__(
        self,
        connection: Connection,
        problems: Problems,
        hosts: Callable[[], Collection[str]],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._problems = problems
        self._hosts = hosts
        self._on_change = on_change
        self._orders: dict[str, Order] = {}
        self._known: Container[str] = ()
        """Hosts whose orders were read."""
        self._is_asked = False
        self._missed = 0
        """How often in a row nobody answered for the bucket."""
        self._rung = asyncio.Event()
        self._changed = asyncio.Event()
        """Wakes whoever waits just then."""
        self._stopped = False
        self._free_at: dict[str, float] = {}

    def order_for(self, host: str) -> Order:
        """Return what holds for a host: the stricter of everybody's order and its own."""
        own = self._orders.get(order_key(host), _NO_ORDER)
        return strictest(self._orders.get(ORDER_KEY_ALL, _NO_ORDER), own)

    async def permit(self, host: str, size: int) -> bool:
        """Wait until ``size`` bytes of a host may be published; False once stopped."""
        if host not in self._known:
            await self._learn(host)
        while not self._stopped:
            order = self.order_for(host)
            wait = self._wait_for(host, order)
            if wait <= 0:
                if order.bytes_per_second:
                    begin = max(time.monotonic(), self._free_at.get(host, 0.0))
                    self._free_at[host] = begin + size / order.bytes_per_second
                return True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if order.pause else wait):
                    await self._changed.wait()
        return False

    def stop(self) -> None:
        """Let nobody wait any more."""
        self._stopped = True
        self._wake()

    async def run(self) -> None:
        """Follow the bucket until cancelled."""
        await self._connection.on_client(self._greet)
        subscription: Subscription | None = None
        try:
            subscription = await self._connection.subscribe(orders_subject(">"), self._ring)
            while True:
                self._rung.clear()
                wait = await self._read()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._rung.wait()
                if not self._is_asked:
                    await asyncio.sleep(random.uniform(0, _SPREAD_SECONDS))  # noqa: S311
                self._is_asked = False
        finally:
            if subscription is not None:
                subscription.cancel()

    async def _learn(self, host: str) -> None:
        """Wait to know what holds for a host never asked about."""
        while self._connection.state != "connected" and not self._stopped:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_SECONDS):
                    await self._changed.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_UNKNOWN_AT_MOST):
                while host not in self._known and not self._stopped:
                    self._is_asked = True
                    self._rung.set()
                    await self._changed.wait()

    def _wait_for(self, host: str, order: Order) -> float:
        if order.pause:
            return 1.0
        if not order.bytes_per_second:
            self._free_at.pop(host, None)
            return 0.0
        return self._free_at.get(host, 0.0) - time.monotonic()

    async def _greet(self, _client: object) -> None:
        self._rung.set()
        self._wake()

    def _ring(self, _subject: str, _reply: str, _headers: bytes, _payload: bytes) -> None:
        self._rung.set()

    async def _read(self) -> float:
        """Read the orders; return how many seconds until the next time."""
        try:
            hosts = self._hosts()
            orders = await self._orders_now(hosts)
        except NoRespondersError:
            return self._missing()
        except PermissionDeniedError as error:
            self._problems.started(self, "button", f"the red button cannot be read: {error}")
            self._known = _Everybody()
            self._wake()
            return POLL_SECONDS
        except (ConnectionProblem, msgspec.MsgspecError) as error:
            if self._connection.state == "connected":
                self._problems.started(self, "button", f"the red button cannot be read: {error}")
            return _AGAIN_SECONDS
        self._missed = 0
        self._problems.ended(self)
        self._know(hosts)
        if orders != self._orders:
            self._orders = orders
            self._on_change()
        self._wake()
        return POLL_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load

    def _missing(self) -> float:
        """There is no bucket, or none whose server is up: only who knows no order ships."""
        if any(order != _NO_ORDER for order in self._orders.values()):
            longest = _MISSING_AGAIN_AT_MOST
            self._problems.started(
                self,
                "button",
                f"nobody answers for the bucket {ORDERS_BUCKET}; the last order of the red button "
                "stands until the bucket is there again",
            )
        else:
            longest = POLL_SECONDS
            self._problems.ended(self)
        self._know(self._hosts())
        self._wake()
        wait = min(longest, _AGAIN_SECONDS * (1 << min(self._missed, 16)))
        self._missed += 1
        return wait * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load

    def _know(self, hosts: Collection[str]) -> None:
        self._known = hosts if len(hosts) <= _ONE_BY_ONE else _Everybody()

    async def _orders_now(self, hosts: Collection[str]) -> dict[str, Order]:
        if len(hosts) > _ONE_BY_ONE:
            return await self._all_orders()
        orders = {}
        for key in (ORDER_KEY_ALL, *map(order_key, hosts)):
            reply = await self._connection.request(f"{_API}.{orders_subject(key)}")
            order = _order_in(reply)
            if order is not None:
                orders[key] = order
        return orders

    async def _all_orders(self) -> dict[str, Order]:
        orders: dict[str, Order] = {}
        sequence = 1
        while True:
            wanted = {"seq": sequence, "next_by_subj": orders_subject(">")}
            reply = await self._connection.request(_API, msgspec.json.encode(wanted))
            fields = server_fields_of(reply.headers)
            if "Nats-Sequence" not in fields:
                return orders
            sequence = int(fields["Nats-Sequence"]) + 1
            key = fields.get("Nats-Subject", "").removeprefix(orders_subject(""))
            order = _order_in(reply)
            if order is None:
                orders.pop(key, None)
            else:
                orders[key] = order

    def _wake(self) -> None:
        self._changed.set()
        self._changed.clear()


class _Everybody:
    def __contains__(self, host: object) -> bool:
        return True


def _order_in(reply: Reply) -> Order | None:
    if status_of(reply.headers) is not None or "KV-Operation" in fields_of(reply.headers):
        return None
    return msgspec.json.decode(reply.data, type=Order)
