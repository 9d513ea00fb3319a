"""Fluxes over a cube of drivers: every member, their mean and their spread.

The drivers are read once for all members of a flux, a stretch of time at a time, so memory does
not grow with the length of the record. Only land is predicted, in blocks of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Protocol

import numpy as np
import xarray as xr
from joblib import Parallel, delayed
from numpy.typing import NDArray

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.variables import VARIABLES

_DIMS = ("time", "latitude", "longitude")
_WHERE = "drivers cube"


class Predictor(Protocol):
    """A fitted member: which columns it wants, and what it makes of them."""

    @property
    def predictors(self) -> Sequence[str]:
        """Columns, in the order in which the model sees them."""

    def predict(self, X: NDArray[np.float32], /) -> NDArray:
        """Flux of rows, shape (n, predictors) to (n,)."""


def predict_cube(
    members: Mapping[str, Predictor],
    drivers: xr.Dataset,
    *,
    variable: str,
    n_jobs: int = 1,
    block_rows: int = 8192,
    keep_members: bool = False,
    mask: xr.DataArray | None = None,
) -> xr.Dataset:
    """Predict a cube that fits into memory; :func:`predict_chunks` for one that does not.

    Args:
        members: Name -> fitted member, all of one flux.
        drivers: Predictors on one grid: ``(time, latitude, longitude)``, or what broadcasts to
            it (``Latitude``, ``DoY_sin``, ``IGBP``); ``IGBP`` with 0 for water; ``time_bnds``.
        variable: The flux: GPP, RECO, NEE, H or LE.
        n_jobs: Blocks predicted at a time, on threads; -1 takes all cores.
        block_rows: Rows of a block. It sets the memory of a prediction, not its result.
        keep_members: Keep the members' own fields.
        mask: Further limit on the cells, boolean ``(latitude, longitude)``.

    Returns:
        ``<flux>``, the mean over the members that could predict a cell; ``<flux>_std``, their
        standard deviation (NaN where there is one member); ``<flux>_n_members``, their number;
        with ``keep_members`` ``<flux>_member(member, time, latitude, longitude)``. float32, NaN
        over water and where no member has all its predictors.

    Raises:
        InputError: If the drivers lack a predictor, a coordinate or ``IGBP``.
        ConfigurationError: If there are no members.
    """
    chunks = predict_chunks(
        members,
        drivers,
        variable=variable,
        n_jobs=n_jobs,
        block_rows=block_rows,
        keep_members=keep_members,
        mask=mask,
    )
    return xr.concat(list(chunks), "time", data_vars="minimal", coords="minimal", compat="override")


def predict_chunks(
    members: Mapping[str, Predictor],
    drivers: xr.Dataset,
    *,
    variable: str,
    n_jobs: int = 1,
    block_rows: int = 8192,
    keep_members: bool = False,
    mask: xr.DataArray | None = None,
    time_steps: int | None = None,
) -> Iterator[xr.Dataset]:
    """Predict stretch by stretch of time, each as :func:`predict_cube` gives the whole.

    Args:
        members: As for :func:`predict_cube`.
        drivers: As for :func:`predict_cube`.
        variable: As for :func:`predict_cube`.
        n_jobs: As for :func:`predict_cube`.
        block_rows: As for :func:`predict_cube`.
        keep_members: As for :func:`predict_cube`.
        mask: As for :func:`predict_cube`.
        time_steps: Periods of a stretch; by default those of the drivers' chunks, so that each
            chunk is read once.

    Yields:
        Consecutive stretches, in order.
    """
    land = _land(members, drivers, mask)
    for steps in _stretches(drivers, time_steps):
        part = drivers.isel(time=steps)
        fields = _predict_rows(members, part, land, n_jobs, block_rows)
        names = list(members) if keep_members else []
        yield _dataset(fields, names, part, land, variable)


def _land(
    members: Mapping[str, Predictor], drivers: xr.Dataset, mask: xr.DataArray | None
) -> NDArray[np.bool_]:
    """Cells to predict, shape (latitude, longitude), of drivers that have all that is needed."""
    if not members:
        raise ConfigurationError("No member to predict with")
    needed = dict.fromkeys(_DIMS, "a coordinate of that name")
    for member, model in members.items():
        needed |= dict.fromkeys(model.predictors, f"a predictor of {member}")
    needed["IGBP"] = "land cover classes, 0 for water"
    for name, meaning in needed.items():
        if name not in drivers.variables:
            raise InputError(
                _WHERE,
                name,
                expected=meaning,
                found=f"the variables {', '.join(map(str, drivers.variables))}",
            )
        extra = set(drivers[name].dims) - set(_DIMS)
        if extra:
            raise InputError(
                _WHERE, name, expected=f"dimensions among {', '.join(_DIMS)}", found=f"{extra}"
            )
    land = drivers["IGBP"] > 0
    if mask is not None:
        try:
            land, mask = xr.align(land, mask.astype(bool), join="exact")
        except ValueError as error:
            raise InputError(
                _WHERE, "mask", expected="the grid of the drivers", found="another grid"
            ) from error
        land &= mask
    return land.transpose(*_DIMS[1:]).to_numpy()


def _stretches(drivers: xr.Dataset, time_steps: int | None) -> Iterator[slice]:
    length = drivers.sizes["time"]
    if time_steps:
        edges = [*range(0, length, time_steps), length]
    else:
        chunks = drivers.unify_chunks().chunksizes.get("time", (length,))
        edges = [0, *accumulate(chunks)]
    return (slice(start, end) for start, end in pairwise(edges))


def _predict_rows(
    members: Mapping[str, Predictor],
    drivers: xr.Dataset,
    land: NDArray[np.bool_],
    n_jobs: int,
    block_rows: int,
) -> dict[str, NDArray]:
    """Members, mean, spread and count of every land cell and time, rows in that order."""
    names = list(dict.fromkeys(name for model in members.values() for name in model.predictors))
    position = {name: i for i, name in enumerate(names)}
    columns = [[position[name] for name in model.predictors] for model in members.values()]
    sizes = {dim: drivers.sizes[dim] for dim in _DIMS}
    table = np.empty((len(names), sizes["time"] * int(land.sum())), dtype=np.float32)
    for row, name in zip(table, names, strict=True):
        # One predictor at a time: beside the table there is never more than one whole field.
        row[:] = drivers[name].variable.set_dims(sizes).to_numpy()[:, land].ravel()

    n_rows = table.shape[1]
    members_rows = np.full((len(members), n_rows), np.nan, dtype=np.float32)
    mean, spread = np.full((2, n_rows), np.nan, dtype=np.float32)
    count = np.zeros(n_rows, dtype=np.int16)

    def predict(rows: slice) -> None:
        block = members_rows[:, rows]
        for field, model, wanted in zip(block, members.values(), columns, strict=True):
            X = np.ascontiguousarray(table[wanted, rows].T)
            known = np.isfinite(X).all(axis=1)
            if known.any():
                field[known] = np.asarray(model.predict(X[known])).ravel()
        mean[rows], spread[rows], count[rows] = _ensemble(block)

    Parallel(n_jobs=n_jobs, backend="threading")(
        delayed(predict)(slice(start, start + block_rows)) for start in range(0, n_rows, block_rows)
    )
    return {"members": members_rows, "mean": mean, "std": spread, "count": count}


def _ensemble(block: NDArray[np.float32]) -> tuple[NDArray, NDArray, NDArray]:
    """Mean, standard deviation and number of the members that are not NaN, shape (rows,)."""
    count = np.isfinite(block).sum(axis=0)
    some = np.where(count, count, np.nan)
    mean = np.nansum(block, axis=0, dtype=float) / some
    several = np.where(count > 1, count, np.nan)
    spread = np.sqrt(np.nansum((block - mean) ** 2, axis=0) / several)
    return mean, spread, count


def _dataset(
    fields: dict[str, NDArray],
    members: Sequence[str],
    drivers: xr.Dataset,
    land: NDArray[np.bool_],
    variable: str,
) -> xr.Dataset:
    """Put rows back on the grid, with CF attributes; members' own fields if they are named."""
    shape = tuple(drivers.sizes[dim] for dim in _DIMS)

    def on_grid(rows: NDArray, water: float) -> NDArray:
        grid = np.full((*rows.shape[:-1], *shape), water, dtype=rows.dtype)
        grid[..., land] = rows.reshape(*rows.shape[:-1], shape[0], -1)
        return grid

    flux = VARIABLES[variable]
    std, number, member = f"{variable}_std", f"{variable}_n_members", f"{variable}_member"
    attributes = flux.cf_attributes()
    long_name = attributes.pop("long_name")
    product = xr.Dataset(coords={dim: drivers[dim] for dim in _DIMS})
    product[variable] = (
        _DIMS,
        on_grid(fields["mean"], np.nan),
        {
            "long_name": long_name,
            **attributes,
            "cell_methods": "time: mean",
            "ancillary_variables": f"{std} {number}",
        },
    )
    product[std] = (
        _DIMS,
        on_grid(fields["std"], np.nan),
        {
            "long_name": f"standard deviation over the members: {long_name}",
            "units": flux.unit,
            "cell_methods": "time: mean",
        },
    )
    product[number] = (
        _DIMS,
        on_grid(fields["count"], 0),
        {"long_name": f"number of members: {long_name}", "units": "1"},
    )
    if members:
        product[member] = (
            ("member", *_DIMS),
            on_grid(fields["members"], np.nan),
            {
                "long_name": f"of each member: {long_name}",
                **attributes,
                "cell_methods": "time: mean",
            },
        )
        product = product.assign_coords(
            member=(
                "member",
                np.array(members, dtype=object),
                {"long_name": "member of the ensemble"},
            )
        )
    if "time_bnds" in drivers:
        product["time_bnds"] = drivers["time_bnds"]
    return product
