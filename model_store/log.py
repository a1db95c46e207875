"""The log: each event is a JSON object on one line, for people to query and not to parse."""

import json
import logging
from contextlib import suppress

_log = logging.getLogger("chest_xray")


def write(level: int, event: str, **members: object) -> None:
    """Log an event and what is to be known of it, nothing of a patient or a client; it never raises.

    Args:
        level: One of `logging`'s.
        event: What has happened, in one word: the member `event` of the line.
        members: The others, as `json` takes them.
    """
    with suppress(Exception):  # whoever takes the lines may fail; who waits for an answer must not
        if _log.isEnabledFor(level):
            _log.log(level, json.dumps({"event": event, **members}, allow_nan=False))
