"""Collections that towers come from, and the papers that describe them.

The collections of a run's towers follow its training table to the cards of members and to products,
whose references name them. Simulated towers are of no collection.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

COLLECTIONS = "collections"
"""Attribute of training tables, cards and products."""

Collection = Literal[
    "FLUXNET", "FLUXNET2015", "AmeriFlux BASE", "FluxDataKit", "FLUXNET-CH4", "JapanFlux2024", "OzFlux",
    "PLUMBER2",
]  # fmt: skip
"""``FLUXNET`` are the products of the regional networks by ONEFlux, which each have a citation."""


class Paper(NamedTuple):
    """A publication.

    Attributes:
        key: Key in a file of BibTeX.
        authors: Authors as they are printed.
        year: Year of publication.
        title: Title.
        journal: Journal.
        volume: Volume.
        pages: Pages, or number of the article.
        doi: DOI.
    """

    key: str
    authors: str
    year: int
    title: str
    journal: str
    volume: str
    pages: str
    doi: str

    @property
    def text(self) -> str:
        """Reference as text, without its DOI."""
        return f"{self.authors} ({self.year}): {self.title}. {self.journal} {self.volume}, {self.pages}."


PASTORELLO = Paper(
    "Pastorello2020",
    "Pastorello, G. et al.",
    2020,
    "The FLUXNET2015 dataset and the ONEFlux processing pipeline for eddy covariance data",
    "Scientific Data",
    "7",
    "225",
    "10.1038/s41597-020-0534-3",
)
YU = Paper(
    "Yu2006",
    "Yu, G.-R. et al.",
    2006,
    "Overview of ChinaFLUX and evaluation of its eddy covariance measurement",
    "Agricultural and Forest Meteorology",
    "137",
    "125-137",
    "10.1016/j.agrformet.2006.02.011",
)
UEYAMA = Paper(
    "Ueyama2025",
    "Ueyama, M. et al.",
    2025,
    "The JapanFlux2024 dataset for eddy covariance observations covering Japan and East Asia from 1990 "
    "to 2023",
    "Earth System Science Data",
    "17",
    "3807-3833",
    "10.5194/essd-17-3807-2025",
)
BERINGER = Paper(
    "Beringer2016",
    "Beringer, J. et al.",
    2016,
    "An introduction to the Australian and New Zealand flux tower network - OzFlux",
    "Biogeosciences",
    "13",
    "5895-5916",
    "10.5194/bg-13-5895-2016",
)
ISAAC = Paper(
    "Isaac2017",
    "Isaac, P. et al.",
    2017,
    "OzFlux data: network integration from collection to curation",
    "Biogeosciences",
    "14",
    "2903-2928",
    "10.5194/bg-14-2903-2017",
)
_CHU = Paper(
    "Chu2023",
    "Chu, H. et al.",
    2023,
    "AmeriFlux BASE data pipeline to support network growth and data sharing",
    "Scientific Data",
    "10",
    "614",
    "10.1038/s41597-023-02531-2",
)
_DELWICHE = Paper(
    "Delwiche2021",
    "Delwiche, K. B. et al.",
    2021,
    "FLUXNET-CH4: a global, multi-ecosystem dataset and analysis of methane seasonality from freshwater "
    "wetlands",
    "Earth System Science Data",
    "13",
    "3607-3689",
    "10.5194/essd-13-3607-2021",
)
_UKKOLA = Paper(
    "Ukkola2022",
    "Ukkola, A. M. et al.",
    2022,
    "A flux tower dataset tailored for land model evaluation",
    "Earth System Science Data",
    "14",
    "449-461",
    "10.5194/essd-14-449-2022",
)

PAPERS: dict[str, tuple[Paper, ...]] = {
    "FLUXNET": (PASTORELLO,),
    "FLUXNET2015": (PASTORELLO,),
    "AmeriFlux BASE": (_CHU,),
    "FLUXNET-CH4": (_DELWICHE,),
    "JapanFlux2024": (UEYAMA,),
    "OzFlux": (BERINGER, ISAAC),
    "PLUMBER2": (_UKKOLA,),
}
"""Collection -> papers that describe it."""


def paper_of(doi: str) -> Paper | None:
    """Return the paper of a DOI among those that this file describes."""
    known = {YU, *(paper for papers in PAPERS.values() for paper in papers)}
    return next((paper for paper in known if paper.doi.lower() == doi.lower()), None)


def collections_of(*made_from: Any) -> tuple[str, ...]:
    """Return the collections that data come from, sorted; none if unknown.

    Args:
        made_from: Tables and products, which have ``attrs``, or cards of models.
    """
    found: set[str] = set()
    for one in made_from:
        attrs = getattr(one, "attrs", one) or {}
        found.update(filter(None, str(attrs.get(COLLECTIONS, "")).split(", ")))
    return tuple(sorted(found))


def from_collections(*names: str) -> dict[str, str]:
    """Return the attributes of something made from these collections; none without."""
    return {COLLECTIONS: ", ".join(sorted(set(names)))} if names else {}


def references_of(collections: tuple[str, ...]) -> str:
    """Return where the towers of a product come from, as CF's ``references``, one line."""
    if not collections:
        return "Flux-tower data: their source is not stated; see their providers"
    named = [
        f"{name} ({', '.join(f'https://doi.org/{paper.doi}' for paper in papers)})"
        if (papers := PAPERS.get(name))
        else name
        for name in collections
    ]
    each = "; each tower's product has a citation of its own" if "FLUXNET" in collections else ""
    return f"Flux-tower data: {', '.join(named)}{each}"
