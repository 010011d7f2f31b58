"""Write every picture, or with ``--check`` say which are stale."""

from __future__ import annotations

import sys

from screenshots.camera import path_of, take
from screenshots.scenes import SCENES


def main(arguments: list[str]) -> int:
    """Write or compare; return the exit code."""
    stale = []
    for scene in SCENES:
        picture = take(scene)
        path = path_of(scene)
        if path.exists() and path.read_text(encoding="utf-8") == picture:
            continue
        stale.append(scene.name)
        if "--check" not in arguments:
            path.write_text(picture, encoding="utf-8")
    words = "stale" if "--check" in arguments else "written"
    print("\n".join(f"{words}: {name}" for name in stale) or "all pictures are current")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
