"""Definitions on the page: every word that it uses."""

from __future__ import annotations

from tests.testing.synthetic import make_predictions, make_sites, make_training_table
from uflux_kedro.ensemble import Member
from uflux_kedro.figures.labels import SCHEMES
from uflux_kedro.report import glossary_section
from uflux_kedro.report.glossary import _SCHEMES, IGBP_MEANINGS, PARTS, STEPS
from uflux_kedro.validation.metrics import METRICS
from uflux_kedro.validation.skill import split_signal
from uflux_kedro.validation.skill_by_step import at_steps
from uflux_kedro.variables import IGBP_CLASSES

MEMBERS = (
    Member("A", "GPP", "XGB", ("MODIS_NIRv", "ERA5_TA", "IGBP")),
    Member("B", "GPP", "XGB", ("AVHRR_NDVI", "ERA5_TA", "ERA5_TA_LAG1")),
)


def tables(**settings):
    section = glossary_section(MEMBERS, ["loso"], **settings)
    return {title: table for title, table, _ in section.tables}


def test_every_score_class_scheme_and_part_is_defined():
    words = " ".join(tables()["Scores"]["score"])
    names = {"r2": "R²"}
    assert all(names.get(name, name) in words for name in METRICS)
    assert set(IGBP_MEANINGS) == set(IGBP_CLASSES)
    assert set(_SCHEMES) == set(SCHEMES)
    predictions = make_predictions(make_training_table(make_sites()))["GPP"]
    assert [part for part, _ in PARTS] == list(split_signal(predictions))
    steps = ", ".join(step for step, _ in STEPS).split(", ")
    assert set(at_steps(predictions)) <= set(steps)
    (scheme,) = tables()["Validation"].itertuples(index=False)
    assert tuple(scheme[:2]) == ("loso", "leave-one-site-out")


def test_words_of_maps_are_there_with_maps_only():
    assert "extrapolated" not in set(tables()["Scores"]["score"])
    assert "extrapolated" in set(tables(mapped=True)["Scores"]["score"])


def test_predictors_say_what_they_are_and_which_sets_hold_them():
    found = tables()["Predictors"].set_index("predictor")
    assert found.loc["ERA5_TA", ["source", "unit", "in the sets"]].tolist() == ["ERA5", "°C", "all"]
    assert found.loc["MODIS_NIRv", "in the sets"] == "A"
    assert found.loc["IGBP", "source"] == "place and time"
    assert found.loc["ERA5_TA_LAG1", "what it is"].endswith("a month before")
    assert tables()["Fluxes"]["flux"].tolist() == ["GPP"]
