"""A report says what it is made of, whatever the settings name now."""

from __future__ import annotations

import pandas as pd
import pytest

from uflux_kedro.ensemble import Member
from uflux_kedro.errors import ConfigurationError
from uflux_kedro.models.fitted import FittedMember
from uflux_kedro.pipelines.model_training.nodes import collect_members
from uflux_kedro.pipelines.reporting.made_of import (
    dates_of,
    require_one_scheme,
    trained_members,
    warnings_about,
)
from uflux_kedro.pipelines.reporting.nodes import join_leaderboards
from uflux_kedro.report.tables import members_table

GPP = Member("A", "GPP", "XGB", ("EVI", "IGBP"))
LE = Member("A", "LE", "DF21", ("EVI", "IGBP"))


def fitted(member):
    scores = {"predictor_set": member.predictor_set, "model": member.model}
    card = {
        "flux": member.flux,
        "unit": "1",
        "predictors": {name: {} for name in member.predictors},
        "rows": 2,
        "sites": ["S"],
        "seed": 1,
        "checksum": "ab",
        "parameters": {},
        "versions": {},
        "scores": scores,
    }
    return FittedMember(card)


def test_members_come_from_their_cards():
    tables = [collect_members(fitted(member)) for member in (GPP, LE)]
    assert trained_members(tables) == (GPP, LE)


def test_members_of_one_run_and_the_configured_model_need_no_word():
    assert warnings_about([LE], "DF21", {}) == []
    assert members_table([LE]).columns.tolist() == [
        "predictor set",
        "model",
        "fluxes",
        "predictors",
    ]


def test_a_model_that_trained_no_member_is_not_passed_off_for_one():
    assert warnings_about([LE], "XGB", {}) == [
        "The settings listed under Provenance name the model XGB, but members were trained by "
        "another run with DF21."
    ]
    assert members_table([LE])["model"].tolist() == ["DF21"]


def test_members_of_several_runs_are_told_apart():
    dates = dates_of([GPP, LE], {"LE.A.scores": "2026-01-02 03:04:05", "report": "2026-01-01"})
    assert dates == {"A.LE.DF21": "2026-01-02 03:04:05"}
    lines = warnings_about([GPP, LE], "XGB", dates)
    assert lines[0] == "The members are of different models (XGB: GPP; DF21: LE)."
    assert lines[-1].startswith("1 of 2 members were trained by an earlier run")
    table = members_table([GPP, LE], dates).set_index("fluxes")
    assert table["trained"].to_dict() == {"GPP": "by this run", "LE": "2026-01-02 03:04:05"}
    assert table["model"].to_dict() == {"GPP": "XGB", "LE": "DF21"}


def test_scores_of_different_schemes_are_refused():
    tables = [
        pd.DataFrame({"flux": [f], "scheme": [s]}) for f, s in [("GPP", "loso"), ("LE", "kfold")]
    ]
    with pytest.raises(ConfigurationError, match=r"\(kfold: LE; loso: GPP\)"):
        join_leaderboards(*tables)
    require_one_scheme(tables[0])
    assert len(join_leaderboards(tables[0], tables[0])) == 2
