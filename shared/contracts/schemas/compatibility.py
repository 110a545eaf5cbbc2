"""What may change in a released version of an event: optional fields may be added, and nothing else.

Two rules stand behind that. A record written before the change must be one that could be written after it (closed old
within closed new), and a record written after it must be readable by whoever knows only the old shape (closed new
within open old). A new value of a closed set breaks the second rule, since readers refuse values they do not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]

_PROSE = frozenset({"title", "description", "$defs", "$id", "$schema"})
_NESTED = frozenset({"items", "anyOf"})


def breaks(old: Schema, new: Schema) -> list[str]:
    """Every change from `old` to `new` that breaks a rule, as `<place>: <what>`; empty when the two may coexist."""
    return list(_compare(_plain(old, old), _plain(new, new), "$"))


def _plain(node: Any, root: Schema) -> Any:
    """The node with references resolved and prose left out."""
    if isinstance(node, list):
        return [_plain(item, root) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = root["$defs"][node["$ref"].rpartition("/")[2]]
        return _plain({**target, **{key: value for key, value in node.items() if key != "$ref"}}, root)
    if "properties" in node:
        properties = {name: _plain(value, root) for name, value in node["properties"].items()}
        rest = {key: value for key, value in node.items() if key not in _PROSE | {"properties"}}
        return {**rest, "properties": properties}
    return {key: _plain(value, root) for key, value in node.items() if key not in _PROSE}


def _compare(old: Any, new: Any, place: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        if "properties" in old and "properties" in new:
            yield from _objects(old, new, place)
            return
        for keyword in sorted(_NESTED & old.keys() & new.keys()):
            yield from _compare(old[keyword], new[keyword], place)
        changed = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
        if own := [key for key in changed if not (key in _NESTED and key in old and key in new)]:
            yield f"{place}: {', '.join(own)} changed"
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for before, after in zip(old, new, strict=True):
            yield from _compare(before, after, place)
    elif old != new:
        yield f"{place}: changed"


def _objects(old: Schema, new: Schema, place: str) -> Iterator[str]:
    before, after = old["properties"], new["properties"]
    must_before, must_after = set(old.get("required", ())), set(new.get("required", ()))
    for name in before:
        if name not in after:
            yield f"{place}.{name}: removed"
            continue
        if name in must_before - must_after:
            yield f"{place}.{name}: no longer required"
        if name in must_after - must_before:
            yield f"{place}.{name}: now required"
        yield from _compare(before[name], after[name], f"{place}.{name}")
    for name in after.keys() - before.keys():
        if name in must_after:
            yield f"{place}.{name}: added as required"
