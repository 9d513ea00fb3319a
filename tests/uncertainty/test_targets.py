"""Uncertainty of the towers themselves and its share of held-out errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.uncertainty.targets import target_share, target_uncertainty


def test_parts_are_joined_in_quadrature():
    rows = pd.DataFrame(
        {"GPP": [5.0, 5.0], "GPP_DT": [7.0, np.nan], "GPP_PROCUNC": [2.0, 2.0],
         "NEE_RANDUNC": [2.0, np.nan]}
    )  # fmt: skip
    found = target_uncertainty(rows, "GPP")
    assert found.iloc[0].to_dict() == {"random": 2, "processing": 2, "method": 1, "total": 3}
    assert found.iloc[1][["random", "method"]].isna().all()
    assert found["total"].tolist() == [3.0, 2.0], "what is unknown adds nothing"


def test_the_noise_of_nee_stands_in_for_the_fluxes_parted_from_it_alone():
    rows = pd.DataFrame({"RECO": [3.0], "LE": [80.0], "NEE_RANDUNC": [0.5]})
    assert target_uncertainty(rows, "RECO")["random"].tolist() == [0.5]
    assert target_uncertainty(rows, "LE").isna().all(axis=None)


def test_a_stated_whole_is_taken_as_it_is():
    rows = pd.DataFrame({"H": [1.0, 1.0], "H_UNC": [4.0, np.nan], "H_RANDUNC": [9.0, 9.0]})
    assert target_uncertainty(rows, "H")["total"].tolist() == [4.0, 9.0]


def test_a_flux_that_is_absent_or_unknown_is_refused():
    rows = pd.DataFrame({"GPP": [1.0]})
    for name in ("NEE", "TA"):
        with pytest.raises(InputError, match=f"{name}: expected a flux among"):
            target_uncertainty(rows, name)


@pytest.fixture
def rows() -> pd.DataFrame:
    """40 towers in two classes; errors of variance 4 beside noise of variance 1 (GRA), 4 (ENF)."""
    random = np.random.default_rng(0)
    sites = np.repeat(np.arange(40), 60)
    sigma = np.where(sites < 20, 1.0, 2.0)
    signal = random.normal(size=sites.size)
    return pd.DataFrame(
        {
            "site_id": [f"S{s:02d}" for s in sites],
            "IGBP": np.where(sites < 20, 10, 1),
            "truth": signal + sigma * random.normal(size=sites.size),
            "prediction": signal + 2 * random.normal(size=sites.size),
            "sigma": sigma,
        }
    )


def test_the_share_of_known_noise_is_found_by_class(rows):
    share = target_share(rows, rows[["sigma"]].set_axis(["total"], axis=1), rows["IGBP"])
    share = share.set_index("group")
    assert list(share.index) == ["all", 1, 10]
    assert share["sites"].tolist() == [40, 20, 20]
    for group, expected in {"all": 2.5 / 6.5, 1: 0.5, 10: 0.2}.items():
        found = share.loc[group]
        assert found["total"] == pytest.approx(expected, abs=0.02)
        assert found["low"] < expected < found["high"]
        assert found["high"] - found["low"] < 0.15
    np.testing.assert_allclose(share["target"] + share["rest"], share["error"])
    assert share.loc[10, "target"] == pytest.approx(1.0)


def test_parts_have_shares_of_their_own(rows):
    parts = pd.DataFrame({"random": 0.6 * rows["sigma"], "method": 0.8 * rows["sigma"]})
    parts = parts.assign(processing=np.nan, total=rows["sigma"])
    found = target_share(rows, parts).iloc[0]
    assert found["random"] + found["method"] == pytest.approx(found["total"])
    assert np.isnan(found["processing"])


def test_rows_without_a_known_uncertainty_are_left_out(rows):
    total = pd.DataFrame({"total": rows["sigma"].where(rows["IGBP"] == 10)})
    found = target_share(rows, total, rows["IGBP"])
    assert found["group"].tolist() == ["all", 10]
    assert found["n"].tolist() == [1200, 1200]
    nothing = target_share(rows, total * np.nan, rows["IGBP"])
    assert nothing.empty
    assert list(nothing) == list(found)


def test_one_tower_has_a_share_and_no_interval(rows):
    one = rows[rows["site_id"] == "S00"]
    found = target_share(one, pd.DataFrame({"total": one["sigma"]})).iloc[0]
    assert 0.1 < found["total"] < 0.4
    assert np.isnan(found["low"])
    assert np.isnan(found["high"])


def test_a_share_above_one_is_not_cut(rows):
    found = target_share(rows, pd.DataFrame({"total": 9 * rows["sigma"]})).iloc[0]
    assert found["total"] > 1
    assert found["rest"] < 0


def test_tables_that_do_not_belong_together_are_refused(rows):
    with pytest.raises(InputError, match="total of the target for each row"):
        target_share(rows, pd.DataFrame({"total": [1.0]}))
    with pytest.raises(InputError, match="prediction"):
        target_share(rows.drop(columns="prediction"), pd.DataFrame({"total": rows["sigma"]}))
