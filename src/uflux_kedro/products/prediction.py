"""Prediction of a flux on a cube in memory; ``production`` writes products that memory cannot hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from uflux_kedro.errors import InputError
from uflux_kedro.products.fields import label_coordinates, product_fields
from uflux_kedro.products.kernel import (
    WHERE,
    Calibrated,
    Predictor,
    check_drivers,
    level_of,
    predict_region,
    time_chunks,
)


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
    uncertainty: Calibrated | None = None,
) -> xr.Dataset:
    """Predict a flux on a cube of drivers: every member, their mean and their spread.

    Lazy drivers are read once for all members, one chunk of time after the other. The result is in
    memory; :func:`~uflux_kedro.products.production.produce` writes a product of any size.

    Args:
        members: Name -> fitted member, all of one flux.
        drivers: Predictors on one grid: ``(time, latitude, longitude)`` or broadcastable to it
            (``Latitude``, ``DoY_sin``, ``IGBP``), or the same with ``y`` and ``x``; ``IGBP``
            with 0 for water; ``time_bnds``.
        variable: The flux: GPP, RECO, NEE, H or LE.
        n_jobs: Blocks predicted at a time, on threads; -1 for all cores.
        block_rows: Rows of a block. It affects memory, not the result.
        keep_members: Whether to keep the members' own fields.
        quantiles: Quantiles over the members, between 0 and 1.
        mask: Cells to predict, boolean, on the grid; None for all land.
        uncertainty: Calibrated uncertainty of the flux; None for a cube without intervals.

    Returns:
        ``<flux>``, the mean over the members that could predict a cell; ``<flux>_std``, their
        standard deviation (NaN for one member); ``<flux>_n_members``, their number;
        ``<flux>_flag``, bits as in :mod:`uflux_kedro.products.fields`; if requested,
        ``<flux>_quantile(quantile, ...)`` and ``<flux>_member(member, ...)``; with an uncertainty
        ``<flux>_lower`` and ``<flux>_upper``, bounds of its interval, and ``<flux>_completeness``
        of the sampling space, 0 to 1. float32, NaN over water and where every member has a
        missing predictor.

    Raises:
        InputError: If a predictor, a coordinate or ``IGBP`` is missing, or the mask is on another
            grid.
        ConfigurationError: If there are no members.
    """
    axes = check_drivers(members, drivers, uncertainty)
    fields = product_fields(
        variable,
        axes,
        quantiles=quantiles,
        keep_members=keep_members,
        level=level_of(uncertainty),
    )
    cells = None if mask is None else _on_grid(mask, drivers, axes)
    labels = label_coordinates(list(members) if keep_members else [], quantiles)
    parts = []
    for steps in time_chunks(drivers):
        part = drivers.isel(time=steps)
        grids = predict_region(
            members, part, fields, quantiles,
            n_jobs=n_jobs, block_rows=block_rows, mask=cells, uncertainty=uncertainty,
        )  # fmt: skip
        coords: dict[str, Any] = {dim: part[dim] for dim in ("time", *axes)} | labels
        predicted = xr.Dataset(
            {f.name: (f.dims, grids[f.name], dict(f.attrs)) for f in fields}, coords
        )
        if "time_bnds" in part:
            predicted["time_bnds"] = part["time_bnds"]
        parts.append(predicted)
    return xr.concat(parts, "time", data_vars="minimal", coords="minimal", compat="override")


def _on_grid(mask: xr.DataArray, drivers: xr.Dataset, axes: Sequence[str]) -> NDArray[np.bool_]:
    """Return the mask (rows, columns) as the drivers' axes run."""
    try:
        _, aligned = xr.align(drivers["IGBP"], mask.astype(bool), join="exact")
    except ValueError as error:
        raise InputError(
            WHERE, "mask", expected="the grid of the drivers", found="another grid"
        ) from error
    return aligned.transpose(*axes).to_numpy()
