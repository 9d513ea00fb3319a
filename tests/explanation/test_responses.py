"""Response curves by class, against parabolas that are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.explanation.responses import response_curves, response_rows


@pytest.fixture
def rows() -> pd.DataFrame:
    """Twelve towers of grassland, two of forest, with a parabola of their own in PPFD."""
    random = np.random.default_rng(0)
    site = np.repeat(np.arange(14), 36)
    x = random.uniform(100, 900, site.size)
    grass = site < 12
    shift = random.normal(0, 0.5, 14)[site]
    truth = np.where(grass, 1 - 0.01 * x + 5e-6 * x**2, 3 - 0.02 * x)
    return pd.DataFrame(
        {
            "site_id": [f"S{s:02d}" for s in site],
            "time": np.tile(pd.date_range("2001-01-01", periods=36, freq="MS"), 14),
            "IGBP": np.where(grass, "GRA", "ENF"),
            "x": x,
            "truth": truth,
            "prediction": 0.5 * truth + shift,
        }
    )


def test_known_parabolas_are_found_by_class(rows):
    curves, fits = response_curves(rows)
    assert fits["IGBP"].tolist() == ["ENF", "ENF", "GRA", "GRA"]
    assert fits["towers"].tolist() == [2, 2, 12, 12]
    assert fits["site_years"].tolist() == [6, 6, 36, 36]
    grass = fits.set_index(["IGBP", "source"]).loc[("GRA", "truth")]
    assert grass[["constant", "slope", "curvature", "R2"]].tolist() == pytest.approx(
        [1, -0.01, 5e-6, 1]
    )
    curve = curves[(curves["IGBP"] == "GRA") & (curves["source"] == "truth")]
    x = curve["value"]
    np.testing.assert_allclose(curve["effect"], 1 - 0.01 * x + 5e-6 * x**2, atol=1e-9)
    np.testing.assert_allclose(curve["low"], curve["high"], atol=1e-9)
    assert 100 < x.min() < 130


def test_bands_are_as_wide_as_towers_differ(rows):
    curves, _ = response_curves(rows)
    model = curves[(curves["IGBP"] == "GRA") & (curves["source"] == "prediction")]
    middle = model.iloc[len(model) // 2]
    assert middle["high"] - middle["low"] == pytest.approx(2 * 1.645 * 0.5 / np.sqrt(12), rel=0.5)


def test_all_sources_are_fitted_to_the_same_rows(rows):
    baseline = rows["truth"].where(rows["site_id"] != "S00")
    _, fits = response_curves(rows.assign(baseline=baseline))
    grass = fits[fits["IGBP"] == "GRA"]
    assert grass["source"].tolist() == ["truth", "prediction", "baseline"]
    assert grass["towers"].tolist() == [11, 11, 11]


def test_one_tower_has_a_curve_and_no_band(rows):
    curves, fits = response_curves(rows[rows["site_id"] == "S00"])
    assert fits["towers"].tolist() == [1, 1]
    assert curves["effect"].notna().all()
    assert curves[["low", "high"]].isna().all(axis=None)


def test_too_few_values_have_no_curve(rows):
    for table in (rows.assign(x=1.0), rows[rows["IGBP"] == "WAT"]):
        curves, fits = response_curves(table)
        assert curves.empty
        assert fits.empty
        assert "effect" in curves


@pytest.fixture
def table(rows) -> pd.DataFrame:
    return rows[["site_id", "time"]].assign(
        IGBP=10, ERA5_TA_LAG1=99.0, ERA5_TA=10.0, ERA5_SW_IN=100.0
    )


def test_light_is_in_photons_and_classes_have_names(rows, table):
    predictions = rows[["site_id", "time", "truth", "prediction"]]
    joined = response_rows(predictions, table, "NEE")
    assert joined["x"].eq(204.0).all()
    assert joined["IGBP"].eq("GRA").all()
    assert response_rows(predictions, table, "RECO")["x"].eq(10.0).all()


def test_rows_without_a_value_are_left_out(rows, table):
    table.loc[0, "ERA5_TA"] = np.nan
    predictions = rows[["site_id", "time", "truth", "prediction"]].copy()
    predictions.loc[1, "truth"] = np.nan
    assert len(response_rows(predictions, table, "RECO")) == len(rows) - 2
    with pytest.raises(InputError, match="found none"):
        response_rows(predictions, table.assign(ERA5_TA=np.nan), "RECO")


def test_what_is_unknown_or_absent_is_named(rows, table):
    with pytest.raises(ConfigurationError, match="'LE' is known: expected one of NEE, RECO"):
        response_rows(rows, table, "LE")
    with pytest.raises(InputError, match="SW_IN: expected columns of these names"):
        response_rows(rows, table.drop(columns="ERA5_SW_IN"), "NEE")
