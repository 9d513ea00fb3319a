"""The threshold's percentiles are carried through filter, filling and partitioning."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.testing.half_hours import Tower
from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling.ustar import UstarThresholds, filter_by_ustar
from uflux_kedro.gapfilling.ustar_percentiles import most_similar, ustar_scenarios


def made_of(samples):
    samples = pd.DataFrame(samples).T
    return UstarThresholds(samples.mean(axis=1), samples, samples, pd.Series("", samples.index))


def by_hour(table):
    """Fill gaps by the mean of their hour of the day."""
    mean = table.groupby([table.index.hour, table.index.minute])["NEE"].transform("mean")
    return table["NEE"].fillna(mean)


@pytest.fixture(scope="module")
def record():
    return Tower(threshold=0.3).record("2011-05-01", "2011-08-01")[0]


@pytest.fixture(scope="module")
def thresholds():
    return made_of({2011: np.linspace(0.1, 0.5, 100), 2013: np.linspace(0.7, 0.9, 100)})


def test_each_percentile_has_its_fluxes(record, thresholds):
    found = ustar_scenarios(record, thresholds, by_hour, percentiles=(5, 95))
    labels = ["05", "50", "95", "REF", "USTAR50"]
    fluxes = ["NEE", "GPP_NT", "RECO_NT", "GPP_DT", "RECO_DT"]
    assert set(found.table) == {f"{flux}_VUT_{label}" for flux in fluxes for label in labels}
    assert found.table.notna().all(axis=None)
    pd.testing.assert_frame_equal(found.thresholds, thresholds.by_year((5, 50, 95)))
    for label, limit in found.thresholds.loc[2011].items():
        kept = filter_by_ustar(record, limit)
        column = found.table[f"NEE_VUT_{label:02g}"]
        assert column[kept.notna()].equals(kept.dropna())
    # Stricter thresholds, more respiration, up to where all losses are gone.
    RECO = found.table[["RECO_NT_VUT_05", "RECO_NT_VUT_50", "RECO_NT_VUT_95"]].mean()
    assert RECO.iloc[0] < RECO.iloc[1] - 0.1
    assert found.table["NEE_VUT_USTAR50"].equals(found.table["NEE_VUT_50"])
    assert found.table["NEE_VUT_REF"].equals(found.table[f"NEE_VUT_{found.reference:02g}"])


def test_constant_thresholds_are_those_of_all_years(record, thresholds):
    found = ustar_scenarios(record, thresholds, by_hour, constant=True, methods=())
    assert next(iter(found.table)) == "NEE_CUT_05"
    assert len(found.table.columns) == 9
    assert found.thresholds.loc[2011].equals(found.thresholds.loc[2013])
    assert found.thresholds.loc[2011, 50] == pytest.approx(0.6, abs=0.01)


def test_gpp_is_taken_from_the_filled_nee_not_from_an_earlier_one(record, thresholds):
    earlier = record.assign(NEE_F=99.0)
    found = ustar_scenarios(earlier, thresholds, by_hour, percentiles=(50,), methods=("NT",))
    gap = found.table["RECO_NT_VUT_50"] - found.table["GPP_NT_VUT_50"]
    np.testing.assert_allclose(gap, found.table["NEE_VUT_50"])


def test_a_year_without_threshold_is_not_filtered(record):
    nothing = made_of({2011: np.full(100, np.nan)})
    found = ustar_scenarios(record, nothing, by_hour, methods=())
    for column in found.table:
        pd.testing.assert_series_equal(found.table[column], record["NEE"], check_names=False)


def test_unknown_methods_are_refused(record, thresholds):
    with pytest.raises(InputError, match="ANN"):
        ustar_scenarios(record, thresholds, by_hour, methods=("ANN",))


def test_the_reference_is_the_record_in_the_middle_of_the_others():
    wave = np.sin(np.arange(100.0))
    records = np.stack([wave + shift for shift in (0.0, 0.1, 0.9, 1.0, 1.5)])
    assert most_similar(records) == 2
    holes = records.copy()
    holes[0, 5] = np.nan
    assert most_similar(holes) == 2
    assert most_similar(np.stack([wave, wave, wave])) == 1
    assert most_similar(np.full((3, 4), np.nan)) == 1
