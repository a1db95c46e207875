"""ACTIVE: the version in use, and those that were in use before it, a name a line, newest first."""

from model_store.errors import ActiveDamaged
from model_store.manifest import is_version_name

ACTIVE = "ACTIVE"
PROMOTE_ONE = "put one into use with: python -m model_store promote VERSION"


def parse_history(content: bytes) -> tuple[str, ...]:
    """The versions' names that ACTIVE has.

    Raises:
        ActiveDamaged: It is not a list of versions' names.
    """
    try:
        lines = content.decode().split()
    except UnicodeDecodeError as error:
        raise ActiveDamaged(f"ACTIVE is not UTF-8 text; {PROMOTE_ONE}.") from error
    for line in lines:
        if not is_version_name(line):
            raise ActiveDamaged(f"ACTIVE has {line[:80]!r}, no version's name; {PROMOTE_ONE}.")
    return tuple(lines)


def written_history(history: tuple[str, ...]) -> bytes:
    """What ACTIVE holds for these versions."""
    return "".join(f"{version}\n" for version in history).encode()
