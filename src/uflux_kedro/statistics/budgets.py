"""Whether the products agree with each other: carbon and energy, over all cells and periods.

The five fluxes are predicted apart, so that nothing makes NEE what RECO and GPP leave, or H and
LE what radiation brings.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import xarray as xr

from uflux_kedro.biophysics.radiation import GRASS_ALBEDO, estimated_net_radiation
from uflux_kedro.statistics.means import cell_area, energy_closure, nee_residual, period_days
from uflux_kedro.variables import VARIABLES

BUDGET_COLUMNS = ("budget", "quantity", "value", "unit")

_CARBON = ("GPP", "RECO", "NEE")
_ENERGY = ("H", "LE")


def budgets(products: Mapping[str, xr.Dataset], drivers: xr.Dataset) -> pd.DataFrame:
    """Residuals of the carbon and of the energy budget, weighted by area and days.

    Args:
        products: Flux -> finished product on latitude and longitude; a budget whose fluxes are
            not all there is left out.
        drivers: Predictors on the same cells; radiation and surface temperature of the first
            source that has all three make the energy budget complete.

    Returns:
        :data:`BUDGET_COLUMNS`. No source brings net radiation: it is estimated from incoming
        radiation and the surface's temperature with one albedo, and ground heat is left out, as
        it nearly vanishes over a year.
    """
    rows: list[tuple[str, str, float, str]] = []
    if set(_CARBON) <= products.keys():
        rows += _carbon({f: products[f][f] for f in _CARBON}, period_days(products["GPP"]))
    if set(_ENERGY) <= products.keys():
        rows += _energy({f: products[f][f] for f in _ENERGY}, drivers, period_days(products["H"]))
    return pd.DataFrame(rows, columns=list(BUDGET_COLUMNS))


def _carbon(
    fields: Mapping[str, xr.DataArray], days: xr.DataArray
) -> list[tuple[str, str, float, str]]:
    residual = nee_residual(fields["NEE"], fields["GPP"], fields["RECO"])
    left = fields["RECO"] - fields["GPP"]
    there = residual.notnull()
    unit = VARIABLES["NEE"].unit
    quantities = {
        "NEE": fields["NEE"].where(there),
        "RECO less GPP": left.where(there),
        "residual, NEE less (RECO less GPP)": residual,
    }
    rows = [("carbon", name, _mean(field, days), unit) for name, field in quantities.items()]
    rms = _mean(residual**2, days) ** 0.5
    return [*rows, ("carbon", "residual, root mean square of cells and periods", rms, unit)]


def _energy(
    fields: Mapping[str, xr.DataArray], drivers: xr.Dataset, days: xr.DataArray
) -> list[tuple[str, str, float, str]]:
    unit = VARIABLES["H"].unit
    turbulent = fields["H"] + fields["LE"]
    rows = [("energy", "H plus LE", _mean(turbulent, days), unit)]
    source = _radiation_source(drivers)
    if source is None:
        return rows
    given = drivers.sel(time=days["time"])
    down, sky, surface = (given[f"{source}_{n}"] for n in ("SW_IN", "LW_IN", "TS"))
    incoming = down + sky
    estimate = estimated_net_radiation(down, sky, surface)
    names = f"{source}_SW_IN plus {source}_LW_IN", f"net radiation, estimated from {source} with albedo {GRASS_ALBEDO}"  # fmt: skip
    for name, available in zip(names, (incoming, estimate), strict=True):
        shared = available.where(turbulent.notnull())
        rows.append(("energy", name, _mean(shared, days), unit))
        share = _mean(turbulent.where(available.notnull()), days) / _mean(shared, days)
        rows.append(("energy", f"H plus LE by {name}", share, "1"))
    spread = energy_closure(fields["H"], fields["LE"], estimate).compute()
    for word, value in (("lowest", spread.min()), ("highest", spread.max())):
        rows.append(("energy", f"H plus LE by estimated net radiation, {word} of the periods", float(value), "1"))  # fmt: skip
    return rows


def _mean(field: xr.DataArray, days: xr.DataArray) -> float:
    """Mean over cells and periods, of the values that are there."""
    return float(field.weighted(cell_area(field) * days).mean())


def _radiation_source(drivers: xr.Dataset) -> str | None:
    names = set(map(str, drivers.data_vars))
    for name in sorted(names):
        source = name.removesuffix("_SW_IN")
        if source != name and {f"{source}_LW_IN", f"{source}_TS"} <= names:
            return source
    return None
