"""``python -m benchmarks carbonfluxbench FOLDER``: our models by the splits of CarbonFluxBench.

FOLDER is the download of the benchmark (docs/benchmarks.md). Models train on all days of the train
sites, and are scored at the test sites on days whose half-hours are all measured (quality 1), as in
the paper.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from benchmarks.table import line
from uflux_kedro.biophysics import ndvi, nirv
from uflux_kedro.models.registry import MODELS, make_model
from uflux_kedro.readers.towers.carbonfluxbench import (
    FLUXES,
    MODIS,
    QUALITY,
    FeatureSet,
    read_benchmark,
)
from uflux_kedro.validation.carbonfluxbench import (
    SCORES,
    Split,
    quartiles,
    scores_of_sites,
    sites_to_test,
)
from uflux_kedro.variables import IGBP_CLASSES

PUBLISHED = {
    ("Koppen", "GPP"): {"CT-LSTM": (0.241, 0.648, 0.772), "LightGBM": (0.286, 0.608, 0.764), "XGBoost": (0.139, 0.469, 0.689)},
    ("Koppen", "RECO"): {"TAM-RL": (0.053, 0.593, 0.725), "LightGBM": (0.186, 0.541, 0.700), "XGBoost": (-0.177, 0.426, 0.633)},
    ("Koppen", "NEE"): {"LSTM, standard": (-0.036, 0.315, 0.468), "LightGBM": (0.052, 0.283, 0.497), "XGBoost": (-0.577, 0.162, 0.379)},
    ("IGBP", "GPP"): {"TAM-RL": (0.251, 0.574, 0.758), "LightGBM": (0.028, 0.540, 0.731), "XGBoost": (-0.112, 0.501, 0.700)},
    ("IGBP", "RECO"): {"CT-LSTM, standard": (-0.134, 0.475, 0.683), "LightGBM": (-0.509, 0.350, 0.664), "XGBoost": (-1.308, 0.060, 0.574)},
    ("IGBP", "NEE"): {"LSTM, standard": (-0.157, 0.224, 0.432), "LightGBM": (-0.162, 0.219, 0.404), "XGBoost": (-0.508, 0.129, 0.381)},
}  # fmt: skip
"""Split, flux -> the best model, LightGBM and XGBoost -> quartiles of R2 over sites, of the authors'
results by site (Rozanov et al. 2026, arXiv:2603.09868); minimal set where no other is named."""

HEADER = ("split", "flux", "model", "sites", "R2, quartiles", *(f"{s}, median" for s in SCORES[1:]))


def main(arguments: list[str] | None = None) -> int:
    """Print quartiles over sites of our models beside the published ones."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks carbonfluxbench")
    parser.add_argument("folder", type=Path, help="download of CarbonFluxBench")
    parser.add_argument("--features", choices=get_args(FeatureSet), default="minimal")
    parser.add_argument("--models", nargs="+", choices=sorted(MODELS), default=["XGB"])
    parser.add_argument("--splits", nargs="+", choices=get_args(Split), default=get_args(Split))
    parser.add_argument("--out", type=Path, help="CSV for the scores of every site")
    given = parser.parse_args(arguments)
    table, weather = read_benchmark(given.folder, given.features)
    X = predictors_of(table, weather)
    print(line(*HEADER))
    print(line(*("---",) * len(HEADER)))
    kept = []
    for split in given.splits:
        tested = table["site"].isin(sites_to_test(table, split)).to_numpy()
        for flux in FLUXES:
            for model in given.models:
                scores = judge(table, X, flux, model, tested)
                kept.append(scores.assign(split=split, flux=flux, model=model))
                found = quartiles(scores)
                medians = (f"{found.loc[0.5, name]:.3f}" for name in SCORES[1:])
                quarters = _quarters(found["R2"])
                print(line(split, flux, model, str(len(scores)), quarters, *medians), flush=True)
            for model, published in PUBLISHED[split, flux].items():
                blank = ("-",) * len(SCORES[1:])
                count = "92" if split == "Koppen" else "96"
                print(line(split, flux, f"{model}, published", count, _quarters(published), *blank))
    if given.out:
        pd.concat(kept, ignore_index=True).to_csv(given.out, index=False)
    return 0


def predictors_of(table: pd.DataFrame, weather: list[str]) -> pd.DataFrame:
    """Return the benchmark's predictors with indices of vegetation and the season.

    Args:
        table: Result of :func:`uflux_kedro.readers.towers.carbonfluxbench.read_benchmark`.
        weather: Columns of ERA5-Land.
    """
    phase = 2 * np.pi * table["date"].dt.day_of_year / 365.25
    red, near = table["sur_refl_b01"].to_numpy(), table["sur_refl_b02"].to_numpy()
    climates = sorted(table["Koppen_short"].unique())
    return table[["lat", "lon", *weather, *MODIS]].assign(
        NDVI=np.nan_to_num(ndvi(NIR=near, RED=red)),
        NIRv=np.nan_to_num(nirv(NIR=near, RED=red)),
        DoY_sin=np.sin(phase),
        DoY_cos=np.cos(phase),
        IGBP=table["IGBP"].map(IGBP_CLASSES).fillna(-1),
        Koppen=table["Koppen_short"].map(climates.index),
    )


def judge(
    table: pd.DataFrame, X: pd.DataFrame, flux: str, model: str, tested: np.ndarray
) -> pd.DataFrame:
    """Fit a model at the train sites and score it at the others, on days of quality 1."""
    values = X.to_numpy("float32")
    truth = table[FLUXES[flux]].to_numpy(float)
    judged = tested & (table[QUALITY] >= 1).to_numpy()
    fitted = make_model(
        model, random_state=0, n_jobs=-1, predictors=tuple(X.columns), flux=flux
    ).fit(values[~tested], truth[~tested])
    return scores_of_sites(
        pd.DataFrame(
            {
                "site_id": table.loc[judged, "site"].to_numpy(),
                "truth": truth[judged],
                "prediction": fitted.predict(values[judged]),
            }
        )
    )


def _quarters(values: object) -> str:
    return " ".join(f"{value:.3f}" for value in np.asarray(values, dtype=float))
