"""How the notebooks are stored; :mod:`tests.test_run` runs them."""

from __future__ import annotations

import json

import pytest

from tests.testing.project import PROJECT

NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_short_and_stored_without_outputs(path):
    cells = json.loads(path.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [c for c in code if c["outputs"] or c["execution_count"]] == []
    assert 5 <= len(code) <= 8
    assert cells[0]["source"][0].startswith("# ")


def test_the_page_of_notebooks_names_each_with_its_title():
    page = (PROJECT / "docs" / "notebooks.md").read_text()
    rows = [line.split(" | ")[0] for line in page.splitlines() if ".ipynb" in line]
    assert rows == [f"| `{path.name}`" for path in NOTEBOOKS]
