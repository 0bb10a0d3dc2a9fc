"""The program, as ``longembed-rag`` or ``python -m longembed_rag``."""

from __future__ import annotations

import gc

from longembed_rag.interrupts import interrupts
from longembed_rag.limits import share_processors

# Now, and not in main(): who imports this module is the program, and what it imports takes long.
interrupts.take_over()


def main() -> None:
    """Run the program."""
    # What is imported makes many objects and no garbage, and by default is looked through for it
    # dozens of times before a command begins.
    gc.set_threshold(50_000, 20, 20)
    share_processors()
    from longembed_rag.cli import main as command_line

    command_line(prog_name="longembed-rag")


if __name__ == "__main__":
    main()
