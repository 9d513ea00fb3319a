"""The table of canonical variables."""

from __future__ import annotations

from uflux_kedro.variables import VARIABLES


def render() -> str:
    """Every variable as a row of Markdown: name, what it is, unit, bounds, kind, CF name."""
    rows = [
        "| name | what | unit | real values | kind | CF standard name |",
        "|---|---|---|---|---|---|",
    ]
    for v in VARIABLES.values():
        name = f"`{v.standard_name}`" if v.standard_name else ""
        cells = (f"`{v.name}`", v.long_name, v.unit, f"{v.lower:g} to {v.upper:g}", v.kind, name)
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(["", "## The variables", "", *rows, ""])
