import pytest

from natsconsole.tui.drawing import OneLine
from natsconsole.tui.triage.list_page import ListPage
from natsconsole.tui.virtual_rows import VirtualRows


@pytest.mark.parametrize("base", [OneLine, VirtualRows, ListPage])
def test_what_lacks_a_hook_cannot_be_made(base: type) -> None:
    incomplete = type("Incomplete", (base,), {})
    with pytest.raises(TypeError, match="abstract method"):
        incomplete()
