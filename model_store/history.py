"""ACTIVE: the version in use, and those that were in use before it, a name a line, newest first."""

from model_store.errors import ActiveDamaged
from model_store.manifest import is_version_name

ACTIVE = "ACTIVE"


def promote_one(store: object) -> str:
    """What to do where the store has no version in use."""
    return f"put one into use with: python -m model_store promote VERSION --store {store}"


def parse_history(content: bytes, store: object) -> tuple[str, ...]:
    """The versions' names that the store's ACTIVE has.

    Raises:
        ActiveDamaged: It is not a list of versions' names.
    """
    try:
        lines = content.decode().split()
    except UnicodeDecodeError as error:
        raise ActiveDamaged(f"ACTIVE is not UTF-8 text; {promote_one(store)}.") from error
    for line in lines:
        if not is_version_name(line):
            raise ActiveDamaged(
                f"ACTIVE has {line[:80]!r}, no version's name; {promote_one(store)}."
            )
    return tuple(lines)


def written_history(history: tuple[str, ...]) -> bytes:
    """What ACTIVE holds for these versions."""
    return "".join(f"{version}\n" for version in history).encode()
