"""What people type where something is asked for, read and offered."""

from natsconsole.domain.consumers import ConsumerState
from natsconsole.tui.triage.asked import edited, written_settings


def test_a_setting_that_a_terminal_would_act_on_is_left_out_and_stays() -> None:
    plain = ConsumerState(stream="LOGS", name="c", description="it's ours")
    assert "description=" in written_settings(plain)
    hostile = ConsumerState(stream="LOGS", name="c", description="\x1b]0;owned\x07", max_deliver=5)
    offered = written_settings(hostile)
    assert "description" not in offered
    assert "max_deliver=5" in offered
    assert edited(hostile, offered) == {}
