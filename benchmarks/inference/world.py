"""Drivers and members that the benchmarks of inference share.

The drivers are rows of towers, resampled with noise, on a 0.25 degree globe with 30 % land.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.data import Rows, many_rows, tower_rows
from uflux_kedro.ensemble import Member
from uflux_kedro.models.fitted import FittedMember, fit_member
from uflux_kedro.models.registry import make_model
from uflux_kedro.products.store import fast_encoding

CELLS = (720, 1440)
LAND = 0.3
AXES = ("latitude", "longitude")


def make_world(
    X: pd.DataFrame, cells: tuple[int, int], months: int, folder: Path, *, alike: bool = False
) -> xr.Dataset:
    """Write drivers to a Zarr store as the project does, one chunk per month; land in one block.

    Neighbouring cells are any two rows of towers, or ``alike``.
    """
    n_latitude, n_longitude = cells
    latitude = -90 + 180 / n_latitude * (np.arange(n_latitude) + 0.5)
    longitude = -180 + 360 / n_longitude * (np.arange(n_longitude) + 0.5)
    land = np.zeros(cells, dtype="int8")
    land[:, : round(LAND * n_longitude)] = 1
    inside = land > 0
    start = pd.date_range("2019-01-01", periods=months, freq="MS")
    rows = many_rows(X.to_numpy("float32"), int(inside.sum()), alike=alike)
    for month, time in enumerate(start):
        fields = {}
        for name, values in zip(X, np.roll(rows, month, axis=0).T, strict=True):
            field = np.full((1, *cells), np.nan, dtype="float32")
            field[0, inside] = values
            fields[str(name)] = (("time", *AXES), field)
        if "IGBP" in fields:
            fields["IGBP"] = (("time", *AXES), np.nan_to_num(fields["IGBP"][1]))
        bounds = np.array([[time, time + pd.offsets.MonthBegin()]], dtype="datetime64[ns]")
        part = xr.Dataset(
            {n: v for n, v in fields.items() if n != "IGBP"}
            | {"time_bnds": (("time", "bnds"), bounds)},
            {"time": [time], "latitude": latitude, "longitude": longitude},
        )
        part["IGBP"] = (AXES, fields["IGBP"][1][0].astype("int8") if "IGBP" in fields else land)
        if month == 0:
            for name in X:
                part[name].encoding = fast_encoding() | {"chunks": part[name].shape}
            part.to_zarr(folder, zarr_format=3, consolidated=False)
        else:
            part.drop_vars(["IGBP", *AXES]).to_zarr(
                folder, append_dim="time", zarr_format=3, consolidated=False
            )
    return _open(folder)


def _open(folder: Path) -> xr.Dataset:
    """Open drivers as a production does: without dask and without a cache."""
    return xr.open_dataset(folder, engine="zarr", chunks=None, cache=False, consolidated=False)


def world_of(rows: Rows, months: int, folder: Path) -> xr.Dataset:
    """Return drivers of this many months, as a production gets them."""
    store = folder / f"d{months}.zarr"
    if not store.exists():
        make_world(rows.X, CELLS, months, store)
    return xr.open_zarr(store, consolidated=False, chunks={})


def member_of(
    X: pd.DataFrame, y: pd.Series, model: Any, name: str, flux: str = "GPP"
) -> FittedMember:
    """Return a member with a fitted model."""

    class Fitted:
        def fit(self, *_: Any, **__: Any) -> None:
            return None

    table = X.assign(**{flux: y.to_numpy()}, site_id="all")
    member = fit_member(Member(name, flux, name, tuple(X)), table, Fitted(), parameters={}, seed=0)
    return FittedMember(member.card, model)


def xgb_members(
    towers: Path, folder: Path, number: int, **parameters: Any
) -> dict[str, FittedMember]:
    """Return saved members with the same predictors and different seeds."""
    rows = tower_rows(towers, "GPP")
    X, y = rows.arrays()
    members = {}
    for seed in range(number):
        model = make_model("XGB", parameters, random_state=seed, n_jobs=2).fit(X, y)
        member_of(rows.X, rows.y, model, f"m{seed}").save(folder / f"m{seed}")
        loaded = FittedMember.load(folder / f"m{seed}")
        members[f"m{seed}"] = loaded
    return members
