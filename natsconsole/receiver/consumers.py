"""The group's consumers: one per partition, its policy and generation in name and metadata.

JetStream cannot change a consumer's ack policy. A switch makes the next generation at the first
uncommitted message and then deletes the one before; whoever finds two after a crash keeps the
younger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from natsconsole.domain.receivers import ACK_POLICIES, AckPolicy
from natsconsole.gateway.jetstream import ConsumerInfo, JetStream
from natsconsole.receiver.pull import PRIORITY_GROUP

GROUP_KEY = "natsconsole.group"
PARTITION_KEY = "natsconsole.partition"
POLICY_KEY = "natsconsole.policy"
GENERATION_KEY = "natsconsole.generation"
PRIORITY_TIMEOUT = 2.0
"""Seconds without a pull after which the server pins another client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSettings:
    """What a group asks of its consumers; None leaves what is there, or the default."""

    ack_wait_seconds: float | None = None
    max_ack_pending: int | None = None
    max_deliver: int | None = None


UNCHANGED = ConsumerSettings()
DEFAULTS = ConsumerSettings(ack_wait_seconds=30.0, max_ack_pending=1000, max_deliver=-1)


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
    config: dict[str, Any]

    @classmethod
    def read(cls, info: ConsumerInfo, group: str) -> GroupConsumer | None:
        """Read a consumer, or None where it is not of this group."""
        metadata = info.metadata
        policy = metadata.get(POLICY_KEY)
        if metadata.get(GROUP_KEY) != group or policy not in ACK_POLICIES:
            return None
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
            config=info.config,
        )


class GroupConsumers:
    """Finds, makes and replaces the consumers of one group on one stream."""

    def __init__(self, jetstream: JetStream, stream: str, group: str) -> None:
        self._jetstream = jetstream
        self._stream = stream
        self._group = group

    async def policy(self) -> AckPolicy | None:
        """Return the group's policy, or None where it has no consumer yet."""
        found = await self._all()
        newest = max(found, key=lambda consumer: consumer.generation, default=None)
        return newest.policy if newest else None

    async def take(
        self,
        partition: int,
        policy: AckPolicy,
        settings: ConsumerSettings,
        *,
        filter_subject: str,
        first_uncommitted: int | None,
    ) -> GroupConsumer:
        """Return the partition's consumer, rewound to the first message that is not committed.

        Without a ledger it goes on at its ack floor. A consumer with policy none goes on where
        it is: delivery was the acknowledgement, and what a crash lost of it is lost.
        """
        found = [consumer for consumer in await self._all() if consumer.partition == partition]
        found.sort(key=lambda consumer: consumer.generation)
        current = found[-1] if found else None
        is_new = current is None or current.policy != policy or len(found) > 1
        if current is None or current.policy != policy:
            current = await self._create(partition, policy, settings, current, filter_subject)
        else:
            current = await self._adjust(current, settings)
        if is_new or policy != "none":
            await self._jetstream.unpin_consumer(self._stream, current.name, PRIORITY_GROUP)
            await self._jetstream.reset_consumer(self._stream, current.name, first_uncommitted or 0)
        for old in found:
            if old.name != current.name:
                await self._jetstream.delete_consumer(self._stream, old.name)
        return current

    async def _all(self) -> list[GroupConsumer]:
        infos = await self._jetstream.consumers(self._stream)
        found = (GroupConsumer.read(info, self._group) for info in infos)
        return [consumer for consumer in found if consumer is not None]

    async def _create(
        self,
        partition: int,
        policy: AckPolicy,
        settings: ConsumerSettings,
        before: GroupConsumer | None,
        filter_subject: str,
    ) -> GroupConsumer:
        generation = before.generation + 1 if before else 1
        wanted = _merged(settings, before)
        config: dict[str, Any] = {
            "durable_name": f"{self._group}-p{partition}-{policy}-{generation}",
            "description": f"natsconsole receiver group {self._group}, partition {partition}",
            "deliver_policy": "all",
            "ack_policy": policy,
            "filter_subject": filter_subject,
            "max_deliver": wanted.max_deliver,
            "priority_policy": "pinned_client",
            "priority_groups": [PRIORITY_GROUP],
            "priority_timeout": int(PRIORITY_TIMEOUT * 1e9),
            "metadata": {
                GROUP_KEY: self._group,
                PARTITION_KEY: str(partition),
                POLICY_KEY: policy,
                GENERATION_KEY: str(generation),
            }
            | _kept(wanted),
        }
        if policy != "none":
            config["ack_wait"] = int((wanted.ack_wait_seconds or 0) * 1e9)
            config["max_ack_pending"] = wanted.max_ack_pending
        info = await self._jetstream.create_consumer(self._stream, config)
        made = GroupConsumer.read(info, self._group)
        assert made is not None  # noqa: S101 - the metadata above are what read() looks for
        return made

    async def _adjust(self, consumer: GroupConsumer, settings: ConsumerSettings) -> GroupConsumer:
        if consumer.policy == "none":
            return consumer
        wanted = _merged(settings, consumer)
        changes = {
            "ack_wait": int((wanted.ack_wait_seconds or 0) * 1e9),
            "max_ack_pending": wanted.max_ack_pending,
            "max_deliver": wanted.max_deliver,
        }
        if all(consumer.config.get(key) == value for key, value in changes.items()):
            return consumer
        config = consumer.config | changes
        config["metadata"] = config.get("metadata", {}) | _kept(wanted)
        info = await self._jetstream.update_consumer(self._stream, config)
        return GroupConsumer.read(info, self._group) or consumer


_KEPT = ("ack_wait_seconds", "max_ack_pending", "max_deliver")


def _kept(settings: ConsumerSettings) -> dict[str, str]:
    """Settings as metadata: a consumer with policy none has nowhere else to keep them."""
    return {f"natsconsole.{name}": str(getattr(settings, name)) for name in _KEPT}


def _merged(asked: ConsumerSettings, before: GroupConsumer | None) -> ConsumerSettings:
    """What is asked for, else what the generation before had, else the defaults."""
    kept = before.config.get("metadata", {}) if before else {}

    def value(name: str) -> float:
        found = getattr(asked, name)
        if found is None:
            found = kept.get(f"natsconsole.{name}")
        return float(getattr(DEFAULTS, name) if found is None else found)

    return ConsumerSettings(
        ack_wait_seconds=value("ack_wait_seconds"),
        max_ack_pending=int(value("max_ack_pending")),
        max_deliver=int(value("max_deliver")),
    )
