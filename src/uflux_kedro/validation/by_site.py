"""Skill of every site and flux as one table, and the sites worth a closer look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from uflux_kedro.errors import ConfigurationError, require_columns
from uflux_kedro.validation.metrics import score_by_site
from uflux_kedro.variables import VARIABLES

LEAST_SERIES = 24
"""Fewest values of a site that is chosen for its series."""

SITE_COLUMNS = (
    "flux", "site_id", "n", "NSE", "r2", "RMSE", "MBE", "unit", "IGBP", "climate", "latitude", "longitude",
)  # fmt: skip


def skill_by_site(held_out: Mapping[str, pd.DataFrame], sites: pd.DataFrame) -> pd.DataFrame:
    """Score every site and flux.

    Args:
        held_out: Flux -> held-out rows: ``site_id``, ``truth``, ``prediction``.
        sites: ``site_id``, ``latitude``, ``longitude``, ``IGBP``, optionally ``climate``.

    Returns:
        :data:`SITE_COLUMNS`, by flux in the given order and by site: number of values, scores
        (NaN where not defined), the unit of RMSE and MBE, and place.
    """
    require_columns(sites, ("site_id", "latitude", "longitude", "IGBP"), "sites")
    places = sites.reindex(columns=["site_id", "IGBP", "climate", "latitude", "longitude"])
    tables = [
        score_by_site(rows.dropna(subset=["truth", "prediction"])).assign(
            flux=flux, unit=VARIABLES[flux].unit
        )
        for flux, rows in held_out.items()
    ]
    scores = pd.concat(tables, ignore_index=True)
    return scores.merge(places, on="site_id", how="left")[list(SITE_COLUMNS)]


def choose_sites(
    skill: pd.DataFrame, flux: str, wanted: Sequence[str] = (), least: int = LEAST_SERIES
) -> dict[str, str]:
    """Choose the sites of one flux whose series are shown.

    Args:
        skill: Result of :func:`skill_by_site`.
        flux: Name of the flux.
        wanted: Sites to show; without any, those with the highest, the median and the lowest NSE.
        least: Fewest values of a site that is chosen by its NSE.

    Returns:
        Site -> why it is shown, such as ``best``. Of equal NSE, the first by name counts as
        better; of an even number of sites, the better of the middle two is the median. Fewer than
        three sites are all shown. A wanted site without values of the flux is left out.

    Raises:
        ConfigurationError: If a wanted site has no values of any flux.
    """
    unknown = [site for site in wanted if site not in set(skill["site_id"])]
    if unknown:
        raise ConfigurationError(
            f"reporting.towers: expected towers with held-out predictions; found {', '.join(unknown)}"
        )
    of_flux = skill[skill["flux"] == flux]
    if wanted:
        return {site: "chosen" for site in wanted if site in set(of_flux["site_id"])}
    scored = of_flux[(of_flux["n"] >= least) & of_flux["NSE"].notna()]
    names = list(scored.sort_values(["NSE", "site_id"], ascending=[False, True])["site_id"])
    if not names:
        return {}
    picks = {"best": names[0], "median": names[(len(names) - 1) // 2], "worst": names[-1]}
    found: dict[str, str] = {}
    for why, site in picks.items():
        found[site] = f"{found[site]}, {why}" if site in found else why
    return found
