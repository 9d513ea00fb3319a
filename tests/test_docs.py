"""Documentation: examples run, settings are described, packages have pages."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from runpy import run_path

import pytest
import yaml

from tests.testing.project import PROJECT
from uflux_kedro.blocks import BLOCKS, model_of
from uflux_kedro.demo_world import DemoWorldParameters, write_demo_world

DOCS = PROJECT / "docs"
CODE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def code_of(page: Path) -> list[str]:
    """Blocks of Python in a page."""
    return CODE.findall(page.read_text())


def test_every_setting_has_a_description():
    schemas = [model_of(block).model_json_schema() for block in BLOCKS]
    models = [model for s in schemas for model in (s, *s.get("$defs", {}).values())]
    assert not {
        f"{model['title']}.{name}"
        for model in models
        for name, field in model["properties"].items()
        if not field.get("description")
    }


def test_every_block_of_the_configuration_is_on_the_page():
    files = PROJECT.glob("conf/base/parameters_*.yml")
    assert {name for file in files for name in yaml.safe_load(file.read_text())} == set(BLOCKS)


def test_the_page_of_settings_shows_type_and_default():
    page = run_path(str(DOCS / "settings_page.py"))["render"]()
    assert "| `n_splits` | whole number, at least 2 | `5` |" in page
    assert "| `scheme` | `loso`, `kfold` or `blocks` | `kfold` |" in page
    assert '| `allow_missing` | list of: text | `[]`; `conf/base`: `["H", "LE"]` |' in page
    assert "| `search` | [SearchParameters](#searchparameters) or null | `null` |" in page


def test_every_package_of_the_science_has_a_page():
    source = PROJECT / "src/uflux_kedro"
    packages = {file.parent.name for file in source.glob("*/__init__.py")}
    pages = {page.stem for page in (DOCS / "reference").glob("*.md")} - {"index"}
    assert packages - {"pipelines", "datasets", "tracking"} <= pages
    listed = re.findall(r"^[a-z_]+$", (DOCS / "reference/index.md").read_text(), re.MULTILINE)
    assert set(listed) == pages


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_the_files_that_a_page_names_exist(page):
    named = set(re.findall(r"`([a-z0-9_]+/[a-z0-9_/.]*)`", (PROJECT / page).read_text()))
    assert len(named) > 5
    roots = (PROJECT, PROJECT / "src/uflux_kedro")
    assert not {name for name in named if not any((root / name).exists() for root in roots)}


@pytest.fixture
def reader_example() -> dict:
    """Names of the worked example of a reader and its tests."""
    names: dict = {}
    for block in code_of(DOCS / "adding_a_reader.md"):
        exec(compile(block, "adding_a_reader.md", "exec"), names)
    return names


@pytest.mark.parametrize("test", ["terraclimate_becomes_canonical", "a_wrong_unit_is_refused"])
def test_the_worked_example_of_a_reader(reader_example, test, tmp_path):
    reader_example[f"test_{test}"](tmp_path)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """Folder with the raw files of a small demo world."""
    folder = tmp_path_factory.mktemp("demo")
    small = DemoWorldParameters(resolution=10, first_year=2018, last_year=2019, n_towers=8)
    write_demo_world(small, folder / "data/01_raw", folder / "data/demo_truth")
    return folder


WITHOUT_KEDRO = """
import sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"kedro", "kedro_datasets", "kedro_mlflow", "mlflow"}:
            raise ImportError(f"{name} is not needed here")

sys.meta_path.insert(0, Refused())
"""


@pytest.mark.parametrize("page", ["docs/library.md", "README.md"])
def test_the_library_works_without_kedro(page, demo):
    blocks = code_of(PROJECT / page)
    assert blocks
    run = subprocess.run(
        [sys.executable, "-c", "\n".join([WITHOUT_KEDRO, *blocks])],
        cwd=demo,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    if page == "docs/library.md":
        assert re.search(r"NSE 0\.\d\d at 8 sites", run.stdout)
        assert re.search(r"30N to 90N .*2019 .*total .*PgC yr-1", run.stdout)
