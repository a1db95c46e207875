"""The model that serves: the asked version, else the last good one, else the bundled one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model_store.errors import NoModel, StoreError
from model_store.manifest import Manifest
from model_store.model import Model
from model_store.store import BUNDLED, open_store


@dataclass(frozen=True)
class Serving[T]:
    """What `load` made of a version; `degraded` is None, or says why it is not the asked one."""

    manifest: Manifest
    loaded: T
    degraded: str | None


def open_serving[T](
    load: Callable[[Model], T],
    store: str = "bundled",
    version: str = "active",
    files: tuple[str, ...] = ("model.tflite",),
    bundled: Path = BUNDLED,
) -> Serving[T]:
    """Open a version and load it; where either fails, one that was good before stands in.

    Tried in turn: `version` of `store`; what is and was active there, newest first; the bundled
    version that is active.

    Args:
        load: Makes of an opened version what serves. If it raises any exception, the version is
            unfit (made for another preprocessing, or not for this runtime) and the next is tried.
        store: As `open_store` takes it.
        version: `active` or a version's name.
        files: The files that `load` reads.
        bundled: The folder of the bundled store.

    Raises:
        NoModel: None of them can be loaded; the message has every reason.
    """
    reasons: list[str] = []
    for where, name in _candidates(store, version, bundled):
        try:
            model = open_store(where, bundled).open(name, files)
        except StoreError as error:
            reasons.append(str(error))
            continue
        found = model.manifest.version
        try:
            loaded = load(model)
        except Exception as error:
            reasons.append(f"Version {found} cannot be loaded: {type(error).__name__}: {error}")
            continue
        if reasons:
            bundled_one = "the bundled version" if where != store else "version"
            reasons.append(f"In its place serves {bundled_one} {found}.")
        return Serving(model.manifest, loaded, " ".join(reasons) or None)
    raise NoModel(" ".join(["No model can be loaded.", *reasons]))


def _candidates(store: str, version: str, bundled: Path) -> list[tuple[str, str]]:
    """Stores and versions in the order in which they are tried."""
    try:
        history = open_store(store, bundled).history()
    except StoreError:
        history = ()  # trying `version` will give the reason
    tried = history[0] if version == "active" and history else version
    stand_ins = [(store, name) for name in dict.fromkeys(history) if name != tried]
    fallback = [("bundled", "active")] if store != "bundled" else []
    return [(store, version), *stand_ins, *fallback]
