"""Tables of annual sums and of the scoreboard: what they say of known errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.gapfilling import scoreboard, sums
from benchmarks.gapfilling.records import read_records
from tests.testing.half_hours import Tower
from uflux_kedro.biophysics.constants import CARBON_MOLAR_MASS
from uflux_kedro.gapfilling import GapFiller
from uflux_kedro.gapfilling.synthetic import simulate


def test_sums_are_compared_with_the_truth():
    """In gC m-2 for NEE, in W m-2 for LE, each year for itself."""
    table, _ = Tower().record("2011-12-01", "2012-01-25")
    random = np.random.default_rng(0)
    table["LE"] = 0.3 * table["SW_IN"] + 20 + random.normal(0, 5, len(table))
    table = table.mask(random.random(table.shape) < [0.3, 0, 0, 0, 0, 0.3])
    simulated = simulate(table, 48)
    filler = GapFiller("mds", ("NEE", "LE")).fit(simulated.record)
    filled = filler.fill(simulated.record)
    rows = pd.DataFrame(sums.compared(filler, simulated))
    assert rows[["flux", "year"]].to_numpy().tolist() == [
        ["NEE", 2011], ["NEE", 2012], ["LE", 2011], ["LE", 2012]
    ]  # fmt: skip
    off = filled[["NEE_F", "LE_F"]].set_axis(["NEE", "LE"], axis=1) - simulated.truth
    off = off.groupby(off.index.year)
    grams = off["NEE"].sum() * CARBON_MOLAR_MASS * 1e-6 * 1800
    np.testing.assert_allclose(rows["error"], [*grams, *off["LE"].mean()], atol=1e-6)
    assert (rows["independent"] <= rows["total"] * 1.0001).all()


def test_what_a_tower_has_not_measured_is_left_out():
    """Nights by their radiation; seven months, of the south half a year later."""
    times = pd.date_range("2011-01-01", "2012-01-01", freq="h", inclusive="left")
    table = pd.DataFrame({"SW_IN": np.where(times.hour < 6, 0.0, 100.0)}, times)
    assert sums.unmeasured(table, "nights", south=False).mean() == 0.25
    for south, months in ((False, [5, 6, 7, 8, 9]), (True, [1, 2, 3, 11, 12])):
        kept = ~sums.unmeasured(table, "winter", south=south)
        assert sorted(set(times[kept].month)) == months


def test_coverage_is_that_of_known_errors():
    """Of three errors, one is beyond 1.645 stated deviations; one sum has a step without a value."""
    rows = pd.DataFrame(
        {
            "error": [1.0, -3.0, 2.0, np.nan],
            "total": [1.0, 2.0, 1.0, 1.0],
            "independent": [0.5, 2.0, 0.1, 1.0],
        }
    )
    assert sums.summary(rows, units=True) == [
        "3", "1", "0.00", "2.16", "1.41", "1.55", "67%", "33%"
    ]  # fmt: skip
    assert sums.summary(rows, units=False)[2:5] == ["-"] * 3


def score_rows(record, site, method, squares, width, error):
    """Scores of two draws of one scenario."""
    return [
        {
            "record": record, "site_id": site, "flux": "NEE", "scenario": "uflux", "part": part,
            "method": method, "draw": draw, "RMSE": np.sqrt(square) * (1 if part == "all" else 9),
            "NSE": 0.5, "coverage": 0.9, "width": width, "sum_error": error * (-1) ** draw,
        }
        for part in ("all", "night")
        for draw, square in enumerate(squares)
    ]  # fmt: skip


def test_methods_stand_beside_mds_and_towers_count_alike():
    """Two records of one tower have RMSEs of .8 and .8, the one of another .5: root of .8 x .5."""
    rows = []
    for record, site, ratio in (("A_1", "A", 0.8), ("A_2", "A", 0.8), ("B_1", "B", 0.5)):
        rows += score_rows(record, site, "mds", [1.0, 7.0], 2.0, 4.0)
        rows += score_rows(record, site, "uflux", [ratio**2, 7 * ratio**2], 1.0, 1.0)
    means = scoreboard.beside_mds(pd.DataFrame(rows))
    own = means[means["method"] == "uflux"]
    np.testing.assert_allclose(own["RMSE_ratio"], [0.8, 0.8, 0.5])
    np.testing.assert_allclose(own["RMSE"], 2 * own["RMSE_ratio"])
    cells = scoreboard.summary(own)
    assert cells == ["3", "0.632", "0.500 to 0.800", "90.0%", "0.50", "0.25 (0.25 to 0.25)"]
    assert scoreboard.tower_line(own.to_dict("records")[2]).startswith(
        "| B_1 | NEE | uflux | 1 | 0.500"
    )


def test_errors_of_sums_are_compared_draw_by_draw():
    """Two draws, on which the sum errs by 2 and 3 where that of MDS errs by 1: by 1.5 more, give or take."""
    rows = score_rows("A_1", "A", "mds", [1.0, 1.0], 2.0, 1.0)
    rows += score_rows("A_1", "A", "uflux", [1.0, 1.0], 2.0, 2.0)
    rows[-3]["sum_error"] = rows[-1]["sum_error"] = -3.0  # the second draw, all and by night
    (cells,) = scoreboard.sum_lines(pd.DataFrame(rows))
    assert cells == ["A_1", "NEE", "2", "2.5", "1", "+1.5", "-1.7 to +4.7"]


def test_the_interval_over_one_tower_is_its_value():
    assert scoreboard.interval_over_towers(np.array([0.3])) == pytest.approx((0.3, 0.3))


def test_records_are_read_with_their_place(shared_data, tmp_path):
    """REddyProc's example does not tell its tower."""
    folder = shared_data / "half_hourly"
    (tmp_path / "Example_DETha98.txt").symlink_to(folder / "Example_DETha98.txt")
    (tmp_path / "oneflux").mkdir()
    name = "US-Seg_qca_ustar_2020.csv.gz"
    (tmp_path / "oneflux" / name).symlink_to(folder / "oneflux_nee" / name)
    records = read_records(tmp_path)
    assert [one.name for one in records] == ["DE-Tha_1998-1998", "US-Seg_2020-2020"]
    assert records[0].latitude == pytest.approx(50.96, abs=0.01)
    assert [one.name for one in read_records(tmp_path, "US-Seg,US-Var")] == ["US-Seg_2020-2020"]
