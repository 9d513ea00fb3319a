"""Fluxes over a cube of drivers: every member, their mean and their spread.

The drivers are read once for all members of a flux, a stretch of time at a time, so memory does
not grow with the length of the record. ``production`` writes what memory cannot hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import xarray as xr

from uflux_kedro.errors import InputError
from uflux_kedro.products.fields import label_coordinates, product_fields
from uflux_kedro.products.kernel import WHERE, Predictor, check_drivers, predict_region, time_chunks


def predict_cube(
    members: Mapping[str, Predictor],
    drivers: xr.Dataset,
    *,
    variable: str,
    n_jobs: int = 1,
    block_rows: int = 8192,
    keep_members: bool = False,
    quantiles: Sequence[float] = (),
    mask: xr.DataArray | None = None,
) -> xr.Dataset:
    """Predict a cube that fits into memory; :func:`predict_chunks` for one that does not.

    Args:
        members: Name -> fitted member, all of one flux.
        drivers: Predictors on one grid: ``(time, latitude, longitude)``, or what broadcasts to
            it (``Latitude``, ``DoY_sin``, ``IGBP``), or the same with ``y`` and ``x``; ``IGBP``
            with 0 for water; ``time_bnds``.
        variable: The flux: GPP, RECO, NEE, H or LE.
        n_jobs: Blocks predicted at a time, on threads; -1 takes all cores.
        block_rows: Rows of a block. It sets the memory of a prediction, not its result.
        keep_members: Keep the members' own fields.
        quantiles: Quantiles over the members, between 0 and 1.
        mask: Further limit on the cells, boolean, on the grid.

    Returns:
        ``<flux>``, the mean over the members that could predict a cell; ``<flux>_std``, their
        standard deviation (NaN where there is one member); ``<flux>_n_members``, their number;
        ``<flux>_flag``, bits as in :mod:`uflux_kedro.products.fields`; if asked for,
        ``<flux>_quantile(quantile, ...)`` and ``<flux>_member(member, ...)``. float32, NaN over
        water and where no member has all its predictors.

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
        quantiles=quantiles,
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
    quantiles: Sequence[float] = (),
    mask: xr.DataArray | None = None,
    time_steps: int | None = None,
) -> Iterator[xr.Dataset]:
    """Predict stretch by stretch of time, each as :func:`predict_cube` gives the whole.

    Args:
        members: As for :func:`predict_cube`, as are the arguments that follow.
        drivers: See there.
        variable: See there.
        n_jobs: See there.
        block_rows: See there.
        keep_members: See there.
        quantiles: See there.
        mask: See there.
        time_steps: Periods of a stretch; by default those of the drivers' chunks, so that each
            chunk is read once.

    Yields:
        Consecutive stretches, in order.
    """
    axes = check_drivers(members, drivers)
    fields = product_fields(variable, axes, quantiles=quantiles, keep_members=keep_members)
    wanted = None
    if mask is not None:
        try:
            _, aligned = xr.align(drivers["IGBP"], mask.astype(bool), join="exact")
        except ValueError as error:
            raise InputError(
                WHERE, "mask", expected="the grid of the drivers", found="another grid"
            ) from error
        wanted = aligned.transpose(*axes).to_numpy()
    for steps in time_chunks(drivers, time_steps):
        part = drivers.isel(time=steps)
        grids = predict_region(
            members, part, fields, quantiles, n_jobs=n_jobs, block_rows=block_rows, mask=wanted
        )
        coords: dict[str, Any] = {dim: part[dim] for dim in ("time", *axes)}
        coords |= label_coordinates(list(members) if keep_members else [], quantiles)
        product = xr.Dataset(
            {f.name: (f.dims, grids[f.name], dict(f.attrs)) for f in fields}, coords
        )
        if "time_bnds" in part:
            product["time_bnds"] = part["time_bnds"]
        yield product
