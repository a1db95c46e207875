"""The model that serves: the asked version, else the last good one, else the bundled one."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from model_store import log
from model_store.errors import NoModel, StoreError, StoreUnavailable, VersionUnfit
from model_store.manifest import Manifest
from model_store.model import Model
from model_store.store import BUNDLED, FolderStore, Store, open_store

#: So long a store may keep whoever opens a version waiting, all in all; then it counts as gone.
#: Azure ends an app that has not started after 30.
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Serving[T]:
    """What `load` made of a version; `degraded` is None, or says why it is not the asked one.

    `called` is what a sentence calls it: a version of the store, a copy of one, or the bundled one.
    """

    manifest: Manifest
    loaded: T
    degraded: str | None
    called: str = ""


def open_serving[T](
    load: Callable[[Model], T],
    store: str = "bundled",
    version: str = "active",
    files: tuple[str, ...] = ("model.tflite",),
    bundled: Path = BUNDLED,
    before: Serving[T] | None = None,
    patience: float = PATIENCE_SECONDS,
) -> Serving[T]:
    """Open a version and load it; where either fails, one that was good before stands in.

    Tried in turn: `version` of `store`; what is and was active there, newest first, each of these
    also as it has served until now; what else has served; of a store elsewhere the copies on this
    machine; the bundled version that is active.

    Args:
        load: Makes of an opened version what serves. If it raises any exception, the version is
            unfit (made for another preprocessing, or not for this runtime) and the next is tried.
        store: As `open_store` takes it.
        version: `active` or a version's name.
        files: The files that `load` reads.
        bundled: The folder of the bundled store.
        before: What has served until now; where it is what is to serve, it is not loaded again.
        patience: Seconds that the store may take, all in all; loading does not count.

    Raises:
        NoModel: None of them can be loaded; the message has every reason.
    """
    reasons: list[str] = []
    where: Store | None = None
    copies: FolderStore | None = None
    try:
        opened = open_store(store, bundled)
        where, copies = opened, opened.copies
    except StoreError as error:
        reasons.append(str(error))
    for each in _candidates(where, copies, version, bundled, before, patience):
        try:
            serving = each if isinstance(each, Serving) else _open(each, load, files, before)
        except StoreError as error:
            if str(error) not in reasons:  # a store that is gone says so of every version
                reasons.append(str(error))
            continue
        if reasons:
            reasons.append(f"In its place serves {serving.called}.")
        return replace(serving, degraded=" ".join(reasons) or None)
    raise NoModel(" ".join(["No model can be loaded.", *reasons]))


@dataclass(frozen=True)
class _Candidate:
    """A version that may serve, in its store, how that is asked, and what a sentence calls the version."""

    called: str
    store: Store
    version: str
    ask: "_Ask"


def _candidates[T](
    where: Store | None,
    copies: FolderStore | None,
    version: str,
    bundled: Path,
    before: Serving[T] | None,
    patience: float,
) -> Iterator[_Candidate | Serving[T]]:
    """All that may serve, in the order in which it is tried; `where` None: the store cannot be opened."""
    if where:
        ask = _Waiting(str(where), patience) if copies else _at_once
        history = _history(where, ask)
        asked = history[0] if version == "active" and history else version
        for name in dict.fromkeys((asked, *history)):
            yield _Candidate("version", where, name, ask)
            if before and before.manifest.version == name:
                yield before
    if before:
        yield before
    if copies:
        for name in _history(copies, _at_once):
            yield _Candidate("the copy here of version", copies, name, _at_once)
    if where != FolderStore(bundled):
        yield _Candidate("the bundled version", FolderStore(bundled), "active", _at_once)


def _open[T](
    candidate: _Candidate,
    load: Callable[[Model], T],
    files: tuple[str, ...],
    before: Serving[T] | None,
) -> Serving[T]:
    """Load a candidate, unless it is what has served until now."""
    store, version, ask = candidate.store, candidate.version, candidate.ask
    if before and ask(lambda: store.manifest(version)) == before.manifest:
        manifest, loaded = before.manifest, before.loaded
    else:
        model = ask(lambda: store.open(version, files))
        manifest = model.manifest
        try:
            loaded = load(model)
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise VersionUnfit(f"Version {manifest.version} cannot be loaded: {why}") from error
        if store.copies:
            _remember(store.copies, manifest.version)
    return Serving(manifest, loaded, None, f"{candidate.called} {manifest.version}")


def _history(store: Store, ask: "_Ask") -> tuple[str, ...]:
    try:
        return ask(store.history)
    except StoreError:
        return ()  # trying a version will give the reason


def _remember(copies: FolderStore, version: str) -> None:
    from model_store.downloads import remember

    try:
        remember(copies, version)
    except StoreError as error:
        log.write(logging.WARNING, "not_remembered", model_version=version, reason=str(error))


class _Ask(Protocol):
    """Asks a store something, gives its answer and raises its errors."""

    def __call__[R](self, question: Callable[[], R]) -> R: ...


def _at_once[R](question: Callable[[], R]) -> R:
    return question()


class _Waiting:
    """Asks a store elsewhere and waits for so many seconds, all in all; `gone` is why it is not asked again.

    A question that it has not answered by then goes on in its thread: a slow download ends up among
    the copies, where the next attempt finds it.
    """

    def __init__(self, store: str, patience: float) -> None:
        self.gone: StoreUnavailable | None = None
        self._silence = StoreUnavailable(f"The store {store} did not answer in {patience:g} s.")
        self._left = patience

    def __call__[R](self, question: Callable[[], R]) -> R:
        if self.gone:
            raise self.gone
        answer: Future[R] = Future()
        asked = time.monotonic()
        threading.Thread(target=_settle, args=(answer, question), daemon=True).start()
        try:
            return answer.result(max(0.0, self._left))
        except StoreUnavailable as error:
            self.gone = error
            raise
        except TimeoutError as error:
            self.gone = self._silence
            raise self.gone from error
        finally:
            self._left -= time.monotonic() - asked


def _settle[R](answer: "Future[R]", question: Callable[[], R]) -> None:
    try:
        answer.set_result(question())
    except BaseException as error:
        answer.set_exception(error)
