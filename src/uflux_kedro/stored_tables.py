"""Columns of the tables that one pipeline stores and a later run reads.

A run of an earlier version stored fewer of them. A run that reads such a table is refused before it
computes anything, and told which pipeline makes the table again.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from uflux_kedro.errors import require_columns
from uflux_kedro.lazy import pd

_SCORES = (
    *("predictor_set", "flux", "model", "scheme", "sites", "n", "r2", "NSE", "RMSE", "MAE", "MBE"),
    *("MRAE", "slope", "intercept", "KGE", "CCC"),
    *("NSE_median", "NSE_p10", "RMSE_median", "RMSE_p90"),
)
_SHOWN = ("site_id", "time", "truth", "prediction")
_TOTALS = (
    *("flux", "region_kind", "region", "statistic", "value", "unit", "area_km2"),
    *("lower", "upper", "completeness", "extrapolated", "coverage"),
)

COLUMNS: dict[str, tuple[str, ...]] = {
    "aggregates_monthly_*": (*_TOTALS, "time"),
    "aggregates_*": (*_TOTALS, "year", "std_members", "std_years"),
    "annual_sums_*": (
        *("site_id", "truth", "centre", "standard_error", "lower", "upper"),
        *("lower_independent", "upper_independent", "lower_dependent", "upper_dependent"),
    ),
    "areas_monthly_*": (*_TOTALS, "time"),
    "calibrated_*": (*_SHOWN, "centre", "lower", "upper", "completeness", "sigma"),
    "calibration_*": ("group", "towers", "nominal", "coverage", "low", "high"),
    "carbon_closed": (*_SHOWN, "lower", "upper", "centre", "flux"),
    "carbon_skill": (
        *("flux", "sites", "NSE", "NSE_closed", "difference", "low", "high"),
        *("median_site_NSE", "median_site_NSE_closed", "coverage"),
    ),
    "comparison_*": (
        *("flux", "predictor_set", "reference", "sites", "n"),
        *("NSE", "NSE_difference", "NSE_low", "NSE_high", "NSE_p_value"),
        *("RMSE", "RMSE_difference", "RMSE_low", "RMSE_high", "RMSE_p_value"),
    ),
    "effects_*": ("predictor", "value", "effect", "low", "high"),
    "error_predictors_*": (
        *("measure", "towers", "rows", "by_tower", "by_tower_low", "by_tower_high"),
        *("by_row", "by_row_low", "by_row_high", "ause", "ause_low", "ause_high"),
    ),
    "held_out_*": (*_SHOWN, "spread"),
    "importance_*": ("predictor", "importance", "low", "high"),
    "interval_scores_*": (
        *("level", "towers", "coverage", "coverage_low", "coverage_high", "interval_score"),
        *("interval_score_constant", "gain", "gain_low", "gain_high"),
    ),
    "leaderboard_*": _SCORES,
    "learning_curve_*": ("flux", "group", "share", "towers", "draw", "test_towers", "NSE", "RMSE"),
    "left_out": ("site_id", "variable", "file", "reason", "remedy"),
    "members_*": (
        *("flux", "predictor_set", "model", "predictors", "unit", "rows", "towers", "seed"),
        *("checksum", "ranges", "parameters", "versions"),
    ),
    "predictions_*": (*_SHOWN, "predictor_set"),
    "shap_importance_*": ("predictor", "importance", "low", "high", "model"),
    "shap_*": ("predictor", "value", "effect"),
    "sites": ("site_id", "latitude", "longitude", "IGBP", "climate"),
    "sparsification_*": ("removed", "error"),
    "target_shares": (
        *("flux", "group", "sites", "n", "error", "target", "rest"),
        *("random", "processing", "method", "total", "low", "high"),
    ),
    "tower_products": (
        *("site_id", "product", "collection", "network", "hub", "name"),
        *("citation", "doi", "link", "downloaded", "licence", "policy", "thanks", "papers"),
    ),
    "training_table": ("site_id", "time"),
}
"""Dataset, or the pattern of its name -> columns that reports and maps read; the first pattern counts."""


def columns_of(name: str) -> tuple[str, ...]:
    """Return the columns that a dataset must have; none if nothing is known of it."""
    return next((found for pattern, found in COLUMNS.items() if fnmatchcase(name, pattern)), ())


def check_stored_tables(datasets: Mapping[str, Any], maker: Callable[[str], str | None]) -> None:
    """Refuse a run that reads a table of an earlier version, in which columns are missing.

    Only names of columns are read. A table without a row may be without columns, too.

    Args:
        datasets: Name -> dataset that the run reads and does not make.
        maker: Name of a dataset -> pipeline that makes it; None if none does.

    Raises:
        InputError: Naming the file, the columns, and what to run.
    """
    for name, dataset in datasets.items():
        path = Path(str(getattr(dataset, "_filepath", "")))
        if not (columns_of(name) and path.is_file()):
            continue
        given = _header(path)
        pipeline = maker(name)
        if any(given):
            require_columns(
                pd.DataFrame(columns=given),
                columns_of(name),
                f"{name} ({path})",
                hint="The table is of an earlier version. Make it again"
                + (f": kedro run --pipelines {pipeline}" if pipeline else ""),
            )


def _header(path: Path) -> list[str]:
    """Return the names of the columns of a CSV or Parquet file."""
    if path.suffix == ".parquet":
        from pyarrow.parquet import read_schema

        return list(read_schema(path).names)
    with path.open(newline="", encoding="utf-8") as stream:
        return next(csv.reader(stream), [])
