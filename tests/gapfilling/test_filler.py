"""Records without gaps: values, quality, errors and sums, also of records with something amiss."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tests.testing.records import PLACE, make_table
from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.gapfilling import GapFiller
from uflux_kedro.gapfilling.held_out import gaps_of

FLUXES = ("NEE", "LE", "H")


def nee_only(table, **settings):
    """Fit and fill NEE."""
    filler = GapFiller(fluxes=("NEE",), n_jobs=1, **settings).fit(table)
    return filler, filler.fill(table)


@pytest.mark.parametrize("flux", FLUXES)
def test_measured_values_come_back_and_gaps_are_filled(record, fitted, flux):
    """Values near the truth inside intervals; measured ones untouched and without filling error."""
    (gappy, whole), (_, filled) = record, fitted
    assert filled.index.equals(gappy.index)
    measured = gappy[flux].notna()
    for column in ("F", "F_LOWER", "F_UPPER"):
        assert filled[f"{flux}_{column}"][measured].equals(
            gappy[flux][measured].rename(f"{flux}_{column}")
        )
    assert (filled[f"{flux}_F_SD"][measured] == 0).all()
    gaps = filled[~measured]
    assert (gaps[f"{flux}_F_SD"] > 0).all()
    assert (gaps[f"{flux}_F_LOWER"] < gaps[f"{flux}_F"]).all()
    assert (gaps[f"{flux}_F"] < gaps[f"{flux}_F_UPPER"]).all()
    truth = whole[flux][~measured]
    error = gaps[f"{flux}_F"] - truth
    assert error.std() < 0.5 * truth.std()
    inside = truth.between(gaps[f"{flux}_F_LOWER"], gaps[f"{flux}_F_UPPER"])
    assert 0.8 < inside.mean() < 0.97
    random = filled[f"{flux}_RANDUNC"]
    assert random[~measured].isna().all()
    assert (random[measured] > 0).all()


def test_quality_and_method_say_what_was_done(record, fitted):
    """Quality follows the length of the gap; five days are short."""
    gappy, (_, filled) = record[0], fitted
    measured = gappy["NEE"].notna()
    assert (filled["NEE_F_QC"] == np.where(measured, 0, 1)).all()
    assert (filled["NEE_F_METHOD"] == np.where(measured, "measured", "uflux")).all()


def test_quality_falls_with_the_length_of_the_gap(record, fitted):
    """Eleven days are medium and more than forty poor, with wider intervals."""
    table = record[0].copy()
    table.iloc[0 : 11 * 48, table.columns.get_loc("NEE")] = np.nan
    table.iloc[13 * 48 : 55 * 48, table.columns.get_loc("NEE")] = np.nan
    filler = copy.copy(fitted[0])
    filled = filler.fill(table)
    start, end = gaps_of(table["NEE"].notna().to_numpy())
    days = (end - start) / 48
    expected = np.where(table["NEE"].notna(), 0, np.select([days > 40, days > 10], [3, 2], 1))
    np.testing.assert_array_equal(filled["NEE_F_QC"], expected)
    assert set(expected) == {0, 1, 2, 3}
    assert filled["NEE_F"].notna().all()
    longer, shorter = filler.sums("YY"), fitted[0].sums("YY")
    assert longer["filling"][0] > 1.5 * shorter["filling"][0]
    assert longer["random"][0] < shorter["random"][0]
    assert shorter["untested"][0] == 0
    assert longer["untested"][0] == pytest.approx(((days > 15) & (expected > 0)).mean(), abs=0.1)


def test_a_year_with_a_summer_alone_is_untested(record):
    """Though hidden records at the ends of its gaps lie in long ones."""
    table = record[0].copy()
    table.loc[table.index[: 25 * 48], "NEE"] = np.nan
    filler, _ = nee_only(table, method="mds")
    assert filler.hidden(table.index)["days"].max() > 25
    assert filler.sums("YY")["untested"][0] == pytest.approx(25 / 60, abs=0.03)


def test_nights_that_nobody_measured_are_poor(record):
    """What the day says of the night is not worth more."""
    table = record[0].iloc[: 36 * 48]
    night = table["SW_IN"] < 20
    table = table.assign(NEE=table["NEE"].mask(night))
    filler, filled = nee_only(table, **PLACE)
    assert (filled["NEE_F_QC"][night] == 3).all()
    assert set(filled["NEE_F_QC"][~night]) == {0, 1}
    assert filler.sums("YY")["untested"][0] == night.mean()


def test_a_seed_gives_the_same_bytes_whatever_the_threads(record):
    """To the last bit."""
    table = record[0].iloc[: 20 * 48]
    first, again = (
        GapFiller(fluxes=("NEE",), seed=5, n_jobs=n_jobs).fit(table).fill(table)
        for n_jobs in (1, 2)
    )
    assert_frame_equal(first, again, check_exact=True)


@pytest.mark.parametrize("method", ["mds", "mds_symmetric"])
def test_marginal_distribution_sampling(record, method):
    """Values of MDS itself, with its quality and calibrated errors."""
    from uflux_kedro.gapfilling import fill_mds

    gappy = record[0]
    _, filled = nee_only(gappy, method=method)
    drivers = [gappy[name] for name in ("SW_IN", "TA", "VPD")]
    mds = fill_mds(gappy["NEE"], *drivers, steps_a_day=48, symmetric=method != "mds")
    np.testing.assert_allclose(filled["NEE_F"], mds.value, rtol=1e-12)
    np.testing.assert_array_equal(filled["NEE_F_QC"], mds.quality)
    assert (filled["NEE_F_SD"][gappy["NEE"].isna()] > 0).all()


def drop_drivers(table):
    """Fluxes alone."""
    return table[["NEE"]]


def zero(table):
    """A logger that writes 0."""
    return table.assign(NEE=0 * table["NEE"])


def with_the_flux(table):
    """Drivers that fail with the flux, and a division by zero."""
    table = table.mask(table["NEE"].isna())
    values = table["NEE"].to_numpy(copy=True)
    values[100:110] = np.inf
    return table.assign(NEE=values)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("spoil", [drop_drivers, zero, with_the_flux])
def test_twenty_days_with_something_amiss_are_filled(record, spoil):
    """With finite values and errors, and no warnings."""
    table = spoil(record[0].iloc[: 20 * 48])
    filler, filled = nee_only(table)
    for column in ("F", "F_SD", "F_LOWER", "F_UPPER", "F_QC"):
        assert np.isfinite(filled[f"NEE_{column}"]).all()
    sums = filler.sums("YY")
    assert np.isfinite(sums[["value", "filling", "total", "lower", "upper"]]).all(axis=None)
    measured = np.isfinite(table["NEE"])
    low, high = table["NEE"][measured].min(), table["NEE"][measured].max()
    assert filled["NEE_F"].between(low - 1e-3 - 0.2 * abs(low), high + 1e-3 + 0.2 * abs(high)).all()


def test_hourly_records_without_vpd():
    """A step of an hour counts twice in a sum."""
    gappy, whole = make_table(40, 24)
    filler, filled = nee_only(gappy.drop(columns="VPD"), **PLACE)
    assert filled["NEE_F"].notna().all()
    grams = 12.011e-6 * 3600 * whole["NEE"].sum()
    year = filler.sums("YY").iloc[0]
    assert year["value"] == pytest.approx(grams, abs=4 * year["total"])


def test_a_companion_closes_the_gaps_of_a_driver(record):
    """Reanalysis, fitted to the tower, stands where the tower has nothing."""
    from uflux_kedro.gapfilling.predictors import predictors_of

    table = record[0].copy()
    table["TA_ERA"] = 2 * table["TA"] - 3
    table["VPD_ERA"] = table["VPD"]
    gone = slice(480, 960)
    table.iloc[gone, table.columns.get_loc("TA")] = np.nan
    table = table.drop(columns="VPD")
    missing = table["NEE"].isna().to_numpy()
    found = predictors_of(table, missing, 48)
    np.testing.assert_allclose(found["TA"], record[0]["TA"], rtol=1e-5)
    np.testing.assert_allclose(found["VPD"], record[0]["VPD"], rtol=1e-5)
    without = predictors_of(table.drop(columns="TA_ERA"), missing, 48)
    assert np.isfinite(without["TA"]).all()
    assert not np.allclose(without["TA"], record[0]["TA"])


def test_predictors_do_not_depend_on_any_flux(record):
    """Whatever the fluxes are; and a driver that fails with the flux is none."""
    from uflux_kedro.gapfilling.predictors import predictors_of

    table = record[0].assign(WS=2.0, USTAR=0.3)
    missing = table["NEE"].isna().to_numpy()
    table.loc[missing, "USTAR"] = np.nan
    found = predictors_of(table, missing, 48, (50.96, 13.57, 1.0))
    other = table.assign(NEE=1e9, LE=-1e9).drop(columns="H")
    assert_frame_equal(found, predictors_of(other, missing, 48, (50.96, 13.57, 1.0)))
    assert {"WS", "SW_IN_POT"} <= set(found)
    assert "USTAR" not in found
    assert np.isfinite(found).all(axis=None)


def test_predictors_know_the_season_wherever_a_record_begins(record):
    """The day counts from the first of January."""
    from uflux_kedro.gapfilling.predictors import predictors_of

    table = record[0]
    whole = predictors_of(table, np.zeros(len(table), dtype=bool), 48)
    later = predictors_of(table.iloc[960:], np.zeros(len(table) - 960, dtype=bool), 48)
    np.testing.assert_array_equal(whole["day"].iloc[960:], later["day"])
    assert whole["day"].iloc[0] == 120  # the first of May


def test_a_year_without_drivers_leaves_them_to_the_others():
    """In it they are the mean of the time of day at least, never 0."""
    from uflux_kedro.gapfilling.predictors import predictors_of

    table = make_table(20, 24, start="2019-06-01")[0]
    hours = pd.date_range("2019-06-01", "2020-12-31 23:00", freq="h", name="time")
    longer = table.reindex(hours)
    found = predictors_of(longer, longer["NEE"].isna().to_numpy(), 24)
    assert {"SW_IN", "TA", "VPD"} <= set(found)
    np.testing.assert_allclose(found["TA"].iloc[:480], table["TA"], rtol=1e-6)
    assert np.isfinite(found).all(axis=None)
    noon = found.loc["2020-12-24":"2020-12-31"].between_time("12:00", "12:59")
    assert (noon["SW_IN"] > 200).all()
    assert (noon["TA"] > 5).all()


def test_a_record_without_gaps_comes_back(record):
    """All of it measured, without filling error."""
    table = record[1][["NEE", "SW_IN", "TA", "VPD"]].iloc[: 20 * 48]
    filler, filled = nee_only(table)
    assert filled["NEE_F"].equals(table["NEE"].rename("NEE_F"))
    assert (filled["NEE_F_QC"] == 0).all()
    assert filler.sums("YY")["filling"].eq(0).all()


def test_another_year_is_filled_from_its_drivers(fitted):
    """Without any flux: of poor quality, near the truth; what the fit had of drivers is needed."""
    filler, (_, whole) = copy.copy(fitted[0]), make_table(60, seed=9, start="2020-05-01")
    drivers = whole[["SW_IN", "TA", "VPD"]]
    filled = filler.fill(drivers)
    for flux in FLUXES:
        assert (filled[f"{flux}_F_QC"] == 3).all()
        error = filled[f"{flux}_F"] - whole[flux]
        assert error.std() < 0.5 * whole[flux].std()
        assert (
            whole[flux].between(filled[f"{flux}_F_LOWER"], filled[f"{flux}_F_UPPER"]).mean() > 0.75
        )
    assert (filler.sums("YY")["measured"] == 0).all()
    with pytest.raises(InputError, match="TA"):
        filler.fill(drivers.drop(columns="TA"))


def test_a_flux_that_is_missing_is_left_out(record):
    """Wholly missing, or not a column; without any there is nothing to fit."""
    table = record[0].assign(NEE=np.nan).drop(columns="H")
    filler = GapFiller(n_jobs=1, method="mds").fit(table)
    filled = filler.fill(table)
    assert set(filler.fillers) == {"LE"}
    assert {c.split("_")[0] for c in filled} == {"LE"}
    assert set(filler.sums("MM")["flux"]) == {"LE"}
    with pytest.raises(InputError, match="0 of NEE"):
        GapFiller().fit(table.drop(columns="LE"))
    with pytest.raises(InputError, match="none of them"):
        GapFiller().fit(table[["TA"]])


def test_what_cannot_be_filled_stays_open(record):
    """No value, error, quality or method, and no sum of the period."""
    table = record[0]
    filler, _ = nee_only(table, method="mds")
    later = pd.date_range("2020-05-01", periods=96, freq="30min", name="time")
    empty = pd.DataFrame({"NEE": np.nan}, index=later)
    filled = filler.fill(empty)
    assert filled.isna().all(axis=None)
    sums = filler.sums("DD")
    assert len(sums) == 2
    assert sums[["value", "total", "lower", "upper"]].isna().all(axis=None)


def test_an_index_that_is_not_regular_is_refused(record):
    """Missing, doubled and unordered steps; other steps; no times."""
    table = record[0]
    for broken in (
        table.drop(table.index[5]),
        pd.concat([table.iloc[:10], table.iloc[9:]]),
        table.iloc[::-1],
        table.iloc[::4],
        table.reset_index(drop=True),
        table.iloc[:1],
    ):
        with pytest.raises(InputError, match="time"):
            GapFiller().fit(broken)


def test_settings_are_checked_before_anything_is_computed():
    """A method or flux that there is not, a level that is none."""
    with pytest.raises(ConfigurationError, match="did you mean 'mds'"):
        GapFiller(method="mdss")
    with pytest.raises(ConfigurationError, match="GPP"):
        GapFiller(fluxes=("GPP",))
    with pytest.raises(ConfigurationError, match="level"):
        GapFiller(level=90)
    with pytest.raises(RuntimeError):
        GapFiller().fill(pd.DataFrame())
    with pytest.raises(RuntimeError):
        GapFiller().sums("DD")


def test_sums_add_up(fitted):
    """Days to months and years, for a mean weighted by steps."""
    filler, filled = fitted
    days, months, years = (filler.sums(period) for period in ("DD", "MM", "YY"))
    assert (len(days), len(months), len(years)) == (3 * 60, 3 * 2, 3)
    for flux in FLUXES:
        of_days = days[days["flux"] == flux].set_index("time")["value"]
        of_months = months[months["flux"] == flux].set_index("time")["value"]
        year = years[years["flux"] == flux].iloc[0]
        if flux == "NEE":
            added, total = of_days.groupby(of_days.index.to_period("M")).sum(), of_months.sum()
        else:
            added = of_days.groupby(of_days.index.to_period("M")).mean()
            total = np.average(of_months, weights=[31, 29])
        np.testing.assert_allclose(of_months, added)
        assert year["value"] == pytest.approx(total)
        assert year["value"] == pytest.approx(
            filled[f"{flux}_F"].sum() * 12.011e-6 * 1800
            if flux == "NEE"
            else filled[f"{flux}_F"].mean()
        )
    np.testing.assert_allclose(days["total"], np.hypot(days["random"], days["filling"]))
    np.testing.assert_allclose(days["upper"] - days["value"], 1.6448536 * days["total"])


def test_a_flux_of_one_sums_to_grams(fitted):
    """One umol m-2 s-1 over a day is 1.0377504 gC m-2."""
    filler = copy.copy(fitted[0])
    filler.filled = fitted[1].assign(NEE_F=1.0, LE_F=1.0, H_F=1.0)
    days = filler.sums("DD")
    np.testing.assert_allclose(days.loc[days["flux"] == "NEE", "value"], 1.0377504, rtol=1e-5)
    np.testing.assert_allclose(days.loc[days["flux"] != "NEE", "value"], 1.0)


def test_errors_of_sums_are_of_filled_and_of_measured_records(fitted):
    """More gaps, more error of filling; random error is of measured records alone."""
    filler, filled = fitted
    days = filler.sums("DD")
    days = days[days["flux"] == "NEE"].reset_index(drop=True)
    gone = days["measured"] == 0
    assert gone.sum() >= 4
    assert (days["random"][gone] == 0).all()
    assert (days["random"][~gone] > 0).all()
    assert days["filling"][gone].mean() > 1.5 * days["filling"][~gone].mean()
    day = filled["NEE_RANDUNC"].iloc[:48]
    random = np.sqrt((day**2).sum()) * 12.011e-6 * 1800
    # Noise of neighbouring records is correlated.
    assert random <= days["random"][0] < 1.8 * random


def test_random_errors_that_are_not_known_are_not_nothing(record):
    """The median of the known ones stands in; where none is known, the sum says so."""
    table = record[0]
    filler, filled = nee_only(table, method="mds", **PLACE)
    full = filler.sums("YY")["random"].iloc[0]
    random = filled["NEE_RANDUNC"].copy()
    random.iloc[::2] = np.nan
    filler.filled = filled.assign(NEE_RANDUNC=random)
    assert filler.sums("YY")["random"].iloc[0] == pytest.approx(full, rel=0.25)
    filler.filled = filled.assign(NEE_RANDUNC=np.nan)
    unknown = filler.sums("YY").iloc[0]
    assert np.isnan(unknown["random"])
    assert unknown["total"] == unknown["filling"]
