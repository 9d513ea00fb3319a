"""A tower that lacks weather, or values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.testing.half_hours import Tower
from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling.collection import checked
from uflux_kedro.gapfilling.parameters import GapFillingParameters
from uflux_kedro.gapfilling.tower import (
    fill_tower,
    partition_tower,
    score_tower,
    sites_table,
    tables_of_tower,
)
from uflux_kedro.readers import HalfHours

PARAMETERS = GapFillingParameters(method="mds")
NONE = pd.DataFrame(columns=["record", "kind", "year", "percentile", "USTAR"])


LIMITS = {16: 0.05, 50: 0.2, 84: 0.35}


def thresholds_of(record: HalfHours) -> pd.DataFrame:
    """Return constant thresholds at three percentiles, m s-1."""
    rows = [(record.name, "CUT", 0, float(p), limit) for p, limit in LIMITS.items()]
    return pd.DataFrame(rows, columns=NONE.columns)


@pytest.fixture(scope="module")
def record() -> HalfHours:
    table, _ = Tower().record("2011-06-01", "2011-08-01")
    return HalfHours("US-Xyz", table, source="tower.csv")


def test_without_random_errors_days_are_partitioned_all_the_same(record):
    filled = pd.DataFrame({"NEE_F": record.table["NEE"]})
    parts = partition_tower(record, NONE, filled, PARAMETERS)
    assert list(parts) == ["GPP_NT", "RECO_NT", "GPP_DT", "RECO_DT"]
    assert parts.notna().all(axis=None)


def test_thresholds_reach_what_fills_nee(record):
    short = HalfHours("US-Xyz", record.table.iloc[:1200], source="tower.csv")
    steps = fill_tower(short, thresholds_of(short), PARAMETERS).steps
    gaps = {p: (steps[f"NEE_VUT_{p}_F"] != short.table["NEE"]).sum() for p in LIMITS}
    assert 0 < gaps[16] < gaps[50] < gaps[84]
    assert steps["NEE_VUT_50_F"].tolist() == pytest.approx(steps["NEE_F"].tolist())


def test_thresholds_reach_respiration_and_its_joint_error(record):
    limits, thresholds = LIMITS, thresholds_of(record)
    parameters = PARAMETERS.model_copy(update={"partition": ("night",)})
    steps = pd.DataFrame({f"NEE_VUT_{p}_F": record.table["NEE"] for p in limits})
    steps = steps.assign(NEE_F=record.table["NEE"], NEE_F_QC=0.0, NEE_RANDUNC=1.0)
    parts = partition_tower(record, thresholds, steps, parameters)
    stems = ("GPP_NT", "RECO_NT")
    assert list(parts) == [*stems, *(f"{v}_VUT_{p}" for p in limits for v in stems)]
    # What is lost in still nights lowers respiration at the lowest threshold.
    RECO = parts.filter(like="RECO_NT_VUT").mean()
    assert RECO["RECO_NT_VUT_16"] < RECO["RECO_NT_VUT_50"] - 0.05
    # Of the same NEE, the reference is what the median threshold leaves.
    assert parts["RECO_NT_VUT_50"].to_numpy() == pytest.approx(parts["RECO_NT"].to_numpy())
    start = pd.DatetimeIndex(["2011-06-01", "2011-07-01"])
    sums = pd.DataFrame(
        {"time": start, "flux": "NEE", "period": "MM", "random": 3.0, "total": [30.0, 62.0]}
    )
    tables = tables_of_tower(record, steps, parts, sums)
    months = tables["US-Xyz/UFLUX_US-Xyz_FLUXNET_FULLSET_MM_2011-2011_1-1.csv"]
    for stem, error in (("GPP_NT", np.array([1.0, 2.0])), ("RECO_NT", 0.0)):
        under = months[[f"{stem}_VUT_{p}" for p in limits]]
        spread = (under.max(axis=1) - under.min(axis=1)) / 2
        assert months[f"{stem}_VUT_REF_JOINTUNC"].to_numpy() == pytest.approx(
            np.hypot(spread, error), rel=1e-3
        )


def test_spikes_that_were_dropped_are_filled_and_marked(record):
    table = record.table.iloc[:960].copy()
    table.iloc[600, table.columns.get_loc("NEE")] = 150.0
    spiky = checked(replace(record, table=table), "drop")
    filled = pd.DataFrame({"NEE_F": spiky.table["NEE"].fillna(1.0)})
    sums = pd.DataFrame(columns=["time", "flux", "period", "random", "total"])
    tables = tables_of_tower(spiky, filled.assign(NEE_F_QC=1.0), pd.DataFrame(), sums)
    hours = next(t for name, t in tables.items() if "_HH_" in name)
    assert np.flatnonzero(hours["NEE_SPIKE"]).tolist() == [600]
    assert hours["NEE_VUT_REF"].iloc[600] == 1


@pytest.mark.parametrize("column", ["NEE", "TA"])
def test_what_cannot_be_partitioned_has_no_columns(record, column):
    table = record.table.drop(columns=column)
    filled = pd.DataFrame({f"{v}_F": table[v] for v in table if v == "NEE"}, table.index)
    parts = partition_tower(HalfHours("US-Xyz", table), NONE, filled, PARAMETERS)
    assert parts.shape == (len(table), 0)


def test_too_few_values_name_the_tower_and_are_not_compared(record):
    few = HalfHours("US-Xyz", record.table.iloc[:400], source="tower.csv")
    with pytest.raises(InputError, match=r"tower.csv: NEE.*500 measured records; found 400 of NEE"):
        fill_tower(few, NONE, PARAMETERS)
    assert score_tower(few, NONE, PARAMETERS).empty


def test_sites_without_place_are_left_out(record):
    known = HalfHours("DE-Abc", record.table, latitude=51.0, longitude=13.0, IGBP="ENF")
    assert sites_table([record, known, known])["SITE_ID"].tolist() == ["DE-Abc"]
