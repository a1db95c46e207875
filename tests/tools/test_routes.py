"""Route templates against paths: what Azure's host would hand to a function."""

from __future__ import annotations

import pytest

from tools.local_host.routes import RouteError, routes_of
from tools.local_host.worker import Function


def function(route: str, name: str = "predict", *methods: str) -> Function:
    return Function(name, name, "httpTrigger", "req", route, methods)


@pytest.mark.parametrize(
    ("template", "path", "parameters"),
    [
        ("api/predict", "/api/predict", {}),
        ("api/predict", "/API/Predict/", {}),
        ("api/predict", "/api/predict/more", None),
        ("/", "/", {}),
        ("/", "/x", None),
        ("{ignored:maxlength(0)?}", "/", {}),
        ("{ignored:maxlength(0)?}", "/x", None),
        ("{name}", "/", None),
        ("items/{name}", "/items/a%20b", {"name": "a b"}),
        ("items/{name}", "/items/a%2Fb", {"name": "a%2Fb"}),
        ("items/{name?}", "/items", {}),
        ("items/{name=all}", "/items", {"name": "all"}),
        ("items/{name}", "/items/a/b", None),
        ("{*path}", "/", {}),
        ("{*path}", "/css/page.css", {"path": "css/page.css"}),
        ("web/{**path}", "/web/a/b", {"path": "a/b"}),
        ("web/{name}.{type}", "/web/page.css", {"name": "page", "type": "css"}),
        ("{id:int}", "/-7", {"id": "-7"}),
        ("{id:int}", "/seven", None),
        ("{id:int:min(1):max(9)}", "/10", None),
        ("{id:range(1,9)}", "/9", {"id": "9"}),
        ("{word:alpha:length(3)}", "/two", {"word": "two"}),
        ("{word:alpha:length(3)}", "/three", None),
        ("{day:datetime}", "/2026-11-23", {"day": "2026-11-23"}),
        ("{code:regex(^(a|b)\\d{{2}}$)}", "/b42", {"code": "b42"}),
        ("{code:regex(^(a|b)\\d{{2}}$)}", "/b4", None),
    ],
)
def test_a_path_fits_a_template_or_does_not(
    template: str, path: str, parameters: dict[str, str] | None
) -> None:
    [route] = routes_of([function(template)], prefix="")
    assert route.match(path) == parameters


def test_the_prefix_stands_before_the_route() -> None:
    [route] = routes_of([function("predict")], prefix="/v1/")
    assert route.template == "v1/predict"
    assert route.match("/v1/predict") == {}


def test_routes_are_tried_in_the_order_of_the_names_not_of_the_templates() -> None:
    routes = routes_of([function("{*rest}", "Assets"), function("api/x", "a_first")], prefix="")
    assert [route.function.name for route in routes] == ["a_first", "Assets"]


def test_one_route_can_have_a_function_a_method() -> None:
    get, post = function("x", "read", "GET"), function("x", "write", "POST")
    assert len(routes_of([get, post], prefix="")) == 2


@pytest.mark.parametrize(
    "template",
    ["{name", "{x:unknown}", "{x:min(one)}", "{x:length}", "a/b{x?}c", "admin/keys", "runtime"],
)
def test_a_template_that_azure_would_not_take_is_an_error(template: str) -> None:
    with pytest.raises(RouteError):
        routes_of([function(template)], prefix="")
