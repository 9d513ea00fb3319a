"""Tables of all settings, from the JSON schemas of the parameter models."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from uflux_kedro.blocks import BLOCKS, model_of

PROJECT = Path(__file__).resolve().parents[1]
SIMPLE = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
}
BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}
LONGEST_VALUE = 60
"""Values of ``conf/base`` with more characters are not shown."""

Schema = Mapping[str, Any]


def render() -> str:
    """Render all blocks as Markdown; a nested model follows the first block that uses it."""
    base: dict[str, Any] = {}
    for file in sorted((PROJECT / "conf/base").glob("parameters_*.yml")):
        base |= yaml.safe_load(file.read_text())
    parts = []
    shown: set[str] = set()
    for name in BLOCKS:
        schema = model_of(name).model_json_schema()
        parts += [f"## {name}", _prose(schema), _table(schema, base.get(name) or {})]
        for title, inner in schema.get("$defs", {}).items():
            if title not in shown:
                shown.add(title)
                parts += [f"### {title}", _prose(inner), _table(inner, {})]
    return "\n\n".join(["", *parts, ""])


def _prose(schema: Schema) -> str:
    """Description of a model, without a list of its attributes."""
    return _markdown(schema.get("description", "").partition("Attributes:")[0].strip())


def _table(schema: Schema, base: Mapping[str, Any]) -> str:
    """Table of a model, one row per field."""
    rows = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    for name, field in schema["properties"].items():
        default = _value(field["default"]) if "default" in field else "required"
        ours = _value(base[name]) if name in base else default
        if ours != default and len(ours) < LONGEST_VALUE:
            default += f"; `conf/base`: {ours}"
        meaning = " ".join(_markdown(field.get("description", "")).split())
        cells = (f"`{name}`", _type(field), default, meaning)
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(rows)


def _type(field: Schema) -> str:
    """Type of a field in words."""
    if "$ref" in field:
        title = field["$ref"].rpartition("/")[2]
        return f"[{title}](#{title.lower()})"
    if "anyOf" in field:
        return " or ".join(_type(option) for option in field["anyOf"])
    if "enum" in field:
        return _choice(field["enum"])
    kinds = {"array": _list, "object": _mapping}
    return kinds.get(field.get("type", ""), _simple)(field)


def _simple(field: Schema) -> str:
    said = [f"{word} {field[key]:g}" for key, word in BOUNDS.items() if key in field]
    return ", ".join([SIMPLE[field["type"]] if "type" in field else "anything", *said])


def _list(field: Schema) -> str:
    if "prefixItems" in field:
        return f"list of {len(field['prefixItems'])}: {_type(field['prefixItems'][0])}"
    return f"list of: {_type(field['items'])}" if field.get("items") else "list"


def _mapping(field: Schema) -> str:
    patterns = field.get("patternProperties", {})
    values = next(iter(patterns.values()), field.get("additionalProperties"))
    keys = field.get("propertyNames", {}).get("enum")
    named = _choice(keys) if keys else "name"
    return f"{named} → {_type(values)}" if isinstance(values, Mapping) else "mapping"


def _choice(values: list[Any]) -> str:
    *first, last = (_value(value) for value in values)
    return f"{', '.join(first)} or {last}" if first else last


def _value(value: Any) -> str:
    """Format a value as in YAML."""
    return f"`{value if isinstance(value, str) else json.dumps(value, default=str)}`"


def _markdown(text: str) -> str:
    """Convert the roles of a docstring to MyST."""
    return re.sub(r":(\w+):`([^`]+)`", r"{py:\1}`\2`", text)
