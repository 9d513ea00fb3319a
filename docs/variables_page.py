"""Table of the canonical variables."""

from __future__ import annotations

from uflux_kedro.variables import VARIABLES


def render() -> str:
    """Render one row per variable as Markdown."""
    rows = [
        "| name | meaning | unit | bounds | kind | CF standard name |",
        "|---|---|---|---|---|---|",
    ]
    for v in VARIABLES.values():
        name = f"`{v.standard_name}`" if v.standard_name else ""
        cells = (f"`{v.name}`", v.long_name, v.unit, f"{v.lower:g} to {v.upper:g}", v.kind, name)
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(["", "## The variables", "", *rows, ""])
