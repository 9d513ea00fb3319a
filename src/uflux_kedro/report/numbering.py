"""Numbers of figures and tables: their places on the page, whichever template put them there."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from markupsafe import Markup, escape

_WORDS = {"figure": "Figure", "table": "Table"}
_PLACE = re.compile(r'<figure id="(figure|table)-([^"]+)"')
_NUMBER = re.compile(r"<!--number:(figure|table)-([^>]+?)-->")
_REFERENCE = re.compile(r"\[(figure|table):([\w.-]+)\]")


def number(kind: str, key: str) -> Markup:
    """Return what :func:`numbered` replaces with ``Figure 3`` or ``Table 3``.

    Args:
        kind: ``figure`` or ``table``.
        key: Identifier of the figure or table on the page.
    """
    return Markup("<!--number:{}-{}-->").format(kind, key)


def numbered(html: str) -> str:
    """Number the figures and tables of a page in its order.

    A figure or table is ``<figure id="figure-KEY">`` or ``<figure id="table-KEY">``. Data cannot pass
    for one, as they are escaped.

    Args:
        html: Page with places that :func:`number` holds.

    Raises:
        KeyError: If something is referred to that is not on the page.
    """
    counts = dict.fromkeys(_WORDS, 0)
    numbers = {}
    for kind, key in _PLACE.findall(html):
        counts[kind] += 1
        numbers[kind, key] = f"{_WORDS[kind]} {counts[kind]}"
    return _NUMBER.sub(lambda found: numbers[found.group(1), found.group(2)], html)


def linked(present: Collection[str], title: Callable[[str], str] = str) -> Callable[[str], Markup]:
    """Return the function that turns ``[figure:scatter]`` in a text into a link with its number.

    Args:
        present: What is on the page, with keys such as ``figure-scatter`` and ``table-leaderboard``.
        title: Title of a figure or table that is not, by its key.
    """

    def link(found: re.Match[str]) -> str:
        kind, key = found.groups()
        if f"{kind}-{key}" in present:
            return f'<a href="#{kind}-{key}">{number(kind, key)}</a>'
        return f"the {kind} \N{LEFT DOUBLE QUOTATION MARK}{escape(title(key))}\N{RIGHT DOUBLE QUOTATION MARK}"

    def with_links(text: str) -> Markup:
        return Markup(_REFERENCE.sub(link, str(escape(text))))

    return with_links
