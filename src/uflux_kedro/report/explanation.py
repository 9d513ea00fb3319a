"""Section of the report about what the models have learnt."""

from __future__ import annotations

from uflux_kedro.report.sections import Section

KEY = "explanation"
"""Identifier of the section, to which its figures refer."""

_TEXT = (
    "Importance tells which predictors help at towers that the model was not trained on: boosted "
    "trees are fitted without some towers, and there a predictor's values are shuffled. Effects "
    "tell how the prediction of one member changes with a predictor, all else as at the towers: "
    "here of {name}. Response curves compare towers with the mean of the members' held-out "
    "predictions. None of them says what causes a flux."
)


def explanation_section(name: str) -> Section:
    """Return the section, which consists of figures.

    Args:
        name: Predictor set and model whose effects are shown, as text.
    """
    return Section(KEY, "What the models have learnt", _TEXT.format(name=name), [])
