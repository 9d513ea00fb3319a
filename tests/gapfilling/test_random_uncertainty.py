"""Random uncertainty is that of comparing with every record, and that which noise had."""

from __future__ import annotations

import numpy as np
import pytest

from tests.testing.records import make_record
from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling import ALIKE, fill_mds, random_uncertainty


def compare_all(flux, filled, SW_IN, TA, VPD, steps_a_day, alike):
    """Both methods, one record at a time: standard deviation, method, number."""
    n, rows, hour = len(flux), np.arange(len(flux)), steps_a_day // 24
    found = np.zeros((3, n))
    found[0] = np.nan
    for i in np.flatnonzero(np.isfinite(flux)):
        lag = rows - i
        of_day = (lag + steps_a_day // 2) % steps_a_day - steps_a_day // 2
        similar = (abs(of_day) <= hour) & (abs(lag) <= 7 * steps_a_day + hour) & np.isfinite(flux)
        similar &= abs(SW_IN - SW_IN[i]) < np.clip(SW_IN[i], 20, 50)
        similar &= (abs(TA - TA[i]) < 2.5) & (abs(VPD - VPD[i]) < 5)
        if similar.sum() > 5:
            found[:, i] = flux[similar].std(ddof=1), 1, similar.sum()
    first = found[0].copy()
    for i in np.flatnonzero(np.isnan(first)):
        near = max(0.2 * abs(filled[i]), alike)
        similar = (abs(rows - i) <= 14 * steps_a_day) & np.isfinite(first)
        similar &= (filled >= filled[i] - near) & (filled <= filled[i] + near)
        if similar.any():
            found[:, i] = np.median(first[similar]), 2, similar.sum()
    return found


@pytest.mark.parametrize(("n_days", "steps_a_day", "alike"), [(60, 24, 0.2), (25, 48, 2.0)])
def test_as_comparing_with_every_record(n_days, steps_a_day, alike):
    flux, *drivers = make_record(n_days, steps_a_day, seed=2)
    filled = fill_mds(flux, *drivers, steps_a_day=steps_a_day).value
    filled[-5:] = np.nan  # stay open
    found = random_uncertainty(flux, filled, *drivers, steps_a_day, alike=alike)
    sd, method, n = compare_all(flux, filled, *drivers, steps_a_day, alike)
    np.testing.assert_allclose(found.sd, sd, rtol=1e-9)
    np.testing.assert_array_equal(found.method, method)
    np.testing.assert_array_equal(found.n, n)
    assert {0, 1, 2} == set(method)


def test_the_noise_of_a_flux_is_found():
    """Weather says all but the noise, which is 1.5 everywhere."""
    rng = np.random.default_rng(0)
    n = 60 * 48
    SW_IN = np.clip(500 * np.sin(2 * np.pi * (np.arange(n) / 48 - 0.25)), 0, None)
    flux = rng.normal(5, 1.5, n)
    flux[rng.random(n) < 0.3] = np.nan
    weather = np.full(n, 10.0)
    filled = fill_mds(flux, SW_IN, weather, weather, steps_a_day=48).value
    found = random_uncertainty(flux, filled, SW_IN, weather, weather, 48)
    assert np.isfinite(found.sd).all()
    for method in (1, 2):
        assert found.sd[found.method == method].mean() == pytest.approx(1.5, abs=0.05)


def test_a_shift_of_the_flux_changes_nothing():
    """Sums of squares lose no digits where the flux is far from 0."""
    flux, *drivers = make_record(30, 24)
    filled = fill_mds(flux, *drivers, steps_a_day=24).value
    found = random_uncertainty(flux, filled, *drivers, 24, alike=ALIKE["LE"])
    first = found.method == 1
    far = random_uncertainty(flux + 1e6, filled + 1e6, *drivers, 24, alike=ALIKE["LE"])
    np.testing.assert_allclose(far.sd[first], found.sd[first], rtol=1e-6)


def test_without_weather_there_is_none():
    flux = np.ones(240)
    found = random_uncertainty(flux, flux, None, None, None, 24)
    assert np.isnan(found.sd).all()
    assert not found.method.any()
    assert not found.n.any()


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="24 or 48"):
        random_uncertainty(np.ones(48), np.ones(48), None, None, None, 36)
    with pytest.raises(InputError, match="filled"):
        random_uncertainty(np.ones(48), np.ones(47), None, None, None, 48)
