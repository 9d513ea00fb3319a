"""The section about what models have learnt says whose predictions are split."""

from __future__ import annotations

import pytest

from uflux_kedro.report.explanation import explanation_section


@pytest.mark.parametrize(
    ("model", "split", "told"),
    [
        ("XGB", {"XGB"}, "trained on: here of XGB with the predictors EVI-ERA. Effects"),
        ("DF21", {"XGB"}, "here of XGB with the predictors EVI-ERA, since exact ones of DF21"),
    ],
)
def test_the_model_of_the_shap_values_is_named(model, split, told):
    assert told in explanation_section(model, "EVI-ERA", split).text
