"""Residuals of the carbon and energy budgets."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.statistics.budgets import energy_closure, nee_residual


def a_field(value, unit):
    """A field of one value, two periods on twelve by twelve cells."""
    latitude = -90 + 15 * (np.arange(12) + 0.5)
    longitude = -180 + 30 * (np.arange(12) + 0.5)
    return xr.DataArray(
        np.full((2, 12, 12), value),
        {"time": [0, 1], "latitude": latitude, "longitude": longitude},
        ("time", "latitude", "longitude"),
        name="field",
        attrs={"units": unit},
    )


def test_the_residual_of_nee_is_what_reco_less_gpp_does_not_explain():
    gpp = a_field(3.0, "g m-2 d-1")
    reco, nee = a_field(2.0, "g m-2 d-1"), a_field(-0.75, "g m-2 d-1")
    np.testing.assert_allclose(nee_residual(nee, gpp, reco), 0.25)
    with pytest.raises(InputError, match="one unit"):
        nee_residual(nee, gpp, a_field(2.0, "umol m-2 s-1"))


def test_energy_closure_is_weighted_by_area_and_over_common_cells():
    h, le, available = (a_field(v, "W m-2") for v in (20.0, 60.0, 100.0))
    h[0, 0, 0] = np.nan
    available[0, 0, 0] = 1e6
    np.testing.assert_allclose(energy_closure(h, le, available), 0.8)
    le[:, -1] = 160.0  # a row at the pole counts little
    assert 0.8 < float(energy_closure(h, le, available)[1]) < 0.9
