"""What each tower was read from, under which licence, and whom its policy and a snapshot say to cite."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypedDict

import pandas as pd

from uflux_kedro.origins import Collection
from uflux_kedro.readers.towers.policy import Policy, policy_of
from uflux_kedro.readers.towers.snapshot import find_link, read_snapshot
from uflux_kedro.readers.towers.tower_files import TowerFile

logger = logging.getLogger(__name__)

_COLLECTIONS: dict[str, Collection] = {
    "ameriflux": "AmeriFlux BASE",
    "fluxdatakit": "FluxDataKit",
    "fluxnet_ch4": "FLUXNET-CH4",
    "japanflux": "JapanFlux2024",
    "ozflux": "OzFlux",
    "plumber2": "PLUMBER2",
}
"""Family of files -> collection; files of a single team are of none."""
COLLECTION = "collection"
"""Column of the table of sites with the collections of each tower, separated by ", "."""
_NETWORKS = {"ICOSETC": "ICOS"}
_OWN = "UFLUX"
"""Beginning of the names of tables that the pipeline ``gap_filling`` writes."""
_MANIFEST = "manifest.json"
"""Record of the pipeline ``download`` in a folder of files."""


class Product(TypedDict):
    """What a tower was read from; unknown is empty.

    Attributes:
        site_id: Tower.
        product: Name of the product, as of its archive without ``.zip``.
        collection: Collection, see :data:`uflux_kedro.origins.Collection`.
        network: Code of the network that the product comes from, such as ``AMF``.
        hub: Data hub that offers it.
        name: Name of the site.
        citation: Whom to cite, as the hub says.
        doi: DOI of the product.
        link: Another address that identifies it, such as that of a handle.
        downloaded: Day of the download, YYYY-MM-DD.
        licence: What the policy file in the archive says, see
            :class:`uflux_kedro.readers.towers.policy.Policy`; empty without such a file.
        policy: Version of that file, YYYYMMDD.
        thanks: Sentences that it asks for, separated by :data:`BETWEEN`.
        papers: DOIs that it asks to cite, likewise.
    """

    site_id: str
    product: str
    collection: str
    network: str
    hub: str
    name: str
    citation: str
    doi: str
    link: str
    downloaded: str
    licence: str
    policy: str
    thanks: str
    papers: str


BETWEEN = " | "
"""Between sentences or DOIs of one product."""
COLUMNS = tuple(Product.__annotations__)


def products_of(tables: Iterable[TowerFile]) -> list[Product]:
    """Return what is known of towers' files from their names, policies and record of their download."""
    # A folder's record names all of its files: it is read once, not once a tower.
    days: dict[Path, Mapping[str, str]] = {}
    found = []
    for table in tables:
        path = table.file.path
        if path.parent not in days:
            days[path.parent] = _downloaded(path.parent)
        found.append(_product_of(table, days[path.parent].get(path.name, "")))
    return found


def _product_of(table: TowerFile, downloaded: str) -> Product:
    parts = table.delivery
    collection, network = str(_COLLECTIONS.get(table.family, "")), ""
    if table.family == "fluxnet" and parts[0] != _OWN:
        collection = "FLUXNET2015" if parts[2] == "FLUXNET2015" else "FLUXNET"
        network = _NETWORKS.get(parts[0], parts[0])
    policy = policy_of(table.file, network) if collection == "FLUXNET" else Policy()
    return Product(
        site_id=table.site,
        product="_".join(parts),
        collection=collection,
        network=network,
        hub="",
        name="",
        citation="",
        doi="",
        link="",
        downloaded=downloaded,
        licence=policy.licence,
        policy=policy.version,
        thanks=BETWEEN.join(policy.thanks),
        papers=BETWEEN.join(policy.papers),
    )


def _downloaded(folder: Path) -> dict[str, str]:
    """Return the day on which the pipeline ``download`` fetched each file of a folder."""
    try:
        files = json.loads((folder / _MANIFEST).read_text())["files"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {
        name: str(file["fetched"])[:10]
        for name, file in files
        if isinstance(file, dict) and "fetched" in file
    }


def with_citations(products: Iterable[Product], snapshots: Iterable[TowerFile]) -> list[Product]:
    """Add what snapshots say of exactly these products.

    Another release of a tower has a citation of its own, which would not be that of what was read.
    """
    known = {
        row["product"]: row
        for snapshot in snapshots
        for row in read_snapshot(snapshot.file.path).to_dict("records")
    }
    by_site = {row["site_id"]: row["product"] for row in known.values()}
    found = []
    for product in products:
        row = known.get(product["product"])
        if row is None:
            if product["site_id"] in by_site:
                logger.warning(
                    "%s is read from %s, but the snapshot offers %s: whom to cite is not known",
                    product["site_id"], product["product"], by_site[product["site_id"]],
                )  # fmt: skip
            found.append(product)
            continue
        product["hub"], product["name"] = row["hub"], row["name"]
        product["citation"], product["doi"] = row["citation"], row["doi"]
        product["link"] = "" if row["doi"] else find_link(row["citation"])
        found.append(product)
    return found


def product_table(products: Iterable[Product]) -> pd.DataFrame:
    """Return one row a tower and product, sorted; maybe none."""
    table = pd.DataFrame(list(products), columns=list(COLUMNS), dtype="str")
    return table.drop_duplicates().sort_values(["site_id", "product"], ignore_index=True)
