"""The report of a run does not depend on the order in which Kedro read its files."""

from __future__ import annotations

import re

import pandas as pd
import xarray as xr
import yaml

from tests.testing.synthetic import (
    SETS,
    make_leaderboard,
    make_predictions,
    make_sites,
    make_training_table,
)
from uflux_kedro.configuration import in_order
from uflux_kedro.ensemble import Member
from uflux_kedro.pipelines.reporting.nodes import (
    SETTING,
    score_ensemble,
    score_steps,
    write_report,
)
from uflux_kedro.pipelines.uncertainty.nodes import (
    correlate_errors,
    judge_intervals,
    rank_error_predictors,
    share_of_targets,
)
from uflux_kedro.products.parameters import InferenceParameters
from uflux_kedro.uncertainty.learning_curve import no_curve
from uflux_kedro.uncertainty.parameters import UncertaintyParameters
from uflux_kedro.validation.by_site import skill_by_site
from uflux_kedro.validation.parameters import TrainingParameters

ENSEMBLE = {
    "predictor_sets": [{"name": SETS[0], "predictors": ["MODIS_NIRv"]}],
    "model": "DF21",
    "fluxes": ["GPP"],
}


def reversed_keys(value):
    if isinstance(value, dict):
        return {k: reversed_keys(value[k]) for k in reversed(value)}
    return value


def as_inputs(parameters):
    """Settings as inputs of the report's node."""
    return {f"{SETTING}{name}": value for name, value in parameters.items()}


def test_settings_are_in_order_whatever_the_order_of_the_files():
    parameters = {
        "training": {"seed": 1, "model_parameters": {"RF": {"b": 1, "a": 2}}},
        "areas": [],
    }
    found = in_order(reversed_keys(parameters))
    assert str(found) == str(in_order(parameters))
    assert str(found) == (
        "{'areas': [], 'training': {'model_parameters': {'RF': {'a': 2, 'b': 1}}, 'seed': 1}}"
    )
    assert in_order({"fluxes": ("NEE", "GPP")}) == {"fluxes": ["NEE", "GPP"]}, "lists keep theirs"


def test_the_report_has_the_same_bytes(tmp_path):
    sites = make_sites()
    board = make_leaderboard().query("flux == 'GPP'")
    parameters = {
        "training": {"scheme": "loso", "seed": 1},
        "ensemble": ENSEMBLE,
        "areas": {},
        "uncertainty": {"level": 0.9},
    }
    members = (Member(SETS[0], "GPP", "DF21", ("MODIS_NIRv",)),)
    table = make_training_table(sites)
    held_out = make_predictions(table)["GPP"]
    of_cards = pd.DataFrame(
        {"predictor_set": [SETS[0]], "flux": "GPP", "model": "DF21", "predictors": "MODIS_NIRv"}
    )
    rows = held_out.assign(
        IGBP=1.0, centre=held_out["prediction"], lower=held_out["prediction"] - 2,
        upper=held_out["prediction"] + 2, sigma=1.2,
    )  # fmt: skip
    settings = UncertaintyParameters.model_validate(parameters["uncertainty"])
    curves, scores = judge_intervals(rows, settings)
    parts = {
        "calibration_GPP": curves,
        "interval_scores_GPP": scores,
        "error_predictors_GPP": rank_error_predictors(rows, settings)[0],
        "annual_sums_GPP": correlate_errors(rows, settings)[1],
        "learning_curve_GPP": no_curve(),
        "shap_importance_GPP": pd.DataFrame({"predictor": ["TA"], "model": ["XGB"]}),
        "target_shares": share_of_targets(table, GPP=held_out),
        "closed_loop_maps": pd.DataFrame(),
        "figure_closed_loop": None,
        "comparison_GPP": board.head(0),
        "held_out_GPP": held_out,
        "ensemble_skill": score_ensemble(
            board, TrainingParameters.model_validate(parameters["training"]), GPP=held_out
        ),
        "skill_by_step": score_steps(GPP=held_out),
        "skill_by_site": skill_by_site({"GPP": held_out}, sites),
        "members_GPP": of_cards,
    }
    pages = [
        write_report(members, board, table, sites, [], tmp_path, **parts, **as_inputs(given))
        for given in (parameters, reversed_keys(parameters))
    ]
    assert pages[0] == pages[1]
    text = re.search(r'<pre class="copy"[^>]*>(.*?)</pre>', pages[0], re.DOTALL)[1]
    names = list(yaml.safe_load(text))
    assert names == ["areas", "ensemble", "training", "uncertainty"]
    assert "Maps against a known truth: kedro run --pipelines closed_loop" in pages[0]
    assert " By tower</span>" in pages[0]
    assert "since exact ones of DF21 are not to be had" in pages[0]
    assert "Simulated" not in pages[0]

    # As a run has them: blocks that nodes take are validated.
    period = {"first_month": "2003-01", "last_month": "2004-12"}
    given = parameters | {"inference": InferenceParameters.model_validate(period)}
    given["grids"] = {"ERA5": None}
    parts |= as_inputs(given)
    without = write_report(members, board, table, sites, [], tmp_path, **parts)
    text = re.search(r'<pre class="copy"[^>]*>(.*?)</pre>', without, re.DOTALL)[1]
    assert yaml.safe_load(text)["inference"]["first_month"] == "2003-01", "a model is a block, too"
    assert 'id="explorer"' not in without, "of a source that is switched off there is no map"
    drivers = xr.Dataset(attrs={"simulated": "ERA5"})
    mapped = write_report(members, board, table, sites, [], tmp_path, drivers=drivers, **parts)
    assert 'id="explorer"' in mapped
    assert "<title>Simulated data: UFLUX ensemble</title>" in mapped
    assert "Simulated data: ERA5 come from the demo world" in mapped
