"""`/docs`: the API's document as one plain page that loads nothing from anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any, Final

Json = dict[str, Any]

_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
code,pre{font:14px/1.4 ui-monospace,monospace}pre{background:#f4f4f2;padding:.8rem;overflow:auto}
table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid #ddd;padding:.3rem .6rem;text-align:left;vertical-align:top}
"""
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""Content-Security-Policy of the page."""


def page(document: Json) -> str:
    """The page for an OpenAPI document."""
    return "".join(_page(document))


def _page(document: Json) -> Iterator[str]:
    info = document["info"]
    title = escape(info["title"])
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    yield f"<h1>{title} <small>{escape(info['version'])}</small></h1><p>{_prose(info['description'])}</p>"
    yield '<p>The same as OpenAPI 3.1: <a href="/openapi.json">openapi.json</a></p>'
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield from _operation(f"{method.upper()} {path}", operation)
    for name, operations in document["webhooks"].items():
        for method, operation in operations.items():
            yield from _operation(f"{method.upper()} to you: {name}", operation)
    yield "<h2>Schemas</h2>"
    for name, schema in document["components"]["schemas"].items():
        yield from _schema(name, schema)
    yield "</html>"


def _operation(title: str, operation: Json) -> Iterator[str]:
    yield f"<h2><code>{escape(title)}</code></h2><p><b>{_prose(operation['summary'])}</b></p>"
    yield f"<p>{_prose(operation.get('description', ''))}</p>"
    if parameters := operation.get("parameters"):
        yield "<table><tr><th>Parameter</th><th>In</th><th>Meaning</th></tr>"
        for parameter in parameters:
            name = f"<code>{escape(parameter['name'])}</code>"
            yield _row(name, parameter["in"], _prose(parameter.get("description", "")))
        yield "</table>"
    if "requestBody" in operation:
        yield "<h3>Body</h3>"
        yield from _content(operation["requestBody"]["content"])
    yield "<h3>Answers</h3>"
    for status, response in operation["responses"].items():
        yield f"<h4>{escape(status)}</h4><p>{_prose(response['description'])}</p>"
        if status.startswith("2"):
            yield from _content(response.get("content", {}))


def _content(content: Json) -> Iterator[str]:
    for media, body in content.items():
        links = (f'<a href="#{escape(name)}">{escape(name)}</a>' for name in _referred(body["schema"]))
        yield f"<p><code>{escape(media)}</code>: {' or '.join(links) or _shape(body['schema'])}</p>"
        alone = {"": {"value": body["example"]}} if "example" in body else {}
        for example in body.get("examples", alone).values():
            yield f"<p>{_prose(example.get('summary', ''))}</p><pre>{_code(example['value'])}</pre>"


def _referred(schema: Json) -> list[str]:
    """Names of the schemas that it refers to, one or either of several."""
    return [one["$ref"].rpartition("/")[2] for one in schema.get("anyOf", [schema]) if "$ref" in one]


def _shape(schema: Json) -> str:
    return f"<code>{_code(schema)}</code>"


def _schema(title: str, schema: Json) -> Iterator[str]:
    yield f'<h3 id="{escape(title)}">{escape(title)}</h3><p>{_prose(schema.get("description", ""))}</p>'
    if "enum" in schema:
        yield f"<p>{', '.join(f'<code>{escape(str(value))}</code>' for value in schema['enum'])}</p>"
    if properties := schema.get("properties"):
        yield "<table><tr><th>Field</th><th>Schema</th><th>Meaning</th></tr>"
        required = schema.get("required", ())
        for field, shape in properties.items():
            mark = " (required)" if field in required else ""
            rest = {key: value for key, value in shape.items() if key != "description"}
            name = f"<code>{escape(field)}</code>{mark}"
            yield _row(name, f"<code>{_code(rest)}</code>", _prose(shape.get("description", "")))
        yield "</table>"


def _row(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _code(value: object) -> str:
    return escape(json.dumps(value, ensure_ascii=False, indent=None if isinstance(value, str) else 1))


def _prose(text: str) -> str:
    """Text with `code` in it."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))
