"""What nature leaves between seasons: ranges, and that they agree with each other."""

from __future__ import annotations

import pytest

from uflux_kedro.quality.natural import NATURAL_LAGS, SUN, family, kind, seasonal_columns

RANGES = """
    SW_IN SUN    -0.70  0.60   -0.35  0.25
    TA    SUN     0.20  1.80    0.65  1.35
    LW_IN SUN     0.15  2.15    0.75  1.55
    SW_IN TA     -1.85 -0.25   -1.40 -0.70
    LW_IN TA     -1.00  1.20   -0.30  0.50
    SW_IN SW_IN  -0.30  0.30   -0.15  0.15
    TA    TA     -0.50  0.50   -0.25  0.25
    VPD   VPD    -0.50  0.50   -0.25  0.25
    LW_IN LW_IN  -0.50  0.50   -0.25  0.25
    EVI   EVI    -0.50  0.50   -0.25  0.25
    NIRv  NIRv   -0.50  0.50   -0.25  0.25
    NDVI  NDVI   -0.50  0.50   -0.25  0.25
    LAI   LAI    -0.50  0.50   -0.25  0.25
    SIF   SIF    -0.50  0.50   -0.25  0.25
    EVI   NIRv   -0.50  0.50   -0.25  0.25
    EVI   NDVI   -1.30  1.10   -0.45  0.25
    NIRv  NDVI   -1.30  1.10   -0.45  0.25
    EVI   LAI    -0.90  0.90   -0.30  0.30
    NIRv  LAI    -0.90  0.90   -0.30  0.30
    LAI   NDVI   -1.40  1.00   -0.55  0.15
    EVI   GPP    -1.15  1.65   -0.20  0.70
    NIRv  GPP    -1.15  1.65   -0.20  0.70
    LAI   GPP    -1.20  1.60   -0.25  0.65
    NDVI  GPP    -1.20  2.00   -0.10  0.90
    SIF   GPP    -1.40  1.40   -0.45  0.45
    EVI   RECO   -1.85  1.95   -0.45  0.55
    NIRv  RECO   -1.85  1.95   -0.45  0.55
    LAI   RECO   -1.50  1.50   -0.45  0.45
    EVI   LE     -2.20  3.00   -0.20  1.00
    NIRv  LE     -2.20  3.00   -0.20  1.00
    LAI   LE     -2.25  2.95   -0.25  0.95
    GPP   RECO   -1.40  1.00   -0.60  0.20
    GPP   LE     -1.20  1.40   -0.35  0.55
    RECO  LE     -1.25  1.95   -0.15  0.85
"""
"""Months by which the first may be late: earliest and latest of a site, and of many together."""


def test_the_ends_of_natures_ranges():
    # Set on 138 measured towers; a changed end changes which towers are suspected.
    ranges = {}
    for line in RANGES.split("\n"):
        if line.strip():
            late, reference, *ends = line.split()
            ranges[late, reference] = tuple(map(float, ends))
    assert NATURAL_LAGS.keys() == ranges.keys()
    for pair, lag in NATURAL_LAGS.items():
        ends = (lag.middle - lag.site, lag.middle + lag.site)
        ends += (lag.middle - lag.pooled, lag.middle + lag.pooled)
        assert ends == pytest.approx(ranges[pair]), pair


def test_lags_by_way_of_a_third_season_agree():
    for (a, b), lag in NATURAL_LAGS.items():
        for (c, d), other in NATURAL_LAGS.items():
            if b == c and (a, d) in NATURAL_LAGS:
                way = lag.middle + other.middle
                assert NATURAL_LAGS[a, d].middle == pytest.approx(way, abs=0.2), (a, b, d)


def test_many_sites_leave_less_room_than_one_and_one_less_than_half_a_year():
    for lag in NATURAL_LAGS.values():
        assert 0.2 * lag.site < lag.pooled <= 0.5 * lag.site
        assert abs(lag.middle) + lag.site < 6


def test_two_sources_of_one_variable_are_in_step():
    for (late, reference), lag in NATURAL_LAGS.items():
        if late == reference:
            assert lag.middle == 0


def test_families_and_kinds_of_columns():
    assert [family(c) for c in ("TA_MIN", "ERA_TA_MAX", "EVI2", "CSIF", "MODIS_LAI", SUN)] == [
        "TA", "TA", "EVI", "SIF", "LAI", SUN,
    ]  # fmt: skip
    assert family("no_variable") == "no_variable"
    assert [kind(c) for c in ("EVI2", "CSIF", "NEE", "ERA_TA_MIN", "PA", SUN)] == [
        "vegetation", "vegetation", "flux", "weather", "weather", SUN,
    ]  # fmt: skip


def test_columns_whose_seasons_can_be_judged():
    columns = ["site_id", "SUN", "GPP", "NEE", "H", "ERA_TA", "MODIS_EVI2", "PA", "GPP_QC"]
    assert seasonal_columns(columns) == ["GPP", "ERA_TA", "MODIS_EVI2"]
