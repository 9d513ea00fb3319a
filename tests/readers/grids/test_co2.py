from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uflux_kedro.errors import InputError
from uflux_kedro.readers.grids.co2 import read_co2

HEADER = "# NOAA Global Monitoring Laboratory\n#\n# year month decimal average unc trend unc\n"


def lines(n: int = 14) -> list[str]:
    return [
        f"  {2001 + i // 12}   {i % 12 + 1:2d}   {2001 + i / 12:.3f}   {370 + i / 4:.2f}  0.10  370.00  0.06"
        for i in range(n)
    ]


def write(rows: list[str], path):
    (path / "co2_mm_gl.txt").write_text(HEADER + "\n".join(rows) + "\n")
    return [path / "co2_mm_gl.txt"]


def test_the_table_becomes_a_record(tmp_path):
    cube = read_co2(write(lines(), tmp_path))
    assert cube.indexes["time"].equals(pd.date_range("2001-01-01", periods=14, freq="MS"))
    np.testing.assert_allclose(cube["CO2"], 370 + np.arange(14) / 4)
    assert cube["CO2"].attrs["units"] == "umol mol-1"
    assert cube.time_bnds.to_numpy()[1, 1] == np.datetime64("2001-03-01")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r[:3] + r[4:], "found 2001-04 missing"),
        (lambda r: [*r[:3], r[3].replace("370.75", "-99.99"), *r[4:]], "found none for 2001-04"),
        (lambda r: [*r[:3], r[3].replace("370.75", " 37.00"), *r[4:]], "CO2: expected 300 to 700"),
        (lambda r: [*r, r[-1]], "each period once; found 2002-02"),
        (lambda r: [*r, "2002 13 2002.9 375.0 0 0 0"], "expected a table of year, month"),
        (lambda _: ["<html>"], "expected a table of year, month"),
        (lambda _: [], "expected a table of year, month|at least one month"),
    ],
)
def test_bad_tables_are_refused(tmp_path, change, message):
    with pytest.raises(InputError, match=message) as caught:
        read_co2(write(change(lines()), tmp_path))
    assert "co2_mm_gl.txt" in caught.value.where


def test_one_file_is_wanted(tmp_path):
    with pytest.raises(InputError, match="expected one file"):
        read_co2(write(lines(), tmp_path) * 2)
    with pytest.raises(InputError, match=r"expected one file; found .*co2_mm_gl\.txt, .*co2_mm_gl"):
        read_co2(write(lines(), tmp_path) * 2)
    with pytest.raises(InputError, match="expected one file; found none"):
        read_co2([])


def test_the_same_table_with_commas_and_a_station_with_more_columns(tmp_path):
    plain = read_co2(write(lines(), tmp_path))
    text = "# comment\nyear,month,decimal,average,average_unc,trend,trend_unc\n"
    rows = "\n".join(",".join(line.split()) for line in lines())
    (tmp_path / "co2_mm_gl.csv").write_text(text + rows + "\n")
    np.testing.assert_array_equal(read_co2([tmp_path / "co2_mm_gl.csv"])["CO2"], plain["CO2"])
    station = "\n".join(f"{line}  28  0.30  0.11" for line in lines())
    (tmp_path / "co2_mm_mlo.txt").write_text(text.splitlines()[0] + "\n" + station)
    np.testing.assert_array_equal(read_co2([tmp_path / "co2_mm_mlo.txt"])["CO2"], plain["CO2"])


@pytest.mark.parametrize(("unit", "factor"), [("ppm", 1.0), ("mol mol-1", 1e-6), ("1e-6", 1.0)])
def test_a_grid_of_months(raw_grid, tmp_path, unit, factor):
    data = raw_grid({"co2": (380.0 * factor, 420.0 * factor, unit)})
    data.to_netcdf(tmp_path / "cams.nc")
    cube = read_co2([tmp_path / "cams.nc"])
    assert cube["CO2"].dims == ("time", "latitude", "longitude")
    np.testing.assert_allclose(cube["CO2"].mean(), float(data["co2"].mean()) / factor, rtol=1e-5)


@given(text=st.text(st.sampled_from("0123456789 .,#-\nabe\t"), max_size=200))
def test_any_text_is_a_table_or_refused(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "co2.txt"
        path.write_text(text)
        with contextlib.suppress(InputError):
            cube = read_co2([path])
            assert ((cube["CO2"] >= 299) & (cube["CO2"] <= 701)).all()


@pytest.mark.parametrize("separator", ["   ", ";", " ; "])
def test_decimal_commas_are_read(tmp_path, separator):
    plain = read_co2(write(lines(), tmp_path))["CO2"].to_numpy()
    rows = [separator.join(line.split()).replace(".", ",") for line in lines()]
    np.testing.assert_array_equal(read_co2(write(rows, tmp_path))["CO2"], plain)
    mixed = [*lines()[:5], lines()[5].replace(".", ","), *lines()[6:]]
    np.testing.assert_array_equal(read_co2(write(mixed, tmp_path))["CO2"], plain)


def test_commas_between_columns_and_in_numbers_are_refused(tmp_path):
    rows = [",".join(line.split()).replace(".", ",") for line in lines()]
    with pytest.raises(InputError, match=r"found 2001 in 2001-02, followed by 83.*both between"):
        read_co2(write(rows, tmp_path))
