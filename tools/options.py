"""Dataclasses of numbers as options of a command: each with its default, help and lowest value."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import Field, field, fields
from typing import Any


def told(default: float, text: str, lowest: float = 0) -> Any:
    """A field with what its option says in the help and the lowest value that it takes."""
    return field(default=default, metadata={"help": text, "lowest": lowest})


def add(parser: argparse.ArgumentParser, title: str, kind: type[Any]) -> None:
    """Give a parser an option for every field."""
    group = parser.add_argument_group(title)
    for each in fields(kind):
        group.add_argument(
            f"--{each.name.replace('_', '-')}",
            type=_number(each),
            default=each.default,
            metavar="N",
            help=f"{each.metadata['help']} (default: {plain(each.default)})",
        )


def given[T](kind: type[T], values: Mapping[str, Any]) -> T:
    """The dataclass with what was given on the command line."""
    return kind(**{each.name: values[each.name] for each in fields(kind)})  # type: ignore[arg-type]


def plain(number: Any) -> str:
    """Without an exponent and without zeros at the end."""
    return f"{number:.9f}".rstrip("0").rstrip(".")


def _number(of: Field[Any]) -> Callable[[str], float]:
    """Reads an option: nothing negative, and nothing below its lowest value."""
    lowest = of.metadata.get("lowest", 0)

    def read(text: str) -> float:
        value = int(text) if of.type is int else float(text)
        if not lowest <= value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is not a number from {lowest} on")
        return value

    read.__name__ = "whole number" if of.type is int else "number"
    return read
