"""Titles and captions of the report's figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.explanation.responses import RESPONSES
from uflux_kedro.figures.labels import flux_unit
from uflux_kedro.variables import FLUXES


@dataclass(frozen=True)
class Caption:
    """Caption of one figure. Its number is its place on the page, which only the page knows.

    Attributes:
        title: Short title, also the alternative text of a figure that has none; with the fields of
            ``text``.
        text: Text with the fields ``{shown}``, ``{scheme}``, ``{records}``, ``{units}``, ``{mean_of}``
            and ``{period}``. A reference ``[figure:scatter]`` becomes the number of that figure, and
            a link.
        gridded: Whether the figure requires grids.
        section: Key of the section that shows it; empty for the main part of the page.
        uflux: Number of the figure in the UFLUX publication that it corresponds to; empty if there
            is none.
    """

    title: str
    text: str
    gridded: bool = False
    section: str = ""
    uflux: str = ""


FIGURES: Mapping[str, Caption] = {
    "scatter": Caption(
        "Tower against model",
        "Held-out predictions at towers that the model was not trained on ({scheme}). Model: "
        "{shown}. Colour is the number of {records} in a hexagon, on one logarithmic scale; n is "
        "the number of {records} with both values, all of which are drawn. Solid line: ordinary "
        "least squares of model on tower; dashed line: 1:1. r² is Pearson's r, squared. {units}.",
        uflux="2",
    ),
    "leaderboard": Caption(
        "Skill of members by flux",
        "Pooled skill of each member at towers that it was not trained on ({scheme}). Colour and "
        "upper number: R² (Pearson's r, squared). Area and lower number: MRAE, the mean absolute "
        "error divided by the mean absolute flux at the towers; the area is proportional to it. "
        "Both have no unit. White: fewer than ten towers or records. The leaderboard gives n and the "
        "number of towers of each member.",
        uflux="3",
    ),
    "mean_maps": Caption(
        "{mean_of} of the ensemble",
        "Mean over all mapped periods ({period}), weighted by their length. The land mean is weighted "
        "by the area of cells. Grey: land without a value, of carbon fluxes snow, ice and barren land. "
        "Coastlines are the edges of the product's land cells. Colour scales are "
        "the same in every run, except that of NEE, which follows its values. {units}.",
        gridded=True,
        uflux="4a",
    ),
    "spread_maps": Caption(
        "Spread among members",
        "Standard deviation among the members in each period, averaged over time. It measures how "
        "much the members differ from each other, not from the truth. Fluxes of the same unit "
        "share a colour scale. {units}.",
        gridded=True,
        uflux="4b",
    ),
    "profiles": Caption(
        "Latitudinal profiles",
        "{mean_of} ({period}) over the land cells of each latitude. Thin lines: members; thick line: "
        "their mean. Circles: towers with values in all twelve calendar months, each month with "
        "the same weight. Drawn from 60° south to 85° north at most. {units}.",
        gridded=True,
        uflux="5",
    ),
    "latitude_seasons": Caption(
        "Seasonal cycle by latitude",
        "Mean of each calendar month over the mapped years and the land of each band of latitude, weighted by "
        "area and days. Grey-blue: no land, or a month that is not mapped. Colours end at the 1st "
        "and 99th percentile of a panel; those of NEE are equal on both sides of zero. {units}.",
        gridded=True,
    ),
    "interannual": Caption(
        "Interannual variability",
        "Left: total over the mapped land (energy: its mean, weighted by area) of each full calendar "
        "year. Band or bar of the ensemble: 90 % interval of the annual value. Members in groups by "
        "what they know of time, with one standard deviation among them: the season, the year, or "
        "neither; a group without a member is not shown, and none is if the fields of members were "
        "not kept. Other products cover the cells and months that both have; of three or more "
        "the band is one standard deviation among them. Middle: departure of the means from their "
        "mean over the years. Right: departure at the towers, each calendar month from that tower's own "
        "mean; observed, and predicted by {shown} ({scheme}); bands are one standard deviation among "
        "towers. Years with fewer than three towers of nine months are left out. Where there are not "
        "two years the panel says so. Numbers: 08_reporting/interannual.csv. {units}.",
        gridded=True,
        uflux="6",
    ),
    "site_skill": Caption(
        "Skill at each tower",
        "Nash-Sutcliffe efficiency (NSE) at each tower ({scheme}). Model: {shown}. Boxes: "
        "quartiles and median; whiskers: 5th to 95th percentile; triangles: towers below "
        "\N{MINUS SIGN}1. Towers with fewer than ten {records} are left out.",
    ),
    **{
        f"seasons_{flux}": Caption(
            f"Seasonal cycle of {flux} by IGBP class",
            "Mean of each calendar month at towers that the model was not trained on ({scheme}). "
            "Model: {shown}. Towers have equal weight; bands are one standard deviation among "
            "towers; the number beside the class is that of its towers. "
            f"{flux} in {flux_unit(flux)}.",
        )
        for flux in FLUXES
    },
    "tower_map": Caption(
        "Skill on the map",
        "Nash-Sutcliffe efficiency (NSE) at each tower that the model was not trained on ({scheme}), "
        "on a scale from 0 to 1. Model: {shown}. Triangles: towers below 0, where the mean of the "
        "tower would be the better prediction; hollow circles: towers with fewer than ten "
        "{records}. Towers in one place cover each other, the lowest NSE on top. Land: Natural Earth.",
    ),
    "taylor": Caption(
        "Members and ensemble in Taylor diagrams",
        "Correlation (angle), standard deviation divided by that of the towers (distance from the "
        "origin), and centred root mean squared error in the same unit (distance from the star; blue "
        "arcs at the same steps) of held-out predictions ({scheme}), all towers pooled; after Taylor "
        "(2001). Bias is not shown. Each member has its own {records}; the ensemble has all.",
    ),
    "skill_by_group": Caption(
        "Skill by part of the signal, IGBP class and climate",
        "NSE at towers that the model was not trained on ({scheme}). Model: {shown}. Parts: mean of "
        "each tower, mean seasonal cycle, departures from it, yearly means and their trend, after "
        "Jung et al. (2020). Lines: 95 % of bootstrap draws of towers. Hollow and grey: fewer than "
        "ten towers, whose score may be chance. At the right: number of towers.",
    ),
    "ratios": Caption(
        "Water-use efficiency and energy-balance ratio",
        "Ratios of fluxes at towers that no model was trained on ({scheme}). Model: {shown}. Left: "
        "ratio of the sums of each tower with ten {records} or more. Right: each of the {records} "
        "with at least 0.5 mm d⁻¹ of evapotranspiration (ET) at tower and model, or 20 W m⁻² of "
        "available energy; up to one in a hundred is outside the axes, but counted. ET is LE "
        "divided by the latent heat of vaporisation, 2.501 \N{MINUS SIGN} 0.00237 TA MJ kg⁻¹. Available energy "
        "is the same for both: net radiation Rn, less ground heat flux G where towers have it. "
        "Towers corrected for closure have an energy-balance ratio near 1 by construction, and then "
        "only the mean and standard deviation of the model's are given. Solid: "
        "reduced major axis, slope = sd(model) / sd(tower) with the sign of the correlation, through "
        "the means (Warton et al., 2006), with the interval of its slope over bootstrap draws of "
        "towers; dashed: 1:1. r² is Pearson's r, squared.",
        uflux="9",
    ),
    **{
        f"series_{flux}": Caption(
            f"Series of {flux} at chosen towers",
            "Measured, and predicted by models that were not trained on the tower ({scheme}), with "
            "the interval of the prediction, whose calibration did not see the tower either. "
            "Model: {shown}. Without a choice of towers: those with the highest, the median and the lowest "
            "NSE among towers with 24 {records} or more. Each panel has its own scale. "
            f"{flux} in {flux_unit(flux)}.",
        )
        for flux in FLUXES
    },
}  # fmt: skip
"""Key of a figure -> its caption, in the order of the page."""


_PEER_FIGURES = {
    "difference": Caption(
        "Product minus {peer}",
        "Difference of means over the months and cells that both products have. "
        "Spatial R² compares the means of cells, weighted by area. Below each map: means by "
        "longitude; beside it: means by latitude. {{units}}.",
        gridded=True,
        section="peers",
        uflux="8",
    ),
    "differences": Caption(
        "Product minus {peer}, by season",
        "Difference of the means over the months of a season and the cells that both products have; at the "
        "right above a map: its mean, weighted by area. One colour scale a flux, to a round number near "
        "the 98th percentile. {{units}}.",
        gridded=True,
        section="peers",
    ),
    "density": Caption(
        "Product against {peer}, by cell and month",
        "Colour is the area times months with a pair of values, on a logarithmic scale; dashed "
        "line: 1:1. r² is Pearson's r, squared; all scores are weighted by area and days. Values "
        "outside the axes, less than a thousandth of the area at either end, are included in the "
        "scores but not shown. {{units}}.",
        gridded=True,
        section="peers",
    ),
}
"""Kind of a figure of a peer -> its caption; the figure's key is ``<kind>_<peer>``."""


_FLUX_FIGURES = {
    "importance": Caption(
        "Importance of predictors of {flux}",
        "Increase of the RMSE of boosted trees at towers that they were not trained on (folds of towers) "
        "when the values of a predictor are shuffled. Lines: intervals from a bootstrap over towers. Of "
        "predictors that say the same, each alone counts for little. {flux} in {unit}.",
        section="explanation",
    ),
    "shap": Caption(
        "SHAP values of {flux}",
        "Contribution of each predictor to each prediction of one model, exact for its trees. Each dot "
        "is a row of a tower; colour is the rank of the predictor's value. With the mean, the "
        "contributions of a row add up to its prediction. {flux} in {unit}.",
        section="explanation",
    ),
    "effects": Caption(
        "Effects of predictors on {flux}",
        "Accumulated local effects of one member: change of the prediction with a predictor, against its "
        "mean, where towers have data; the predictors with the widest effect. Bands and lines: intervals "
        "from a bootstrap over towers. {flux} in {unit}.",
        section="explanation",
    ),
    "next_tower": Caption(
        "Where to build the next tower for {flux}",
        "Share of the expected squared error of {flux} over all land that a tower at a place would take "
        "away: large where conditions are common, errors large and few towers know them. Dots: places that "
        "were tried; numbers: the best ones, each given those before it.",
        gridded=True,
        section="uncertainty",
    ),
    "response": Caption(
        "Response of {flux} to {driver} by IGBP class",
        "Polynomials of second order, fitted to the same rows of towers that the model was not trained "
        "on ({{scheme}}): towers, model ({{shown}}), and baseline if there is one. In brackets: number of "
        "towers; number of site-years. Bands: intervals from a bootstrap over towers, where a class has "
        "five or more. Dots: tower "
        "values. {flux} in {unit}.",
        section="explanation",
    ),
}
"""Kind of a figure of one flux -> its caption; the figure's key is ``<kind>_<flux>``."""

_RESPONSES = {"NEE": "10", "RECO": "11"}
"""Flux with a figure of its response -> number of that figure in the UFLUX publication."""


def _flux_caption(kind: str, flux: str) -> Caption:
    caption = _FLUX_FIGURES[kind]
    fields = {"flux": flux, "unit": flux_unit(flux)}
    if kind == "response":
        fields["driver"] = RESPONSES[flux].driver
    return replace(
        caption,
        uflux=_RESPONSES[flux] if kind == "response" else "",
        title=caption.title.format(**fields),
        text=caption.text.format(**fields),
    )


COMPARISON_FIGURES: Mapping[str, Caption] = {
    "resolutions": Caption(
        "Coarse against fine",
        "Left: the map over the region of a product of smaller cells. Middle: that product, averaged to at most 400 "
        "cells on a side for display, in its own projection. Both are means over the time that "
        "both have, on one colour scale. Right: each coarse cell against the mean of the fine cells in it, weighted by "
        "area, where they cover half of it or more; dashed line: 1:1. R², bias and RMSE are weighted "
        "by area; R² is given for ten cells or more. {units}.",
        gridded=True,
        section="resolutions",
        uflux="7",
    ),
    "literature": Caption(
        "Global totals and means beside published ones",
        "Circle: mean of the full calendar years of this product; line and shade: its 90 % interval. "
        "Diamonds: published values with one standard deviation, of other years and over the "
        "land of other products. Their sources are named below the table.",
        gridded=True,
        section="literature",
    ),
}
"""Key of a figure of a section about other products -> its caption."""


UNCERTAINTY_FIGURES: Mapping[str, Caption] = {
    "calibration": Caption(
        "Coverage of unseen towers against the nominal level",
        "Above: share of values inside the intervals against the share that they are to contain; "
        "dashed line: 1:1. Thick line and band: all towers, with 95 % of bootstrap draws of towers; "
        "grey: IGBP classes with three towers or more. Above the line intervals are too wide, below "
        "it too narrow. At the level of the products the intervals are as they are; at other levels "
        "their widths are scaled by what the other towers need. Below: the classes at that level; "
        "bars are 95 % of draws of the towers of the class, and few towers make them long.",
        section="uncertainty",
    ),
    "error_ranking": Caption(
        "Which measure foretells the error of an unseen tower",
        "Above: rank correlation between the mean of a measure at a tower and the mean error there; "
        "lines: 95 % of bootstrap draws of towers. Below: mean error of the rows that remain when those "
        "are taken away for which a measure warns most, relative to that of all (sparsification). The "
        "faster a curve falls, the better the measure tells where the maps are wrong; dashed: if the "
        "errors themselves were known.",
        section="uncertainty",
    ),
    "completeness_maps": Caption(
        "Completeness of the sampling space",
        "Number n of distinct towers in conditions like those of a cell and month, as n / (n + n0), "
        "averaged over time: 0 where no tower resembles the place, near 1 where many do. Low values "
        "are places for which the models extrapolate; hatched are those outside the area of "
        "applicability most of the time.",
        gridded=True,
        section="uncertainty",
    ),
    "completeness_series": Caption(
        "Completeness over the record",
        "Mean over land, weighted by the area of cells, of each period.",
        gridded=True,
        section="uncertainty",
    ),
    "learning_curves": Caption(
        "Skill by number of training towers",
        "NSE at towers kept aside by models trained on part of the others. Thick line: all towers; "
        "band: 5 to 95 % of the draws of towers; grey: IGBP classes. A line that still rises at its "
        "right end says that more towers would help.",
        section="uncertainty",
    ),
    "closed_loop": Caption(
        "Networks of towers in the demo world",
        "Maps made from drawn networks of towers against the known truth, by flux. Left: error of the "
        "map over vegetated land. Middle: coverage of the intervals of pixels on the map, and dashed at "
        "unseen towers, whose noise and difference from their cell the map's truth has not. Right: "
        "coverage on the map by completeness, with the largest network of each kind.",
        section="uncertainty",
    ),
}
"""Key of a figure of the section about uncertainty -> its caption, in the order of the page."""


def caption_of(key: str) -> Caption:
    """Return the caption of a figure.

    Raises:
        ConfigurationError: If the report has no such figure.
    """
    kind, _, peer = key.partition("_")
    if key.rpartition("_")[0] in _FLUX_FIGURES:
        kind, _, peer = key.rpartition("_")
    fluxes = _RESPONSES if kind == "response" else FLUXES
    if kind in _FLUX_FIGURES and peer in fluxes:
        return _flux_caption(kind, peer)
    if kind in _PEER_FIGURES and peer:
        caption = _PEER_FIGURES[kind]
        return replace(
            caption,
            title=caption.title.format(peer=peer),
            text=caption.text.format(peer=peer),
        )
    known = {**FIGURES, **COMPARISON_FIGURES, **UNCERTAINTY_FIGURES}
    if key not in known:
        raise ConfigurationError(
            f"The report has no figure {key!r}: expected one of {', '.join(known)}"
        )
    return known[key]


def units_text(fluxes: list[str]) -> str:
    """Return the units of fluxes as text: ``GPP, RECO in gC m⁻² d⁻¹; LE in W m⁻²``."""
    units: dict[str, list[str]] = {}
    for flux in fluxes:
        units.setdefault(flux_unit(flux), []).append(flux)
    return "; ".join(f"{', '.join(names)} in {unit}" for unit, names in units.items())
