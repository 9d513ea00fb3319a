"""A snapshot as the FLUXNET Shuttle writes it, with invented towers and people."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

COLUMNS = (
    "data_hub", "site_id", "site_name", "location_lat", "location_long", "igbp", "network",
    "team_member_name", "team_member_role", "team_member_email", "first_year", "last_year",
    "download_link", "fluxnet_product_name", "product_citation", "product_id", "oneflux_code_version",
    "product_source_network",
)  # fmt: skip

PEOPLE = ("Ada Nobody", "Bo Noone", "nobody@example.org")

_IDENTIFIED = {
    "AmeriFlux": ("Ada Nobody, Bo Noone (2026), AmeriFlux FLUXNET-1F {site} Hill & Dale, Ver. v1.3_r1, "
                  "AmeriFlux AMP, (Dataset). https://doi.org/10.17190/AMF/{n}", "10.17190/AMF/{n}"),
    "ICOS": ("Nobody, A. (2025). Fluxnet Archive Product from {site}, 2004\N{EN DASH}2004, FLUXNET, "
             "https://hdl.handle.net/11676/a_b{n}", "a_b{n}"),
    "TERN": ("Nobody, A., Noone, B. (2026): {site} FLUXNET Release 2026_r1. Version 2026_r1. Terrestrial "
             "Ecosystem Research Network (TERN). (Dataset).", ""),
}  # fmt: skip
"""Hub -> form of its citations, and identifier of the product."""

HUBS = {"AMF": "AmeriFlux", "TERN": "TERN", "OZF": "TERN"}
"""Source network -> hub; all others are at ICOS."""


def product(site: str, network: str = "AMF", years: str = "2004-2004", release: int = 1) -> str:
    """Return the name of an archive."""
    return f"{network}_{site}_FLUXNET_{years}_v1.3_r{release}.zip"


def snapshot(
    products: Sequence[str], address: str = "https://hub.example", **changes
) -> pd.DataFrame:
    """Return a snapshot that offers these archives.

    Args:
        products: Names of archives.
        address: Address of all hubs.
        changes: Column -> values instead of the usual ones.
    """
    rows = []
    for number, name in enumerate(products, 1):
        network, site, _, years, version, _ = name.split("_")
        hub = HUBS.get(network, "ICOS")
        citation, identifier = (t.format(site=site, n=number) for t in _IDENTIFIED[hub])
        first, last = years.split("-")
        rows.append([
            hub, site, f"{site} Hill & Dale", 50.0, 10.0, "ENF", f"{network};Phenocam",
            ";".join(PEOPLE[:2]), "PI;DATA", ";".join([PEOPLE[2]] * 2), first, last,
            f"{address}/{hub.lower()}/{name}", name, citation, identifier, version, network,
        ])  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS)).assign(**changes)
