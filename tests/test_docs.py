"""Documentation: examples run, settings are described, packages have pages."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
import zipfile
from collections import Counter
from functools import cache
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
import yaml
from kedro.config import OmegaConfigLoader

from tests.testing.blocks import ON_RESULTS, PAGES, WITHOUT_KEDRO, Block, blocks_of, run_python
from tests.testing.half_hours import Tower
from tests.testing.project import PROJECT
from uflux_kedro.blocks import BLOCKS, model_of
from uflux_kedro.configuration import CONFIG_LOADER_ARGS
from uflux_kedro.demo_world import DemoWorldParameters, write_demo_world
from uflux_kedro.errors import ConfigurationError
from uflux_kedro.request import check_parameters
from uflux_kedro.validation.metrics import METRICS
from uflux_kedro.variables import FLUXES, IGBP_CLASSES

DOCS = PROJECT / "docs"
ALL = [block for page in PAGES for block in blocks_of(page)]


def of_language(language: str) -> dict[str, list[Block]]:
    """Page -> its blocks of a language that are to be run or checked."""
    found: dict[str, list[Block]] = {}
    for block in ALL:
        if block.language == language and block.why_not is None:
            found.setdefault(block.page, []).append(block)
    return found


PYTHON, YAML = of_language("python"), of_language("yaml")


def test_blocks_that_are_not_run_say_why_and_are_few():
    """Who adds one counts it here."""
    marked = [block for block in ALL if block.why_not is not None]
    assert Counter(block.page for block in marked) == {
        "docs/download.md": 1,
        "docs/notebooks.md": 1,
        "docs/products.md": 1,
        "docs/sources/sentinel2.md": 1,
        "docs/tasks/cluster.md": 3,
        "docs/tasks/source.md": 1,
    }
    assert all(len(block.why_not.split()) > 4 for block in marked)


def test_marks_stand_above_blocks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- not run: it needs a satellite -->\n```python\none\n```\n"
        "1. list\n\n   ```yaml\n   a: 1\n   ```\n\n<!-- not run: stray -->\ntext\n\n```sh\nls\n```\n"
    )
    found = [(b.line, b.language, b.code, b.why_not) for b in blocks_of(page)]
    assert found == [
        (3, "python", "one\n", "it needs a satellite"),
        (8, "yaml", "a: 1\n", None),
        (15, "sh", "ls\n", None),
    ]
    marks = sum(page.read_text().count("<!-- not run") for page in PAGES)
    assert marks == sum(block.why_not is not None for block in ALL)


def test_code_names_its_language():
    """A block without one is checked by no test, and must be a drawing or a list of files."""
    commands = re.compile(
        r"^\s*(\$|import |from \w+ import|kedro |make |pip |python)", re.MULTILINE
    )
    assert {block.language for block in ALL if not block.language.startswith("{")} <= {
        *("python", "sh", "yaml", "console", ""),
    }
    assert not [block for block in ALL if not block.language and commands.search(block.code)]


@cache
def settings_of_base() -> dict:
    return OmegaConfigLoader(str(PROJECT / "conf"), env="base", **CONFIG_LOADER_ARGS)["parameters"]


def check_settings(block: Block) -> None:
    """Check a block of settings over those of ``conf/base``, as a run does."""
    written = yaml.safe_load(block.code)
    if re.match(r"# conf/\w+/globals\.yml\n", block.code):
        assert (
            written.keys() <= yaml.safe_load((PROJECT / "conf/base/globals.yml").read_text()).keys()
        )
        return
    parameters = copy.deepcopy(settings_of_base())
    for name, value in written.items():
        both = isinstance(value, dict) and isinstance(parameters.get(name), dict)
        parameters[name] = parameters[name] | value if both else value
    check_parameters(parameters)


@pytest.mark.parametrize("page", YAML)
def test_settings_on_the_pages_are_valid(page):
    for block in YAML[page]:
        check_settings(block)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("training: {schema: loso}", "did you mean training.scheme"),
        ("trainign: {scheme: loso}", "there is no such parameter"),
        ("reporting: {peers: {X: {paht: x.nc}}}", "paht"),
    ],
)
def test_a_wrong_setting_is_seen(code, said):
    with pytest.raises(ConfigurationError, match=said):
        check_settings(Block("page.md", 1, "yaml", code, None))


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
    assert (
        "| `scheme` | `loso`, `kfold`, `blocks`, `warmest`, `driest`, `koppen` or `igbp` | `kfold` |"
        in page
    )
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


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_of_pages_outside_of_the_site_lead_somewhere(page):
    """Sphinx checks the links of all others."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (PROJECT / page).read_text())
    assert len(links) > 1
    assert not [link for link in links if not (PROJECT / link).exists()]


def test_the_glossary_has_all_metrics_fluxes_and_classes():
    glossary = (DOCS / "glossary.md").read_text()
    terms = set(re.findall(r"^\S.*$", glossary, re.MULTILINE))
    on_the_page = (DOCS / "science/validation.md").read_text()
    for name in ("RMSE", *FLUXES, *METRICS):
        assert name in terms or f"\n{name} " in on_the_page, name
    assert {"GPP", "RECO", "NEE", "H", "LE", "NSE", "KGE", "CCC", "MRAE", "IGBP", "LOSO"} <= terms
    assert set(re.findall(r"\w+", glossary)) >= {*IGBP_CLASSES}


READER_PAGE, TOWERS_PAGE = "docs/adding_a_reader.md", "docs/tasks/towers.md"


@pytest.fixture
def reader_example() -> dict:
    """Names of the worked example of a reader and its tests."""
    names: dict = {}
    return run_python(PYTHON[READER_PAGE], names)


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


REFUSE_KEDRO = """
import sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"kedro", "kedro_datasets", "kedro_mlflow", "mlflow"}:
            raise ImportError(f"{name} is not needed here")

sys.meta_path.insert(0, Refused())
"""


@pytest.mark.parametrize("page", WITHOUT_KEDRO)
def test_the_library_works_without_kedro(page, demo):
    run = subprocess.run(
        [sys.executable, "-c", "\n".join([REFUSE_KEDRO, *(b.code for b in PYTHON[page])])],
        cwd=demo,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    if page == "docs/library.md":
        assert re.search(r"NSE 0\.\d\d at 8 sites", run.stdout)
        assert re.search(r"30N to 90N .*2019 .*total .*PgC yr-1", run.stdout)


def write_half_hours(folder: Path) -> None:
    """Write the archives that the page of gap filling reads: a tower's, and a folder of others'."""
    (folder / "towers").mkdir()
    for number, zipped in enumerate(
        ("AMF_US-CRT_BASE-BADM_2-5.zip", "towers/AMF_US-Xyz_BASE-BADM_1-5.zip")
    ):
        table, _ = Tower().record("2011-05-01", "2011-06-15", seed=number)
        table["LE"] = 20 + 0.3 * table["SW_IN"] + table["NEE"]
        hidden = (table.index.day == 5) | (np.arange(len(table)) % 7 == 0)
        table.loc[hidden, ["NEE", "LE"]] = np.nan
        table.insert(0, "TIMESTAMP_START", table.index.strftime("%Y%m%d%H%M"))
        text = table.rename(columns={"NEE": "FC"}).fillna(-9999).to_csv(index=False)
        site = zipped.partition("AMF_")[2][:6]
        with zipfile.ZipFile(folder / zipped, "w") as archive:
            archive.writestr(f"AMF_{site}_BASE_HH_2-5.csv", f"# Site: {site}\n{text}")


@pytest.fixture
def few_trees(monkeypatch):
    """Fill with few trees: the page's code is tested here, not the fillers."""
    from uflux_kedro.gapfilling import errors_of_filling, learnt, pooled

    for settings in (learnt._BOOSTED, learnt._RANDOM, pooled._TREES):
        monkeypatch.setitem(settings, "n_estimators", 3)
    few = errors_of_filling._TREES.model_copy(update={"trees": 3})
    monkeypatch.setattr(errors_of_filling, "_TREES", few)


def test_the_example_of_own_towers_is_admitted_and_serves_its_members(tmp_path, monkeypatch):
    """Its table and settings, through the functions that the page's commands call."""
    from uflux_kedro.features import build_training_table
    from uflux_kedro.quality import QualityParameters, check_towers
    from uflux_kedro.readers import read_towers
    from uflux_kedro.validation import usable_rows

    monkeypatch.chdir(tmp_path)
    run_python(PYTHON[TOWERS_PAGE], {})
    settings = next(yaml.safe_load(b.code) for b in YAML[TOWERS_PAGE] if "towers:" in b.code)
    parameters = model_of("towers").model_validate(settings["towers"])
    towers, sites = read_towers("my_towers.csv", parameters, outside="keep")
    checked = check_towers(towers, sites, QualityParameters())
    assert not [finding for finding in checked.findings if finding.open]
    table = build_training_table(checked.towers, sites)
    members = model_of("ensemble").model_validate(settings["ensemble"]).members()
    assert [member.name for member in members] == ["NIRv-MINE.GPP.XGB", "MINE.GPP.XGB"]
    for member in members:
        usable, _ = usable_rows(table, member.predictors, member.flux, min_qc=0.5)
        assert usable.sum() == 12 * 48


PREPARED = {"docs/gap_filling.md": write_half_hours}
"""Page -> what writes the files that its code reads."""


@pytest.mark.parametrize(
    "page", sorted(PYTHON.keys() - {READER_PAGE, TOWERS_PAGE, *WITHOUT_KEDRO, *ON_RESULTS})
)
def test_python_on_the_pages_runs(page, tmp_path, monkeypatch, few_trees):
    monkeypatch.chdir(tmp_path)
    PREPARED.get(page, lambda folder: None)(tmp_path)
    run_python(PYTHON[page], {"__name__": page})
