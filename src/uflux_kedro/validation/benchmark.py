"""Scores by the rules of the benchmark CarbonFluxBench (Rozanov et al. 2026, arXiv:2603.09868)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from uflux_kedro.errors import InputError, require_columns
from uflux_kedro.readers.towers.csv_columns import read_text
from uflux_kedro.readers.towers.tables import NOTHING
from uflux_kedro.validation.metrics import score

SCORES = ("R2", "RMSE", "nMAE", "RAE")

_QUARTILES = {"q25": 0.25, "median": 0.5, "q75": 0.75}
_OF_SITES = tuple(f"{name}_{part}" for name in SCORES for part in _QUARTILES)

SKILL_COLUMNS = ("split", "flux", "model", "features", "source", "sites", *_OF_SITES)
OURS, PUBLISHED = "this run", "published"


class Entry(NamedTuple):
    """What is scored.

    Attributes:
        split: Validation scheme: ``koppen`` or ``igbp``.
        flux: Flux.
        model: Model, or ``ensemble``.
        features: Its predictors, in a word.
    """

    split: str
    flux: str
    model: str
    features: str


def scores_of_sites(predictions: pd.DataFrame) -> pd.DataFrame:
    """Score every site as the benchmark does.

    Args:
        predictions: ``site_id``, ``truth``, ``prediction``, gC m-2 d-1.

    Returns:
        One row per site: ``site_id``, ``n`` and :data:`SCORES`. ``R2`` is the coefficient of
        determination, which is NSE; ``nMAE`` the mean absolute error over the size of the mean flux;
        ``RAE`` the mean absolute error over that of the mean flux. A site whose flux is constant has
        no R2 and RAE.
    """
    rows = []
    for site, table in predictions.groupby("site_id", sort=True):
        truth = table["truth"].to_numpy(float)
        found = score(truth, table["prediction"])
        mean = truth.mean()
        with np.errstate(divide="ignore", invalid="ignore"):
            nmae, rae = found["MAE"] / np.array([abs(mean), abs(truth - mean).mean()])
        rows.append((site, len(table), found["NSE"], found["RMSE"], nmae, rae))
    scores = pd.DataFrame(rows, columns=["site_id", "n", *SCORES])
    return scores.replace([np.inf, -np.inf], np.nan)


def score_entries(predictions: Mapping[Entry, pd.DataFrame]) -> pd.DataFrame:
    """Score every site of several models and splits.

    Args:
        predictions: What is scored -> its held-out rows, as for :func:`scores_of_sites`.

    Returns:
        The fields of :class:`Entry` and the columns of :func:`scores_of_sites`.
    """
    tables = [scores_of_sites(rows).assign(**of._asdict()) for of, rows in predictions.items()]
    return pd.concat(tables, ignore_index=True)[[*Entry._fields, "site_id", "n", *SCORES]]


def benchmark_skill(scores: pd.DataFrame, published: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return quartiles over sites, beside published ones.

    Args:
        scores: Result of :func:`score_entries`.
        published: Result of :func:`read_published`; None for none.

    Returns:
        :data:`SKILL_COLUMNS`: by split and flux in the order of ``scores``, the highest median R2
        first. Of the published rows those of the same splits and fluxes; NaN where a quartile is
        not published.
    """
    grouped = scores.groupby(list(Entry._fields), sort=False)
    found = grouped["site_id"].nunique().rename("sites").to_frame()
    for part, quantile in _QUARTILES.items():
        found = found.join(grouped[list(SCORES)].quantile(quantile).add_suffix(f"_{part}"))
    table = found.reset_index().assign(source=OURS)
    order = {key: place for place, key in enumerate(dict.fromkeys(_keys(table)))}
    if published is not None:
        beside = published.assign(source=PUBLISHED)
        beside = beside[[key in order for key in _keys(beside)]]
        table = pd.concat([table, beside], ignore_index=True) if len(beside) else table
    table = table.reindex(columns=list(SKILL_COLUMNS))
    place = [order[key] for key in _keys(table)]
    table = table.assign(place=place).sort_values(
        ["place", "R2_median"], ascending=[True, False], kind="stable"
    )
    return table.drop(columns="place").reset_index(drop=True)


def read_published(path: Path) -> pd.DataFrame:
    """Read published quartiles over sites.

    Args:
        path: CSV with ``split`` (``Koppen`` or ``IGBP``, in any case), ``flux``, ``model`` and
            ``sites``, optionally ``features`` and columns such as ``R2_q25``, ``RMSE_median``.

    Raises:
        InputError: If there is no such file, it cannot be parsed, it has no row or column of scores, a
            split or flux is unknown, or a score or a number of sites is no number.
    """
    if not path.is_file():
        raise InputError(
            path,
            None,
            expected="a CSV of published scores",
            found="no such file",
            hint="Correct benchmark.published, or set it to null.",
        )
    table = read_text(path, names=("split", "flux", "model", "features"), missing=NOTHING)
    require_columns(table, ("split", "flux", "model", "sites"), str(path))
    table["split"] = table["split"].astype(str).str.lower()
    known = {"split": ("koppen", "igbp"), "flux": ("GPP", "RECO", "NEE")}
    for column, names in known.items():
        unknown = table[~table[column].isin(names)]
        if len(unknown):
            raise InputError(
                path, column, expected=f"one of {', '.join(names)}", found=unknown[column].iloc[0]
            )
    scores = [name for name in _OF_SITES if name in table]
    if not scores or table.empty:
        raise InputError(path, None, expected="rows with a score such as R2_median", found="none")
    for name in ("sites", *scores):
        numbers = pd.to_numeric(table[name], errors="coerce")
        wrong = numbers.isna() & (table[name].notna() | (name == "sites"))
        if wrong.any():
            found = table[name][wrong].iloc[0]
            found = "an empty cell" if pd.isna(found) else repr(found)
            raise InputError(path, name, expected="numbers", found=found)
    return table.reindex(columns=[*Entry._fields, "sites", *scores])


def _keys(table: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(table["split"], table["flux"], strict=True))
