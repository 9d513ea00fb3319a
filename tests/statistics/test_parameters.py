from __future__ import annotations

import pytest
from pydantic import ValidationError

from uflux_kedro.statistics.parameters import AggregateParameters


@pytest.mark.parametrize("edges", [(), (-90, 90), (-10, 0, 10.5)])
def test_bands_of_latitude(edges):
    assert AggregateParameters(latitude_bands=edges).latitude_bands == edges


@pytest.mark.parametrize("edges", [(0,), (0, 0), (10, 0), (0, 10, 5), (-90.1, 0), (0, 90.1)])
def test_what_are_no_bands_of_latitude(edges):
    with pytest.raises(ValidationError, match="latitude_bands"):
        AggregateParameters(latitude_bands=edges)


def test_classes_and_countries_are_zones_unless_told_otherwise():
    found = AggregateParameters()
    assert (found.latitude_bands, found.land_cover, found.countries) == ((), True, True)
    assert found.regions is None


@pytest.mark.parametrize("kind", ["global", "zonal", "IGBP", "country"])
def test_regions_are_of_a_kind_of_their_own(kind):
    own = {"path": "regions.gpkg", "name_column": "NAME", "kind": kind}
    with pytest.raises(ValidationError, match="a kind of its own"):
        AggregateParameters(regions=own)
    if kind == "country":
        assert AggregateParameters(regions=own, countries=False).regions.kind == kind
