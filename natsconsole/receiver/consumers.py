"""The group's consumers: one per partition, its policy and generation in name and metadata.

JetStream cannot change a consumer's ack policy. A switch makes the next generation at the first
uncommitted message and then deletes the one before; whoever finds two after a crash keeps the
younger.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from natsconsole.domain.receivers import ACK_POLICIES, AckPolicy
from natsconsole.gateway.jetstream import ApiError, ConsumerInfo, JetStream
from natsconsole.gateway.log_stream import GROUP_KEY
from natsconsole.receiver.consumer_settings import DEFAULTS, ConsumerSettings
from natsconsole.receiver.pull import PRIORITY_GROUP

log = logging.getLogger(__name__)

PARTITION_KEY = "natsconsole.partition"
POLICY_KEY = "natsconsole.policy"
GENERATION_KEY = "natsconsole.generation"
DIRECTORY_KEY = "natsconsole.directory"
PRIORITY_TIMEOUT = 5.0
"""Seconds without a pull after which the server pins another client.

Longer than a pull stays open: only a new one tells the server that its holder lives.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupConsumer:
    """A consumer of a group, as its metadata describe it."""

    name: str
    partition: int
    policy: AckPolicy
    generation: int
    ack_wait_seconds: float
    max_ack_pending: int
    max_deliver: int
    backoff_seconds: tuple[float, ...]
    directory: str
    """Id of the ledger of whoever had it last."""
    created: str
    ack_floor: int
    """Stream sequence up to which all was settled when this was read."""
    delivered: int
    """Highest stream sequence delivered when this was read."""
    pending: int
    """Messages it had still to deliver then."""
    paused: bool
    """Whether somebody has paused it."""
    config: dict[str, Any]

    def wait(self, deliveries: int) -> float:
        """Return the seconds after which a message delivered so often comes again."""
        if self.backoff_seconds:
            return self.backoff_seconds[min(deliveries, len(self.backoff_seconds)) - 1]
        return self.ack_wait_seconds

    @classmethod
    def read(cls, info: ConsumerInfo, group: str) -> GroupConsumer | None:
        """Read a consumer, or None where it is not of this group."""
        metadata = info.metadata
        policy = metadata.get(POLICY_KEY)
        if metadata.get(GROUP_KEY) != group or policy not in ACK_POLICIES:
            return None
        if info.config.get("ack_policy") != policy or info.config.get("deliver_subject"):
            return None  # somebody made it after the likeness of ours
        try:
            partition = int(metadata[PARTITION_KEY])
            generation = int(metadata[GENERATION_KEY])
        except (KeyError, ValueError):
            return None
        return cls(
            name=info.name,
            partition=partition,
            policy=policy,
            generation=generation,
            ack_wait_seconds=info.config.get("ack_wait", 0) / 1e9,
            max_ack_pending=info.config.get("max_ack_pending", 0),
            max_deliver=info.config.get("max_deliver", -1),
            backoff_seconds=tuple(wait / 1e9 for wait in info.config.get("backoff") or ()),
            directory=metadata.get(DIRECTORY_KEY, ""),
            created=info.created,
            ack_floor=info.ack_floor.stream_seq,
            delivered=info.delivered.stream_seq,
            pending=info.num_pending,
            paused=info.paused,
            config=info.config,
        )


class Taken(NamedTuple):
    """A consumer that is ready to be pulled from."""

    consumer: GroupConsumer
    rewound: bool
    """Whether its own count of deliveries begins at 1 now."""
    doubtful_to: int
    """Up to this sequence a receiver with another ledger may have written what comes now."""


class GroupConsumers:
    """Finds, makes and replaces the consumers of one group on one stream.

    Args:
        jetstream: the API.
        stream: the stream.
        group: the group.
        directory: id of our ledger: tells our own former deliveries from another machine's.
        rewinds: whether the server can rewind a consumer (2.14); else it is made anew.
        pins: whether it can pin a consumer to one client (2.11).
    """

    def __init__(
        self,
        jetstream: JetStream,
        stream: str,
        group: str,
        *,
        directory: str,
        rewinds: bool = True,
        pins: bool = True,
    ) -> None:
        self._jetstream = jetstream
        self._stream = stream
        self._group = group
        self._directory = directory
        self._rewinds = rewinds
        self._pins = pins

    @property
    def priority_group(self) -> str | None:
        """What pull requests must name; None where the server knows no priority groups."""
        return PRIORITY_GROUP if self._pins else None

    async def newest(self) -> GroupConsumer | None:
        """Return the group's youngest consumer: its policy and settings are the group's."""
        found = await self._all()
        return max(found, key=lambda consumer: consumer.generation, default=None)

    async def take(
        self,
        partition: int,
        policy: AckPolicy,
        settings: ConsumerSettings,
        *,
        filter_subject: str,
        first_uncommitted: int | None,
        passed: Callable[[int], Awaitable[None]],
        anew: bool = False,
    ) -> Taken:
        """Return the partition's consumer, rewound to the first message that is not committed.

        Without a ledger, or after a receiver with another one, it goes on at its ack floor. A
        consumer with policy none goes on where it is: delivery was the acknowledgement, and what
        a crash lost of it is lost.

        Args:
            partition: whose.
            policy: of acknowledgement.
            settings: what is asked of it.
            filter_subject: what it delivers.
            first_uncommitted: by our ledger; None where that says nothing.
            passed: awaited with the sequence below which others have written what our ledger does
                not know of, before anything is changed.
            anew: leave the one that is there, which cannot be pulled from.
        """
        infos = await self._jetstream.consumers(self._stream)
        found = [one for one in self._ours(infos) if one.partition == partition]
        before = found[-1] if found else None
        start, doubtful_to = self._start(found, first_uncommitted)
        if start > (first_uncommitted or 0):
            await passed(start)
        current = None
        is_same = before is not None and before.policy == policy
        if before is not None and is_same and self._rewinds and not anew:
            current = await self._usable(before, settings, filter_subject)
        is_made = current is None
        if current is None:
            names = {info.name for info in infos}
            current = await self._create(
                partition, policy, settings, before, filter_subject, start, names
            )
        rewound = self._rewinds and (policy != "none" or is_made or len(found) > 1)
        if rewound:
            if self._pins:
                await self._jetstream.unpin_consumer(self._stream, current.name, PRIORITY_GROUP)
            await self._jetstream.reset_consumer(self._stream, current.name, start)
        for old in found:
            if old.name != current.name:
                await self._jetstream.delete_consumer(self._stream, old.name)
        return Taken(current, rewound or is_made, doubtful_to)

    async def read(self, name: str) -> GroupConsumer | None:
        """Return a consumer as it is now, or None where it is not the group's any more."""
        return GroupConsumer.read(
            await self._jetstream.consumer_info(self._stream, name), self._group
        )

    async def edit(self, consumer: GroupConsumer, settings: ConsumerSettings) -> GroupConsumer:
        """Change what can be changed of a consumer while it is pulled from."""
        return await self._adjust(consumer, settings, {})

    def _start(
        self, found: Sequence[GroupConsumer], first_uncommitted: int | None
    ) -> tuple[int, int]:
        """Return where to begin (0 for the start), and up to where others may have written.

        After a crash in the middle of a switch the younger of two may know nothing yet.
        """
        floor = max((one.ack_floor for one in found), default=0)
        delivered = max((one.delivered for one in found), default=0)
        if all(one.directory in ("", self._directory) for one in found):
            return first_uncommitted or (floor + 1 if floor else 0), 0
        return max(first_uncommitted or 0, floor + 1), delivered if delivered > floor else 0

    async def _all(self) -> list[GroupConsumer]:
        return self._ours(await self._jetstream.consumers(self._stream))

    def _ours(self, infos: Iterable[ConsumerInfo]) -> list[GroupConsumer]:
        """Return the group's consumers, the youngest last."""
        found = (GroupConsumer.read(info, self._group) for info in infos)
        ours = [consumer for consumer in found if consumer is not None]
        return sorted(ours, key=lambda consumer: consumer.generation)

    def partitions_without(self, infos: Iterable[ConsumerInfo], count: int) -> list[int]:
        """Return which of a number of partitions have no consumer of the group."""
        return sorted(set(range(count)) - {one.partition for one in self._ours(infos)})

    def oddity(self, consumer: GroupConsumer, filter_subject: str) -> str:
        """Return what somebody changed of a consumer that we cannot do with, or nothing."""
        wanted = self._fixed(filter_subject)
        differ = sorted(
            key for key, value in wanted.items() if (consumer.config.get(key) or None) != value
        )
        return ", ".join(differ)

    async def _usable(
        self, consumer: GroupConsumer, settings: ConsumerSettings, filter_subject: str
    ) -> GroupConsumer | None:
        """Return the consumer as it must be; None where that needs a new one."""
        if any(consumer.config.get(key) != value for key, value in _UNCHANGEABLE.items()):
            return None
        changed = self.oddity(consumer, filter_subject)
        if changed:
            log.warning("somebody changed %s of consumer %s; mending it", changed, consumer.name)
        try:
            return await self._adjust(consumer, settings, self._fixed(filter_subject))
        except ApiError as error:
            log.warning("consumer %s cannot be mended: %s", consumer.name, error)
            return None

    def _fixed(self, filter_subject: str) -> dict[str, Any]:
        """Return what must be so in a consumer's configuration, whatever is asked of it."""
        fixed: dict[str, Any] = dict.fromkeys(_MUST_NOT_BE) | {"filter_subject": filter_subject}
        if self._pins:
            fixed["priority_policy"] = "pinned_client"
            fixed["priority_groups"] = [PRIORITY_GROUP]
            fixed["priority_timeout"] = int(PRIORITY_TIMEOUT * 1e9)
        return fixed

    async def _create(
        self,
        partition: int,
        policy: AckPolicy,
        settings: ConsumerSettings,
        before: GroupConsumer | None,
        filter_subject: str,
        start: int,
        names: Collection[str],
    ) -> GroupConsumer:
        generation = before.generation + 1 if before else 1
        while self._name(partition, policy, generation) in names:
            generation += 1
        wanted = _merged(settings, before)
        config: dict[str, Any] = {
            "durable_name": self._name(partition, policy, generation),
            "description": f"natsconsole receiver group {self._group}, partition {partition}",
            "deliver_policy": "all",
            "ack_policy": policy,
            "metadata": {
                GROUP_KEY: self._group,
                PARTITION_KEY: str(partition),
                POLICY_KEY: policy,
                GENERATION_KEY: str(generation),
                DIRECTORY_KEY: self._directory,
            }
            | _kept(wanted),
        }
        config |= {key: value for key, value in self._fixed(filter_subject).items() if value}
        if not self._rewinds:
            # A consumer that cannot be rewound begins where it must, and is made anew each time.
            start = start or (before.ack_floor + 1 if before else 0)
            if start:
                config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": start}
        config |= _editable(policy, wanted)
        info = await self._jetstream.create_consumer(self._stream, config)
        made = GroupConsumer.read(info, self._group)
        assert made is not None  # noqa: S101 - the metadata above are what read() looks for
        return made

    def _name(self, partition: int, policy: AckPolicy, generation: int) -> str:
        return f"{self._group}-p{partition}-{policy}-{generation}"

    async def _adjust(
        self, consumer: GroupConsumer, settings: ConsumerSettings, fixed: dict[str, Any]
    ) -> GroupConsumer:
        wanted = _merged(settings, consumer)
        changes = _editable(consumer.policy, wanted) | fixed
        metadata = consumer.config.get("metadata", {})
        kept = metadata | _kept(wanted) | {DIRECTORY_KEY: self._directory}
        if kept == metadata and all(
            (consumer.config.get(key) or None) == (value or None) for key, value in changes.items()
        ):
            return consumer
        config = consumer.config | changes | {"metadata": kept}
        config = {key: value for key, value in config.items() if value is not None}
        info = await self._jetstream.edit_consumer(self._stream, consumer.name, config)
        return GroupConsumer.read(info, self._group) or consumer


_UNCHANGEABLE = {"deliver_policy": "all", "replay_policy": "instant"}
_MUST_NOT_BE = (
    "filter_subjects", "headers_only", "max_batch", "max_expires", "max_bytes",
    "inactive_threshold",
)  # fmt: skip
"""Settings that would keep lines, or the consumer itself, from us."""
_KEPT = ("ack_wait_seconds", "max_ack_pending", "max_deliver", "backoff_seconds")


def _editable(policy: AckPolicy, settings: ConsumerSettings) -> dict[str, Any]:
    """Return the part of a consumer's configuration that may be edited."""
    if policy == "none":
        return {}
    waits = settings.backoff_seconds or ()
    first = waits[0] if waits else settings.ack_wait_seconds or 0.0
    return {
        "ack_wait": int(first * 1e9),
        "max_ack_pending": settings.max_ack_pending,
        "max_deliver": settings.max_deliver,
        "backoff": [int(wait * 1e9) for wait in waits],
    }


def _kept(settings: ConsumerSettings) -> dict[str, str]:
    """Settings as metadata: a consumer with policy none has nowhere else to keep them."""
    return {
        f"natsconsole.{name}": msgspec.json.encode(getattr(settings, name)).decode()
        for name in _KEPT
    }


def _merged(asked: ConsumerSettings, before: GroupConsumer | None) -> ConsumerSettings:
    """What is asked for, else what the generation before had, else the defaults."""
    kept = before.config.get("metadata", {}) if before else {}
    return ConsumerSettings(
        **{
            name: _setting(getattr(asked, name), kept.get(f"natsconsole.{name}"), name)
            for name in _KEPT
        }
    )


def _setting(asked: Any, kept: str | None, name: str) -> Any:
    if asked is not None:
        return asked
    default = getattr(DEFAULTS, name)
    if kept is None:
        return default
    try:
        found = msgspec.json.decode(kept)
    except msgspec.DecodeError:
        return default
    return tuple(found) if isinstance(found, list) else found
