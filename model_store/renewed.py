"""Something slow to get ready that is got ready anew from time to time, out of everybody's way."""

import logging
import threading
import time
import traceback
from collections.abc import Callable

from model_store import log
from model_store.once import Once


class Renewed[T]:
    """Loads at the first `get`; whoever asks later gets what is there, at once.

    Where somebody asks and the last load began `every` seconds ago or more, a thread loads anew;
    what it brings is handed out from then on, and who has the old one keeps it. If it fails, the old
    one stays. No thread lives between the loads: where nobody asks, nothing happens.
    """

    def __init__(self, load: Callable[[T | None], T], every: Callable[[T], float]) -> None:
        """Both are given what there is, `load` None at first; `every` may give infinity."""
        self._load = load
        self._every = every
        self._first = Once(self._load_first)
        self._newest: T | None = None
        self._began = 0.0
        self._renewing = threading.Lock()

    def get(self) -> T:
        """The loaded thing, of the first load or a later one.

        Raises:
            Whatever `load` raises at the first time.
        """
        found = self.peek()
        return self._first.get() if found is None else found

    def peek(self) -> T | None:
        """The loaded thing if there is one already; it never waits, and has it renewed when due."""
        found = self._newest
        if found is None:
            found = self._first.peek()
        if found is not None:
            self._renew_when_due(found)
        return found

    def _load_first(self) -> T:
        self._began = time.monotonic()
        return self._load(None)

    def _renew_when_due(self, found: T) -> None:
        if not self._due(found) or not self._renewing.acquire(blocking=False):
            return
        try:
            if self._due(found):  # nobody else has just been through here
                self._began = time.monotonic()
                # A daemon, so that a process can end while a store keeps it waiting.
                threading.Thread(target=self._renew, daemon=True).start()
                return
        except RuntimeError:
            log.write(logging.WARNING, "not_renewed", reason="The system gives no thread for it.")
        self._renewing.release()

    def _due(self, found: T) -> bool:
        return time.monotonic() - self._began >= self._every(found)

    def _renew(self) -> None:
        try:
            newest = self._newest
            self._newest = self._load(self._first.peek() if newest is None else newest)
        except Exception as error:
            trace = traceback.format_exc()
            log.write(logging.WARNING, "not_renewed", reason=repr(error), trace=trace)
        finally:
            self._renewing.release()
