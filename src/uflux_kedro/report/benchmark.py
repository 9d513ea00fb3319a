"""Section of the report on scores by the rules of a public benchmark."""

from __future__ import annotations

import pandas as pd

from uflux_kedro.figures.labels import SCHEMES
from uflux_kedro.report.sections import Section
from uflux_kedro.validation.benchmark import SCORES

_TEXT = (
    "CarbonFluxBench (Rozanov et al. 2026, arXiv:2603.09868) trains on some towers and scores each of the "
    "others: R2, the coefficient of determination, which is NSE; RMSE; nMAE, the mean absolute error over "
    "the size of the tower's mean flux; RAE, the mean absolute error over that of the tower's mean. The table "
    "has quartiles over towers, the highest median R2 first. Scores of every tower are in "
    "08_reporting/benchmark_sites.csv, all quartiles in benchmark_skill.csv. {published}"
)
_BESIDE = "Rows marked published are from the file that benchmark.published names."
_ALONE = "Name a CSV of published scores as benchmark.published to see them beside."


def benchmark_section(skill: pd.DataFrame) -> Section:
    """Return the section.

    Args:
        skill: Result of :func:`uflux_kedro.validation.benchmark.benchmark_skill`.
    """
    tables = []
    for split, rows in skill.groupby("split", sort=False):
        shown = rows[["flux", "model", "features", "source"]].copy()
        shown["towers"] = rows["sites"].astype(int)
        for end in ("q25", "median", "q75"):
            shown[f"R2 {end}"] = rows[f"R2_{end}"]
        for name in SCORES[1:]:
            shown[f"{name} median"] = rows[f"{name}_median"]
        tables.append((f"Split: {SCHEMES[str(split)]}", shown.fillna({"features": ""}), 3))
    text = _TEXT.format(published=_BESIDE if (skill["source"] == "published").any() else _ALONE)
    return Section("benchmark", "By the rules of CarbonFluxBench", text, tables)
