"""What JSON may hold: each reader by itself, since `Manifest` builds its own once and for all."""

from __future__ import annotations

import pytest

from model_store import strict_json


@pytest.mark.parametrize("value", [1, 2, 3])
def test_whole_numbers_of_a_range_are_taken(value: int) -> None:
    assert strict_json.whole_number(1, 3)("size", value) == value


@pytest.mark.parametrize("value", [0, 4, 2.0, True, "2", None])
def test_anything_else_is_no_whole_number_of_it(value: object) -> None:
    with pytest.raises(ValueError, match=r"^size is .+; it takes a whole number from 1 to 3$"):
        strict_json.whole_number(1, 3)("size", value)


@pytest.mark.parametrize("value", [-0.5, 0, 1, 2.5])
def test_numbers_of_a_range_are_taken_as_floats(value: float) -> None:
    found = strict_json.number(-0.5, 2.5)("low", value)
    assert found == value
    assert type(found) is float


@pytest.mark.parametrize("value", [-0.6, 2.6, True, "1", None, [1]])
def test_anything_else_is_no_number_of_it(value: object) -> None:
    with pytest.raises(ValueError, match=r"^low is .+; it takes a number from -0.5 to 2.5$"):
        strict_json.number(-0.5, 2.5)("low", value)


def test_text_like_a_pattern_is_taken_and_no_other() -> None:
    read = strict_json.text_like("[0-9]{3}", "three digits")
    assert read("code", "123") == "123"
    for value in ("12", "1234", " 123", 123, None):
        with pytest.raises(ValueError, match=r"^code is .+; it takes three digits$"):
            read("code", value)


def test_null_is_taken_where_it_may_be_and_the_reader_asked_for_the_rest() -> None:
    read = strict_json.or_null(strict_json.whole_number(1, 3))
    assert read("size", None) is None
    assert read("size", 3) == 3
    with pytest.raises(ValueError, match=r"^size is 4"):
        read("size", 4)


def test_an_error_shows_no_more_of_a_value_than_a_line() -> None:
    assert str(strict_json.wrong("", "x" * 58, "y")) == f'the whole is "{"x" * 58}"; it takes y'
    assert str(strict_json.wrong("a", "x" * 59, "y")) == f'a is "{"x" * 59}…; it takes y'


def test_names_of_keys_lead_to_where_they_are() -> None:
    assert strict_json.join("", "size") == "size"
    assert strict_json.join("input", "size") == "input.size"
    inner = strict_json.object_of({"size": strict_json.whole_number(1, 3)})
    outer = strict_json.object_of({"input": inner, "name": strict_json.text}, optional=["name"])
    assert outer("", {"input": {"size": 2}}) == {"input": {"size": 2}}
    for value, message in (
        (1, "the whole is 1; it takes an object"),
        ({}, "there is no input; it takes exactly input, name"),
        ({"input": {}}, "input has no size; it takes exactly size"),
        (
            {"input": {"size": 1, "a": 1, "b": 2}},
            "input has an unknown key 'a', 'b'; it takes exactly size",
        ),
        ({"input": {"size": 0}}, "input.size is 0; it takes a whole number from 1 to 3"),
    ):
        with pytest.raises(ValueError) as refused:  # noqa: PT011, the whole message is compared
            outer("", value)
        assert str(refused.value) == message


def test_objects_of_numbers_may_hold_such_objects_and_nothing_else() -> None:
    metrics = {"accuracy": 0.9, "by_class": {"normal": 1, "rest": {}}}
    assert strict_json.nested_numbers("metrics", metrics) == metrics
    takes = "it takes a number or an object of numbers"
    with pytest.raises(ValueError, match=rf"^metrics.by_class.normal is true; {takes}$"):
        strict_json.nested_numbers("metrics", {"by_class": {"normal": True}})
    with pytest.raises(ValueError, match=r"^gate is \[\]; it takes an object$"):
        strict_json.any_object("gate", [])
    assert strict_json.any_object("gate", {"a": None}) == {"a": None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', "a is there twice; it takes each key once"),
        ("[NaN]", "a value is NaN; it takes finite numbers"),
        ("[-Infinity]", "a value is -Infinity; it takes finite numbers"),
        ("[1e999]", "a value is 1e999; it takes finite numbers"),
        ("[" * 100_000, "this is nested too deeply"),
        ("{", "this is not JSON: "),
    ],
)
def test_what_is_not_parsed(text: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011, the whole message is compared
        strict_json.parse(text)
    assert str(refused.value).startswith(message)


def test_what_is_parsed() -> None:
    assert strict_json.parse('{"a": [1, -2.5e3, null, true]}') == {"a": [1, -2500.0, None, True]}


@pytest.mark.parametrize("value", ["", "  ", "a\nb", "a\x00b", 1, None])
def test_text_is_a_line_that_is_not_empty(value: object) -> None:
    with pytest.raises(
        ValueError, match=r"^name is .+; it takes a line of text that is not empty$"
    ):
        strict_json.text("name", value)
    assert strict_json.text("name", " ä ") == " ä "
