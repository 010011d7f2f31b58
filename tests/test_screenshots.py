"""The pictures in the documents are what the console looks like now."""

import difflib
from pathlib import Path

import pytest

from screenshots.camera import path_of, take
from screenshots.picture import text_of
from screenshots.scenes import SCENES, Scene

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
SHOWN = [scene for scene in SCENES if f"screenshots/{path_of(scene).name}" in README]
OTHERS = [scene for scene in SCENES if scene not in SHOWN]


@pytest.mark.parametrize("scene", SHOWN, ids=lambda scene: scene.name)
def test_a_picture_in_the_readme_is_current(scene: Scene) -> None:
    compare(scene)


@pytest.mark.long
@pytest.mark.parametrize("scene", OTHERS, ids=lambda scene: scene.name)
def test_every_other_picture_is_current(scene: Scene) -> None:
    """Also checked by ``python -m screenshots --check``, as CI does."""
    compare(scene)


def compare(scene: Scene) -> None:
    kept = path_of(scene).read_text(encoding="utf-8")
    taken = take(scene)
    words = difflib.unified_diff(
        text_of(kept).splitlines(), text_of(taken).splitlines(), "kept", "taken", lineterm=""
    )
    assert taken == kept, "run python -m screenshots, and look at it:\n" + "\n".join(words)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_picture_needs_nothing_from_elsewhere(scene: Scene) -> None:
    picture = path_of(scene).read_text(encoding="utf-8")
    assert "@font-face" not in picture
    assert "cdn" not in picture
