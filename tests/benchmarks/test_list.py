"""The page on benchmarks names each of them."""

from __future__ import annotations

from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_each_is_on_the_page() -> None:
    page = (BENCHMARKS / "README.md").read_text()
    commands = {path.stem for path in BENCHMARKS.glob("*.py") if path.stem != "__init__"}
    commands |= {path.parent.name for path in BENCHMARKS.glob("*/__main__.py")}
    missing = {name for name in commands if f"`python -m benchmarks.{name}" not in page}
    assert not missing
