"""MDS fills as ONEFlux does: as comparing with every record, step by step, does."""

from __future__ import annotations

import numpy as np
import pytest

from tests.testing.records import make_record
from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling import Tolerances, fill_mds


def compare_all(flux, SW_IN, TA, VPD, steps_a_day, symmetric, everywhere):
    """The rules in ONEFlux's words, one record at a time: value, sd, n, method, window."""
    n, rows = len(flux), np.arange(len(flux))
    turns = [(1, 7), (1, 14), (2, 7), (3, 0), (3, 1), (3, 2)]
    turns += [(1, days) for days in range(21, 78, 7)] + [(2, days) for days in range(14, 78, 7)]
    turns += [(3, days) for days in range(3, 214, 3)]
    filled = np.full((n, 5), np.nan)
    filled[:, 2:] = 0
    filled[:, 0] = flux
    for i in np.flatnonzero(np.isnan(flux) | everywhere):
        filled[i, 0] = np.nan
        lag = abs(rows - i)
        near = (abs(SW_IN - SW_IN[i]) < np.clip(SW_IN[i], 20, 50)) & np.isfinite(flux)
        all_near = near & (abs(TA - TA[i]) < 2.5) & (abs(VPD - VPD[i]) < 5)
        of_day = (rows - i + steps_a_day // 2) % steps_a_day - steps_a_day // 2
        same_hour = (abs(of_day) <= steps_a_day // 24) & np.isfinite(flux)
        for method, days in turns:
            if method == 3:
                similar = same_hour & (lag <= days * steps_a_day + steps_a_day // 24)
            else:
                similar = (all_near if method == 1 else near) & (lag < days * steps_a_day)
            similar &= rows != i
            if similar.sum() > 1:
                mean = flux[similar].mean()
                if symmetric and method < 3 and SW_IN[i] >= 20:
                    sides = [similar & (above * (SW_IN - SW_IN[i]) >= 0) for above in (1, -1)]
                    means = [flux[side].mean() for side in sides if side.any()]
                    mean = np.mean(means)
                window = 2 * days + (method == 3)
                filled[i] = mean, flux[similar].std(ddof=1), similar.sum(), method, window
                break
    return filled.T


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize(("n_days", "steps_a_day", "everywhere"), [(90, 24, True), (35, 48, False)])
def test_as_comparing_with_every_record(n_days, steps_a_day, everywhere, symmetric):
    """Every method, window and quality, at the ends of the record too."""
    record = make_record(n_days, steps_a_day)
    options = {"steps_a_day": steps_a_day, "symmetric": symmetric, "everywhere": everywhere}
    filled = fill_mds(*record, **options)
    value, sd, n, method, window = compare_all(*record, **options)
    np.testing.assert_allclose(filled.value, value, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(filled.sd, sd, rtol=1e-9, atol=1e-12)
    for ours, expected in ((filled.n, n), (filled.method, method), (filled.window, window)):
        np.testing.assert_array_equal(ours, expected)
    quality = 1 + (window > np.array([0, 14, 14, 1])[method.astype(int)])
    np.testing.assert_array_equal(np.minimum(filled.quality, 2), quality * (method > 0))
    assert np.isfinite(value).all()
    assert set(method) == {1, 2, 3} | ({0} if not everywhere else set())


def test_quality_falls_with_the_window():
    """Each method through its windows, by records that stand further and further away."""
    steps_a_day = 24
    for method, days, quality in [
        (1, 6, 1), (1, 13, 2), (1, 27, 2), (1, 34, 3), (2, 6, 1), (2, 13, 2), (2, 27, 3), (3, 0, 1), (3, 2, 2), (3, 9, 3),
    ]:  # fmt: skip
        n = 160 * steps_a_day
        flux = np.full(n, np.nan)
        middle = n // 2
        apart = days * steps_a_day if days else 1
        flux[middle + apart], flux[middle - apart] = 1, 3
        SW_IN = np.zeros(n) if method < 3 else None
        TA = np.zeros(n) if method < 2 else None
        filled = fill_mds(flux, SW_IN, TA, TA, steps_a_day=steps_a_day)
        assert filled.value[middle] == 2
        assert filled.sd[middle] == pytest.approx(np.sqrt(2))
        assert (filled.method[middle], filled.quality[middle]) == (method, quality)


def test_missing_drivers_leave_methods_out():
    flux, SW_IN, _, VPD = make_record(60, 24, seed=1)
    gap = np.isnan(flux)
    without_ta = fill_mds(flux, SW_IN, None, VPD, steps_a_day=24)
    assert set(without_ta.method[gap]) == {2, 3}
    assert (without_ta.method[gap & np.isnan(SW_IN)] == 3).all()
    without_any = fill_mds(flux, None, None, None, steps_a_day=24)
    assert set(without_any.method[gap]) == {3}
    np.testing.assert_array_equal(without_any.value[~gap], flux[~gap])
    assert np.isnan(without_any.sd[~gap]).all()
    assert not without_any.quality[~gap].any()


def test_filled_drivers_find_similar_records_but_are_none():
    """Records 1 to 3 are like the gap at 0, but a driver of record 2 is filled."""
    flux = np.array([np.nan, 1, 5, 9] + [np.nan] * 20)
    weather = np.r_[np.full(4, 300.0), np.full(20, -300.0)]
    quality = np.array([1.0, 0, 2, np.nan] + [0] * 20)
    options = {"steps_a_day": 24}
    assert fill_mds(flux, weather, weather, weather, **options).value[0] == 5
    for driver in ("SW_IN_QC", "TA_QC", "VPD_QC"):
        filled = fill_mds(flux, weather, weather, weather, **options, **{driver: quality})
        assert (filled.value[0], filled.method[0], filled.n[0]) == (5, 1, 2)
    # With SW_IN alone, only its own quality counts.
    filled = fill_mds(flux, weather, None, None, **options, TA_QC=quality)
    assert (filled.method[0], filled.n[0]) == (2, 3)
    filled = fill_mds(flux, weather, None, None, **options, SW_IN_QC=quality)
    assert (filled.method[0], filled.n[0]) == (2, 2)


@pytest.mark.parametrize("measured", [0, 1])
def test_too_few_records_fill_nothing(measured):
    flux = np.full(480, np.nan)
    flux[:measured] = 5.0
    filled = fill_mds(flux, None, None, None, steps_a_day=48)
    np.testing.assert_array_equal(filled.value, flux)
    assert not filled.method.any()
    assert not filled.quality.any()


def test_a_record_without_rows_stays_empty():
    assert fill_mds([], [], None, None, steps_a_day=48).value.shape == (0,)


def test_a_gap_is_not_filled_from_another_season():
    flux = np.full(500 * 24, np.nan)
    flux[: 10 * 24] = 1.0
    filled = fill_mds(flux, None, None, None, steps_a_day=24)
    assert filled.value[(10 + 200) * 24] == 1.0
    assert np.isnan(filled.value[(10 + 214) * 24])


def test_no_estimate_knows_its_own_record():
    """With ``everywhere``, a measured value changes every estimate but its own."""
    flux, *drivers = make_record(40, 24)
    i = np.flatnonzero(np.isfinite(flux))[100]
    before = fill_mds(flux, *drivers, steps_a_day=24, everywhere=True)
    flux[i] += 1000
    after = fill_mds(flux, *drivers, steps_a_day=24, everywhere=True)
    assert after.value[i] == before.value[i]
    assert (after.value != before.value).sum() > 10


def test_the_symmetric_mean_has_no_bias_of_short_days():
    """More records below the gap's SW_IN than above: the plain mean is biased to low radiation."""
    SW_IN = np.concatenate([np.linspace(60, 99, 40), np.linspace(101, 140, 4), [100.0]])
    SW_IN = np.pad(SW_IN, (0, 48 - len(SW_IN)), constant_values=-500)
    flux = -0.1 * SW_IN
    flux[44:] = np.nan
    weather = np.zeros(48)
    plain = fill_mds(flux, SW_IN, weather, weather, steps_a_day=24)
    symmetric = fill_mds(flux, SW_IN, weather, weather, steps_a_day=24, symmetric=True)
    assert plain.value[44] == pytest.approx(-8.32, abs=0.05)
    assert symmetric.value[44] == pytest.approx(-10, abs=0.1)


def test_tolerances():
    SW_IN = np.array([100.0, 100, 115, 130] + [500.0] * 20)
    flux = np.array([np.nan, 1, 5, 9] + [np.nan] * 20)
    weather = np.zeros(24)
    for tolerances, mean in ((None, 5), (Tolerances(SW_IN=(10.0, 20.0)), 3)):
        filled = fill_mds(flux, SW_IN, weather, weather, steps_a_day=24, tolerances=tolerances)
        assert filled.value[0] == mean


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="24 or 48"):
        fill_mds(np.ones(48), None, None, None, steps_a_day=0)
    with pytest.raises(InputError, match="TA"):
        fill_mds(np.ones(48), None, np.ones(47), None, steps_a_day=48)
    with pytest.raises(InputError, match="VPD_QC"):
        fill_mds(np.ones(48), None, None, None, steps_a_day=48, VPD_QC=np.ones(47))
    with pytest.raises(InputError, match="flux"):
        fill_mds(np.ones((4, 12)), None, None, None, steps_a_day=48)
