"""Comparison of two weathers at towers: its numbers on towers whose differences are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from benchmarks import __main__ as command
from benchmarks import companions
from benchmarks.companions import ElsewhereRegressor, differences, inherited, read_both
from uflux_kedro.errors import InputError


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Eight towers, whose grid is 2 degC too warm and has 1.5 times the VPD, with GPP of the companion."""
    random = np.random.default_rng(0)
    months = pd.date_range("2005-01-01", periods=24, freq="MS")
    n = 8 * len(months)
    towers = pd.DataFrame({"SITE_ID": np.repeat([f"XX-Aa{i}" for i in range(8)], len(months))})
    towers["TIMESTAMP"] = np.tile(months.strftime("%Y%m"), 8)
    towers = towers.assign(LOCATION_LAT=50.0, LOCATION_LONG=8.0, IGBP="ENF", CLIMATE="Temperate")
    ta, vpd = random.uniform(0, 25, n), random.uniform(1, 20, n)
    light, rain = random.uniform(20, 300, n), random.uniform(0, 6, n)
    towers["TA_F"], towers["TA_F_QC"] = ta + 1, 1.0
    towers.loc[::2, ["TA_F", "TA_F_QC"]] = (40, 0.2)  # filled, not measured
    for name, values in {"SW_IN": light, "VPD": vpd, "P": rain}.items():
        towers[f"{name}_F"], towers[f"{name}_F_QC"] = values, 1.0
    for name, values in {"TA": ta, "SW_IN": light, "VPD": vpd, "P": rain}.items():
        towers[f"{name}_ERA"] = values
    towers["TMIN_GRID"], towers["TMAX_GRID"] = ta - 3, ta + 7
    towers["SSRD_GRID"], towers["VPD_GRID"] = light * 0.0864, 1.5 * vpd
    towers["P_GRID"], towers["EVI"] = rain, random.uniform(0.1, 0.6, n)
    towers["GPP_NT_VUT_REF"] = 12 - 0.5 * vpd + random.normal(0, 0.1, n)
    towers["NEE_VUT_REF_QC"] = 1.0
    path = tmp_path_factory.mktemp("towers") / "towers.csv"
    towers.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def read(file):
    """What is read of them."""
    return read_both(file, ["XX-Aa7"])


def cells(rows, *keys):
    """Return the row whose cells begin with these."""
    (found,) = [row for row in rows if row[: len(keys)] == keys]
    return found[len(keys) :]


def test_differences_are_those_of_the_weathers(read):
    found = list(differences(read[0]))
    warm = cells(found, "TA, degC", "grid less companion")
    assert warm[:3] == ("7", "168", "2.00 (2.00 to 2.00)")
    assert warm[4] == "1.00 (1.00 to 1.00)"
    assert cells(found, "VPD, hPa", "grid less companion")[4] == "1.50 (1.50 to 1.50)"
    assert cells(found, "SW_IN, W m-2", "grid less tower")[2] == "0.00 (0.00 to 0.00)"
    own = cells(found, "TA, degC", "companion less tower")
    assert own[1:3] == ("84", "-1.00 (-1.00 to -1.00)"), "filled months are not the tower's"


def test_a_model_inherits_the_difference_until_lines_take_it_away(read, monkeypatch):
    monkeypatch.setattr(companions, "N_FOLDS", 2)
    rows = list(inherited(*read, 1))
    flux = "GPP, gC m-2 d-1"
    own, grid, moved, learnt_there = (
        cells(rows, flux, *weather.words) for weather in companions.WEATHERS
    )
    assert own[0] == "7"
    assert own[2] == own[4] == "-"
    assert float(own[1]) > 0.9
    assert float(grid[1]) < 0.8, "1.5 times the VPD is another drought"
    assert float(grid[3]) < -1
    assert float(moved[1]) == pytest.approx(float(own[1]), abs=0.01)
    assert float(learnt_there[1]) == pytest.approx(float(own[1]), abs=0.01)


def test_lines_are_those_of_the_rows_of_the_fit():
    X = np.random.default_rng(1).normal(size=(60, 3))
    X[:, 2] = (X[:, 1] - 1) / 2
    y = X[:, 0] + 3 * X[:, 1]
    model = ElsewhereRegressor(LinearRegression(), [0], [1], [2], moved=True).fit(X[:30], y[:30])
    np.testing.assert_allclose(model.lines_, [[2, 1]])
    elsewhere = X[30:].copy()
    elsewhere[:, 1] = np.nan  # not looked at
    np.testing.assert_allclose(model.predict(elsewhere), y[30:])
    plain = ElsewhereRegressor(LinearRegression(), [0], [1], [2]).fit(X[:30], y[:30])
    np.testing.assert_allclose(plain.predict(X[30:]), X[30:, 0] + 3 * X[30:, 2])


def test_what_cannot_be_compared_is_said(file, tmp_path, capsys):
    with pytest.raises(InputError, match="no XX-Aa9, XX-Zzz"):
        read_both(file, ["XX-Aa1", "XX-Zzz", "XX-Aa9"])
    few = pd.read_csv(file, nrows=48)
    few.assign(VPD_GRID=-9999).to_csv(tmp_path / "bare.csv", index=False)
    with pytest.raises(InputError, match=r"bare\.csv.*GRID_VPD"):
        read_both(tmp_path / "bare.csv")
    few.loc[:30, "VPD_GRID"] = few.loc[30:, "VPD_ERA"] = -9999
    few.to_csv(tmp_path / "apart.csv", index=False)
    with pytest.raises(InputError, match="weather of both"):
        read_both(tmp_path / "apart.csv")
    assert command.main(["companions", "--towers", str(tmp_path / "absent.csv")]) == 1
    assert "absent.csv" in capsys.readouterr().err
