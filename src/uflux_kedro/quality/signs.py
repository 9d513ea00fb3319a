"""Fluxes that are negative through the season, as if columns were swapped or a sign were wrong."""

from __future__ import annotations

import pandas as pd

from uflux_kedro.quality.findings import Finding
from uflux_kedro.variables import VARIABLES

_LEAST_SUM = {"GPP": -1.0, "RECO": -1.0, "LE": -10.0}
"""Least sum of the 5 % and the 95 % quantile. Of 250 measured towers the lowest are -0.5, 0.2 gC m-2 d-1
and 34 W m-2; NEE in place of GPP is below -1 at most towers. H may be negative over an oasis."""
_LEAST_ROWS = 6
_EXACT = 1e-4
"""Largest unexplained share of NEE's variance at which a balance counts as exact."""


def check_signs(towers: pd.DataFrame) -> list[Finding]:
    """Find fluxes whose largest values are negative at a site.

    If the headers of GPP and NEE are swapped, the carbon balance still holds; only the sign shows it.

    Args:
        towers: Canonical towers; values whose quality is 0 fill gaps and are not judged.
    """
    findings = []
    for flux, least in _LEAST_SUM.items():
        if flux not in towers:
            continue
        values = towers[flux]
        if f"{flux}_QC" in towers:
            values = values.mask(towers[f"{flux}_QC"] == 0)
        groups = values.groupby(towers["site_id"])
        low, high = groups.quantile(0.05), groups.quantile(0.95)
        wrong = (low + high < least) & (groups.count() >= _LEAST_ROWS)
        if not wrong.any():
            continue
        sites = [str(site) for site in wrong.index[wrong]]
        is_NEE = {site: _may_be_nee(towers[towers["site_id"] == site], flux) for site in sites}
        for swapped in sorted(set(is_NEE.values())):
            cases = [site for site in sites if is_NEE[site] == swapped]
            worst = str((low + high)[cases].idxmin())
            cause = (
                f"the headers of {flux} and NEE are swapped, with which the carbon balance is exact"
                if swapped
                else "its sign is wrong, or its header that of another column"
            )
            findings.append(
                Finding(
                    "units",
                    f"{flux}, NEE" if swapped else flux,
                    tuple(cases),
                    expected=f"{flux} that is positive through the season",
                    found=f"{low[worst]:.3g} to {high[worst]:.3g} {VARIABLES[flux].unit} at {worst} "
                    f"(5 % and 95 % quantiles), negative through the season: {cause}",
                )
            )
    return findings


def _may_be_nee(table: pd.DataFrame, flux: str) -> bool:
    """Return whether the carbon balance of a site is exact with a flux and NEE exchanged."""
    if not {"GPP", "RECO", "NEE"} <= set(table) or flux not in ("GPP", "RECO"):
        return False
    right = table.rename(columns={flux: "NEE", "NEE": flux})[["GPP", "RECO", "NEE"]].dropna()
    residual = right["NEE"] - right["RECO"] + right["GPP"]
    return bool((residual**2).sum() < _EXACT * ((right["NEE"] - right["NEE"].mean()) ** 2).sum())
