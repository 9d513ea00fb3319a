"""What the packages export can be imported, and the examples in their docstrings run."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

EXPORTS = {
    "execution": {"DaskParameters", "Execution"},
    "features": {"build_drivers", "build_training_table", "product_drivers", "derive_predictors"},
    "gridding": {"TargetGrid", "ProjectedGrid", "align", "sample_at_sites", "cell_area"},
    "products": {"Plan", "ProductStore", "predict_cube", "produce", "verify"},
    "statistics": {"aggregate", "area_mean", "budget_residuals", "compare_with_peer", "AllCells"},
    "figures": {"scatter_figure", "mean_maps_figure", "png_bytes"},
    "quality": {"check_towers", "render_quality", "QualityParameters"},
    "report": {"render_report", "ReportContext", "map_sections"},
    "demo_world": {"write_demo_world", "DemoWorldParameters"},
    "models": {"CascadeForestRegressor", "FittedMember", "fit_member", "make_model", "pack"},
    "explanation": {"explain", "accumulated_effects", "response_curves"},
    "validation": {"make_folds", "held_out_predictions", "score", "SiteSearchRegressor"},
}


@pytest.mark.parametrize("name", EXPORTS)
def test_every_exported_name_imports_and_is_documented(name):
    package = import_module(f"uflux_kedro.{name}")
    assert set(package.__all__) >= EXPORTS[name]
    for exported in package.__all__:
        found = getattr(package, exported)
        if callable(found):
            assert found.__module__.startswith(f"uflux_kedro.{name}."), exported
            assert found.__doc__, exported


def test_what_most_scripts_need_is_at_the_top():
    import uflux_kedro

    assert {"read_towers", "read_cube", "held_out_predictions", "predict_cube"} <= set(
        uflux_kedro.__all__
    )
    for name in uflux_kedro.__all__:
        found = getattr(uflux_kedro, name)
        package = import_module(".".join(found.__module__.split(".")[:2]))
        assert getattr(package, name) is found


EXAMPLES = [
    "execution",
    "explanation",
    "features",
    "figures",
    "gridding",
    "models",
    "products",
    "quality",
    "statistics",
    "validation",
]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_the_package_runs(name):
    result = doctest.testmod(import_module(f"uflux_kedro.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
