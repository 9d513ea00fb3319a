"""A small product to compute, in this process or in one that can be killed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from xgboost import XGBRegressor

from tests.testing.drivers import make_drivers
from uflux_kedro.ensemble import Member
from uflux_kedro.execution.engine import Execution
from uflux_kedro.models.fitted import FittedMember, fit_member
from uflux_kedro.products.plan import Plan
from uflux_kedro.products.production import produce
from uflux_kedro.products.store import ProductStore, fast_encoding

PREDICTORS = {"one": ("ERA5_TA", "MODIS_NIRv"), "two": ("ERA5_TA", "Latitude", "DoY_sin")}


def write_world(folder: Path, seed: int = 0) -> None:
    """Write drivers in chunks of three months, and two members."""
    drivers = make_drivers(n_latitude=36, n_longitude=72, seed=seed)
    encoding = {name: fast_encoding() for name in drivers.data_vars}
    drivers.chunk(time=3).to_zarr(
        folder / "drivers.zarr", zarr_format=3, consolidated=False, encoding=encoding
    )
    for name in PREDICTORS:
        write_member(folder, name)


def write_member(folder: Path, name: str, seed: int = 0) -> None:
    predictors = PREDICTORS[name]
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(rng.normal(0, 10, (300, len(predictors))), columns=list(predictors))
    rows = rows.astype("float32").assign(GPP=rows.sum(axis=1), site_id="here")
    model = XGBRegressor(n_estimators=5, max_depth=3, n_jobs=1)
    member = Member(name, "GPP", "XGB", predictors)
    fit_member(member, rows, model, parameters={}, seed=seed).save(folder / name)


def plan(folder: Path, execution: Execution | None = None, regions=None, **settings) -> Plan:
    """Return the plan of a product of 12 regions, two months by half the latitudes each."""
    members = [FittedMember.load(folder / name) for name in PREDICTORS]
    settings = {"quantiles": (0.05, 0.95), "keep_members": True} | settings
    return Plan(
        flux="GPP",
        members={m.name: m for m in members},
        drivers=xr.open_zarr(folder / "drivers.zarr", consolidated=False, chunks={}),
        regions=regions or {"time": 2, "latitude": 18},
        chunks={"time": 1, "latitude": 6, "longitude": 36},
        execution=execution or Execution(),
        **settings,
    )


def tree(folder: Path) -> dict[str, bytes]:
    """Return relative path -> content of all files below a folder."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


if __name__ == "__main__":
    world, target, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    if limit:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    produce(plan(world), ProductStore(target))
