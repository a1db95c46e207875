"""Run `command_line`, and end an interruption in a sentence, while its imports take their time as well."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    try:
        from archive import command_line

        return command_line.main(arguments)
    except KeyboardInterrupt:
        print("Interrupted; the same command goes on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
