"""Something slow to get ready that is got ready once, however many ask for it at the same time."""

import threading
from collections.abc import Callable


class Once[T]:
    """Loads at the first `get` and keeps the result.

    Those who ask while it loads wait and share the outcome. A failure is raised to all of them and
    not kept: whoever asks next tries again.
    """

    def __init__(self, load: Callable[[], T]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._attempt: _Attempt[T] | None = None

    def get(self) -> T:
        """The loaded thing.

        Raises:
            Whatever `load` raises.
        """
        with self._lock:
            first = self._attempt is None
            attempt = self._attempt = self._attempt or _Attempt()
        if first:
            self._run(attempt)
        attempt.finished.wait()
        if attempt.error is not None:
            raise attempt.error
        return attempt.result

    def peek(self) -> T | None:
        """The loaded thing if there is one already; it neither loads nor waits."""
        attempt = self._attempt
        if attempt is None or attempt.error is not None or not attempt.finished.is_set():
            return None
        return attempt.result

    def _run(self, attempt: "_Attempt[T]") -> None:
        try:
            attempt.result = self._load()
        except BaseException as error:
            attempt.error = error
            self._attempt = None
        finally:
            attempt.finished.set()


class _Attempt[T]:
    """One run of `load`: when `finished` is set, `error` or `result` is."""

    def __init__(self) -> None:
        self.finished = threading.Event()
        self.error: BaseException | None = None
        self.result: T
