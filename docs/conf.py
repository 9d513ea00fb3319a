"""Settings of Sphinx: ``make docs`` builds the pages into ``site/``, every warning an error.

Neither the build nor the pages fetch anything: fonts, scripts and search are local.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from inspect import isclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.pycode import ModuleAnalyzer

sys.path.insert(0, str(Path(__file__).parent))
import settings_page
import variables_page

import uflux_kedro

project = "uflux_kedro"
version = release = uflux_kedro.__version__
copyright = "the authors of uflux_kedro"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
autosummary_generate = False
myst_heading_anchors = 3
exclude_patterns = ["images"]
highlight_language = "none"  # unless a block names its language

# Google docstrings have no types: the signatures show them.
autodoc_typehints = "signature"
maximum_signature_line_length = 88
autodoc_type_aliases = {"ArrayLike": "ArrayLike", "NDArray": "NDArray"}
autodoc_preserve_defaults = True
autodoc_default_options = {
    "exclude-members": "set_fit_request, set_predict_request, set_score_request",  # of scikit-learn
    "no-value": True,  # of constants: long, and with addresses of functions
}
suppress_warnings = ["ref.python"]  # annotations `type` and parameters of that name
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]  # a list, not one entry per attribute
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = "uflux_kedro"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"start": [], "settings": [], "glossary": []}  # no pages below them
html_theme_options = {
    "header_links_before_dropdown": 8,
    "show_prev_next": False,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}


GENERATED = {"settings": settings_page.render, "reference/variables": variables_page.render}
"""Page -> function that renders the tables appended to it."""


def _add_tables(app: Sphinx, page: str, source: list[str]) -> None:
    if page in GENERATED:
        source[0] += GENERATED[page]()


def _always_outdated(app: Sphinx, env: Any, added: Any, changed: Any, removed: Any) -> list[str]:
    """Read the generated pages in every build, since the code may have changed."""
    return list(GENERATED)


def _document_constants(app: Sphinx) -> None:
    """Give exported constants the docstrings of the modules that define them.

    Autodoc looks for them in the package's ``__init__.py`` only.
    """
    for page in Path(app.srcdir, "reference").glob("*.md"):
        folder = Path(uflux_kedro.__file__).parent / page.stem
        if not folder.is_dir():
            continue
        package = import_module(f"uflux_kedro.{page.stem}")
        analyzer = ModuleAnalyzer.for_module(package.__name__)
        analyzer.analyze()
        for name in filter(str.isupper, package.__all__):
            for file in folder.rglob("*.py"):
                if re.search(rf"^{name}\b", file.read_text(), re.MULTILINE):
                    parts = file.relative_to(folder).with_suffix("").parts
                    module = ".".join((package.__name__, *parts))
                    documented = ModuleAnalyzer.for_module(module).find_attr_docs()
                    if ("", name) in documented:
                        analyzer.attr_docs["", name] = documented["", name]


def _skip_fields_of_tuples(
    app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Skip the fields of named tuples, which the docstring of the class describes."""
    return True if type(member).__name__ == "_tuplegetter" else None


def _hide_signature_of_settings(
    app: Sphinx, what: str, name: str, member: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """Hide the signatures of parameter models, which would list every field."""
    return ("", "") if isclass(member) and issubclass(member, BaseModel) else None


def _refuse_remote_files(app: Sphinx, exception: Exception | None) -> None:
    """Fail if a page would fetch a script, a style or a picture from elsewhere."""
    remote = re.compile(r'<(?:script|link|img|iframe)\b[^>]*\s(?:src|href)="(?:https?:)?//')
    for page in Path(app.outdir).rglob("*.html"):
        if exception is None and remote.search(page.read_text()):
            raise ExtensionError(f"{page} fetches files from elsewhere")


def setup(app: Sphinx) -> None:
    """Connect the handlers above."""
    app.connect("source-read", _add_tables)
    app.connect("env-get-outdated", _always_outdated)
    app.connect("builder-inited", _document_constants)
    app.connect("autodoc-skip-member", _skip_fields_of_tuples)
    app.connect("autodoc-process-signature", _hide_signature_of_settings)
    app.connect("build-finished", _refuse_remote_files)
