"""OpenAPI document → the page at /docs: HTML without a script, for people who write a client."""

import json
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from string import Template
from typing import Any

from inference.examples import examples
from inference.notice import NOTICE

Json = Mapping[str, Any]

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>For developers: $title</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<aside class="notice">$notice</aside>
<header><h1>$title</h1><nav><a href="/">Try it</a><a href="/api/openapi.json">OpenAPI</a></nav></header>
<main class="docs">
<section class="card"><h2>Examples</h2>
<p>Whole programs. Each reads <code>xray.jpg</code>$key.</p>
$examples
<p>A client for browsers and Node, with types in JSDoc and without dependencies:
<a href="/client.js">client.js</a>. For other languages, generators make one from
<a href="/api/openapi.json">the OpenAPI document</a>.</p></section>
$operations
<section class="card"><h2>Objects</h2>$schemas</section>
</main>
</body>
</html>
""")


def page(document: Json, origin: str) -> str:
    """Render what `openapi.document` says.

    Args:
        document: An OpenAPI 3.1 document of this service.
        origin: Where the service answers, for the examples.
    """
    schemes = document["components"]["securitySchemes"]
    operations = "".join(
        _operation(method, path, operation, document)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    return _PAGE.substitute(
        title=escape(document["info"]["title"]),
        notice=escape(NOTICE),
        key=" and the service's key from the environment variable <code>KEY</code>"
        if schemes
        else "",
        examples="".join(
            f"<details{' open' if name == 'curl' else ''}><summary>{name}</summary>"
            f'<pre tabindex="0" id="{name.lower()}" role="group" aria-label="{name}">'
            f"<code>{escape(code)}</code></pre></details>"
            for name, code in examples(origin, key=bool(schemes)).items()
        ),
        operations=operations,
        schemas="".join(
            f'<h3 id="{name}">{name}</h3>{_table(_members(schema), "member", "is", "meaning")}'
            for name, schema in document["components"]["schemas"].items()
            if "status" not in schema["properties"] or name == "Health"
        ),
    )


def _operation(method: str, path: str, operation: Json, document: Json) -> str:
    parts = [
        f'<section class="card"><h2><code>{method.upper()} {escape(path)}</code></h2>',
        f"<p>{escape(operation['summary'])}.</p>",
        f"<p>{escape(operation['description'])}</p>" if "description" in operation else "",
    ]
    if query := [each for each in operation.get("parameters", ()) if each["in"] == "query"]:
        rows = [(each["name"], _kind(each["schema"]), each["description"]) for each in query]
        parts += ["<h3>Query</h3>", _table(rows, "parameter", "takes", "meaning")]
    if body := operation.get("requestBody"):
        held = [(kind, _holds(content["schema"])) for kind, content in body["content"].items()]
        parts += ["<h3>Body</h3>", _table(held, "content type", "holds")]
    parts += [
        "<h3>Answers</h3>",
        _table(_answers(operation["responses"]), "status", "means", "for example"),
        "</section>",
    ]
    return "".join(parts)


def _holds(schema: Json) -> str:
    fields = ", ".join(schema.get("properties", ()))
    return f"one of the fields {fields}" if fields else "the bytes of the image"


def _answers(responses: Json) -> Iterator[tuple[str, str, str]]:
    for status, response in sorted(responses.items()):
        content = response.get("content", {})
        examples = content.get("application/problem+json", {}).get("examples", {})
        if examples:
            for code, example in examples.items():
                value = example["value"]
                yield (
                    f"{status} {code}",
                    value["title"],
                    json.dumps(value.get("reasons") or value["detail"]),
                )
        else:
            yield status, response["description"], ", ".join(content)


def _members(schema: Json, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Name, type and meaning of a schema and of all that is in it."""
    if prefix:
        yield prefix, _kind(schema), schema.get("description", "")
    inside = schema.get("items", schema)
    for name, member in inside.get("properties", {}).items():
        dot = f"{prefix}{'[]' if 'items' in schema else ''}." if prefix else ""
        yield from _members(member, dot + name)


def _kind(schema: Json) -> str:
    """A type in words."""
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        kind = " or ".join(map(str, schema["enum"]))
    elif "oneOf" in schema:
        kind = " or ".join(_kind(each) for each in schema["oneOf"])
    else:
        types = schema.get("type", "any")
        kind = types if isinstance(types, str) else " or ".join(types)
    if "items" in schema:
        kind += f", each {_kind(schema['items'])}"
    if "minimum" in schema:
        kind += (
            f", {schema['minimum']} to {schema['maximum']}"
            if "maximum" in schema
            else f" from {schema['minimum']}"
        )
    if "default" in schema:
        kind += f" (default: {json.dumps(schema['default'])})"
    return kind


def _table(rows: Iterable[tuple[str, ...]], *headings: str) -> str:
    head = "".join(f'<th scope="col">{each}</th>' for each in headings)
    body = "".join(
        f'<tr><th scope="row"><code>{escape(name)}</code></th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="by {headings[0]}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
