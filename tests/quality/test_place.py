"""Swapped latitudes and longitudes are found where the sun tells them apart."""

from __future__ import annotations

import pytest

from uflux_kedro.quality.check import check_towers
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.quality.place import check_place
from uflux_kedro.quality.years import Years


def swapped(sites, names):
    at = sites["site_id"].isin(names)
    return sites.assign(
        latitude=sites["latitude"].mask(at, sites["longitude"]),
        longitude=sites["longitude"].mask(at, sites["latitude"]),
    )


def test_right_places_raise_no_alarm(healthy):
    towers, sites = healthy
    years = Years.of(towers, ["SW_IN"])
    assert check_place(years, sites) == []
    assert check_place(years, sites.drop(columns="longitude")) == []
    assert check_place(Years.of(towers, ["TA"]), sites) == []


def test_a_latitude_of_the_wrong_sign_is_not_swapped(healthy):
    towers, sites = healthy
    mirrored = sites.assign(latitude=-sites["latitude"])
    assert check_place(Years.of(towers, ["SW_IN"]), mirrored) == []


def test_swapped_places_require_a_decision(healthy):
    towers, sites = healthy
    names = ("XX-001", "XX-003")
    findings = check_towers(towers, swapped(sites, names), QualityParameters()).findings
    (finding,) = (f for f in findings if f.open and f.variable is None)
    assert finding.sites == names
    assert "latitude and longitude are swapped" in finding.found


def test_the_unit_of_radiation_does_not_matter(healthy):
    towers, sites = healthy
    years = Years.of(towers.assign(SW_IN=towers["SW_IN"] * 0.0864), ["SW_IN"])
    assert check_place(years, sites) == []
    assert [f.sites for f in check_place(years, swapped(sites, ["XX-001"]))] == [("XX-001",)]


def test_a_latitude_in_radians_requires_a_decision(healthy):
    towers, sites = healthy
    radians = sites["latitude"] * 3.14159 / 180
    wrong = sites.assign(latitude=sites["latitude"].mask(sites.index == 3, radians))
    (finding,) = check_place(Years.of(towers, ["SW_IN"]), wrong)
    assert finding.sites == ("XX-003",)
    assert finding.found.endswith("of XX-003: it is wrong")


@pytest.mark.parametrize("column", ["ERA_SW_IN", "GRID_SW_IN"])
def test_measured_towers_are_told_apart(mended, column):
    towers, sites = mended
    years = Years.of(towers, [column])
    assert check_place(years, sites) == []
    near = sites[sites["longitude"].abs() <= 90]
    years = Years.of(towers[towers["site_id"].isin(near["site_id"])], [column])
    (finding,) = check_place(years, swapped(near, near["site_id"]))
    assert len(near) == 69
    # In the tropics at the Greenwich meridian there is nothing to see.
    assert set(near["site_id"]) - set(finding.sites) == {"GH-Ank", "SN-Dhr", "ZM-Mon"}
