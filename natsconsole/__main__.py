"""``python -m natsconsole``."""

from natsconsole.cli import main

main(prog_name="natsconsole")
