"""Methods on records hidden from all of them alike: towers, fluxes and lengths of gaps."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.gapfilling.records import read_records
from benchmarks.table import line
from uflux_kedro.gapfilling.filler import GapFiller
from uflux_kedro.gapfilling.scoreboard import score_record
from uflux_kedro.readers.towers.half_hours import FLUXES, HalfHours

METHODS = ("mds", "mds_symmetric", "uflux")
SCENARIOS = ("uflux", "long", "one_month", "two_months", "three_months")
MIX = "uflux"
"""The scenario of the tables by tower."""
_RESAMPLES = 2000
_KEYS = ["record", "flux", "scenario"]
_CELLS = ("flux", "gaps", "method", "records", "RMSE / MDS", "90 % interval", "coverage",
          "width / MDS", "error of the sum / MDS")  # fmt: skip
_TOWER_CELLS = ("record", "flux", "method", "RMSE", "RMSE / MDS", "NSE", "coverage",
                "width / MDS", "error of the sum", "of MDS")  # fmt: skip
_SUM_CELLS = ("record", "flux", "draws", "error of the sum", "of MDS", "more than MDS",
              "90 % interval over draws")  # fmt: skip


def print_table(options: argparse.Namespace) -> None:
    """Print a table by flux, gaps and method, and for the mix of UFLUX one by tower and one of its sums."""
    scenarios = options.scenarios.split(",") if options.scenarios else SCENARIOS
    parts = []
    for record in read_records(options.half_hourly, options.records):
        parts.append(scores_of(record, scenarios, options.draws, options.n_jobs))
        print(record.name, file=sys.stderr, flush=True)
        if options.rows:
            pd.concat(parts).to_csv(options.rows, index=False)
    print_tables(pd.concat(parts))


def print_tables(scores: pd.DataFrame) -> None:
    """Print the tables of scores of several records, as of :func:`scores_of`."""
    means = beside_mds(scores)
    print(line(*_CELLS))
    print(line(*("---" for _ in _CELLS)))
    for (flux, scenario, method), own in means.groupby(["flux", "scenario", "method"], sort=False):
        if method != "mds":
            print(line(str(flux), str(scenario), str(method), *summary(own)))
    print()
    print(line(*_TOWER_CELLS))
    print(line(*("---" for _ in _TOWER_CELLS)))
    for row in means[means["scenario"] == MIX].to_dict("records"):
        if row["method"] != "mds":
            print(tower_line(row), flush=True)
    if scores["draw"].max() > 0:
        print()
        print(line(*_SUM_CELLS))
        print(line(*("---" for _ in _SUM_CELLS)))
        for cells in sum_lines(scores):
            print(line(*cells), flush=True)


def sum_lines(scores: pd.DataFrame) -> Iterator[list[str]]:
    """Yield the cells of each record and flux: errors of sums of the default method and of MDS over draws.

    The interval is Student's, of the mean over draws of the absolute error less that of MDS.

    Args:
        scores: As of :func:`scores_of`, of several draws.
    """
    from scipy.stats import t

    own = scores[(scores["part"] == "all") & (scores["scenario"] == MIX)]
    errors = own.assign(size=own["sum_error"].abs()).pivot_table(
        index=["record", "flux", "draw"], columns="method", values="size"
    )
    for (record, flux), sizes in errors.groupby(["record", "flux"]):
        more, draws = sizes["uflux"] - sizes["mds"], len(sizes)
        reach = t.ppf(0.95, draws - 1) * more.std() / np.sqrt(draws)
        yield [
            str(record),
            str(flux),
            str(draws),
            f"{sizes['uflux'].mean():.2g}",
            f"{sizes['mds'].mean():.2g}",
            f"{more.mean():+.2g}",
            f"{more.mean() - reach:+.2g} to {more.mean() + reach:+.2g}",
        ]


def scores_of(record: HalfHours, scenarios: Sequence[str], draws: int, n_jobs: int) -> pd.DataFrame:
    """Return the scores of every method on a record, all parts of day and year."""

    def make(method: str) -> GapFiller:
        place = record.latitude, record.longitude, record.utc_offset
        return GapFiller(method, FLUXES, *place, n_jobs=n_jobs)  # type: ignore[arg-type]

    scores = score_record(record.table, make, METHODS, scenarios, {}, 0, record.steps_a_day, draws)
    return scores.assign(record=record.name, site_id=record.site_id)


def beside_mds(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the means over draws of each record, flux, scenario and method, and their ratios to MDS.

    Args:
        scores: As of :func:`scores_of`, of several records.

    Returns:
        ``RMSE`` is the root of the mean square, ``sum_error`` the mean absolute error of the sum;
        ``RMSE_ratio`` and ``width_ratio`` are to MDS, ``mds_sum_error`` is its.
    """
    whole = scores[scores["part"] == "all"]
    whole = whole.assign(square=whole["RMSE"] ** 2, sum_error=whole["sum_error"].abs())
    columns = ["square", "NSE", "coverage", "width", "sum_error"]
    keys = [*_KEYS, "site_id", "method"]
    means = whole.groupby(keys, sort=False)[columns].mean().reset_index()
    means["RMSE"] = np.sqrt(means["square"])
    mds = means.loc[means["method"] == "mds", [*_KEYS, "RMSE", "width", "sum_error"]]
    means = means.merge(mds, on=_KEYS, suffixes=("", "_of_mds"))
    return means.assign(
        RMSE_ratio=means["RMSE"] / means["RMSE_of_mds"],
        width_ratio=means["width"] / means["width_of_mds"],
    )


def summary(rows: pd.DataFrame) -> list[str]:
    """Return the cells of a flux, scenario and method: means over towers.

    Ratios of RMSE and width are geometric means, that of errors of sums, with its interval over towers, is
    one of means, each record's in units of the RMSE of MDS.

    Args:
        rows: Rows of :func:`beside_mds`, one a record.
    """
    ratios = rows.assign(log=np.log(rows["RMSE_ratio"])).groupby("site_id")["log"].mean()
    low, high = interval_over_towers(ratios.to_numpy())
    sums = rows[["sum_error", "sum_error_of_mds"]].div(rows["RMSE_of_mds"], axis="rows")
    of_sums = sums["sum_error"].mean() / sums["sum_error_of_mds"].mean()
    by_site = sums.groupby(rows["site_id"]).sum().to_numpy()
    drawn = by_site[_drawn(len(by_site))].sum(axis=1)
    least, most = np.quantile(drawn[:, 0] / drawn[:, 1], [0.05, 0.95])
    return [
        str(len(rows)),
        f"{np.exp(ratios.mean()):.3f}",
        f"{np.exp(low):.3f} to {np.exp(high):.3f}",
        f"{rows['coverage'].mean():.1%}",
        f"{np.exp(np.log(rows['width_ratio']).mean()):.2f}",
        f"{of_sums:.2f} ({least:.2f} to {most:.2f})",
    ]


def interval_over_towers(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 5th and 95th percentile of the mean of towers drawn with replacement."""
    low, high = np.quantile(values[_drawn(len(values))].mean(axis=1), [0.05, 0.95])
    return float(low), float(high)


def _drawn(towers: int) -> NDArray[np.intp]:
    """Return numbers of towers drawn with replacement, (resamples, towers)."""
    return np.random.default_rng(0).integers(towers, size=(_RESAMPLES, towers))


def tower_line(row: dict[str, object]) -> str:
    """Return the line of a record in the table by tower."""
    return line(
        *(str(row[name]) for name in ("record", "flux", "method")),
        f"{row['RMSE']:.3g}",
        f"{row['RMSE_ratio']:.3f}",
        f"{row['NSE']:.3f}",
        f"{row['coverage']:.1%}",
        f"{row['width_ratio']:.2f}",
        f"{row['sum_error']:.2g}",
        f"{row['sum_error_of_mds']:.2g}",
    )
