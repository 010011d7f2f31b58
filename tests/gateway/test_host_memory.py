from natsconsole.domain.receivers import HostStatus
from natsconsole.gateway.host_memory import IDLE_AFTER, HostMemory

START = 1_000.0


def met(count: int = 5, status: HostStatus | None = None) -> HostMemory:
    memory = HostMemory("web1", "logs.3.web1")
    memory.note(count, status, START, START - 1)
    memory.is_behind(None, START)
    return memory


def test_an_idle_host_keeps_its_row_until_it_would_read_otherwise() -> None:
    memory = met()
    first = memory.row(1.0, START + 40, 3_600)
    memory.note(5, None, START + 41, START + 40)
    assert memory.row(1.0, START + 41, 3_600) is first
    assert memory.row(1.0, START + 3_599, 3_600) is first
    assert first.unseen_seconds(START + 3_599) == 3_599
    assert memory.row(1.0, START + 3_600, 3_600).state == "silent"
    memory.stand_at("logs.4.web1")
    assert memory.row(1.0, START + 3_601, 3_600).partition == "4"


def test_states_turn_when_they_should() -> None:
    memory = met()
    states = {second: memory.row(1.0, START + second, 30).state for second in range(60)}
    assert [states[second] for second in (0, 9, 11, 29, 30, 31)] == [
        "live", "live", "quiet", "quiet", "silent", "silent",
    ]  # fmt: skip
    memory.note(6, None, START + 61, START + 60)
    assert memory.row(1.0, START + 61, 30).state == "live"


def test_a_host_that_wakes_has_the_rate_of_its_new_lines() -> None:
    memory = met()
    memory.note(5, None, START + 500, START + 499)
    memory.note(25, None, START + 501, START + 500)
    row = memory.row(2.0, START + 501)
    assert row.lines_per_second == 40
    assert row.history == (20.0,)


def test_a_host_that_stopped_long_ago_has_no_rate_and_no_history() -> None:
    memory = met()
    memory.note(9, None, START + 1, START)
    for second in range(2, int(IDLE_AFTER) + 4):
        memory.note(9, None, START + second, START + second - 1)
    row = memory.row(1.0, START + IDLE_AFTER + 4)
    assert (row.lines_per_second, row.history) == (0.0, ())


def test_a_new_status_shows_at_once() -> None:
    memory = met()
    memory.row(1.0, START)
    status = HostStatus(host="web1", partition=3, delivered=5, written=2, unacked=3, held=True)
    memory.note(5, status, START + 1, START)
    row = memory.row(1.0, START + 1)
    assert (row.state, row.unacked, row.partition) == ("held", 3, "3")
