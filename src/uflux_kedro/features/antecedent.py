"""Predictors of a day from the days before it: means, days since rain, water balance.

Days are found by the calendar, never by the row: a day that is missing, in a gap or before the record
begins, is one of its window without a value. A window must have :data:`LEAST_SHARE` of its days. The
same function serves towers, the series of a place and maps; lazy maps give lazy results.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.lazy import pd, xr
from uflux_kedro.variables import HISTORY, parse_predictor, predictor_name, variable_of

LEAST_SHARE = 0.5
"""Share of the days of a window that must have a value."""
LEAD = max(history.days for history in HISTORY.values()) - 1
"""Days before the first one that a window may reach."""
_WET = 1.0
"""mm: a day with as much rain, or more, ends a dry spell."""
_BLOCK = 64
"""Cells along each axis of a map that are in memory at a time, with all days."""


def split_antecedent(predictor: str) -> tuple[str, str]:
    """Return a predictor of the days before as that of the day itself and the ending.

    ``ERA5_TA_MEAN30`` gives ``("ERA5_TA", "MEAN30")``; any other name gives two empty strings.
    """
    stem, _, ending = predictor.rpartition("_")
    if ending in HISTORY and HISTORY[ending].days and parse_predictor(predictor)[1]:
        return stem, ending
    return "", ""


def inputs_of(predictors: Iterable[str]) -> set[str]:
    """Return what predictors of the days before are computed from, by name."""
    found = set()
    for name in predictors:
        stem, ending = split_antecedent(name)
        if stem:
            prefix = parse_predictor(stem)[0]
            found |= {stem, *(predictor_name(prefix, n) for n in HISTORY[ending].needs)}
    return found


def antecedent_names(given: Collection[str]) -> set[str]:
    """Return the predictors of the days before that can be computed from given ones."""
    found = set()
    for stem in given:
        source, variable = parse_predictor(stem)
        if not variable or variable_of(stem).kind in ("flux", "site", "category"):
            continue
        for ending, history in HISTORY.items():
            needs = {predictor_name(source, n) for n in history.needs}
            if history.days and variable in (history.of or (variable,)) and needs <= set(given):
                found.add(f"{stem}_{ending}")
    return found


def require_days(predictors: Iterable[str], resolution: str) -> None:
    """Refuse predictors of the days before where towers are not daily.

    Raises:
        ConfigurationError: Naming the predictors.
    """
    names = sorted({name for name in predictors if split_antecedent(name)[0]})
    if names and resolution != "DD":
        raise ConfigurationError(
            f"towers.resolution: expected DD, since {', '.join(names)} are of the days before; "
            f"found {resolution}"
        )


def antecedent_predictors(
    data: xr.Dataset, predictors: Iterable[str], last: int | None = None
) -> xr.Dataset:
    """Make predictors of the days before.

    Args:
        data: The day's own predictors by name, days along ``time`` in order, each once, with or
            without gaps; any other dimensions.
        predictors: Names; those that are not of the days before, or lack an input, are not made.
        last: Number of the last days that are wanted; None for all.

    Returns:
        The predictors alone, float32, on these days, lazy where the inputs are; NaN where less
        than half of a window has values. ``MEAN7``, ``MEAN30`` and ``MEAN90`` are means of the
        last days, the day itself included; ``DRY`` the days since the last with 1 mm of rain or
        more, 90 where there is none in 90 days; ``PET30`` and ``PET90`` the sum of precipitation
        less potential evapotranspiration (:func:`uflux_kedro.biophysics.makkink`), mm.

    Raises:
        InputError: If times are not of days, or out of order.
    """
    wanted = [(name, *split_antecedent(name)) for name in dict.fromkeys(predictors)]
    wanted = [w for w in wanted if w[1] in data and inputs_of([w[0]]) <= set(data.variables)]
    place = _days(data.indexes["time"])
    time = data["time"] if last is None else data["time"][max(len(place) - last, 0) :]
    made = {}
    for name, stem, ending in wanted:
        history = HISTORY[ending]
        values, function = data[stem], _dry if ending == "DRY" else _mean
        if history.needs:
            values = values - _potential(data, parse_predictor(stem)[0])
            function = _sum
        values = _in_blocks(values)
        made[name] = xr.apply_ufunc(
            function, values,
            kwargs={"place": place, "days": history.days, "last": time.size},
            input_core_dims=[["time"]], output_core_dims=[["time"]], exclude_dims={"time"},
            dask="parallelized", output_dtypes=["float32"],
            dask_gufunc_kwargs={"output_sizes": {"time": time.size}},
        ).assign_coords(time=time).transpose(*data[stem].dims)  # fmt: skip
        made[name].attrs = variable_of(name).cf_attributes()
    return xr.Dataset(made)


def antecedents_at_towers(table: pd.DataFrame, predictors: Iterable[str]) -> pd.DataFrame:
    """Add predictors of the days before to a table of towers.

    Args:
        table: ``site_id``, ``time`` (days, each once per site) and the day's own predictors. Days
            without fluxes serve as well, such as those before a tower's first flux.
        predictors: Names; see :func:`antecedent_predictors`.

    Returns:
        The table with the new columns.
    """
    names = [name for name in dict.fromkeys(predictors) if split_antecedent(name)[0]]
    names = [name for name in names if name not in table]
    wanted = [str(c) for c in table if c in inputs_of(names)]
    parts = []
    for _, rows in table.groupby("site_id", sort=False):
        ordered = rows.sort_values("time")
        record = xr.Dataset(
            {n: ("time", ordered[n].to_numpy("float32")) for n in wanted},
            {"time": pd.DatetimeIndex(ordered["time"])},
        )
        made = antecedent_predictors(record, names)
        parts.append(pd.DataFrame({n: made[n].to_numpy() for n in made}, index=ordered.index))
    return table.join(pd.concat(parts)) if wanted else table


def _potential(data: xr.Dataset, prefix: str) -> Any:
    from uflux_kedro.biophysics.evapotranspiration import makkink  # imports xarray

    temperature, light = (data[predictor_name(prefix, n)] for n in ("TA", "SW_IN"))
    return makkink(temperature, light)


def _days(time: pd.DatetimeIndex) -> NDArray[np.int64]:
    """Return the number of each day, counted from the first."""
    days = (time - time[0]) / pd.Timedelta("1D") if len(time) else np.empty(0)
    place = np.rint(np.asarray(days, dtype=float)).astype(np.int64)
    if not np.array_equal(place, days) or (np.diff(place) < 1).any():
        raise InputError(
            "record of days", "time", expected="days in order, each once", found="others"
        )
    return place


def _in_blocks(values: xr.DataArray) -> xr.DataArray:
    """Return lazy values with all days in one chunk, and few cells."""
    if values.chunks is None:
        return values
    return values.chunk({d: -1 if d == "time" else _BLOCK for d in values.dims})


def _on_calendar(values: NDArray, place: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return values (..., days of the calendar), NaN on those that are missing."""
    calendar = np.full((*values.shape[:-1], place[-1] + 1 if len(place) else 0), np.nan)
    calendar[..., place] = values
    return calendar


def _windows(calendar: NDArray, days: int) -> NDArray:
    """Return a view of the last days of each day, (..., days of the calendar, days).

    A window adds up the same wherever a record begins, unlike a running sum.
    """
    before = np.full((*calendar.shape[:-1], days - 1), np.nan)
    return np.lib.stride_tricks.sliding_window_view(
        np.concatenate([before, calendar], axis=-1), days, axis=-1
    )


def _mean(values: NDArray, place: NDArray[np.int64], days: int, last: int) -> NDArray[np.float32]:
    """Return means over the days of the window, of the last days of a record, (..., time)."""
    calendar = _on_calendar(values, place)
    wanted = place[len(place) - last :]
    total = np.nansum(_windows(calendar, days)[..., wanted, :], axis=-1)
    count = _known(np.isfinite(calendar), days)[..., wanted]
    mean = np.where(count >= LEAST_SHARE * days, total / np.maximum(count, 1), np.nan)
    return mean.astype(np.float32)


def _sum(values: NDArray, place: NDArray[np.int64], days: int, last: int) -> NDArray[np.float32]:
    """Return sums over the days of the window, those without a value taken to be as the others."""
    return _mean(values, place, days, last) * np.float32(days)


def _dry(values: NDArray, place: NDArray[np.int64], days: int, last: int) -> NDArray[np.float32]:
    """Return the days since rain, at most the window, of the last days, (..., time)."""
    calendar = _on_calendar(values, place)
    number = np.arange(calendar.shape[-1])
    rained = np.maximum.accumulate(np.where(calendar >= _WET, number, -days), axis=-1)
    since = np.minimum(number - rained, days)
    found = (since < days) | (_known(np.isfinite(calendar), days) >= LEAST_SHARE * days)
    return np.where(found, since, np.nan)[..., place[len(place) - last :]].astype(np.float32)


def _known(known: NDArray[np.bool_], days: int) -> NDArray[np.int64]:
    """Return the number of days with a value in each window."""
    count = np.cumsum(known, axis=-1, dtype=np.int64)
    count[..., days:] -= count[..., :-days].copy()
    return count
