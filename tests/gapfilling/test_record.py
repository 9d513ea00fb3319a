"""Bad records: each is refused with a clear message, or has an honest finding."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.testing.records import SUNNY_PLACE as PLACE
from tests.testing.records import sunny_record as record
from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling.record import check_record


def findings(table, **place) -> list[tuple[str, str, str]]:
    return [
        (f["check"], f["variable"], f["found"]) for f in check_record(table, **(PLACE | place))[1]
    ]


@pytest.mark.parametrize("minutes", [30, 60])
def test_a_sound_record_stays_as_it_is(minutes):
    table = record(minutes=minutes)
    table.iloc[100:150, 0] = np.nan
    checked, found = check_record(table, **PLACE)
    assert found == []
    pd.testing.assert_frame_equal(checked[list(table)], table)
    assert (checked.drop(columns=list(table)) == 0).all(axis=None)  # no spikes


def test_missing_rows_become_missing_values():
    table = record()
    checked, _ = check_record(table.drop(index=table.index[1000:1100]), **PLACE)
    assert len(checked) == len(table)
    assert checked[list(table)].iloc[1000:1100].isna().all(axis=None)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (lambda t: t.reset_index(drop=True), "time: expected times"),
        (lambda t: t.tz_localize("UTC"), "expected local standard time without a zone; found times in UTC"),
        (lambda t: pd.concat([t, t.iloc[[90]]]), "expected each time once; found 2001-04-02 21:00 twice"),
        (lambda t: t.iloc[[1, 0, *range(2, len(t))]], "expected times in order; found 2001-04-01 00:00"),
        (lambda t: t.set_axis(t.index + pd.Timedelta("10min")), "start at :00 or :30; found 2001-04-01 00:10"),
        (lambda t: t.resample("10min").ffill(), "at a step of 10 minutes"),
    ],
)  # fmt: skip
def test_times_that_are_no_record(table, message):
    with pytest.raises(InputError, match=message):
        check_record(table(record()))


def test_summer_time_in_the_times():
    table = record(days=250)
    march = (table.index >= "2001-03-25 02:00") & (table.index < "2001-10-28 03:00")
    shifted = table.set_axis(table.index + pd.to_timedelta(march.astype(int), "h"))
    with pytest.raises(InputError, match="summer time and back") as error:
        check_record(shifted.sort_index(kind="stable"), where="tower.csv")
    assert error.value.where == "tower.csv"
    assert "2001-10-28 03:00 twice" in error.value.found


def test_summer_time_in_the_radiation():
    table = record(days=365, start="2001-01-01")
    summer = (table.index >= "2001-03-25") & (table.index < "2001-10-28")
    table["SW_IN"] = np.where(summer, table["SW_IN"].shift(2), table["SW_IN"])
    assert [c for c, _, found in findings(table) if "summer time" in found] == ["clock"]


def test_hours_among_half_hours():
    table = record()
    hours = table.iloc[::2].iloc[:240]
    with pytest.raises(
        InputError, match="values at full hours only on 10 days, from 2001-04-01 on"
    ):
        check_record(pd.concat([hours, table.iloc[480:]]))


@pytest.mark.parametrize(
    ("variable", "change", "message"),
    [
        (
            "TA",
            lambda v: v + 273.15,
            r"TA: expected -87 to 67 degC; found 100% .*Convert TA to degC",
        ),
        ("SW_IN", lambda v: v * 3600, "SW_IN: expected -50 to 1500 W m-2"),
        ("VPD", lambda v: v * 100, "VPD: expected -5.5 to 115.5 hPa"),
        ("NEE", lambda v: v * 1000 + 500, "NEE: expected -200 to 200 umol CO2 m-2 s-1"),
    ],
)
def test_impossible_units(variable, change, message):
    table = record()
    table[variable] = change(table[variable])
    with pytest.raises(InputError, match=message):
        check_record(table)


@pytest.mark.parametrize(
    ("variable", "factor", "words"),
    [("VPD", 0.1, "kPa"), ("NEE", 0.044, "mg CO2"), ("LE", 1 / 28.4, "another unit"), ("SW_IN", 1e-2, "another")],
)  # fmt: skip
def test_units_of_a_possible_size_are_told(variable, factor, words):
    table = record()
    table[variable] *= factor
    found = [(v, words in text) for check, v, text in findings(table) if check == "units"]
    assert found == [(variable, True)]


def test_single_impossible_values_are_made_missing():
    table = record()
    table.iloc[7, 3] = np.inf
    checked, found = check_record(table, **PLACE)
    assert np.isnan(checked["TA"].iloc[7])
    assert checked["TA"].isna().sum() == 1
    assert "1 values outside, such as inf on 2001-04-01 03:30; made missing" in found[0]["found"]


def test_a_year_without_drivers():
    table = record(days=730, start="2001-01-01")
    table.loc["2002", ["SW_IN", "TA", "VPD"]] = np.nan
    ((check, variables, found),) = findings(table)
    assert (check, variables) == ("drivers", "SW_IN, TA, VPD")
    assert "in 2002, nor of any other driver" in found


def test_a_driver_that_is_absent():
    table = record().drop(columns="VPD")
    ((check, variable, found),) = findings(table)
    assert (check, variable) == ("drivers", "VPD")
    assert "random errors, which need all three, are not estimated" in found
    ((_, _, found),) = findings(table.assign(VPD_ERA=3.0))
    assert found == "no values of VPD in the record"


def test_a_flux_without_values_is_left_out():
    checked, found = check_record(record().assign(H=np.nan), **PLACE)
    assert "H" not in checked
    assert [(f["check"], f["variable"]) for f in found] == [("flux", "H")]


def test_a_record_without_fluxes_is_refused():
    with pytest.raises(
        InputError, match="expected measured values of at least one flux; found none"
    ):
        check_record(record().assign(NEE=np.nan).drop(columns="LE"))


def test_radiation_at_night():
    table = record()
    table["SW_IN"] += 15
    ((check, variable, found),) = findings(table)
    assert (check, variable) == ("night", "SW_IN")
    assert "in 100% of the nights' steps, median 15 W m-2" in found


@pytest.mark.parametrize(("utc_offset", "shift"), [(1.0, -2), (1.0, 6), (None, 8)])
def test_radiation_of_another_time_zone(utc_offset, shift):
    table = record()
    table["SW_IN"] = np.roll(table["SW_IN"], shift)
    ((check, variable, found),) = findings(table, utc_offset=utc_offset)
    assert (check, variable) == ("clock", "SW_IN")
    assert f"UTC{1 + shift / 2:+.1f} h" in found


@pytest.mark.parametrize(("days", "told"), [(19, False), (21, True)])
def test_a_gap_longer_than_any_that_is_tried_out(days, told):
    """A quarter of the record is."""
    table = record(days=80)
    table.iloc[20 * 48 : (20 + days) * 48, 0] = np.nan
    found = [
        text for check, variable, text in findings(table) if (check, variable) == ("gap", "NEE")
    ]
    expected = (
        "a gap of 21 days from 2001-04-21 to 2001-05-11: the error of sums over it is not known"
    )
    assert found == ([expected] if told else [])


def test_nights_that_nobody_measured():
    table = record(days=40)
    table["NEE"] = table["NEE"].where(table["SW_IN"] > 20)
    ((check, variable, found),) = findings(table)
    assert (check, variable) == ("part of the day", "NEE")
    assert found.startswith("0 by night: ")


def test_a_gap_longer_than_the_record_around_it():
    table = record()
    table.iloc[20 * 48 : 90 * 48, 0] = np.nan
    ((check, variable, found),) = findings(table)
    assert (check, variable) == ("gap", "NEE")
    assert "a gap of 70 days from 2001-04-21 to 2001-06-29, and 50 days of record" in found
