"""Fill and partition the record of one tower, and arrange what comes out as FLUXNET does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling.artificial_gaps import scenario_of
from uflux_kedro.gapfilling.companions import driver
from uflux_kedro.gapfilling.drivers import fill_drivers
from uflux_kedro.gapfilling.filler import GapFiller
from uflux_kedro.gapfilling.fluxnet_tables import PERIODS, as_text, file_name, half_hours, periods
from uflux_kedro.gapfilling.mds import fill_mds
from uflux_kedro.gapfilling.parameters import GapFillingParameters, Method
from uflux_kedro.gapfilling.partitioning.day import partition_day
from uflux_kedro.gapfilling.partitioning.night import partition_night
from uflux_kedro.gapfilling.pooled import Pooled, pools_of
from uflux_kedro.gapfilling.scoreboard import score_record
from uflux_kedro.gapfilling.spikes import spike_column
from uflux_kedro.gapfilling.thresholds import REFERENCE, SPREAD, without_still_nights
from uflux_kedro.readers.towers.half_hours import FLUXES, HalfHours

_LEAST_TO_COMPARE = 1000
"""Measured records of a flux from which methods are compared, since up to half of them are hidden."""


def pools_of_run(
    records: Sequence[HalfHours], thresholds: pd.DataFrame, parameters: GapFillingParameters
) -> dict[str, Pooled]:
    """Return trees of the other towers for each short record, by its name, where the method takes any.

    Args:
        records: All records of a run, as measured.
        thresholds: Their thresholds of USTAR, with ``record``.
        parameters: Fluxes and seed; whether towers learn from one another.
    """
    if parameters.pooled == "never":
        return {}
    filtered = []
    for record in records:
        own = thresholds[thresholds["record"] == record.name]
        filtered.append(replace(record, table=without_still_nights(record, own, parameters.ustar)))
    return pools_of(filtered, parameters.fluxes, parameters.seed)


def filler_of(
    record: HalfHours,
    parameters: GapFillingParameters,
    method: Method,
    *,
    pooled: Pooled | None = None,
) -> GapFiller:
    """Return the filler of a tower, not fitted yet."""
    return GapFiller(
        method=method,
        fluxes=tuple(f for f in parameters.fluxes if f in record.table),
        latitude=record.latitude,
        longitude=record.longitude,
        utc_offset=record.utc_offset,
        level=parameters.level,
        seed=parameters.seed,
        n_jobs=parameters.n_jobs,
        pooled=pooled,
    )


class FilledTower(NamedTuple):
    """A filled record.

    Attributes:
        steps: What the filler returned, and ``NEE_VUT_16_F``, ``NEE_VUT_50_F`` and ``NEE_VUT_84_F``
            where there are thresholds.
        sums: Sums of days, months and years, with ``period``.
        to_date: Sums from the start to each day.
        hidden: Records that were hidden from the fillers, and what filled them.
    """

    steps: pd.DataFrame
    sums: pd.DataFrame
    to_date: pd.DataFrame
    hidden: pd.DataFrame


def fill_tower(
    record: HalfHours,
    thresholds: pd.DataFrame,
    parameters: GapFillingParameters,
    pooled: Pooled | None = None,
) -> FilledTower:
    """Fill the fluxes of a record.

    Args:
        record: The record, as measured.
        thresholds: Its thresholds of USTAR; none leaves still nights in.
        parameters: Method, fluxes, level, seed; which thresholds.
        pooled: Trees of other towers, if the record is short.

    Raises:
        InputError: If no flux has enough measured values.
    """
    table = without_still_nights(record, thresholds, parameters.ustar)
    filler = filler_of(record, parameters, parameters.method, pooled=pooled)
    try:
        filled = filler.fit(table).fill(table)
    except InputError as error:  # which tower it is, a filler does not know
        raise InputError(
            record.source, error.variable, expected=error.expected, found=error.found
        ) from error
    sums = pd.concat([filler.sums(p).assign(period=p) for p in PERIODS], ignore_index=True)
    if "NEE_F" in filled and len(thresholds) and parameters.ustar.spread:
        for percentile in SPREAD:
            other = without_still_nights(record, thresholds, parameters.ustar, float(percentile))
            drivers = (driver(other, v, needed=False) for v in ("SW_IN", "TA", "VPD"))
            mds = fill_mds(other["NEE"], *drivers, steps_a_day=record.steps_a_day)
            filled[f"NEE_VUT_{percentile}_F"] = mds.value
    hidden = filler.hidden(pd.DatetimeIndex(table.index))
    return FilledTower(filled, sums, filler.to_date(), hidden)


def score_tower(
    record: HalfHours,
    thresholds: pd.DataFrame,
    parameters: GapFillingParameters,
    pooled: Pooled | None = None,
) -> pd.DataFrame:
    """Compare the methods on artificial gaps of a record, without still nights.

    Args:
        record: The record, as measured.
        thresholds: Its thresholds of USTAR.
        parameters: Methods, scenarios, draws.
        pooled: Trees of other towers, if the record is short.

    Returns:
        As of :func:`uflux_kedro.gapfilling.scoreboard.score_record`; no rows without scenarios, or
        without a flux that has enough measured values to hide some.
    """
    board = parameters.scoreboard
    table = without_still_nights(record, thresholds, parameters.ustar)
    enough = [f for f in parameters.fluxes
              if f in table and table[f].notna().sum() >= _LEAST_TO_COMPARE]  # fmt: skip
    if not enough:
        return pd.DataFrame()
    return score_record(
        table.drop(columns=[f for f in FLUXES if f in table and f not in enough]),
        partial(
            filler_of,
            record,
            parameters.model_copy(update={"fluxes": tuple(enough)}),
            pooled=pooled,
        ),
        board.methods,
        board.scenarios,
        parameters.scenarios,
        parameters.seed,
        record.steps_a_day,
        board.draws,
    )


def scores_by_length(scoreboard: pd.DataFrame, parameters: GapFillingParameters) -> pd.DataFrame:
    """Return the scores of scenarios whose gaps are of one length, with ``days``, if there are two of them.

    Args:
        scoreboard: As of :func:`score_tower`, of any number of records.
        parameters: For scenarios of the configuration.
    """
    if scoreboard.empty:
        return scoreboard
    scenarios = {n: scenario_of(n, parameters.scenarios) for n in scoreboard["scenario"].unique()}
    days = {n: next(iter(s.days)) for n, s in scenarios.items() if len(s.days) == 1}
    whole = scoreboard[(scoreboard["part"] == "all") & scoreboard["scenario"].isin(list(days))]
    table = whole.assign(days=whole["scenario"].map(days))
    return table if len(set(table["days"])) > 1 else table.iloc[:0]


def partition_tower(
    record: HalfHours,
    thresholds: pd.DataFrame,
    filled: pd.DataFrame,
    parameters: GapFillingParameters,
) -> pd.DataFrame:
    """Partition filled NEE into GPP and RECO, with parameters from measured NEE.

    Args:
        record: The record, as measured; gaps in its weather are closed first.
        thresholds: Its thresholds of USTAR.
        filled: Steps of :class:`FilledTower`.
        parameters: Methods.

    Returns:
        ``GPP_NT``, ``RECO_NT``, ``GPP_DT``, ``RECO_DT`` of the methods, and ``GPP_NT_VUT_16`` and so on
        where NEE was filled for other thresholds; no columns without NEE, TA or SW_IN.
    """
    weather = fill_drivers(record.table)
    closed = {v: weather[f"{v}_F"] for v in ("TA", "SW_IN", "VPD") if f"{v}_F" in weather}
    if "NEE_F" not in filled or not {"TA", "SW_IN"} <= {*record.table, *closed}:
        return pd.DataFrame(index=record.table.index)

    def parts(percentile: float, column: str) -> pd.DataFrame:
        measured = without_still_nights(record, thresholds, parameters.ustar, percentile)
        table = measured.assign(**closed, NEE_F=filled[column])
        if "NEE_RANDUNC" in filled:  # not where no records are alike
            table = table.assign(NEE_RANDUNC=filled["NEE_RANDUNC"])
        return _partitioned(table, record, parameters.partition)

    columns = [parts(REFERENCE, "NEE_F")]
    for percentile in SPREAD:
        if (column := f"NEE_VUT_{percentile}_F") in filled:
            columns.append(parts(percentile, column).add_suffix(f"_VUT_{percentile}"))
    return pd.concat(columns, axis="columns", sort=False)


def _partitioned(table: pd.DataFrame, record: HalfHours, methods: Sequence[str]) -> pd.DataFrame:
    """Partition the filled NEE of a table by each method."""
    place: dict[str, Any] = {
        "latitude": record.latitude,
        "longitude": record.longitude,
        "utc_offset": record.utc_offset,
    }
    partitioned = pd.DataFrame(index=table.index)
    if "night" in methods:
        partitioned = partitioned.join(partition_night(table, **place))
    if "day" in methods:
        error = "NEE_RANDUNC" if "NEE_RANDUNC" in table else None
        partitioned = partitioned.join(partition_day(table, **place, error=error))
    return partitioned


def tables_of_tower(
    record: HalfHours, filled: pd.DataFrame, partitioned: pd.DataFrame, sums: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Return the tables of a tower by their file names, as text.

    Args:
        record: The record, as measured and checked.
        filled: Steps of :class:`FilledTower`.
        partitioned: As of :func:`partition_tower`.
        sums: Those of :class:`FilledTower`.
    """
    hours = half_hours(record.table, filled, partitioned)
    marks = [name for f in FLUXES if (name := spike_column(f)) in record.table]
    hours = hours.assign(**{name: record.table[name] for name in marks})
    index = pd.DatetimeIndex(record.table.index)
    step = "HH" if record.steps_a_day == 48 else "HR"
    tables = {step: hours} | {
        p: periods(hours, p, _errors(sums[sums["period"] == p], p)) for p in PERIODS
    }
    return {
        f"{record.site_id}/{file_name(record.site_id, s, index)}": as_text(t, s)
        for s, t in tables.items()
    }


def sites_table(records: Sequence[HalfHours]) -> pd.DataFrame:
    """Return the table of sites of the towers whose place and land cover are known."""
    known = [r for r in records if r.latitude is not None and r.IGBP is not None]
    rows = {
        r.site_id: {"SITE_ID": r.site_id, "LOCATION_LAT": r.latitude, "LOCATION_LONG": r.longitude,
                    "IGBP": r.IGBP}
        for r in known
    }  # fmt: skip
    return pd.DataFrame(rows.values(), columns=["SITE_ID", "LOCATION_LAT", "LOCATION_LONG", "IGBP"])


def _errors(sums: pd.DataFrame, period: str) -> pd.DataFrame:
    """Return the errors of a period's means with FLUXNET's names, by the start of the period."""
    columns = {}
    for flux, rows in sums.groupby("flux"):
        start = pd.DatetimeIndex(rows["time"])
        by_time = rows.set_index(start)
        days = np.ones(len(start)) if period == "DD" else start.days_in_month.to_numpy()
        # Sums of carbon are of the whole period, FLUXNET's values of days and months of a day.
        share = days if flux == "NEE" and period != "YY" else 1.0
        stem = "NEE_VUT_REF" if flux == "NEE" else str(flux)
        columns[f"{stem}_RANDUNC"] = by_time["random"] / share
        columns[f"{stem}_JOINTUNC"] = by_time["total"] / share
    return pd.DataFrame(columns)
