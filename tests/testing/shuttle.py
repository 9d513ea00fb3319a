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

THANKS = (
    "Invented data were harmonised by nobody: by networks and centres, and hold a modified ERA5."
)
FUNDING = "Funding for nothing was provided by no department."
PORTAL = "Portal data are from https://portal.example/home?x=1"
PAPERS = ("10.5194/bg-14-2903-2017", "10.5555/unheard-of.2026")
"""What the invented policy asks for: everybody, users of AMF, users of TERN, these also to cite."""


def policy(licence: str = "CC-BY-4.0", thanks: str = THANKS) -> str:
    """Return a policy file in the form of those in archives, with invented wishes."""
    return f"""**** DATA POLICY, LICENSE, AND INSTRUCTIONS FOR ATTRIBUTION ****\r
\r
License document version 20251226\r
\r
The data product is shared under\nthe {licence} license (its terms are at https://licence.example).\r
\r
Attribution asks for acknowledgments. Those of networks are in this document; see the codes below.\r
\r
(1) Include the citation for each site, as in Someone et al. (2020) https://doi.org/10.5555/no.wish.\r
(2) Include the following text in the acknowledgment, for any use of the data: {thanks}\r
(2a) When AmeriFlux (AMF) data are used, add the text: "{FUNDING}" \r
(2b) When TERN (TERN) data are used, add the text: \N{LEFT DOUBLE QUOTATION MARK}{PORTAL}\N{RIGHT DOUBLE QUOTATION MARK} and add in the references \
the papers Isaac et al (2017) https://doi.org/{PAPERS[0]} and Nobody (2026) https://doi.org/{PAPERS[1]}.\r
(3) In a Data Availability section, include: "The products were downloaded from [SOURCE] on XX Month YYYY".\r
"""


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
