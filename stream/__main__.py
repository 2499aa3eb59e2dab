"""Where the program begins. Nothing but what handles Ctrl-C is imported before Ctrl-C is handled."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .signals import interrupt_ends_quietly


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; argv without the program's name."""
    interrupt_ends_quietly()
    from .cli import main as run

    code = run(argv)
    interrupt_ends_quietly()  # the interpreter only tidies up from here on
    return code


if __name__ == "__main__":
    sys.exit(main())
