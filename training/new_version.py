"""What a new version takes, whatever it is made from."""

from datetime import UTC, datetime

from model_store.errors import VersionExists
from model_store.manifest import is_version_name
from model_store.store import FolderStore


def check_new(name: str, store: FolderStore) -> None:
    """Ask whether the store can take a version of this name, before minutes are spent on making it.

    Raises:
        ValueError: No version may be called so.
        VersionExists: The store has this version.
    """
    if not is_version_name(name):
        raise ValueError(f"{name!r} is no version's name; letters, digits, '.', '_', '-' make one.")
    if (store.path / name).exists():
        raise VersionExists(f"Version {name} is in {store.path} already; name another one.")


def now() -> str:
    """When it is made, as manifests write it: ISO 8601 in UTC, to the second."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
