"""Titles and captions of the report's figures: what is drawn, in which unit, what n counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.figures.labels import flux_unit
from uflux_kedro.variables import FLUXES


@dataclass(frozen=True)
class Caption:
    """Words of one figure.

    Attributes:
        number: Number in the report; those of the published figures keep theirs.
        title: Short title, also the alternative text.
        text: Caption with the fields ``{shown}``, ``{scheme}``, ``{records}``, ``{units}``.
        gridded: Whether it needs a grid.
        section: Key of the section in which it stands; empty for the page's own.
    """

    number: str
    title: str
    text: str
    gridded: bool = False
    section: str = ""


FIGURES: Mapping[str, Caption] = {
    "scatter": Caption(
        "Figure 2",
        "Tower against model",
        "Fluxes at towers that the models had not seen ({scheme}), model: {shown}. Colour counts "
        "{records} in a hexagon, on one logarithmic scale; n is the number of {records} with "
        "both values, all of them drawn. Solid line: ordinary least squares of model on tower; "
        "dashed: 1:1; r² is Pearson's, squared. {units}.",
    ),
    "leaderboard": Caption(
        "Figure 3",
        "Members by fluxes",
        "Pooled skill of each member at unseen towers ({scheme}). Colour and upper number: R² "
        "(Pearson's, squared). Area and lower number: MRAE, the mean absolute error over the "
        "mean absolute flux at the towers; the area is proportional to it, in the dots as in "
        "the legend. Both have no unit. n and the number of towers of each member stand in the "
        "leaderboard.",
    ),
    "mean_maps": Caption(
        "Figure 4a",
        "Multi-year mean of the ensemble",
        "Mean over all mapped periods, each weighted by its length. The land mean weights cells "
        "by their area. Coastlines are the edges of the product's land cells; scales are the "
        "same in every run. {units}.",
        gridded=True,
    ),
    "spread_maps": Caption(
        "Figure 4b",
        "Spread among members",
        "Standard deviation among the members in each period, averaged over time. It tells how "
        "far the members differ, not how far they are from the truth. Fluxes of one unit share "
        "one scale. {units}.",
        gridded=True,
    ),
    "profiles": Caption(
        "Figure 5",
        "Latitudinal profiles",
        "Multi-year mean over the land cells of each latitude: thin lines are members, the thick "
        "one is their mean. Circles: towers whose record covers all twelve calendar months, each "
        "month with the same weight. {units}.",
        gridded=True,
    ),
    "site_skill": Caption(
        "Figure S1",
        "Skill tower by tower",
        "Nash-Sutcliffe efficiency of each tower ({scheme}), model: {shown}. Boxes: quartiles "
        "and median; whiskers: 5th to 95th percentile; triangles: towers below \N{MINUS SIGN}1.",
    ),
    **{
        f"seasons_{flux}": Caption(
            f"Figure S{place}",
            f"Seasonal cycle of {flux} by IGBP class",
            "Mean of each calendar month at unseen towers ({scheme}), model: {shown}. Towers "
            "weigh alike; bands are one standard deviation among towers; the number beside the "
            f"class counts towers. {flux} in {flux_unit(flux)}.",
        )
        for place, flux in enumerate(FLUXES, start=2)
    },
}  # fmt: skip
"""Key of a figure -> its words, in the order of the page."""


_BESIDE = {
    "difference": Caption(
        "Figure 8",
        "Product less {peer}",
        "Difference of the means over the months and cells that both have, with the spatial R² "
        "(of the cells' means, weighted by area). Below each map: means along the meridians; "
        "beside it: along the parallels. {{units}}.",
        gridded=True,
        section="peers",
    ),
    "density": Caption(
        "Figure 8, companion",
        "Cells and months of {peer} and of the product",
        "Area and months in each pair of values, on a logarithmic scale; dashed: 1:1. r² is "
        "Pearson's, squared; all scores are weighted by area and days. Values beyond the axes, "
        "less than a thousandth of the area at either end, are counted but not shown. {{units}}.",
        gridded=True,
        section="peers",
    ),
}
"""What a figure of a peer shows -> its words; its key is that and the peer's name."""


def caption_of(key: str) -> Caption:
    """Words of a figure.

    Raises:
        ConfigurationError: If the report knows no such figure.
    """
    shows, _, peer = key.partition("_")
    if shows in _BESIDE and peer:
        words = _BESIDE[shows]
        return replace(words, title=words.title.format(peer=peer), text=words.text.format(peer=peer))  # fmt: skip
    if key not in FIGURES:
        raise ConfigurationError(
            f"The report has no figure {key!r}: expected one of {', '.join(FIGURES)}"
        )
    return FIGURES[key]


def units_text(fluxes: list[str]) -> str:
    """Units of some fluxes in words: ``GPP, RECO in gC m⁻² d⁻¹; LE in W m⁻²``."""
    units: dict[str, list[str]] = {}
    for flux in fluxes:
        units.setdefault(flux_unit(flux), []).append(flux)
    return "; ".join(f"{', '.join(names)} in {unit}" for unit, names in units.items())
