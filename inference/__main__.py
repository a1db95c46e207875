"""Run `command_line`, and end an interruption in a sentence, while its imports take their time as well."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    try:
        from inference import command_line

        return command_line.main(arguments)
    except KeyboardInterrupt:
        print("Interrupted before every file was answered.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
