"""Single values at the limits of the possible, and at the limits of correction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.quality.values import check_bounds, mend_values


def towers(column, values, resolution="MM", sites="A"):
    time = pd.date_range("2001-01-01", periods=len(values), freq="MS")
    table = pd.DataFrame({"site_id": list(sites * len(values))[: len(values)], "time": time})
    table[column] = np.asarray(values, float)
    table.attrs["resolution"] = resolution
    return table


def mended(column, values, **settings):
    table, findings = mend_values(towers(column, values, **settings))
    return table[column].to_list(), findings


def missing(column, values, **settings):
    return np.flatnonzero(np.isnan(mended(column, values, **settings)[0])).tolist()


def test_a_fifth_of_the_width_below_the_bounds_is_put_down_to_fill_values():
    # TA -80 to 60 degC: 28 below -80.
    assert missing("TA", [10.0, 10.0, 10.0, -108.0, -108.01]) == [4]
    # Soil water 0 to 1: 0.2 below 0.
    assert missing("SWC", [0.3, 0.3, 0.3, -0.2, -0.2001]) == [4]


def test_nothing_below_the_fill_value_is_put_down_to_it():
    assert missing("TA", [*[10.0] * 5, -9999.0, -9999.1, -20000.0]) == [5]


def test_the_share_of_fill_values_is_reported():
    # 10 degC for 9 days and -9999 for 1, and for 3: of 10,009 between them a tenth, three tenths.
    values = [10.0] * 5 + [10 - 0.1 * 10009, 10 - 0.3 * 10009]
    _, (finding,) = mended("TA", values)
    assert "-9999 stands for 10.00% to 30.00% of the time" in finding.found
    _, (finding,) = mended("TA", values[:-1])
    assert "-9999 stands for 10.00% of the time" in finding.found


def test_a_pressure_eight_percent_below_its_place_is_no_weather():
    assert missing("PA", [100.0, 100.0, 100.0, 92.0, 91.99]) == [4]
    assert missing("PA", [100.0, 100.0, 100.0, 120.0]) == []


def test_each_place_has_its_own_usual_value():
    # A of the plain and B of the mountain, in turn; 60 kPa is usual at one of them.
    values = [100.0, 60.0, 100.0, 60.0, 60.0, 60.0, 100.0, 100.0]
    assert missing("PA", values, sites="AB") == [4]


def test_humidity_below_one_and_a_half_percent_is_a_fraction():
    values, (finding,) = mended("RH", [0.0, 0.01, 0.9, 1.49, 1.5, 80.0])
    assert values == pytest.approx([0.0, 1.0, 90.0, 149.0, 1.5, 80.0])
    assert finding.found.startswith("3 values stored as a fraction")
    assert mended("WS", [0.5, 1.0])[1] == []


def test_soil_water_between_its_volume_and_a_hundred_is_in_percent():
    assert mended("SWC", [0.5, 1.5, 100.01])[1] == []
    values, (finding,) = mended("SWC", [0.5, 1.5, 1.51, 100.0, 100.01])
    assert values == [0.5, 1.5, 1.51, 100.0, 100.01]
    assert finding.found.startswith("2 values that look like percent")
    assert finding.open
    assert mended("LAI", [5.0, 20.0])[1] == []


@pytest.mark.parametrize(
    ("resolution", "record"), [("MM", 310.0), ("WW", 700.0), ("DD", 1830.0), ("HH", 1830.0)]
)
def test_rain_beyond_the_record_of_its_step(resolution, record):
    assert missing("P", [1.0, record, 1.0], resolution=resolution) == []
    assert missing("P", [1.0, record + 0.1, 1.0], resolution=resolution) == [1]


def test_heavy_rain_in_one_run_with_the_impossible_goes_with_it():
    values = [61.0, 1.0, 60.1, 400.0, 61.0, 60.0, 70.0]
    assert missing("P", values) == [2, 3, 4]
    # Another tower's heavy months stay, and a run ends with its tower.
    assert missing("P", [400.0, 100.0, 61.0, 100.0], sites="AB") == [0, 2]


def test_a_deficit_of_one_hectopascal_below_none_is_none():
    values, (finding,) = mended("VPD", [5.0, 0.0, -0.01, -1.0, -1.01])
    assert values == [5.0, 0.0, 0.0, 0.0, -1.01]
    assert finding.found.startswith("2 values slightly negative")
    assert mended("TA", [-0.5])[1] == []


@pytest.mark.parametrize(
    ("column", "within", "beyond"),
    [
        ("TA", [-80.0, 60.0], [-80.01, 60.01]),
        ("ERA_PA", [45.0, 110.0], [44.99, 110.01]),
        ("GPP_QC", [0.0, 1.0], [-0.01, 1.01]),
    ],
)
def test_bounds_belong_to_what_can_be(column, within, beyond):
    table, findings = check_bounds(towers(column, within), "mask")
    assert findings == []
    assert table[column].to_list() == within
    table, (finding,) = check_bounds(towers(column, [*within, *beyond]), "mask")
    assert finding.found.startswith("2 values out of bounds")
    assert table[column].isna().to_list() == [False, False, True, True]


def test_the_three_farthest_values_are_shown_the_farthest_first():
    table = towers("TA", [10.0, 10.0, 70.0, 80.0, 90.0, -100.0, 10.0])
    _, (finding,) = check_bounds(table, "raise")
    assert finding.expected == "TA -80 to 60 degC"
    assert finding.found == (
        "4 values out of bounds, such as -100 at A in 2001-06-01, 90 at A in 2001-05-01, "
        "80 at A in 2001-04-01"
    )
    assert finding.open


def test_whole_numbers_have_bounds_and_texts_have_none():
    table = towers("TA", [10.0, 99.0]).astype({"TA": int}).assign(TS=["x", "y"], other=1e9)
    _, (finding,) = check_bounds(table, "raise")
    assert finding.variable == "TA"


def test_infinite_values_are_missing_before_any_other_check():
    values, (finding,) = mended("GPP", [1.0, np.inf, 2.0, -np.inf])
    np.testing.assert_array_equal(values, [1.0, np.nan, 2.0, np.nan])
    assert finding.found.startswith("2 values infinite")
    assert finding.mended == "treated as missing"


def test_a_negative_standard_deviation_is_out_of_bounds():
    table, findings = check_bounds(towers("GPP_RANDUNC", [0.1, -0.1, 0.2]), "mask")
    assert [f.variable for f in findings] == ["GPP_RANDUNC"]
    assert table["GPP_RANDUNC"].isna().tolist() == [False, True, False]


def test_days_have_the_bounds_of_days():
    """A day of NEE errors may make GPP more negative than any month; no day is as far off as -20."""
    days = towers("GPP", [-11.0, 5.0, 41.5])
    days.attrs["resolution"] = "DD"
    assert not check_bounds(days, "raise")[1]
    assert check_bounds(towers("GPP", [-11.0, 5.0, 41.5]), "raise")[1]
    days["GPP"] = [-20.0, 5.0, 41.5]
    (finding,) = check_bounds(days, "raise")[1]
    assert "-12.5 to 42.5" in finding.expected
