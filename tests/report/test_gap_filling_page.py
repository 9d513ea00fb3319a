"""The page of filled towers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.testing.pages import PIXEL
from uflux_kedro.figures.picture import Picture
from uflux_kedro.report.gap_filling import FilledTowers, render_gap_filling, shares


@pytest.fixture
def towers() -> FilledTowers:
    filled = pd.DataFrame(
        {"record": "US-Xyz_2011-2011", "NEE_F": [1.0, 2.0, 3.0, np.nan], "NEE_F_QC": [0.0, 1.0, 3.0, 0.0],
         "LE_F": np.nan, "LE_F_QC": 0.0}
    )  # fmt: skip
    sums = pd.DataFrame(
        {"record": "US-Xyz_2011-2011", "time": pd.to_datetime(["2011-01-01", "2011-01-01"]), "flux": "NEE",
         "value": [-123.2, -1.0], "random": 4.0, "period": ["YY", "MM"]}
    )  # fmt: skip
    finding = {
        "check": "gap",
        "variable": "NEE",
        "sites": ["US-Xyz"],
        "expected": "<short>",
        "found": "long",
    }
    records = pd.DataFrame({"record": ["US-Xyz_2011-2011"], "site_id": ["US-Xyz"]})
    picture = Picture(PIXEL)
    return FilledTowers(
        "downloads", "mds", 0.9, records, filled, sums, pd.DataFrame(), [finding],
        {"US-Xyz_2011-2011.fingerprint": picture},
    )  # fmt: skip


def test_shares_tell_measured_filled_and_open(towers):
    (row,) = shares(towers.filled).to_dict("records")
    assert row["flux"] == "NEE"
    assert [row[k] for k in ("measured %", "good %", "medium %", "poor %")] == [25, 25, 0, 25]


def test_the_page_shows_what_was_made(towers):
    page = render_gap_filling(towers)
    assert "123.2" in page
    assert "No methods were compared" in page
    assert "&lt;short&gt;" in page
    assert "US-Xyz_2011-2011: fingerprint" in page
    assert page == render_gap_filling(towers)


def test_the_page_shows_the_scoreboard(towers):
    scores = pd.DataFrame(
        {"record": "US-Xyz_2011-2011", "method": "mds", "flux": "NEE", "scenario": "uflux",
         "part": ["all", "night"], "RMSE": [2.987654, 7.654321]}
    )  # fmt: skip
    page = render_gap_filling(replace(towers, scoreboard=scores, findings=[], figures={}))
    assert "2.988" in page
    assert "7.654" not in page
    assert page.count("<p>None.</p>") == 2


def test_pictures_stand_by_record_then_flux(towers):
    wanted = ("US-Abc: fingerprint", "US-Abc, NEE: cumulative", "US-Abc, NEE: residuals",
              "US-Abc, H: cumulative", "US-Xyz: fingerprint", "All records: gap lengths")  # fmt: skip
    names = ("gap_lengths", "US-Xyz.fingerprint", "US-Abc.H.cumulative", "US-Abc.NEE.residuals",
             "US-Abc.NEE.cumulative", "US-Abc.fingerprint")  # fmt: skip
    page = render_gap_filling(replace(towers, figures=dict.fromkeys(names, Picture(PIXEL))))
    places = [page.index(title) for title in wanted]
    assert places == sorted(places)
