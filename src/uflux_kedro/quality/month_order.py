"""Months in text order: 1, 10, 11, 12, 2, ... 9, the order of month numbers sorted as text.

If the months of a year are in text order, putting them into calendar order raises the
correlation of its season with related seasons; if they are in calendar order, it lowers it. The
gain in correlation is the evidence.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from uflux_kedro.quality.natural import NATURAL_LAGS, SUN, family, kind
from uflux_kedro.quality.phase import Seasons, standard_error
from uflux_kedro.quality.years import LAGS, Array, Years, lag_profile, peak

TEXT_ORDER = tuple(int(m) - 1 for m in sorted(str(m) for m in range(1, 13)))
"""Month (0 to 11) at each position of a year in text order."""

IN_TEXT_ORDER = "months in text order (1, 10, 11, 12, 2 ... 9)"
"""Name of the defect in findings."""

_LEAST_GAIN = 0.1
"""Smallest gain in correlation that counts."""
_BETTER = 0.02
"""Least advantage in correlation over the best lag; otherwise the lag is the simpler account."""
_MONTHS = 3
"""Months by which February to September are late in text order."""
_SOME = 0.25
"""Share of a column's sites at which text order must explain more than a lag, for it to be
preferred at sites where both explain as much."""
_LEAST_CORRELATION = 0.7
"""Smallest correlation of the year in calendar order with related seasons."""


def in_calendar_order(year: Array) -> Array:
    """Return a year, shape (..., 12), with its months moved from text to calendar order."""
    return year[..., np.argsort(TEXT_ORDER)]


def months_in_text_order(years: Years, seasons: Seasons, false_alarm: float) -> pd.DataFrame:
    """Find sites with months in text order.

    Args:
        years: Site-years.
        seasons: Seasons of their columns.
        false_alarm: Chance of any alarm in a table without such columns, divided among all sites
            and columns (Bonferroni).

    Returns:
        One row per judged site and column: ``site_id``, ``variable``, ``r`` and ``r_right``
        (correlation with related seasons as read and in calendar order), ``gain`` and its
        ``error``, ``lag`` (months, as read), ``alarm``, and ``everywhere`` (whether the column
        is in text order on all its sites pooled).
    """
    columns = [c for c in seasons.mean if c != SUN]
    found = [_of_column(years, seasons, c, _references(c, columns)) for c in columns]
    tables = [t for t in found if t is not None]
    names = ["site_id", "variable", "r", "r_right", "gain", "error", "lag", "alarm", "everywhere"]
    if not tables:
        return pd.DataFrame(columns=names)
    table = pd.concat(tables, ignore_index=True)
    z = stats.norm.isf(false_alarm / 2 / len(table))
    gains = (table["gain"] - _LEAST_GAIN > z * table["error"]) & (table["least"] > 0)
    gains &= table["r_right"] > _LEAST_CORRELATION
    better = gains & (table["r_right"] > table["best"] + _BETTER)
    # In text order a short summer moves by three months without changing its shape, so that a lag
    # explains it equally well; the column's other sites decide between the two.
    as_good = gains & ~better & (table["r_right"] > table["best"] - _BETTER)
    as_good &= (table["lag"] - _MONTHS).abs() < 0.6
    of_column = table["variable"]
    clear = better.groupby(of_column).sum() >= _SOME * (better | as_good).groupby(of_column).sum()
    better |= as_good & of_column.map(clear).astype(bool)
    table["alarm"] = better
    level = false_alarm / 2 / table["variable"].nunique()
    by_column = table["gain"].where(better, table["gain"].clip(upper=0)).groupby(table["variable"])
    everywhere = by_column.agg(lambda gain: _pooled(gain, level))
    table["everywhere"] = table["variable"].map(everywhere).astype(bool)
    return table[names]


def _references(column: str, columns: list[str]) -> list[str]:
    """Return related columns of another kind, the sun among them."""
    return [
        other
        for other in [*columns, SUN]
        if kind(other) != kind(column)
        and (_usual_lag(column, other) is not None or _usual_lag(other, column) is not None)
    ]


def _usual_lag(late: str, reference: str) -> float | None:
    """Return the usual lag of the first season behind the second; None if they are unrelated."""
    natural = NATURAL_LAGS.get((family(late), family(reference)))
    return None if natural is None else natural.middle


def _of_column(
    years: Years, seasons: Seasons, column: str, references: list[str]
) -> pd.DataFrame | None:
    if not references:
        return None
    right = in_calendar_order(seasons.mean[column])
    profiles, profiles_right, gains = [], [], []
    for reference in references:
        usual = _usual_lag(column, reference)
        middle = usual if usual is not None else -(_usual_lag(reference, column) or 0.0)
        near = round(middle) + np.arange(-1, 2)
        unclear = ~seasons.clear[reference]
        profile = lag_profile(seasons.mean[column], seasons.mean[reference])
        profile_right = lag_profile(right, seasons.mean[reference], near)
        drawn = [
            lag_profile(year, seasons.drawn[reference], near).max(-1)
            for year in (seasons.drawn[column], in_calendar_order(seasons.drawn[column]))
        ]
        profile[unclear], profile_right[unclear] = np.nan, np.nan
        profiles.append(np.roll(profile, -round(middle), axis=-1))
        profiles_right.append(profile_right.max(-1))
        gains.append(np.where(unclear, np.nan, drawn[1] - drawn[0]))
    at = (-LAGS[0] + np.arange(-1, 2)) % 12
    r_by_lag, r_right = _mean(profiles), _mean(profiles_right)
    gain_each = [b - a[..., at].max(-1) for a, b in zip(profiles, profiles_right, strict=True)]
    gain = _mean(gain_each)
    judged = np.isfinite(gain) & seasons.clear[column]
    if not judged.any():
        return None
    error = standard_error(_mean(gains)[:, judged] - gain[judged], years.count[judged], _LEAST_GAIN)
    lag, _ = peak(r_by_lag[judged])
    return pd.DataFrame(
        {
            "site_id": np.asarray(years.sites)[judged],
            "variable": column,
            "r": r_by_lag[judged][:, -LAGS[0]],
            "best": r_by_lag[judged].max(-1),
            "r_right": r_right[judged],
            "gain": gain[judged],
            "least": np.nanquantile(np.stack(gain_each)[:, judged], 0.25, axis=0),
            "error": error,
            "lag": lag,
        }
    )


def _pooled(gain: pd.Series, level: float) -> bool:
    """Return whether the gain pooled over sites is significant, and positive at most sites."""
    n = len(gain)
    if n < 4 or gain.std() == 0:
        return False
    t = (gain.mean() - _LEAST_GAIN) / (gain.std() / np.sqrt(n))
    return bool(stats.t.sf(t, n - 1) < level and (gain > _LEAST_GAIN).mean() > 0.5)


def _mean(arrays: list[Array]) -> Array:
    stack = np.stack(arrays)
    known = np.isfinite(stack)
    with np.errstate(invalid="ignore"):
        return np.where(known, stack, 0.0).sum(0) / known.sum(0)
