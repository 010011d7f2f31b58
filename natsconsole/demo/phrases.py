"""What the services of each role have to say. What matters most stands first: panes are narrow."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from natsconsole.demo.fleet_hosts import Role


class Facts:
    """Made-up particulars, by chance."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def pick(self, *choices: str) -> str:
        """Return one of them."""
        return self.random.choice(choices)

    def number(self, low: int, high: int) -> int:
        """Return a number from ``low`` to ``high``."""
        return low + int(self.random.random() * (high - low + 1))

    def millis(self, usual: float) -> float:
        """Return a duration: mostly near ``usual``, now and then many times as long."""
        return min(self.random.lognormvariate(0, 0.7) * usual, 30_000)

    def token(self) -> str:
        """Return an id that no other line has."""
        return f"{self.random.getrandbits(40):010x}"

    def inside(self) -> str:
        """Return an address of ours."""
        return f"10.4.{self.number(0, 7)}.{self.number(2, 250)}"

    def outside(self) -> str:
        """Return an address of somebody else's."""
        return f"{self.pick('203.0.113', '198.51.100')}.{self.number(1, 254)}"


Phrase = Callable[[Facts], str]

_PATHS = (
    "/",
    "/api/items",
    "/api/users",
    "/api/cart",
    "/api/orders",
    "/api/search",
    "/healthz",
    "/login",
    "/assets/app.js",
    "/assets/site.css",
    "/img/logo.svg",
)
_TABLES = ("orders", "items", "users", "carts", "sessions", "payments")
_QUEUES = ("orders", "emails", "invoices", "thumbnails", "webhooks")
_USERS = ("deploy", "alice", "bob", "carol", "backup", "ci")
_STATUSES = (200,) * 88 + (304,) * 4 + (302,) * 3 + (404,) * 3 + (499, 500)


def _access(s: Facts) -> str:
    path = s.pick(*_PATHS)
    method = "GET"
    if path == "/login" or (path.startswith("/api/") and s.number(1, 5) == 1):
        method = "POST"
    elif path.startswith("/api/") and s.number(1, 3) == 1:
        path = f"{path}/{s.number(1, 9999)}"
    status = s.random.choice(_STATUSES)
    size = 0 if status in (304, 499) else s.number(180, 48_000)
    return f"{method} {path} {status} {s.millis(14):.0f}ms {size}B {s.inside()} req={s.token()}"


def _upstream_slow(s: Facts) -> str:
    return f"WARN upstream api-{s.number(1, 4):02d} slow: {s.number(1100, 4800)}ms req={s.token()}"


def _upstream_closed(s: Facts) -> str:
    return f"ERROR 502 upstream closed early {s.inside()}:8080 req={s.token()}"


def _statement(s: Facts) -> str:
    verb = s.pick("SELECT * FROM", "SELECT * FROM", "DELETE FROM", "SELECT total FROM")
    statement = f"{verb} {s.pick(*_TABLES)} WHERE id = {s.number(1, 999_999)}"
    return f"[{s.number(400, 480)}] LOG: {s.millis(3):.3f} ms {statement} -- {s.token()}"


def _checkpoint(s: Facts) -> str:
    buffers = s.number(40, 4000)
    return (
        f"[97] LOG: checkpoint complete: wrote {buffers} buffers ({buffers / 164:.1f}%); "
        f"write={s.millis(900) / 1000:.3f} s, lsn=0/{s.random.getrandbits(32):08X}"
    )


def _session(s: Facts) -> str:
    return (
        f"[{s.number(400, 480)}] LOG: connection authorized: user=app database=shop "
        f"host={s.inside()} port={s.number(32_768, 60_999)} session={s.token()}"
    )


def _lock_wait(s: Facts) -> str:
    return (
        f"[{s.number(400, 480)}] WARNING: waited {s.number(1000, 9000)} ms for ShareLock "
        f"on transaction {s.number(800_000, 999_999)} -- {s.token()}"
    )


def _deadlock(s: Facts) -> str:
    return (
        f"[{s.number(400, 480)}] ERROR: deadlock detected on {s.pick(*_TABLES)}, "
        f"transaction {s.number(800_000, 999_999)} rolled back -- {s.token()}"
    )


def _eviction(s: Facts) -> str:
    return f"1:M * evicted {s.number(1, 400)} keys, {s.number(180, 250)} MB used, cycle {s.token()}"


def _slow_command(s: Facts) -> str:
    command = s.pick("HGETALL cart", "ZRANGE top", "LRANGE feed", "SMEMBERS tags")
    return f"1:M # slow {command}:{s.number(1, 99_999)} {s.number(10, 220)}ms id={s.token()}"


def _cache_client(s: Facts) -> str:
    what = s.pick("connected", "connected", "closed")
    return f"1:M - client {what} {s.inside()}:{s.number(32_768, 60_999)} id={s.token()}"


def _hits(s: Facts) -> str:
    return (
        f"1:M * hits {s.number(880, 999) / 10:.1f}% ops {s.number(900, 9000)}/s "
        f"clients {s.number(40, 90)} sample={s.token()}"
    )


def _snapshot(s: Facts) -> str:
    return (
        f"1:M * {s.number(10, 10_000)} changes in 60 s, saving; "
        f"{s.number(4, 90)} MB written by pid {s.number(1000, 9999)} rdb={s.token()}"
    )


def _cache_memory(s: Facts) -> str:
    return f"1:M # WARN memory {s.number(91, 98)}% of maxmemory, evicting faster at {s.token()}"


def _replica_lost(s: Facts) -> str:
    return f"1:M # ERROR replica {s.inside()}:6379 lost at {s.number(1, 1 << 30)} {s.token()}"


def _queue_depth(s: Facts) -> str:
    return (
        f"[info] {s.pick(*_QUEUES)}: ready {s.number(0, 400)} unacked {s.number(0, 32)} "
        f"in {s.number(10, 300)}/s out {s.number(10, 300)}/s mark={s.token()}"
    )


def _queue_deliver(s: Facts) -> str:
    return (
        f"[info] {s.pick(*_QUEUES)} -> worker-{s.number(1, 24)} acked "
        f"{s.millis(25):.0f}ms msg={s.token()}"
    )


def _queue_channel(s: Facts) -> str:
    return (
        f"[info] <0.{s.number(400, 9999)}.0> accepted {s.inside()}:{s.number(32_768, 60_999)} "
        f"vhost / channel={s.token()}"
    )


def _queue_redelivered(s: Facts) -> str:
    return f"[warning] {s.pick(*_QUEUES)} redelivered, try {s.number(2, 5)} of 5 msg={s.token()}"


def _queue_dead_letter(s: Facts) -> str:
    return f"[error] {s.pick(*_QUEUES)} dead-lettered after 5 tries msg={s.token()}"


_EVENTS = ("order placed", "cart updated", "payment captured", "mail queued", "stock reserved")


def _api_event(s: Facts) -> str:
    return (
        f'info msg="{s.pick(*_EVENTS)}" order={s.number(10_000, 99_999)} '
        f"user={s.number(1, 9999)} dur={s.millis(30):.0f}ms trace={s.token()}"
    )


def _api_retry(s: Facts) -> str:
    return (
        f'warn msg="retrying" target={s.pick("payments", "stock", "mail")} '
        f"try={s.number(2, 4)} wait={s.number(50, 800)}ms trace={s.token()}"
    )


def _api_failed(s: Facts) -> str:
    return (
        f'error msg="request failed" route={s.pick("/orders", "/cart", "/pay")} '
        f'err="{s.pick("deadline exceeded", "connection reset", "bad gateway")}" trace={s.token()}'
    )


def _json_event(s: Facts) -> str:
    return (
        f'{{"level":"info","msg":"{s.pick(*_EVENTS)}","order":{s.number(10_000, 99_999)},'
        f'"ms":{s.millis(30):.0f},"trace":"{s.token()}"}}'
    )


def _json_warning(s: Facts) -> str:
    return (
        f'{{"level":"warn","msg":"slow {s.pick("payments", "stock", "mail")}",'
        f'"ms":{s.number(900, 4000)},"trace":"{s.token()}"}}'
    )


def _json_error(s: Facts) -> str:
    return (
        f'{{"level":"error","msg":"{s.pick("deadline exceeded", "connection reset")}",'
        f'"route":"{s.pick("/orders", "/cart", "/pay")}","trace":"{s.token()}"}}'
    )


def _accepted(s: Facts) -> str:
    return (
        f"sshd[{s.number(1000, 32_000)}]: Accepted publickey for {s.pick(*_USERS)} "
        f"from {s.inside()} port {s.number(32_768, 60_999)} ssh2 {s.token()}"
    )


def _token_issued(s: Facts) -> str:
    return (
        f"oauth: token issued to {s.pick('web', 'ios', 'android', 'partner')} "
        f"user-{s.number(1, 9999)} ttl {s.pick('900', '3600')} jti={s.token()}"
    )


def _session_closed(s: Facts) -> str:
    return f"sshd[{s.number(1000, 32_000)}]: session closed for {s.pick(*_USERS)} {s.token()}"


def _failed_password(s: Facts) -> str:
    return (
        f"WARN sshd[{s.number(1000, 32_000)}]: Failed password for "
        f"{s.pick('root', 'admin', 'test', 'oracle')} from {s.outside()} "
        f"port {s.number(32_768, 60_999)} {s.token()}"
    )


def _token_refused(s: Facts) -> str:
    return (
        f"ERROR oauth: {s.pick('expired', 'unknown', 'revoked')} refresh token "
        f"user-{s.number(1, 9999)} from {s.outside()} jti={s.token()}"
    )


PHRASES: dict[Role, tuple[tuple[int, Phrase], ...]] = {
    "web": ((970, _access), (22, _upstream_slow), (8, _upstream_closed)),
    "db": ((860, _statement), (50, _checkpoint), (65, _session), (18, _lock_wait), (7, _deadlock)),
    "cache": (
        (380, _hits),
        (250, _cache_client),
        (150, _eviction),
        (120, _slow_command),
        (70, _snapshot),
        (22, _cache_memory),
        (8, _replica_lost),
    ),
    "queue": (
        (640, _queue_deliver),
        (240, _queue_depth),
        (90, _queue_channel),
        (23, _queue_redelivered),
        (7, _queue_dead_letter),
    ),
    "api": ((960, _api_event), (30, _api_retry), (10, _api_failed)),
    "auth": (
        (560, _token_issued),
        (200, _accepted),
        (160, _session_closed),
        (65, _failed_password),
        (15, _token_refused),
    ),
}
JSON_API_PHRASES: tuple[tuple[int, Phrase], ...] = (
    (960, _json_event),
    (30, _json_warning),
    (10, _json_error),
)
