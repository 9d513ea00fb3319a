"""Layout of the tests, and docstrings of the package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.util import resolve_name

import pytest

from tests.testing.project import PROJECT

TESTS = PROJECT / "tests"
SOURCE = PROJECT / "src"


def imported(source: str, package: str) -> set[str]:
    """Return the absolute names of all modules, and of their members, that a source imports."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return names


def holds_tests_or_fixtures(module: str) -> bool:
    """Whether a name is that of a test module or of a conftest."""
    parts = module.split(".")
    return any(part == "conftest" or part.startswith("test_") for part in parts[1:])


@pytest.mark.parametrize(
    "statement",
    [
        "from tests.readers.conftest import pattern",
        "import tests.test_run",
        "from .test_report import PIXEL",
        "from . import conftest",
    ],
)
def test_a_forbidden_import_is_seen(statement):
    source = f"def test_one():\n    {statement}\n"
    assert any(map(holds_tests_or_fixtures, imported(source, "tests.report")))


def test_shared_helpers_are_in_the_package_testing():
    """Test modules and conftests are not imported; shared helpers are in tests/testing."""
    forbidden = {}
    for file in sorted(TESTS.rglob("*.py")):
        package = ".".join(file.relative_to(PROJECT).parent.parts)
        names = imported(file.read_text(encoding="utf-8"), package)
        if found := sorted(filter(holds_tests_or_fixtures, names)):
            forbidden[str(file.relative_to(PROJECT))] = found
    assert not forbidden


def public_definitions(body: list[ast.stmt], name: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield the public classes, functions and methods of a body, with their dotted names."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("_"):
                continue
            yield f"{name}.{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node.body, f"{name}.{node.name}")


def test_every_public_name_has_a_docstring_of_words():
    """Ruff's rules D ask for a docstring and are content with a lone full stop."""
    documented, mute = 0, []
    for file in sorted(SOURCE.rglob("*.py")):
        module = ast.parse(file.read_text(encoding="utf-8"))
        name = ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        for public, node in [(name, module), *public_definitions(module.body, name)]:
            if len(re.findall(r"[A-Za-z]{2,}", ast.get_docstring(node) or "")) < 2:
                mute.append(public)
            documented += 1
    assert documented > 500, "no package found"
    assert not mute
