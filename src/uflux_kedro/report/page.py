"""Rendering of a page from a template, with its style and script inside."""

from __future__ import annotations

import base64
import re
from importlib import resources
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from uflux_kedro.figures.picture import Picture
from uflux_kedro.report.numbering import number, numbered


def fill_page(package: str, template: str, **content: Any) -> str:
    """Fill a package's template; every string that is not ``Markup`` is escaped.

    Args:
        package: Package with a folder ``templates``.
        template: File in that folder. It extends ``frame.html.j2`` of this package. Its figures and
            tables get the numbers of their places, and its sections stand in the contents.
        **content: Variables of the template other than ``style`` and ``script``.

    Returns:
        Complete HTML with style and script inside.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("uflux_kedro.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["number"] = number
    environment.filters["source"] = source
    assets = resources.files(__package__) / "templates"
    html = environment.get_template(template).render(
        **content,
        style=(assets / "report.css").read_text(encoding="utf-8"),
        script=(assets / "report.js").read_text(encoding="utf-8"),
    )
    return numbered(html.replace("<!--contents-->", contents(html)))


_SECTION = re.compile(r'<section id="([^"]+)"[^>]*>\s*<h2>(.*?)</h2>', re.DOTALL)
_ENTRY = Markup('<li><a href="#{}">{}</a></li>')


def contents(html: str) -> Markup:
    """Return links to the sections of a page, which have an identifier and begin with an ``h2``."""
    entries = [_ENTRY.format(key, Markup(title)) for key, title in _SECTION.findall(html)]
    return Markup('<ol id="sections">\n{}\n</ol>').format(Markup("\n").join(entries))


def source(picture: Picture) -> str:
    """Return a picture as the address that holds it: the SVG where there is one, else the PNG."""
    kind, content = ("svg+xml", picture.svg) if picture.svg else ("png", picture.png)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
