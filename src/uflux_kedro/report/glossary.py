"""Section of the report that defines its words: scores, schemes, classes, predictors."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from uflux_kedro.ensemble import Member
from uflux_kedro.figures.labels import SCHEMES, unit_text
from uflux_kedro.report.sections import Section
from uflux_kedro.validation.metrics import LEAST_MEAN, LEAST_SCORED
from uflux_kedro.validation.skill import MONTHS_OF_A_YEAR
from uflux_kedro.validation.skill_by_step import YEARS_OF_A_SCORE
from uflux_kedro.variables import FLUXES, IGBP_CLASSES, VARIABLES, parse_predictor, variable_of

KEY = "definitions"
"""Identifier of the section."""

_TEXT = (
    "What the words of this page mean. Every difference is the second thing taken from the first: a bias "
    "is prediction minus tower, and a map's difference is product minus truth, or minus the other "
    f"product. A score of fewer than {LEAST_SCORED} towers or rows is of chance, and has no colour. Yearly "
    "totals are of NEE as the air sees it: negative where land takes up carbon."
)

SCORES = (
    ("NSE", "Nash-Sutcliffe efficiency: 1 minus the mean squared error over the variance of the towers' values", "1; 0 is as good as their mean"),
    ("R²", "Pearson's correlation, squared; blind to bias and scale", "1"),
    ("RMSE", "root of the mean squared error, in the unit of the flux", "0"),
    ("MAE", "mean absolute error, in the unit of the flux", "0"),
    ("MBE", "mean bias error: mean of prediction minus tower, in the unit of the flux", "0"),
    ("MRAE", "mean absolute error over the mean absolute value at the towers", "0"),
    ("slope, intercept", "of the least-squares line of prediction on tower", "1, 0"),
    ("KGE", "Kling-Gupta efficiency, from correlation, ratio of variability and ratio of means; left out "
     f"where the towers' mean is within {LEAST_MEAN:g} standard deviations of zero, as of NEE, anomalies and trends, "
     "since its ratio of means then says nothing", "1"),
    ("CCC", "concordance correlation coefficient of Lin: correlation, less what bias and scale take away", "1"),
    ("median tower, percentile", f"over the scores of single towers with {LEAST_SCORED} records or more: half "
     "the towers are better than the median; nine in ten have a higher NSE than its 10th percentile, and a lower "
     "RMSE than its 90th", "as above"),
    ("coverage", "share of values at unseen towers that lie inside their interval", "the level, as 0.90"),
    ("completeness", "n / (n + n0) of the n distinct towers in conditions like those of a cell", "near 1"),
    ("extrapolated", "share of cells and periods outside the area of applicability: no tower resembles them closely enough", "0"),
)  # fmt: skip
"""Score, what it is, and its best value."""

_SCHEMES = {
    "loso": "each tower in turn is left out, and predicted by models trained on all others",
    "kfold": "towers are split into groups, and each group is predicted by models trained on the others; "
    "no tower is in two groups",
    "blocks": "as grouped k-fold, with towers of one region in one group",
    "warmest": "the towers with the highest mean temperature; all others train, and are not tested",
    "driest": "the towers with the least precipitation; all others train, and are not tested",
    "koppen": "a share of the towers of each main Köppen class; all others train, and are not tested",
    "igbp": "a share of the towers of each IGBP class; all others train, and are not tested",
}
"""Validation scheme -> what is held out."""

PARTS = (
    ("across-site", "mean of each tower"),
    ("seasonal cycle", "mean of each calendar month at a tower, minus the mean of its cycle"),
    ("anomaly", "each month minus the tower's mean of that calendar month"),
    ("interannual", "mean anomaly of each year at a tower, minus the mean of its years"),
    ("trend", "slope of these yearly means, at towers with five years or more"),
)
"""Part of the signal, and what it is."""

STEPS = (
    ("day, week, month", "mean over the period, of which at least half the records are there, from the same "
     "records of tower and model; weeks begin on Monday"),
    ("season", "mean of each day of the year at a tower, or of each calendar month if records are longer than "
     "a day, over two years or more; the tower's level is in it"),
    ("anomaly", "each of these days or months minus the tower's mean season"),
    ("year", f"mean of each year with {MONTHS_OF_A_YEAR} months or more, minus the mean of the tower's years; "
     f"a tower is scored if it has {YEARS_OF_A_SCORE}"),
    ("site", f"mean of each tower with {LEAST_SCORED} months or more: its RMSE is the size of its error, and NSE is "
     "across towers"),
)  # fmt: skip
"""Step of time, and what its values are."""

IGBP_MEANINGS = {
    "WAT": "water bodies", "ENF": "evergreen needleleaf forest", "EBF": "evergreen broadleaf forest",
    "DNF": "deciduous needleleaf forest", "DBF": "deciduous broadleaf forest", "MF": "mixed forest",
    "CSH": "closed shrubland", "OSH": "open shrubland", "WSA": "woody savanna", "SAV": "savanna",
    "GRA": "grassland", "WET": "permanent wetland", "CRO": "cropland", "URB": "urban and built-up land",
    "CVM": "cropland mixed with natural vegetation", "SNO": "snow and ice", "BSV": "barren land",
}  # fmt: skip
"""IGBP class -> its name in words."""


def glossary_section(
    members: Sequence[Member], schemes: Collection[str], *, mapped: bool = False
) -> Section:
    """Return the section.

    Args:
        members: Members of the report, whose fluxes and predictors are explained.
        schemes: Validation schemes of the report.
        mapped: Whether the report has maps.
    """
    only_maps = ("completeness", "extrapolated")
    scores = [row for row in SCORES if mapped or row[0] not in only_maps]
    named = [(key, SCHEMES.get(key, key), _SCHEMES.get(key, "")) for key in schemes]
    classes = [(name, code, IGBP_MEANINGS[name]) for name, code in IGBP_CLASSES.items()]
    tables = [
        ("Scores", pd.DataFrame(scores, columns=["score", "what it is", "best"]), 2),
        ("Validation", pd.DataFrame(named, columns=["scheme", "name", "what is held out"]), 2),
        ("Steps of time", pd.DataFrame(STEPS, columns=["step", "what it is"]), 2),
        ("Parts of the signal", pd.DataFrame(PARTS, columns=["part", "what it is"]), 2),
        ("IGBP classes", pd.DataFrame(classes, columns=["class", "code", "land cover"]), 2),
        ("Fluxes", _fluxes(members), 2),
        ("Predictors", _predictors(members), 2),
    ]
    return Section(KEY, "Definitions", _TEXT, tables)


def _fluxes(members: Sequence[Member]) -> pd.DataFrame:
    used = {member.flux for member in members}
    rows = [
        (flux, VARIABLES[flux].long_name, unit_text(VARIABLES[flux].unit))
        for flux in FLUXES
        if flux in used
    ]
    return pd.DataFrame(rows, columns=["flux", "what it is", "unit"])


def _predictors(members: Sequence[Member]) -> pd.DataFrame:
    """Return one row per predictor of any member: meaning, source, unit, and sets that hold it."""
    sets: dict[str, dict[str, None]] = {}
    for member in members:
        for name in member.predictors:
            sets.setdefault(name, {})[member.predictor_set] = None
    everywhere = len({member.predictor_set for member in members})
    rows = [
        (
            name,
            variable_of(name).long_name,
            parse_predictor(name)[0] or "place and time",
            unit_text(variable_of(name).unit),
            "all" if len(of) == everywhere else ", ".join(of),
        )
        for name, of in sets.items()
    ]
    return pd.DataFrame(rows, columns=["predictor", "what it is", "source", "unit", "in the sets"])
