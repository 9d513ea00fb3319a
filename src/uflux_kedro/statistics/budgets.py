"""Carbon and energy budgets: whether the products of different fluxes agree with each other.

Each flux is predicted by models of its own, so nothing forces NEE to equal RECO - GPP, or H + LE
to equal the available energy.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import xarray as xr

from uflux_kedro.biophysics.radiation import GRASS_ALBEDO, estimated_net_radiation
from uflux_kedro.errors import InputError
from uflux_kedro.gridding.cells import cell_area
from uflux_kedro.gridding.means import on_periods
from uflux_kedro.statistics.means import area_mean, period_days
from uflux_kedro.variables import VARIABLES

BUDGET_COLUMNS = ("budget", "quantity", "value", "unit")

_CARBON = ("GPP", "RECO", "NEE")
_ENERGY = ("H", "LE")


def budget_residuals(products: Mapping[str, xr.Dataset], drivers: xr.Dataset) -> pd.DataFrame:
    """Return the residuals of the carbon and energy budgets, weighted by area and days.

    Net radiation, which no source provides, is estimated from incoming radiation and surface
    temperature with one albedo. Ground heat is neglected: it nearly vanishes over a year.

    Args:
        products: Flux -> finished product on latitude and longitude. A budget needs all its
            fluxes and is omitted otherwise.
        drivers: Predictors on the same cells, at the same periods or shorter ones. The energy budget uses ``SW_IN``, ``LW_IN`` and
            ``TS`` of the first source that has all three; without one it is H + LE only.

    Returns:
        :data:`BUDGET_COLUMNS`, one row per quantity.

    Raises:
        InputError: If the units of NEE, GPP and RECO differ, or a product has no ``time_bnds``.
    """
    rows: list[tuple[str, str, float, str]] = []
    if set(_CARBON) <= products.keys():
        rows += _carbon({f: products[f][f] for f in _CARBON}, period_days(products["GPP"]))
    if set(_ENERGY) <= products.keys():
        fields = {f: products[f][f] for f in _ENERGY}
        rows += _energy(fields, drivers, products["H"])
    return pd.DataFrame(rows, columns=list(BUDGET_COLUMNS))


def _carbon(
    fields: Mapping[str, xr.DataArray], days: xr.DataArray
) -> list[tuple[str, str, float, str]]:
    residual = nee_residual(fields["NEE"], fields["GPP"], fields["RECO"])
    difference = fields["RECO"] - fields["GPP"]
    complete = residual.notnull()
    unit = VARIABLES["NEE"].unit
    quantities = {
        "NEE": fields["NEE"].where(complete),
        "RECO less GPP": difference.where(complete),
        "residual, NEE less (RECO less GPP)": residual,
    }
    rows = [("carbon", name, _mean(field, days), unit) for name, field in quantities.items()]
    rms = _mean(residual**2, days) ** 0.5
    return [*rows, ("carbon", "residual, root mean square of cells and periods", rms, unit)]


def _energy(
    fields: Mapping[str, xr.DataArray], drivers: xr.Dataset, product: xr.Dataset
) -> list[tuple[str, str, float, str]]:
    unit = VARIABLES["H"].unit
    days = period_days(product)
    turbulent = fields["H"] + fields["LE"]
    rows = [("energy", "H plus LE", _mean(turbulent, days), unit)]
    source = _radiation_source(drivers)
    if source is None:
        return rows
    needed = [f"{source}_{n}" for n in ("SW_IN", "LW_IN", "TS")]
    timed = [n for n in (*needed, "time_bnds") if n in drivers.variables]
    selected = on_periods(drivers[timed], product)
    shortwave, longwave, surface = (selected[n] for n in needed)
    incoming = shortwave + longwave
    estimate = estimated_net_radiation(shortwave, longwave, surface)
    names = f"{source}_SW_IN plus {source}_LW_IN", f"net radiation, estimated from {source} with albedo {GRASS_ALBEDO}"  # fmt: skip
    for name, available in zip(names, (incoming, estimate), strict=True):
        shared = available.where(turbulent.notnull())
        rows.append(("energy", name, _mean(shared, days), unit))
        share = _mean(turbulent.where(available.notnull()), days) / _mean(shared, days)
        rows.append(("energy", f"H plus LE by {name}", share, "1"))
    closure = energy_closure(fields["H"], fields["LE"], estimate).compute()
    for word, value in (("lowest", closure.min()), ("highest", closure.max())):
        rows.append(("energy", f"H plus LE by estimated net radiation, {word} of the periods", float(value), "1"))  # fmt: skip
    return rows


def nee_residual(nee: xr.DataArray, gpp: xr.DataArray, reco: xr.DataArray) -> xr.DataArray:
    """Return NEE - (RECO - GPP) cell by cell: zero where the three agree.

    Args:
        nee: Net exchange, positive to the atmosphere.
        gpp: Gross productivity, same cells and periods, same unit.
        reco: Respiration, likewise.

    Returns:
        The residual in their unit.

    Raises:
        InputError: If units differ.
    """
    units = {str(field.attrs.get("units")) for field in (nee, gpp, reco)}
    if len(units) > 1:
        raise InputError(
            "products", "NEE, GPP, RECO", expected="one unit", found=", ".join(sorted(units))
        )
    residual = (nee - (reco - gpp)).rename("NEE_residual")
    attrs = {"long_name": "NEE less RECO - GPP", "units": units.pop()}
    return residual.assign_attrs(attrs)


def energy_closure(
    sensible: xr.DataArray, latent: xr.DataArray, available: xr.DataArray
) -> xr.DataArray:
    """Return H + LE as a share of the available energy, over all cells.

    Args:
        sensible: H, W m-2.
        latent: LE, W m-2.
        available: Net radiation less ground heat flux, W m-2.

    Returns:
        Area-weighted mean of H + LE over that of the available energy, of the cells and periods
        that have all three; dimension ``time`` is kept.
    """
    turbulent = (sensible + latent).where(available.notnull())
    ratio = area_mean(turbulent) / area_mean(available.where(turbulent.notnull()))
    return ratio.rename("energy_closure").assign_attrs(
        long_name="(H + LE) / available energy", units="1"
    )


def _mean(field: xr.DataArray, days: xr.DataArray) -> float:
    """Return the mean over cells and periods that have a value."""
    return float(field.weighted(cell_area(field) * days).mean())


def _radiation_source(drivers: xr.Dataset) -> str | None:
    names = set(map(str, drivers.data_vars))
    for name in sorted(names):
        source = name.removesuffix("_SW_IN")
        if source != name and {f"{source}_LW_IN", f"{source}_TS"} <= names:
            return source
    return None
