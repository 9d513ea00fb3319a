"""Rendering of a page from a template, with its style and script inside."""

from __future__ import annotations

from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def fill_page(package: str, template: str, **content: Any) -> str:
    """Fill a package's template; every string that is not ``Markup`` is escaped.

    Args:
        package: Package with a folder ``templates``.
        template: File in that folder.
        **content: Variables of the template other than ``style`` and ``script``.

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
    assets = resources.files(__package__) / "templates"
    return environment.get_template(template).render(
        **content,
        style=(assets / "report.css").read_text(encoding="utf-8"),
        script=(assets / "report.js").read_text(encoding="utf-8"),
    )
