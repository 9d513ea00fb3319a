"""What every page of ours shares: its look, and that all of it stands in one file."""

from __future__ import annotations

from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def fill_page(package: str, template: str, **content: Any) -> str:
    """Fill a package's template; every string that is not Markup is escaped.

    Args:
        package: Package with a folder ``templates``.
        template: File of that folder.
        **content: What the template names, besides ``style`` and ``script``.

    Returns:
        Complete HTML with style and script inside.
    """
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    look = resources.files(__package__) / "templates"
    return environment.get_template(template).render(
        **content,
        style=(look / "report.css").read_text(encoding="utf-8"),
        script=(look / "report.js").read_text(encoding="utf-8"),
    )
