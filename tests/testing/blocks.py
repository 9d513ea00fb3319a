"""Blocks of code on the pages of the documentation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from tests.testing.project import PROJECT

PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted(PROJECT.glob("docs/**/*.md"))]
WITHOUT_KEDRO = ("README.md", "docs/library.md")
"""Pages whose Python runs where neither Kedro nor MLflow can be imported."""
ON_RESULTS = ("docs/map.md", "docs/products.md", "docs/tasks/serving.md")
"""Pages whose Python works with the results of ``kedro run``."""
_MARK = re.compile(r"<!-- not run: (.+?) -->\s*")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        page: The page's path in the project.
        line: Line of the page on which the code begins.
        language: ``python``, ``sh``, ``yaml`` ..., a directive of MyST, or nothing.
        code: The lines between the fences, without the indentation of a list.
        why_not: Why the block is not run, from the comment above it: ``<!-- not run: reason -->``.
    """

    page: str
    line: int
    language: str
    code: str
    why_not: str | None


def blocks_of(page: Path) -> list[Block]:
    """Return the fenced blocks of a page in order."""
    name = page.relative_to(PROJECT).as_posix() if page.is_relative_to(PROJECT) else page.name
    found, reason = [], None
    for token in MarkdownIt().parse(page.read_text()):
        if token.type == "fence":
            assert token.map
            found.append(Block(name, token.map[0] + 2, token.info, token.content, reason))
        mark = _MARK.fullmatch(token.content) if token.type == "html_block" else None
        reason = mark[1] if mark else None
    return found


def run_python(blocks: list[Block], names: dict[str, Any]) -> dict[str, Any]:
    """Run blocks one after the other in one namespace; a traceback shows the page's own lines."""
    for block in blocks:
        code = "\n" * (block.line - 1) + block.code
        exec(compile(code, PROJECT / block.page, "exec"), names)
    return names
