"""Kernel of the products: predict a region with all members of a flux, reading its drivers once.

Memory holds the land cells of one region, whatever the size of the product. Only land is predicted,
in blocks of rows; missing and out-of-range drivers are flagged.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import accumulate, pairwise
from typing import Any, Protocol

import numpy as np
import xarray as xr
from joblib import Parallel, delayed
from numpy.typing import NDArray

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.models.fitted import SUSPICIOUS_SHARE
from uflux_kedro.products.fields import (
    BY_RULE,
    INAPPLICABLE,
    INCOMPLETE,
    NO_MEMBER,
    OUTSIDE,
    Field,
    Unvegetated,
)
from uflux_kedro.variables import IGBP_CLASSES, SITE_PREDICTORS, UNVEGETATED

logger = logging.getLogger(__name__)

WHERE = "drivers cube"

_UNVEGETATED = [IGBP_CLASSES[name] for name in UNVEGETATED]
_ZERO_BY_RULE = ("mean", "std", "lower", "upper", "quantiles", "members")
"""Fields that are zero where a flux is zero by rule; no member predicts, and no tower supports it."""


class Predictor(Protocol):
    """A fitted member: its predictors and their prediction.

    Its ``card``, if there is one, holds the training ranges of the predictors; its ``packed``
    model, if there is one, predicts complete rows.
    """

    @property
    def predictors(self) -> Sequence[str]:
        """Names of the columns, in the model's order."""

    def predict(self, X: NDArray[np.float32], /) -> NDArray:
        """Predict the flux of rows, shape (n, predictors) to (n,)."""


class Bounds(Protocol):
    """Intervals of rows, and how well towers cover them; each of shape (n,)."""

    @property
    def lower(self) -> NDArray[np.float32]:
        """Lower bounds, in the flux's unit."""

    @property
    def upper(self) -> NDArray[np.float32]:
        """Upper bounds, in the flux's unit."""

    @property
    def completeness(self) -> NDArray[np.float32]:
        """Completeness of the sampling space, 0 to 1."""

    @property
    def outside(self) -> NDArray[np.bool_]:
        """Whether a row lies outside the area of applicability."""


class Calibrated(Protocol):
    """Calibrated uncertainty of a flux.

    Its ``card`` holds ``checksum``, which identifies it, and ``level``, the share of unseen towers'
    values within its intervals. It is sent to workers, so that it pickles as something small.
    """

    @property
    def predictors(self) -> Sequence[str]:
        """Names of the columns, in its order."""

    @property
    def card(self) -> Mapping[str, Any]:
        """Its description."""

    def bounds(
        self, X: NDArray[np.float32], mean: NDArray[np.float32], std: NDArray[np.float32], /
    ) -> Bounds:
        """Return the intervals of rows.

        Args:
            X: Predictors (n, predictors); NaN where one is missing.
            mean: Mean over the members (n,), finite.
            std: Standard deviation over the members (n,); NaN where only one could predict.
        """


def level_of(uncertainty: Calibrated | None) -> float | None:
    """Return the level of the intervals, 0 to 1; None without any."""
    return None if uncertainty is None else float(uncertainty.card["level"])


def check_drivers(
    members: Mapping[str, Predictor],
    drivers: xr.Dataset,
    uncertainty: Calibrated | None = None,
) -> tuple[str, str]:
    """Check that the drivers hold everything that members and uncertainty need.

    Args:
        members: Name -> fitted member.
        drivers: Predictors and ``IGBP`` on one grid, with time.
        uncertainty: Calibrated uncertainty, if there is one.

    Returns:
        Axes of the grid: y and x, or latitude and longitude.

    Raises:
        ConfigurationError: If there are no members.
        InputError: If a coordinate, a predictor or ``IGBP`` is missing or has other dimensions.
    """
    if not members:
        raise ConfigurationError("Expected one or more members to predict with, found none")
    axes = ("y", "x") if "x" in drivers.dims else ("latitude", "longitude")
    dims = ("time", *axes)
    needed = dict.fromkeys(dims, "a coordinate of that name")
    for member, model in members.items():
        needed |= dict.fromkeys(model.predictors, f"a predictor of {member}")
    for name in () if uncertainty is None else uncertainty.predictors:
        needed.setdefault(name, "a predictor of the uncertainty")
    needed["IGBP"] = "land cover classes, 0 for water"
    for name, meaning in needed.items():
        if name not in drivers.variables:
            raise InputError(
                WHERE,
                name,
                expected=meaning,
                found=f"the variables {', '.join(map(str, drivers.variables))}",
            )
        extra = set(drivers[name].dims) - set(dims)
        if extra:
            raise InputError(
                WHERE,
                name,
                expected=f"dimensions among {', '.join(dims)}",
                found=f"also {', '.join(map(str, extra))}",
            )
    return axes


def time_chunks(drivers: xr.Dataset) -> list[slice]:
    """Return the chunks along time; one if the drivers are in memory."""
    chunks = drivers.unify_chunks().chunksizes.get("time", (drivers.sizes["time"],))
    return [slice(start, end) for start, end in pairwise([0, *accumulate(chunks)])]


def predict_region(
    members: Mapping[str, Predictor],
    drivers: xr.Dataset,
    fields: Sequence[Field],
    quantiles: Sequence[float] = (),
    *,
    n_jobs: int = 1,
    block_rows: int = 8192,
    mask: NDArray[np.bool_] | None = None,
    timing: dict[str, float] | None = None,
    uncertainty: Calibrated | None = None,
    unvegetated: Unvegetated = "predict",
) -> dict[str, NDArray]:
    """Predict all cells of a region.

    Args:
        members: Name -> fitted member.
        drivers: Drivers of the region, checked by :func:`check_drivers`.
        fields: Fields to compute.
        quantiles: Quantiles of the field ``quantiles``.
        n_jobs: Blocks predicted at a time, on threads; -1 for all cores.
        block_rows: Rows of a block.
        mask: Cells to predict (rows, columns), on top of the land mask; None for all land.
        timing: If given, its ``reading`` is set to the seconds spent on reading.
        uncertainty: Calibrated uncertainty, for the fields ``lower``, ``upper`` and
            ``completeness``.
        unvegetated: What the flux is on snow, ice and barren land: ``mask`` and ``zero`` leave no
            work for the members there, and set a bit of the flag.

    Returns:
        Name of the field -> its values, in the field's dimensions and type.
    """
    started = time.perf_counter()
    axes = fields[0].dims[-2:]
    # As a variable, without coordinates: those of a projection's cells are lazy as well.
    land_cover = drivers["IGBP"].variable.transpose(*axes)
    classes = land_cover.compute(scheduler="synchronous").to_numpy()
    land = classes > 0
    if mask is not None:
        land &= mask
    by_rule = land & np.isin(classes, _UNVEGETATED) & (unvegetated != "predict")
    land &= ~by_rule
    shape = (drivers.sizes["time"], *land.shape)
    lengths = {"member": len(members), "quantile": len(quantiles)}
    grids = {
        f.name: np.full((*(lengths[d] for d in f.dims[:-3]), *shape), f.empty, dtype=f.dtype)
        for f in fields
    }
    cells = np.flatnonzero(land)
    if cells.size:
        names = predictors_of(members, uncertainty)
        table = _read(drivers, names, axes, land.shape, cells)
        if timing is not None:
            timing["reading"] = time.perf_counter() - started
        rows = _predict_rows(members, names, table, quantiles, n_jobs, block_rows, uncertainty)
        for f in fields:
            values = rows[f.key]
            flat = grids[f.name].reshape(*values.shape[:-1], shape[0], -1)
            flat[..., cells] = values.reshape(*values.shape[:-1], shape[0], -1)
    for f in fields:
        if f.key == "flag":
            grids[f.name][..., by_rule] = BY_RULE
        elif unvegetated == "zero" and zero_by_rule(f):
            grids[f.name][..., by_rule] = 0
    return grids


def zero_by_rule(field: Field) -> bool:
    """Return whether a field is zero where the flux is zero by rule."""
    return field.key in _ZERO_BY_RULE


def predictors_of(
    members: Mapping[str, Predictor], uncertainty: Calibrated | None = None
) -> list[str]:
    """Return the predictors that members and uncertainty need, each once."""
    needed = [name for model in members.values() for name in model.predictors]
    return list(dict.fromkeys([*needed, *(uncertainty.predictors if uncertainty else ())]))


def _read(
    drivers: xr.Dataset,
    names: Sequence[str],
    axes: Sequence[str],
    shape: tuple[int, ...],
    cells: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the predictors of land cells (predictors, times x cells).

    ``cells`` are indices into the flattened map.
    """
    table = np.empty((len(names), drivers.sizes["time"], cells.size), dtype=np.float32)
    wanted = drivers[[*names, "time"]]
    for steps in time_chunks(wanted):
        part = wanted.isel(time=steps)
        sizes = dict(zip(("time", *axes), (part.sizes["time"], *shape), strict=True))
        for rows, name, values in zip(table, names, _loaded(part, names), strict=True):
            on_grid = xr.Variable(part[name].dims, values).set_dims(sizes).to_numpy()
            maps = on_grid.reshape(len(on_grid), -1)
            # Indices, since a mask would be scanned for every predictor; "clip", since "raise" copies.
            for row, one in zip(rows[steps], maps.astype(rows.dtype, copy=False), strict=True):
                np.take(one, cells, out=row, mode="clip")
    return table.reshape(len(names), -1)


def _loaded(drivers: xr.Dataset, names: Sequence[str]) -> Iterable[NDArray]:
    """Return the values of the drivers, in the order of their names.

    Lazy ones are computed together, since derived predictors share their inputs.
    """
    if all(drivers[name].chunks is None for name in names):
        return (drivers[name].to_numpy() for name in names)
    import dask

    # Each worker or thread has its own region, so there is nothing to parallelise further.
    return dask.compute(*(drivers[n].variable.data for n in names), scheduler="synchronous")


def _predict_rows(
    members: Mapping[str, Predictor],
    names: Sequence[str],
    table: NDArray[np.float32],
    quantiles: Sequence[float],
    n_jobs: int,
    block_rows: int,
    uncertainty: Calibrated | None,
) -> dict[str, NDArray]:
    """Return the fields of rows by key; the rows are the columns of ``table``."""
    position = {name: i for i, name in enumerate(names)}
    columns = [[position[name] for name in model.predictors] for model in members.values()]
    low, high = _ranges(members, names)
    n_rows = table.shape[1]
    of_members = np.full((len(members), n_rows), np.nan, dtype=np.float32)
    of_quantiles = np.full((len(quantiles), n_rows), np.nan, dtype=np.float32)
    mean, spread = np.full((2, n_rows), np.nan, dtype=np.float32)
    count = np.zeros(n_rows, dtype=np.int16)
    flag = np.zeros(n_rows, dtype=np.int8)
    judged = () if uncertainty is None else uncertainty.predictors
    judged_columns = [position[name] for name in judged]
    of_bounds = np.full((3, n_rows if uncertainty else 0), np.nan, dtype=np.float32)
    beyond: list[NDArray[np.int64]] = []

    def predict(rows: slice) -> None:
        values = table[:, rows]
        finite = np.isfinite(values)
        block = of_members[:, rows]
        for field, model, wanted in zip(block, members.values(), columns, strict=True):
            known = finite[wanted].all(axis=0)
            X = values[wanted].T if known.all() else values[wanted][:, known].T
            if len(X):
                # Rows are contiguous, as the trees traverse one row at a time.
                field[known] = np.ravel(_predict(model, np.ascontiguousarray(X)))
        mean[rows], spread[rows], count[rows] = mean_and_spread(block)
        if quantiles:
            of_quantiles[:, rows] = quantiles_of(block, count[rows], quantiles)
        outside = (values < low) | (values > high)
        beyond.append(outside.sum(axis=1))
        flag[rows] = (
            INCOMPLETE * (count[rows] < len(members))
            + OUTSIDE * outside.any(axis=0)
            + NO_MEMBER * (count[rows] == 0)
        )
        some = count[rows] > 0
        if uncertainty is not None and some.any():
            X = np.where(finite[judged_columns], values[judged_columns], np.nan).T
            found = uncertainty.bounds(
                np.ascontiguousarray(X[some]), mean[rows][some], spread[rows][some]
            )
            of_bounds[:, rows][:, some] = found.lower, found.upper, found.completeness
            flag[rows][some] += np.int8(INAPPLICABLE) * found.outside

    Parallel(n_jobs=n_jobs, backend="threading")(
        delayed(predict)(slice(start, start + block_rows)) for start in range(0, n_rows, block_rows)
    )
    for name, share in zip(names, sum(beyond) / n_rows, strict=True):
        if share > SUSPICIOUS_SHARE and name not in SITE_PREDICTORS:
            _warn_of_unit(name)
    return {
        "members": of_members,
        "quantiles": of_quantiles,
        "mean": mean,
        "std": spread,
        "count": count,
        "flag": flag,
        **dict(zip(("lower", "upper", "completeness"), of_bounds, strict=True)),
    }


@cache
def _warn_of_unit(name: str) -> None:
    """Warn, once per predictor, that its unit may differ from the one in training."""
    logger.warning(
        "%s: more than half of a region's values lie outside the range in which the members were "
        "trained. Is it in the same unit?",
        name,
    )


def _predict(model: Any, X: NDArray[np.float32]) -> NDArray:
    return getattr(model, "packed", model).predict(X)


def _ranges(
    members: Mapping[str, Any], names: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the training range (predictors, 1) common to all members that use a predictor.

    It is the highest of their minima and the lowest of their maxima.
    """
    low = np.full((len(names), 1), -np.inf, dtype=np.float32)
    high = -low
    for model in members.values():
        for name, known in getattr(model, "card", {}).get("predictors", {}).items():
            i = names.index(name)
            low[i], high[i] = max(low[i, 0], known["min"]), min(high[i, 0], known["max"])
    return low, high


def mean_and_spread(block: NDArray[np.float32]) -> tuple[NDArray, NDArray, NDArray]:
    """Return mean, standard deviation and number of the members that are not NaN, each (rows,)."""
    count = np.isfinite(block).sum(axis=0)
    some = np.where(count, count, np.nan)
    mean = np.nansum(block, axis=0, dtype=float) / some
    several = np.where(count > 1, count, np.nan)
    spread = np.sqrt(np.nansum((block - mean) ** 2, axis=0) / several)
    return mean, spread, count


def quantiles_of(
    block: NDArray[np.float32], count: NDArray, quantiles: Sequence[float]
) -> NDArray[np.float64]:
    """Return quantiles (quantiles, rows) of the members that are not NaN, linearly interpolated."""
    ordered = np.sort(block, axis=0)  # NaN last
    place = np.multiply.outer(np.asarray(quantiles), np.maximum(count - 1, 0))
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    first = np.take_along_axis(ordered, below, axis=0)
    second = np.take_along_axis(ordered, above, axis=0)
    return first + (second - first) * (place - below)
