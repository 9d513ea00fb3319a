"""Latitudes that are wrong or swapped with the longitude, from the radiation through the year."""

from __future__ import annotations

import numpy as np
import pandas as pd

from uflux_kedro.quality.findings import Finding
from uflux_kedro.quality.natural import family
from uflux_kedro.quality.years import Array, Years, solar_years

_LOW_SUN = 30.0
"""W m-2 above the atmosphere; months below it say little of clearness."""
_LEAST_MONTHS = 5
_LARGEST_SPREAD = 0.35
"""Standard deviation over the months of the logarithm of clearness: the largest of 250 towers from
79 S to 79 N is 0.35, in monsoons; the medians of three networks are 0.1."""
_IMPOSSIBLE_SPREAD = 0.5
"""Spread from which a latitude is wrong, whatever the cause, unless the other sign fits."""
_FAR_BETTER = 0.6
"""Ratio of two spreads from which the other latitude fits far better."""
_APART = 5.0
"""Degrees between latitude and longitude from which the sun tells them apart."""


def check_place(years: Years, sites: pd.DataFrame) -> list[Finding]:
    """Find sites whose radiation does not fit their latitude, but may fit their longitude as latitude.

    A latitude of the wrong sign fits better with the other sign and is left to the phase check.

    Clearness, the share of the radiation above the atmosphere that reaches the ground, varies little
    through the year at the right latitude. Its level is not used, so the unit does not matter.

    Args:
        years: Site-years with SW_IN of any source.
        sites: Canonical sites.
    """
    column = next((c for c in years.months if family(c) == "SW_IN"), None)
    if column is None or "longitude" not in sites:
        return []
    place = sites.set_index("site_id").reindex(years.sites)
    latitude = place["latitude"].to_numpy(float)
    longitude = place["longitude"].to_numpy(float)
    year = years.mean_year(column)
    as_stated = _spread_of_clearness(year, latitude)
    as_mirrored = _spread_of_clearness(year, -latitude)
    as_swapped = _spread_of_clearness(year, np.where(np.abs(longitude) <= 90, longitude, np.nan))
    swapped = (
        (as_stated > _LARGEST_SPREAD)
        & (as_swapped < _FAR_BETTER * np.fmin(as_stated, as_mirrored))
        & (np.abs(latitude - longitude) > _APART)
    )
    wrong = (as_stated > _IMPOSSIBLE_SPREAD) & (as_mirrored > _LARGEST_SPREAD) & ~swapped
    findings = []
    for cases, cause in ((swapped, "latitude and longitude are swapped"), (wrong, "it is wrong")):
        if cases.any():
            worst = int(np.argmax(np.where(cases, as_stated, -1)))
            findings.append(
                Finding(
                    "phase",
                    None,
                    tuple(years.sites[i] for i in np.flatnonzero(cases)),
                    "radiation in step with the sun at its latitude",
                    f"{column} does not fit the sun at the latitude {latitude[worst]:.4g} of "
                    f"{years.sites[worst]}: {cause}",
                )
            )
    return findings


def _spread_of_clearness(year: Array, latitude: Array) -> Array:
    """Return the standard deviation of the logarithm of clearness over the months, by site."""
    sun = solar_years(latitude)
    seen = (sun > _LOW_SUN) & (year > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        clearness = np.where(seen, np.log(year / sun), 0.0)
        count = seen.sum(-1)
        mean = clearness.sum(-1) / count
        spread = np.sqrt((np.where(seen, clearness - mean[:, None], 0.0) ** 2).sum(-1) / count)
    return np.where(count >= _LEAST_MONTHS, spread, np.nan)
