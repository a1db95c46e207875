"""A trained version → a store that a service reads: no code is deployed."""

from model_store.errors import NoPreviousVersion, StoreError, VersionExists
from model_store.store import Store
from tools.release.rollout import ReleaseError
from training.publish import objections, publish


def seed(source: Store, target: Store) -> str | None:
    """Put the source's active version into use in a store where nothing is active; else do nothing.

    Returns:
        The version that was put into use, or None.

    Raises:
        ReleaseError: A store cannot be used.
    """
    try:
        if target.history():
            return None
        version = source.active()
        _bring(version, source, target)
        target.promote(version)
    except StoreError as error:
        raise ReleaseError(str(error)) from error
    return version


def bring(version: str, source: Store, target: Store, *, force: bool) -> list[str]:
    """Verify a version, compare it with the active one of the target, and copy it there; promote nothing.

    Returns:
        What speaks against it, a line each; empty unless `force` is set.

    Raises:
        ReleaseError: Something speaks against it, or a store cannot be used.
    """
    try:
        manifest = source.verify(version)
        history = target.history()
        against = objections(manifest, target.manifest(history[0])) if history else []
        if against and not force:
            raise ReleaseError("\n".join([*against, "Nothing was done."]))
        _bring(version, source, target)
    except StoreError as error:
        raise ReleaseError(str(error)) from error
    return against


def promote(version: str, target: Store) -> None:
    """Put a version into use.

    Raises:
        ReleaseError: It is not whole, or another one was put into use meanwhile.
    """
    try:
        target.promote(version)
    except StoreError as error:
        raise ReleaseError(str(error)) from error


def take_back(version: str, before: str, target: Store) -> None:
    """Put `before` into use again where `version` is; where another one is by now, leave that.

    Raises:
        ReleaseError: It cannot be.
    """
    try:
        active = target.active()
        if active == version:
            active = target.rollback()
    except (StoreError, NoPreviousVersion) as error:
        raise ReleaseError(str(error)) from error
    if active != before:
        raise ReleaseError(
            f"{active} is in use by now, which was neither released here nor before."
        )


def _bring(version: str, source: Store, target: Store) -> None:
    """Copy a version, whole or not at all; the same version may be there from an earlier attempt."""
    manifest = source.verify(version)
    if version not in target.versions():
        publish(version, source, target, force=True)
    elif target.verify(version) != manifest:
        raise VersionExists(
            f"The store has another version {version} already, and a version never changes; "
            "give the new one another name."
        )
