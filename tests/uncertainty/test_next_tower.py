from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.uncertainty.next_tower import (
    ErrorByTowers,
    learn_error,
    mean_year,
    next_towers,
    place_towers,
)
from uflux_kedro.uncertainty.parameters import NextTowerParameters
from uflux_kedro.uncertainty.sampling_space import SamplingSpace

ERROR = ErrorByTowers(floor=1.0, excess=4.0, half=5.0)
TA, SW_IN = "ERA5_TA", "ERA5_SW_IN"


@pytest.fixture(scope="module")
def space():
    """Return the space of eight towers in a temperate climate, near to each other."""
    rng = np.random.default_rng(0)
    sites = np.repeat([f"XX-{n}" for n in range(8)], 24)
    X = np.column_stack([rng.normal(10, 1, 192), rng.normal(150, 10, 192)])
    return SamplingSpace.fit(X, sites, [TA, SW_IN])


def climate(warmth, n, months=12):
    """Return places with all months within the threshold of each other."""
    return np.broadcast_to([warmth, 150.0], (n, months, 2))


@pytest.fixture(scope="module")
def places():
    """Return 30 temperate, 60 hot and 10 cold places."""
    return np.concatenate([climate(10, 30), climate(30, 60), climate(-20, 10)])


def test_the_expected_error_is_linear_in_completeness():
    towers = np.array([0, 5, 20])
    np.testing.assert_allclose(ERROR.of(towers), 1 + 4 * (1 - towers / (towers + 5)))


def test_a_tower_belongs_where_much_land_is_unknown(space, places):
    area = np.ones(100)
    found = place_towers(space, places, area, [0, 40, 95], ERROR, n_best=3)
    best = found.best
    # Sixty hot places have no tower, ten cold ones neither, thirty temperate ones eight.
    assert best["candidate"].iloc[0] == 40
    assert best["reached"].iloc[0] == pytest.approx(0.6)
    assert best["new"].iloc[0] == pytest.approx(0.6)
    before = 0.7 * 5 + 0.3 * ERROR.of(8)
    first = 0.6 * (ERROR.of(0) - ERROR.of(1)) / before
    assert best["gain"].iloc[0] == pytest.approx(first, rel=1e-5)
    assert found.gain[1] == pytest.approx(first, rel=1e-5)
    assert found.gain[0] == pytest.approx(0.3 * (ERROR.of(8) - ERROR.of(9)) / before, rel=1e-5)
    np.testing.assert_allclose(found.completeness[[0, 40, 95]], [8 / 13, 0, 0])
    np.testing.assert_allclose(found.error[[0, 40]], [ERROR.of(8), 5])


def test_later_towers_count_those_before(space, places):
    found = place_towers(space, places, np.ones(100), [40, 41], ERROR, n_best=5)
    best = found.best
    assert len(best) == 2
    before = 0.7 * 5 + 0.3 * ERROR.of(8)
    second = 0.6 * (ERROR.of(1) - ERROR.of(2)) / before
    assert best["gain"].iloc[1] == pytest.approx(second, rel=1e-5)
    assert best["new"].iloc[1] == 0
    np.testing.assert_allclose(best["total"], np.cumsum(best["gain"]), rtol=1e-5)


def test_area_weighs(space, places):
    area = np.ones(100)
    area[90:] = 50
    found = place_towers(space, places, area, [40, 95], ERROR, n_best=1)
    assert found.best["candidate"].iloc[0] == 95


def test_known_errors_fall_in_the_same_proportion(space, places):
    variance = np.ones((100, 12))
    variance[90:] = 30
    found = place_towers(space, places, np.ones(100), [40, 95], ERROR, variance=variance, n_best=1)
    # Ten cold places with large errors outweigh sixty hot ones.
    assert found.best["candidate"].iloc[0] == 95
    fall = 1 - ERROR.of(1) / ERROR.of(0)
    assert found.best["gain"].iloc[0] == pytest.approx(300 * fall / (90 + 300), rel=1e-5)
    assert found.error[95] == pytest.approx(30)


def test_missing_months_count_for_nothing(space, places):
    gaps = np.array(places)
    gaps[40:60, :6] = np.nan
    gaps[99] = np.nan
    found = place_towers(space, gaps, np.ones(100), [45, 99], ERROR, n_best=2)
    assert found.best["candidate"].iloc[0] == 45
    assert found.gain[1] == 0
    assert np.isnan(found.error[99])
    assert found.error[45] == pytest.approx(5)
    with pytest.raises(InputError, match="all predictors"):
        place_towers(space, np.full((3, 12, 2), np.nan), np.ones(3), [0], ERROR)


def test_wrong_columns_and_no_candidate_are_refused(space, places):
    with pytest.raises(InputError, match="ERA5_TA"):
        place_towers(space, places[..., :1], np.ones(100), [0], ERROR)
    with pytest.raises(InputError, match="candidates"):
        place_towers(space, places, np.ones(100), [], ERROR)


def make_rows(towers=20, floor=1.0, excess=4.0):
    rng = np.random.default_rng(1)
    sites = np.repeat(np.arange(towers), 200)
    completeness = rng.uniform(0, 0.9, sites.size)
    error = rng.normal(size=sites.size) * np.sqrt(floor + excess * (1 - completeness))
    return pd.DataFrame(
        {"site_id": sites, "truth": error, "prediction": 0.0, "completeness": completeness}
    )


def test_the_fall_of_errors_is_learnt_from_held_out_towers():
    found = learn_error(make_rows(), half=5.0)
    assert found.floor == pytest.approx(1, abs=0.5)
    assert found.excess == pytest.approx(4, rel=0.2)


@pytest.mark.parametrize(
    "rows",
    [make_rows(5), make_rows(excess=0).assign(completeness=lambda t: t["truth"].abs().rank(pct=True))],
    ids=["few towers", "errors that grow with completeness"],
)  # fmt: skip
def test_without_a_fall_completeness_alone_counts(rows):
    found = learn_error(rows, half=5.0)
    assert found.floor == 0
    assert found.excess == pytest.approx((rows["truth"] ** 2).mean())


def test_the_floor_is_not_negative():
    rows = make_rows(floor=0.0).assign(truth=lambda t: 3 * (1 - t["completeness"]) ** 2)
    found = learn_error(rows, half=5.0)
    assert found.floor == 0
    assert found.excess > 0


def test_rows_without_completeness_are_refused():
    with pytest.raises(InputError, match="completeness"):
        learn_error(make_rows().drop(columns="completeness"), half=5.0)


@pytest.fixture
def drivers():
    time = pd.date_range("2019-01-01", periods=24, freq="MS")
    latitude, longitude = np.arange(-75.0, 90, 30), np.arange(-165.0, 180, 30)
    warmth = np.broadcast_to(
        np.where(abs(latitude) < 30, 30.0, 10.0)[None, :, None], (24, 6, 12)
    ).copy()
    warmth[12:] += 0.5
    warmth[0, 2, 3] = np.nan
    igbp = np.full((6, 12), 10)
    igbp[0], igbp[5] = 15, 0
    return xr.Dataset(
        {
            TA: (("time", "latitude", "longitude"), warmth.astype("float32")),
            SW_IN: (("latitude",), np.full(6, 150.0)),
            "IGBP": (("latitude", "longitude"), igbp),
        },
        {"time": time, "latitude": latitude, "longitude": longitude},
    )


def test_the_mean_year_averages_calendar_months(drivers):
    year = mean_year(drivers, [TA, SW_IN])
    assert year.shape == (72, 12, 2)
    np.testing.assert_allclose(year[2 * 12 + 4, :, 0], 30.25)
    assert year[2 * 12 + 3, 0, 0] == pytest.approx(30.5)
    np.testing.assert_allclose(year[..., 1], 150)


def test_maps_and_list_name_places_on_the_grid(space, drivers):
    settings = NextTowerParameters(places=500, candidates=500, towers=3)
    maps, table = next_towers(space, drivers, ERROR, settings)
    assert list(table["rank"]) == [1, 2, 3]
    # The warm zone has no tower; its cells are larger, too.
    assert (table["latitude"].abs() < 30).all()
    assert {*table["IGBP"]} == {"GRA"}
    gain = maps["gain"]
    assert bool(gain.isel(latitude=5).isnull().all())
    assert bool(gain.isel(latitude=0).isnull().all())
    assert bool(maps["error"].isel(latitude=0).notnull().all())
    one = gain.sel(latitude=table["latitude"][0], longitude=table["longitude"][0])
    assert float(one) == pytest.approx(table["gain"][0], rel=1e-5)
    few, _ = next_towers(space, drivers, ERROR, settings.model_copy(update={"candidates": 7}))
    assert int(few["gain"].notnull().sum()) == 7


def test_errors_of_rows_steer_the_choice(space, drivers):
    settings = NextTowerParameters(places=500, candidates=500, towers=1)

    def sigma(X):
        return np.where(X[:, 0] > 20, 0.01, 1.0)

    maps, table = next_towers(space, drivers, ERROR, settings, sigma=sigma)
    assert table["latitude"].abs()[0] > 30
    assert float(maps["error"].max()) == pytest.approx(1)


def test_drivers_without_a_predictor_are_refused(space, drivers):
    with pytest.raises(InputError, match="ERA5_TA"):
        next_towers(space, drivers.drop_vars(TA), ERROR, NextTowerParameters())
