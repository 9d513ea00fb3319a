"""Figure 5: members, their mean, towers, and the unit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection

from tests.testing.synthetic import make_profiles
from uflux_kedro.errors import InputError
from uflux_kedro.figures.profiles import profiles_figure, tower_means
from uflux_kedro.variables import FLUXES


@pytest.fixture(scope="module")
def profiles(products):
    return make_profiles(products)


@pytest.fixture(scope="module")
def towers(training_table):
    return tower_means(training_table)


@pytest.fixture(scope="module")
def figure(profiles, towers):
    return profiles_figure(profiles, towers)


def test_energy_is_in_watts_and_carbon_in_grams(figure):
    assert [a.get_xlabel() for a in figure.axes] == [
        "GPP (gC m⁻² d⁻¹)", "RECO (gC m⁻² d⁻¹)", "NEE (gC m⁻² d⁻¹)", "H (W m⁻²)", "LE (W m⁻²)",
    ]  # fmt: skip
    assert figure.axes[0].get_ylabel() == "latitude (° north)"


def test_lines_are_the_members_and_the_thick_one_their_mean(figure, profiles):
    for axis, flux in zip(figure.axes, FLUXES, strict=True):
        (members,) = [c for c in axis.collections if isinstance(c, LineCollection)]
        drawn = np.array([line[:, 0] for line in members.get_segments()])
        expected = profiles[flux].transpose("member", "latitude").values
        kept = np.isfinite(expected[0])
        assert drawn == pytest.approx(expected[:, kept])
        mean = max(axis.get_lines(), key=lambda x: x.get_linewidth())
        assert mean.get_xdata() == pytest.approx(expected.mean(axis=0), nan_ok=True)
        assert mean.get_linewidth() > members.get_linewidth()[0]


def test_towers_are_black_circles_at_their_latitude(figure, towers):
    (circles,) = [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]
    assert np.asarray(circles.get_offsets()) == pytest.approx(
        towers[["GPP", "latitude"]].to_numpy()
    )
    assert circles.get_edgecolors()[0] == pytest.approx([0, 0, 0, 1])


def test_tower_mean_gives_each_month_the_same_weight():
    time = pd.to_datetime([f"2003-{m:02d}-01" for m in range(1, 13)] + ["2004-07-01"] * 1)
    table = pd.DataFrame(
        {"site_id": "XX-A", "time": time, "latitude": 50.0, "GPP": [1.0] * 12 + [5.0]}
    )
    assert tower_means(table)["GPP"].tolist() == pytest.approx([(11 * 1 + 3) / 12])


def test_tower_without_a_winter_has_no_annual_mean():
    time = pd.to_datetime([f"2003-{m:02d}-01" for m in range(3, 12)])
    table = pd.DataFrame({"site_id": "XX-A", "time": time, "latitude": 50.0, "LE": 80.0})
    assert tower_means(table)["LE"].isna().all()


def test_missing_latitude_is_refused(profiles, towers):
    with pytest.raises(InputError, match="towers: latitude"):
        profiles_figure(profiles, towers.drop(columns="latitude"))
