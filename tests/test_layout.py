"""Where the tests keep what they share."""

from __future__ import annotations

import ast
from importlib.util import resolve_name

import pytest

from tests.testing.project import PROJECT

TESTS = PROJECT / "tests"


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
    """Test modules and conftests are not imported; helpers that several need are in tests/testing."""
    forbidden = {}
    for file in sorted(TESTS.rglob("*.py")):
        package = ".".join(file.relative_to(PROJECT).parent.parts)
        names = imported(file.read_text(encoding="utf-8"), package)
        if found := sorted(filter(holds_tests_or_fixtures, names)):
            forbidden[str(file.relative_to(PROJECT))] = found
    assert not forbidden
