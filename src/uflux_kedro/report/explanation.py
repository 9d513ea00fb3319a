"""Section of the report about what the models have learnt."""

from __future__ import annotations

from collections.abc import Collection

from uflux_kedro.report.sections import Section

KEY = "explanation"
"""Identifier of the section, to which its figures refer."""

_TEXT = (
    "Importance tells which predictors help at towers that the model was not trained on: boosted "
    "trees are fitted without some towers, and there a predictor's values are shuffled. SHAP values "
    "split single predictions into the contributions of the predictors, on rows that the model was "
    "trained on: {split}. Effects tell how the prediction of one member changes with a predictor, all "
    "else as at the towers: here of {model} with the predictors {predictor_set}. Response curves "
    "compare towers with the mean of the members' held-out predictions. None of them says what "
    "causes a flux."
)


def explanation_section(model: str, predictor_set: str, split: Collection[str]) -> Section:
    """Return the section, which consists of figures.

    Args:
        model: Model of the member that is explained.
        predictor_set: Its predictors.
        split: Models whose predictions are split by SHAP values, of all fluxes.
    """
    others = sorted(set(split) - {model})
    text = f"here of {model} with the predictors {predictor_set}"
    if others:
        text = (
            f"here of {', '.join(others)} with the predictors {predictor_set}, since exact ones of "
            f"{model} are not to be had"
        )
    filled = _TEXT.format(split=text, model=model, predictor_set=predictor_set)
    return Section(KEY, "What the models have learnt", filled, [])
