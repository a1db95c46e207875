"""JSON read strictly: every key there, none unknown, none twice, each of its type, numbers finite.

A reader takes a key's full name (`threshold.value`) and its JSON value, and gives what a program
keeps or raises a ValueError that names the key and says what it takes.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

type Reader = Callable[[str, Any], Any]


def parse(text: str) -> Any:
    """Parse JSON.

    Raises:
        ValueError: It is no JSON, has a key twice, a number that is not finite, or too many levels.
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_not_finite,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"this is not JSON: {error}") from error
    except RecursionError as error:
        raise ValueError("this is nested too deeply") from error


def wrong(key: str, value: Any, takes: str) -> ValueError:
    """The error for a value that a key does not take."""
    shown = json.dumps(value)
    shown = shown if len(shown) <= 60 else shown[:60] + "…"
    return ValueError(f"{key or 'the whole'} is {shown}; it takes {takes}")


def join(key: str, name: str) -> str:
    """The full name of a key inside of an object."""
    return f"{key}.{name}" if key else name


def object_of(
    readers: Mapping[str, Reader],
    kind: Callable[..., Any] = dict,
    *,
    optional: Collection[str] = (),
) -> Reader:
    """An object with exactly these keys, given to `kind` as arguments; `optional` ones may be missing."""

    def read(key: str, value: Any) -> Any:
        if not isinstance(value, dict):
            raise wrong(key, value, "an object")
        where = f"{key} has" if key else "there is"
        takes = f"it takes exactly {', '.join(readers)}"
        if missing := [name for name in readers if name not in value and name not in optional]:
            raise ValueError(f"{where} no {', '.join(missing)}; {takes}")
        if unknown := [name for name in value if name not in readers]:
            raise ValueError(f"{where} an unknown key {', '.join(map(repr, unknown))}; {takes}")
        return kind(
            **{
                name: read(join(key, name), value[name])
                for name, read in readers.items()
                if name in value
            }
        )

    return read


def or_null(reader: Reader) -> Reader:
    return lambda key, value: None if value is None else reader(key, value)


def text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise wrong(key, value, "a line of text that is not empty")
    return value


def text_like(pattern: str, takes: str) -> Reader:
    def read(key: str, value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise wrong(key, value, takes)
        return value

    return read


def whole_number(low: int, high: int) -> Reader:
    def read(key: str, value: Any) -> int:
        # `type` and not `isinstance`, because True is an int to the latter.
        if type(value) is not int or not low <= value <= high:
            raise wrong(key, value, f"a whole number from {low} to {high}")
        return value

    return read


def number(low: float, high: float) -> Reader:
    def read(key: str, value: Any) -> float:
        if type(value) not in (int, float) or not low <= value <= high:
            raise wrong(key, value, f"a number from {low:g} to {high:g}")
        return float(value)

    return read


def any_object(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong(key, value, "an object")
    return value


def nested_numbers(key: str, value: Any) -> dict[str, Any]:
    """An object of numbers and of such objects."""
    if not isinstance(value, dict):
        raise wrong(key, value, "a number or an object of numbers")
    return {
        name: each if type(each) in (int, float) else nested_numbers(join(key, name), each)
        for name, each in value.items()
    }


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name} is there twice; it takes each key once")
        found[name] = value
    return found


def _finite(digits: str) -> float:
    value = float(digits)
    return value if abs(value) != float("inf") else _not_finite(digits)


def _not_finite(digits: str) -> float:
    raise ValueError(f"a value is {digits}; it takes finite numbers")
