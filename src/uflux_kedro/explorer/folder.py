"""Write the folder of a map."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from uflux_kedro.explorer.contents import Explorer
from uflux_kedro.explorer.grid import areas_of_cells, describe_grid, grid_mapping
from uflux_kedro.explorer.layers import (
    DERIVED_COLOURS,
    Scale,
    colour_table,
    difference_scale,
    flux_scales,
    period_labels,
    product_layers,
)
from uflux_kedro.explorer.outlines import outline_features
from uflux_kedro.explorer.places import regions, tower_series, towers
from uflux_kedro.explorer.pyramid import write_pyramid
from uflux_kedro.figures.inputs import ordered_fluxes
from uflux_kedro.figures.labels import flux_unit
from uflux_kedro.figures.style import DENSITY_COLOURS
from uflux_kedro.gridding.cells import cell_area
from uflux_kedro.simulated import marked, notice, titled
from uflux_kedro.validation.metrics import LEAST_SCORED
from uflux_kedro.variables import VARIABLES

_PAGE = "page"


def write_explorer(contents: Explorer, folder: Path | str) -> None:
    """Write a map: the page, one Zarr store per flux, towers, regions and countries.

    Args:
        contents: What the map shows.
        folder: Folder to write; files of an earlier map there are replaced.

    Raises:
        InputError: If a flux is unknown.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with resources.as_file(resources.files(__package__) / _PAGE) as page:
        shutil.copytree(page, folder, dirs_exist_ok=True)
    with resources.as_file(
        resources.files("uflux_kedro.readers") / "data/countries.geojson"
    ) as file:
        shutil.copy(file, folder)
    fluxes = [_write_flux(contents, name, folder) for name in _in_order(contents.products)]
    scales = [s for one in fluxes for s in (*one["scales"].values(), *(p["scale"] for p in one["peers"]))]  # fmt: skip
    held_out = contents.held_out if contents.sites is not None else {}
    for flux, rows in held_out.items():
        _write_json(folder / f"towers_{flux}.json", tower_series(rows))
    if contents.sites is not None:
        _write_json(folder / "towers.geojson", towers(contents.sites, held_out))
    if contents.aggregates is not None:
        _write_json(folder / "regions.json", regions(contents.aggregates))
        _write_json(folder / "regions.geojson", outline_features(contents.outlines))
    names = dict.fromkeys((DENSITY_COLOURS, *(scale[0] for scale in scales)))
    about = {
        "title": titled("Map of the fluxes", contents.simulated),
        "notice": notice(contents.simulated),
        "fluxes": fluxes,
        "colours": {name: colour_table(name) for name in names},
        "skill": {"scale": (DENSITY_COLOURS, 0.0, 1.0), "least_points": LEAST_SCORED},
        "towers": sorted(held_out),
        "regions": contents.aggregates is not None,
    }
    _write_json(folder / "map.json", about)


def _in_order(products: Iterable[str]) -> list[str]:
    """Return the fluxes in their order, then what is derived from them."""
    given = list(products)
    derived = [name for name in DERIVED_COLOURS if name in given]
    return [*ordered_fluxes((n for n in given if n not in derived), "products"), *derived]


def _write_flux(contents: Explorer, flux: str, folder: Path) -> dict[str, Any]:
    """Write the stores of a flux; return what the page is told of it."""
    product = contents.products[flux]
    layers = product_layers(product, flux, contents.members)
    store = f"{flux}.zarr"
    levels = write_pyramid(
        layers,
        areas_of_cells(product),
        folder / store,
        levels=contents.levels,
        attributes=marked(contents.simulated),
    )
    coarsest = xr.open_zarr(folder / store, group=str(levels), consolidated=False)
    mean, width = coarsest[flux].mean("time").load(), None
    if f"{flux}_lower" in layers:
        width = coarsest[f"{flux}_upper"] - coarsest[f"{flux}_lower"]
    member = f"{flux}_member"
    return {
        "name": flux,
        "long_name": VARIABLES[flux].long_name,
        "unit": flux_unit(flux),
        "store": store,
        "levels": levels,
        "grid": describe_grid(layers[flux], grid_mapping(product)),
        "periods": period_labels(product),
        "fields": sorted(layers),
        "members": [str(name) for name in product["member"].to_numpy()] if member in layers else [],
        "scales": flux_scales(flux, mean, width),
        "peers": [
            _write_difference(peer, flux, found[flux], folder)
            for peer, found in contents.comparisons.items()
            if flux in found
        ],
    }


def _write_difference(peer: str, flux: str, comparison: xr.Dataset, folder: Path) -> dict[str, Any]:
    """Write a difference to a peer, the mean over the common months, as a store of one period."""
    difference = comparison["difference"].transpose("latitude", "longitude").astype("float32")
    one = difference.expand_dims(time=[np.datetime64("1970-01-01", "ns")])
    store = f"{flux}_{peer}.zarr"
    levels = write_pyramid({"difference": one}, cell_area(difference), folder / store)
    scale: Scale = difference_scale(difference.to_numpy())
    return {
        "name": peer, "store": store, "levels": levels, "scale": scale,
        "months": int(comparison["months"]) if "months" in comparison else None,
        "grid": describe_grid(one, None),
    }  # fmt: skip


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, allow_nan=False, separators=(",", ":")), encoding="utf-8")
