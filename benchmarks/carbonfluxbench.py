"""``python -m benchmarks carbonfluxbench FOLDER``: our models by the splits of CarbonFluxBench.

FOLDER is the download of the benchmark (docs/sources/carbonfluxbench.md). Members, splits and scores are
those of ``kedro run --env carbonfluxbench``, without quality checks, report and tracking.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from kedro.config import OmegaConfigLoader

from benchmarks.table import line
from uflux_kedro.configuration import CONFIG_LOADER_ARGS, PROJECT_PATH
from uflux_kedro.ensemble import EnsembleParameters, Member
from uflux_kedro.execution import DaskParameters
from uflux_kedro.features.training_table import build_training_table
from uflux_kedro.models.registry import MODELS
from uflux_kedro.pipelines.model_training.nodes import predict_split
from uflux_kedro.pipelines.reporting.benchmark import score_benchmark
from uflux_kedro.readers import TowerParameters, read_towers
from uflux_kedro.validation.benchmark import SCORES
from uflux_kedro.validation.parameters import BenchmarkParameters, TrainingParameters

HEADER = (
    *("split", "flux", "model", "features", "sites", "R2, quartiles"),
    *(f"{s}, median" for s in SCORES[1:]),
)


def main(arguments: list[str] | None = None) -> int:
    """Print quartiles over sites of our models, beside published ones."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks carbonfluxbench")
    parser.add_argument("folder", type=Path, help="download of CarbonFluxBench")
    parser.add_argument("--model", choices=sorted(MODELS), default="XGB")
    parser.add_argument("--select", default="*", help="glob patterns of the members' names")
    parser.add_argument("--splits", nargs="+", default=["koppen", "igbp"])
    parser.add_argument("--published", type=Path, help="CSV of published quartiles")
    parser.add_argument("--out", type=Path, help="CSV for the scores of every site")
    given = parser.parse_args(arguments)
    loader = OmegaConfigLoader(
        str(PROJECT_PATH / "conf"), env="carbonfluxbench", **CONFIG_LOADER_ARGS
    )
    parameters = loader["parameters"]
    published = str(given.published.resolve()) if given.published else None
    benchmark = BenchmarkParameters(splits=given.splits, published=published)
    asked = {"model": given.model, "select": given.select}
    members = EnsembleParameters.model_validate(parameters["ensemble"] | asked).members()
    sites, skill = judge(given.folder, members, benchmark, parameters)
    for cells in (HEADER, ("---",) * len(HEADER)):
        print(line(*cells))
    for row in skill.to_dict("records"):
        print(line(*_cells(row)))
    if given.out:
        sites.to_csv(given.out, index=False)
    return 0


def judge(
    folder: Path,
    members: tuple[Member, ...],
    benchmark: BenchmarkParameters,
    parameters: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train the members at the train sites of each split, and score them at the others.

    Args:
        folder: Download of the benchmark.
        members: What is trained.
        benchmark: Splits, and the file of published scores.
        parameters: Those of the environment.

    Returns:
        Scores of every site, and their quartiles.
    """
    reading = TowerParameters.model_validate(parameters["towers"])
    towers, sites = read_towers(folder, reading, outside="mask")
    wanted = {name for member in members for name in member.predictors}
    table = build_training_table(towers, sites, predictors=wanted)
    training = TrainingParameters.model_validate(parameters["training"])
    pairs = tuple((split, member) for split in benchmark.splits for member in members)
    with tempfile.TemporaryDirectory() as cache:
        predictions = [
            predict_split((member, split), table, Path(cache), training, DaskParameters())
            for split, member in pairs
        ]
    return score_benchmark(pairs, benchmark, *predictions)


def _cells(row: dict[str, Any]) -> list[str]:
    ours = row["source"] == "this run"
    model = row["model"] if ours else f"{row['model']}, published"
    quarters = " ".join(f"{row[f'R2_{part}']:.3f}" for part in ("q25", "median", "q75"))
    medians = [row[f"{name}_median"] for name in SCORES[1:]]
    shown = ["-" if np.isnan(value) else f"{value:.3f}" for value in medians]
    features = "" if pd.isna(row["features"]) else str(row["features"])
    return [row["split"], row["flux"], model, features, str(row["sites"]), quarters, *shown]
