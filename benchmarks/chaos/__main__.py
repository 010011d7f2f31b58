"""``python -m benchmarks.chaos``: random faults for some minutes, then every byte compared."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence

import click

from benchmarks.chaos.estate import FAULT_GROUPS, EstatePlan
from benchmarks.chaos.run import Outcome, run_chaos
from benchmarks.chaos.small_disk import enter_private_mounts
from natsconsole.demo.account_table import account_table
from natsconsole.demo.problems import DemoError
from natsconsole.demo.until_signalled import until_signalled

_CLUSTER = 3


def _fault_groups(_: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    groups = tuple(word.strip() for word in value.split(",") if word.strip())
    unknown = [group for group in groups if group not in FAULT_GROUPS]
    if unknown or not groups:
        raise click.BadParameter(
            f"{', '.join(unknown) or 'nothing'}: name some of {', '.join(FAULT_GROUPS)}",
            param=param,
        )
    return groups


@click.command()
@click.option("--minutes", type=click.FloatRange(0.1, 1440), default=10.0, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Which faults, and when.")
@click.option("--hosts", type=click.IntRange(2, 1000), default=12, show_default=True)
@click.option(
    "--rate",
    type=click.FloatRange(1, 100_000),
    default=400.0,
    show_default=True,
    metavar="LINES_PER_S",
    help="Of the whole fleet.",
)
@click.option(
    "--faults",
    default=",".join(FAULT_GROUPS),
    show_default=True,
    callback=_fault_groups,
    help="What may go wrong.",
)
@click.option("--cluster", is_flag=True, help="3 servers, the stream on each; its leader suffers.")
@click.option("--keep", is_flag=True, help="Keep sources, outputs and logs, and say where.")
@click.option("--json", "as_json", is_flag=True, help="The result as JSON; faults on stderr.")
def main(
    *,
    minutes: float,
    seed: int,
    hosts: int,
    rate: float,
    faults: Sequence[str],
    cluster: bool,
    keep: bool,
    as_json: bool,
) -> None:
    """Run fleet, shippers, server and two receivers, and let everything fail at random.

    Exits 0 only if in the end every host's file is byte for byte what the host wrote.
    """
    plan = EstatePlan(
        seconds=60 * minutes,
        seed=seed,
        hosts=hosts,
        rate=rate,
        servers=_CLUSTER if cluster else 1,
        fault_groups=faults,
        keep=keep,
        may_mount="disk" in faults and enter_private_mounts(),
    )

    def say(seconds: float, who: str, what: str) -> None:
        click.echo(f"{seconds:8.2f}  {who:<11} {what}", err=as_json)

    try:
        outcome = asyncio.run(until_signalled(run_chaos(plan, say)))
    except DemoError as error:
        raise click.ClickException(str(error)) from None
    if outcome is None:
        raise SystemExit(1)
    click.echo(json.dumps(outcome.as_json(), indent=2) if as_json else _table(outcome))
    raise SystemExit(0 if outcome.is_clean else 1)


def _table(outcome: Outcome) -> str:
    counts = ", ".join(f"{kind} {count}" for kind, count in outcome.counts.items())
    lines = ["", account_table(outcome.account), "", f"{len(outcome.faults)} faults: {counts}"]
    if outcome.not_made:
        lines.append(f"{outcome.not_made} more could not be made, because of others")
    lines.append(f"{outcome.kill_points_hit} kill points were hit")
    lines.append(f"all was written {outcome.settled_after:.1f} s after the last fault")
    if outcome.backlog.missing:
        lines[-1] = f"not all was written: {outcome.backlog}"
    if outcome.ended_by_themselves:
        lines.append(f"{len(outcome.ended_by_themselves)} times a program ended by itself")
    for name, texts in outcome.tracebacks.items():
        lines += [f"{name} printed {len(texts)} tracebacks; the last is", "", texts[-1]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
