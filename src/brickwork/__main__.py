"""``python -m brickwork``."""

from brickwork.cli import main

main()
