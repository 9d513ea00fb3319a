"""What figures of filled records show, and what they refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.figures.gap_filling import (
    TRUTH,
    cumulative_figure,
    fingerprint_figure,
    gap_length_figure,
    residuals_figure,
)


def labels(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_fingerprints_have_a_pixel_per_step_and_missing_ones_are_masked():
    time = pd.date_range("2001-03-01 06:00", periods=60, freq="60min")
    measured = pd.DataFrame({"TA": 1.0, "LE": np.arange(60.0)}, index=time)
    measured.loc[time[5:30], "LE"] = np.nan
    filled = pd.DataFrame({"LE_F": measured["LE"].interpolate()}, index=time)
    figure = fingerprint_figure(measured, filled)
    before, after = (axis.images[0].get_array() for axis in figure.axes[:2])
    assert before.shape == (24, 3)
    assert (before.count(), after.count()) == (35, 60)
    assert after[6, 0] == 0
    assert after[17, 2] == 59
    titles = [axis.get_title(loc) for axis in figure.axes[:2] for loc in ("left", "right")]
    assert titles == ["LE, measured", "42% missing", "LE, filled", "0% missing"]
    vmin, vmax = figure.axes[0].images[0].get_clim()
    assert vmin == -vmax < -50


def test_a_flux_without_a_value_has_a_fingerprint():
    time = pd.date_range("2001", periods=96, freq="30min")
    empty = pd.DataFrame({"NEE": np.nan, "NEE_F": np.nan}, index=time)
    figure = fingerprint_figure(empty, empty)
    assert figure.axes[0].images[0].get_array().count() == 0


def test_fingerprints_refuse_other_times_and_records_without_flux():
    time = pd.date_range("2001", periods=4, freq="30min")
    table = pd.DataFrame({"NEE": 1.0, "NEE_F": 1.0}, index=time)
    with pytest.raises(InputError, match="times of the record"):
        fingerprint_figure(table, table.iloc[1:])
    with pytest.raises(InputError, match="NEE, LE, H"):
        fingerprint_figure(table[["NEE_F"]], table)
    with pytest.raises(InputError, match="NEE_F"):
        fingerprint_figure(table, table[["NEE"]])


def test_curves_are_means_over_rows_by_length():
    scores = pd.DataFrame(
        {
            "method": ["mds", "mds", "mds", "uflux", "forest"],
            "flux": "NEE",
            "days": [1 / 48, 30.0, 30.0, 30.0, 30.0],
            "RMSE": [1.0, 2.0, 4.0, 2.5, np.nan],
        }
    )
    figure = gap_length_figure(scores)
    (axis,) = figure.axes
    by_label = {line.get_label(): line for line in axis.get_lines()}
    assert by_label["MDS"].get_ydata().tolist() == [1, 3]
    assert labels(figure) == ["UFLUX", "MDS"]
    ticks = [axis.xaxis.get_major_formatter()(x) for x in axis.xaxis.get_major_locator()()]
    assert ticks == ["½ h", "30 d"]
    with pytest.raises(InputError, match="found GPP"):
        gap_length_figure(scores.assign(flux="GPP"))
    with pytest.raises(InputError, match="days"):
        gap_length_figure(scores.drop(columns="days"))


def test_sums_end_with_their_interval():
    time = pd.date_range("2001", periods=3, freq="MS")
    sums = pd.DataFrame({"method": "mds", "time": time, "value": [0.0, -50, -120.4]})
    sums = sums.assign(lower=sums["value"] - 20, upper=sums["value"] + 20)
    known = sums.assign(method=TRUTH, lower=np.nan, upper=np.nan)
    figure = cumulative_figure(pd.concat([known, sums.iloc[::-1]]))
    assert labels(figure) == [
        "MDS: \N{MINUS SIGN}120 ± 20",
        "truth: \N{MINUS SIGN}120",
    ]
    assert figure.axes[0].get_ylabel() == "sum of NEE (gC m⁻²)"
    assert figure.axes[0].get_lines()[0].get_ydata().tolist() == [0, -50, -120.4]
    with pytest.raises(InputError, match="found none"):
        cumulative_figure(sums.iloc[:0])


def test_residuals_are_averaged_by_season_and_hour():
    time = pd.DatetimeIndex(["2001-01-01 10:00", "2001-02-01 10:30", "2001-07-01 03:00"])
    residuals = pd.DataFrame(
        {"method": "mds", "time": time, "truth": [1.0, 1.0, 5.0], "prediction": [2.0, 4.0, np.nan]}
    )
    figure = residuals_figure(residuals, "H")
    winter, summer = figure.axes[0], figure.axes[2]
    below = figure.axes[4]
    bias, rmse = winter.get_lines()[0].get_ydata(), below.get_lines()[0].get_ydata()
    assert (bias[10], np.isfinite(bias).sum()) == (2, 1)
    assert rmse[10] == pytest.approx(np.sqrt(5))
    assert [text.get_text() for text in summer.texts] == ["no records"]
    with pytest.raises(InputError, match="found none"):
        residuals_figure(residuals.assign(truth=np.nan), "H")
