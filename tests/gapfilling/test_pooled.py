"""Trees of other towers: whom they saw, how they are tuned to a tower, and when they serve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tests.testing.records import PLACE, make_table
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.gapfilling import GapFiller, pooled
from uflux_kedro.gapfilling.collection import as_tables
from uflux_kedro.gapfilling.parameters import GapFillingParameters
from uflux_kedro.gapfilling.pooled import apart_from, fit_pooled, pools_of, tuned
from uflux_kedro.gapfilling.stack import fit_stack
from uflux_kedro.gapfilling.tower import FilledTower
from uflux_kedro.pipelines.gap_filling.nodes import fill_records
from uflux_kedro.readers.towers.half_hours import HalfHours


@pytest.fixture(autouse=True, scope="module")
def few_trees():
    """A few trees: what is tested does not depend on their number."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(pooled._TREES, "n_estimators", 5)
        yield


@pytest.fixture(scope="module")
def towers():
    """Ten days of each of five towers, and one more beside the first."""
    found = [tower(number) for number in range(5)]
    return [*found, replace(tower(5), latitude=found[0].latitude)]


def tower(number, factor=1.0):
    table = make_table(10, seed=number)[0]
    table["NEE"] *= factor
    return HalfHours(f"X-{number}", table, 40.0 + number, 10.0, 1.0)


def test_records_of_the_tower_and_beside_it_are_left_out(towers):
    """By name, whatever the place, and by place, whatever the name; unknown places are not alike."""
    again = replace(towers[3], latitude=-30.0)
    nowhere = replace(towers[4], site_id="Y", latitude=None)
    left = apart_from([*towers, again, nowhere], [towers[0], towers[3], nowhere])
    assert [r.site_id for r in left] == ["X-1", "X-2", "X-4"]


def test_what_fills_a_tower_knows_nothing_of_it(towers):
    """Each short record has trees of others alone, and another flux of its own changes none of them."""
    pools = pools_of(towers, ("NEE",))
    assert set(pools) == {r.name for r in towers}
    for record in towers:
        own = pools[record.name]
        assert record.site_id not in own.towers
        assert not own.saw(record.latitude, record.longitude)
        assert len(own.towers) >= 3
    predictors = pooled._predictors(towers[0])
    changed = [replace(r, table=r.table.assign(NEE=-r.table["NEE"] ** 2)) if r.latitude == 40.0 else r
               for r in towers]  # fmt: skip
    before = pools["X-0_2019-2019"].predict("NEE", predictors)
    after = pools_of(changed, ("NEE",))
    assert np.array_equal(before, after["X-0_2019-2019"].predict("NEE", predictors))
    assert not np.array_equal(
        pools["X-1_2019-2019"].predict("NEE", predictors),
        after["X-1_2019-2019"].predict("NEE", predictors),
    )


def test_only_short_records_of_three_towers_and_more_learn_from_others(towers, monkeypatch):
    """Two towers are too few; half a year is enough of one's own; the short one learns from the long."""
    assert pools_of(towers[:2], ("NEE",)) == {}
    monkeypatch.setattr(pooled, "_SHORT_DAYS", 5)
    gappy = towers[1].table["NEE"].where(np.arange(480) < 150)
    short = replace(towers[1], table=towers[1].table.assign(NEE=gappy))
    pools = pools_of([towers[2], short, towers[3]], ("NEE",))
    assert set(pools) == {short.name}
    assert pools[short.name].towers == ("X-2", "X-3")


def test_towers_count_alike_whatever_their_scale_and_length(towers, monkeypatch):
    """A tower of hundredfold fluxes, or one of which fewer days are taken, gives the same trees."""
    predictors = pooled._predictors(towers[0])
    plain = fit_pooled(towers[1:4], ("NEE",)).predict("NEE", predictors)
    scaled = fit_pooled([tower(1, 128.0), *towers[2:4]], ("NEE",)).predict("NEE", predictors)
    assert scaled == pytest.approx(plain, abs=1e-4)
    monkeypatch.setattr(pooled, "_MOST_ROWS", 120)
    rows = pooled._rows(towers[1], predictors, "NEE")
    assert 0 < len(rows) <= 3 * 48
    days = pd.DatetimeIndex(rows.index).normalize().unique()
    assert (np.diff(days) == pd.Timedelta(days=3)).all()


def test_a_line_by_day_and_one_by_night_bring_the_towers_unit():
    """Scale and offset of either part are found; one record leaves the scale alone."""
    rng = np.random.default_rng(0)
    units, day = rng.normal(size=20_000), np.arange(20_000) % 2 == 0
    truth = np.where(day, 4 + 9 * units, -2 + 3 * units)
    flux = np.where(rng.random(20_000) < 0.5, truth, np.nan)
    assert tuned(units, flux, day) == pytest.approx(truth, abs=0.3)
    few = np.where(np.arange(20_000) < 4, truth, np.nan)
    scale = np.std(few[:4])
    assert np.corrcoef(tuned(units, few, day), units)[0, 1] > 0.99
    assert np.std(tuned(units, few, day)) == pytest.approx(scale, rel=0.3)


def test_trees_that_cannot_serve_change_nothing(record, fitted, towers):
    """A tower without one of their predictors, or another flux, is filled to the last bit as without them."""
    gappy, (_, filled) = record[0], fitted
    trees = fit_pooled(towers[1:4], ("NEE",))
    lacking = replace(trees, predictors=(*trees.predictors, "VPD_of_the_moon"))
    filler = GapFiller(fluxes=("NEE",), **PLACE, n_jobs=1, pooled=lacking).fit(gappy)
    same = filler.fill(gappy)
    assert_frame_equal(same, filled[same.columns], check_exact=True)
    assert trees.predict("LE", pooled._predictors(towers[0])) is None


def test_trees_of_others_are_weighed_as_any_filler(record, fitted, towers):
    """They are in the stack, with a weight where they do well."""
    gappy, whole = record
    filler = GapFiller(
        fluxes=("NEE",), **PLACE, n_jobs=1, pooled=fit_pooled(towers[1:4], ("NEE",))
    ).fit(gappy)
    filled = filler.fill(gappy)["NEE_F"]
    stack = filler.fillers["NEE"].stack
    assert stack.weights[:, :, stack.fillers.index("pooled")].max() > 0.01
    gaps = gappy["NEE"].isna()
    assert not filled[gaps].equals(fitted[1]["NEE_F"][gaps])
    assert (filled - whole["NEE"])[gaps].std() < 0.5 * whole["NEE"][gaps].std()


def test_trees_of_others_have_the_weight_of_their_errors():
    """On which they alone are right, all; on which they alone are wrong, none."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=5000)
    near, far = (truth + spread * rng.normal(size=5000) for spread in (0.1, 5.0))

    def weights(own, pooled):
        rows = pd.DataFrame({"days": 5.0, "truth": truth, "mds": own, "pooled": pooled})
        return fit_stack(rows, np.ones(5000, dtype=bool), ("mds", "pooled")).weights[:, :, 1]

    assert (weights(far, near) > 0.95).all()
    assert (weights(near, far) < 0.05).all()


def test_trees_that_saw_the_place_are_refused(towers):
    """A filler may not learn from its own tower by mistake."""
    trees = fit_pooled(towers[1:4], ("NEE",))
    with pytest.raises(ConfigurationError, match="saw one at this place"):
        GapFiller(latitude=41.05, longitude=10.05, utc_offset=1.0, pooled=trees)


def test_towers_without_weather_teach_nothing(towers):
    """They are left out; if there are no others, that is said."""
    bare = [replace(r, table=r.table.drop(columns="TA")) for r in towers[:2]]
    assert fit_pooled([*bare, towers[3]], ("NEE",)).towers == ("X-3",)
    with pytest.raises(InputError, match=r"SW_IN, TA.*none of 2"):
        fit_pooled(bare, ("NEE",))


def test_the_pipeline_hands_each_tower_the_trees_of_others(towers, monkeypatch):
    """Unless it is told not to, or the method takes none."""
    seen = {}

    def fill_tower(record, thresholds, parameters, trees):
        seen[record.site_id] = None if trees is None else trees.towers
        empty = pd.DataFrame(index=record.table.index)
        return FilledTower(empty, pd.DataFrame(), pd.DataFrame(), pd.DataFrame())

    monkeypatch.setattr("uflux_kedro.gapfilling.tower.fill_tower", fill_tower)
    rows, properties, _ = as_tables(towers[1:4])
    none = pd.DataFrame({"record": []})

    def fill(**settings):
        parameters = GapFillingParameters.model_validate({"fluxes": ["NEE"], **settings})
        fill_records(rows, properties, none, parameters)
        return dict(seen)

    assert fill(pooled="auto") == {
        "X-1": ("X-2", "X-3"),
        "X-2": ("X-1", "X-3"),
        "X-3": ("X-1", "X-2"),
    }
    assert set(fill(pooled="never").values()) == {None}
    assert set(fill(pooled="auto", method="mds").values()) == {None}
