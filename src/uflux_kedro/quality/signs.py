"""Fluxes that are negative through the season, as if columns were swapped or a sign were wrong."""

from __future__ import annotations

import pandas as pd

from uflux_kedro.quality.findings import Finding
from uflux_kedro.variables import VARIABLES

_LEAST_SUM = {"GPP": -1.0, "RECO": -1.0, "LE": -10.0}
"""Least sum of the 5 % and the 95 % quantile. Of 250 measured towers the lowest are -0.5, 0.2 gC m-2 d-1
and 34 W m-2; NEE in place of GPP is below -1 at most towers. H may be negative over an oasis."""
_LEAST_ROWS = 6


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
        worst = str((low + high)[wrong].idxmin())
        findings.append(
            Finding(
                "units",
                flux,
                tuple(str(site) for site in wrong.index[wrong]),
                expected=f"{flux} that is positive through the season",
                found=f"{low[worst]:.3g} to {high[worst]:.3g} {VARIABLES[flux].unit} at {worst} "
                "(5 % and 95 % quantiles): negative through the season, as if its sign were wrong, "
                "or its header that of another column"
                + (", such as NEE" if flux in ("GPP", "RECO") else ""),
            )
        )
    return findings
