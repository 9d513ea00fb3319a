"""A filler learnt from other towers, for towers whose own record is short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.errors import InputError
from uflux_kedro.gapfilling.predictors import joined_driver, place_of, predictors_of
from uflux_kedro.readers.towers.half_hours import FLUXES, HalfHours

POOLED = "pooled"
"""Name of the filler."""

_NEEDED = ("SW_IN", "TA")
_DRIVERS = (*_NEEDED, "VPD")
_MOST_ROWS = 5_000
"""Rows of a record at most: towers differ more than the days of one."""
_FOLDS = 5
"""Groups of towers that share their trees, so that the cost grows with the towers, not with their square."""
_LEAST_TOWERS = 3
_SHORT_DAYS = 183
"""Days of measured values below which a record is short."""
_NEAR = 0.1
"""Degrees within which two towers are at the same place."""
_LEAST_KNOWN = 0.3
"""Share of the steps at which SW_IN and TA must be known for a tower to teach others."""
_PRIOR = 50.0
"""Records at which a tower's own line counts as much as its scale alone: neighbours in time are alike."""
_TREES: dict[str, Any] = {
    "n_estimators": 150, "max_depth": 6, "learning_rate": 0.08, "subsample": 0.8,
    "colsample_bytree": 0.5, "min_child_weight": 50, "max_bin": 64, "tree_method": "hist",
}  # fmt: skip


@dataclass(frozen=True)
class Pooled:
    """Boosted trees of many towers' fluxes, each in units of its tower's standard deviation.

    Attributes:
        predictors: Names of the predictors.
        models: Flux -> trees.
        towers: Towers that they saw.
        places: Latitude and longitude of those whose place is known.
    """

    predictors: tuple[str, ...]
    models: Mapping[str, Any]
    towers: tuple[str, ...]
    places: tuple[tuple[float, float], ...]

    def predict(self, flux: str, predictors: pd.DataFrame) -> NDArray[np.float64] | None:
        """Return a flux in standard deviations, (steps,); None if it or a predictor is not there.

        Args:
            flux: NEE, LE or H.
            predictors: As of :func:`uflux_kedro.gapfilling.predictors.predictors_of`.
        """
        if flux not in self.models or not set(self.predictors) <= set(predictors):
            return None
        rows = predictors[list(self.predictors)].to_numpy()
        return self.models[flux].predict(rows).astype(np.float64)

    def saw(self, latitude: float | None, longitude: float | None) -> bool:
        """Return whether a tower at this place was among those seen."""
        return any(_near((latitude, longitude), place) for place in self.places)


@dataclass(frozen=True)
class _Lesson:
    """What a record teaches others.

    Attributes:
        record: The record.
        rows: Flux -> some rows with its predictors, ``flux`` and ``tower``.
    """

    record: HalfHours
    rows: dict[str, pd.DataFrame]


def fit_pooled(
    records: Sequence[HalfHours], fluxes: Sequence[str] = FLUXES, seed: int = 0
) -> Pooled:
    """Learn how fluxes follow the weather at many towers.

    Towers count alike, however long their records are, of each of which up to 5,000 rows of whole
    days are taken, evenly over time. Predictors are those of SW_IN, TA and VPD, the sun and the hour that
    all records have; the day is none, for a season is no date elsewhere. Records without SW_IN or TA are
    left out.

    Args:
        records: Records of other towers than the one to fill, and not beside it.
        fluxes: Fluxes.
        seed: Seed of the trees.

    Raises:
        InputError: If no record has both SW_IN and TA.
    """
    lessons = [_lesson(r, fluxes) for r in records if _has_drivers(r)]
    if not lessons:
        raise InputError("other towers", ", ".join(_NEEDED), expected="a record with both",
                         found=f"none of {len(records)}")  # fmt: skip
    return _learnt(lessons, fluxes, seed)


def apart_from(records: Sequence[HalfHours], own: Sequence[HalfHours]) -> list[HalfHours]:
    """Return the records of towers that are neither among ``own`` nor within 0.1 degrees of one.

    Args:
        records: All records.
        own: Records that may know nothing of one another's truth, such as those of a fold.
    """
    return [r for r in records if not any(_same_tower(r, o) for o in own)]


def pools_of(
    records: Sequence[HalfHours], fluxes: Sequence[str], seed: int = 0
) -> dict[str, Pooled]:
    """Learn from the other towers for each tower whose record is short.

    Towers are split into five groups at most; the trees of a group saw none of its towers, nor any
    beside one of them.

    Args:
        records: Records of a run, without still nights.
        fluxes: Fluxes.
        seed: Seed of the trees.

    Returns:
        Name of the record -> trees, for records with less than half a year of measured values of one of
        the fluxes. None where fewer than three towers are there, or fewer than two are left to learn from.
    """
    towers = sorted({r.site_id for r in records})
    pools: dict[str, Pooled] = {}
    if len(towers) < _LEAST_TOWERS:
        return pools
    lessons = {id(r): _lesson(r, fluxes) for r in records if _has_drivers(r)}
    for fold in range(_FOLDS):
        own = [r for r in records if r.site_id in towers[fold::_FOLDS]]
        short = [r.name for r in own if _is_short(r, fluxes)]
        others = [lessons[id(r)] for r in apart_from(records, own) if id(r) in lessons]
        if short and len({lesson.record.site_id for lesson in others}) > 1:
            pools |= dict.fromkeys(short, _learnt(others, fluxes, seed))
    return pools


def tuned(
    pooled: NDArray[np.float64], flux: NDArray[np.float64], day: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return a pooled prediction in the unit of a tower, by a line by day and one by night.

    The lines fit the tower's measured records, and are drawn to its standard deviation alone where
    these are few.

    Args:
        pooled: In standard deviations, (steps,).
        flux: Measured values, NaN where there is none or it is hidden, (steps,).
        day: Whether the sun shines, (steps,).
    """
    known = np.isfinite(flux)
    scale = float(np.std(flux[known])) or 1.0
    tuned = np.empty(len(flux))
    for part in (False, True):
        inside = day == part
        own = inside & known
        X = np.column_stack([np.ones(own.sum()), pooled[own]])
        offset, slope = np.linalg.solve(
            X.T @ X + _PRIOR * np.eye(2), X.T @ (flux[own] / scale) + _PRIOR * np.array([0.0, 1.0])
        )
        tuned[inside] = scale * (offset + slope * pooled[inside])
    return tuned


def _lesson(record: HalfHours, fluxes: Sequence[str]) -> _Lesson:
    known = [f for f in fluxes if f in record.table and record.table[f].notna().any()]
    predictors = _predictors(record)
    return _Lesson(record, {f: _rows(record, predictors, f) for f in known})


def _learnt(lessons: Sequence[_Lesson], fluxes: Sequence[str], seed: int) -> Pooled:
    tables = [rows for lesson in lessons for rows in lesson.rows.values()]
    shared = [c for c in tables[0] if all(c in t for t in tables)] if tables else []
    predictors = [c for c in shared if c not in ("flux", "tower")]
    models = {}
    for flux in fluxes:
        parts = [lesson.rows[flux] for lesson in lessons if flux in lesson.rows]
        if parts:
            models[flux] = _fitted(pd.concat(parts, ignore_index=True), predictors, seed)
    records = [lesson.record for lesson in lessons]
    places = {(r.latitude, r.longitude) for r in records
              if r.latitude is not None and r.longitude is not None}  # fmt: skip
    towers = tuple(sorted({r.site_id for r in records}))
    return Pooled(tuple(predictors), models, towers, tuple(sorted(places)))


def _has_drivers(record: HalfHours) -> bool:
    return all(
        np.isfinite(joined_driver(record.table, name)).mean() >= _LEAST_KNOWN for name in _NEEDED
    )


def _is_short(record: HalfHours, fluxes: Sequence[str]) -> bool:
    """Return whether one of the fluxes has less than half a year of measured values."""
    least = _SHORT_DAYS * record.steps_a_day
    return any(0 < record.table[f].notna().sum() < least for f in fluxes if f in record.table)


def _predictors(record: HalfHours) -> pd.DataFrame:
    """Return the predictors that a record has and another tower may have."""
    columns = [c for c in record.table if c.removesuffix("_ERA") in _DRIVERS]
    predictors = predictors_of(
        record.table[columns],
        np.zeros(len(record.table), dtype=bool),
        record.steps_a_day,
        place_of(record.latitude, record.longitude, record.utc_offset),
    )
    return predictors.drop(columns="day")


def _rows(record: HalfHours, predictors: pd.DataFrame, flux: str) -> pd.DataFrame:
    """Return rows with a measured ``flux``, whole days evenly over time, and their ``tower``."""
    values = record.table[flux].to_numpy(dtype=float)
    known = np.flatnonzero(np.isfinite(values))
    day = known // record.steps_a_day
    taken = known[day % int(np.ceil(len(known) / _MOST_ROWS)) == 0]
    return predictors.iloc[taken].assign(flux=values[taken], tower=record.site_id)


def _fitted(rows: pd.DataFrame, shared: Sequence[str], seed: int) -> Any:
    from xgboost import XGBRegressor

    towers = rows.groupby("tower")["flux"]
    y = (rows["flux"] / towers.transform("std", ddof=0).replace(0.0, 1.0)).to_numpy()
    weight = (1 / towers.transform("size")).to_numpy()
    return XGBRegressor(**_TREES, random_state=seed, n_jobs=1).fit(
        rows[list(shared)].to_numpy(), y, sample_weight=weight * len(rows) / weight.sum()
    )


def _same_tower(one: HalfHours, other: HalfHours) -> bool:
    places = ((r.latitude, r.longitude) for r in (one, other))
    return one.site_id == other.site_id or _near(*places)


def _near(one: tuple[float | None, float | None], other: tuple[float | None, float | None]) -> bool:
    """Return whether two places are within 0.1 degrees; unknown ones are not."""
    return all(
        a is not None and b is not None and abs(a - b) < _NEAR
        for a, b in zip(one, other, strict=True)
    )
