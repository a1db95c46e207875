"""What a decoder raises → what the client and the log read."""

from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from inference.errors import ServiceError, TooLarge, Undecodable


@contextmanager
def reading(kind: str, fault: str = "is truncated or corrupt") -> Iterator[None]:
    """Whatever a decoder raises within this block means that the file has this fault."""
    try:
        yield
    except ServiceError:
        raise
    except Image.DecompressionBombError:
        raise TooLarge(f"The {kind} image has too many pixels.") from None
    except Exception as problem:
        # The message may quote the file, and the cause would carry it into the log.
        raise Undecodable(
            f"The {kind} file {fault}.", log=f"{kind}: {type(problem).__name__}"
        ) from None
