"""Nodes of the pipeline ``gap_filling``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from uflux_kedro.gapfilling.parameters import GapFillingParameters
from uflux_kedro.lazy import mpl_figure, pd
from uflux_kedro.readers.parameters import TowerParameters


def read_records(
    files: list[Path], parameters: TowerParameters, filling: GapFillingParameters
) -> tuple[pd.DataFrame, pd.DataFrame, list[dict[str, Any]]]:
    """Read half-hourly and hourly towers at their own step, and check their records.

    The findings also say which towers are left out.
    """
    from uflux_kedro.gapfilling.collection import as_tables, checked
    from uflux_kedro.readers.towers.half_hours import read_half_hours
    from uflux_kedro.readers.towers.left_out import Losses, as_remarks

    losses = Losses(stop=parameters.on_bad_tower == "stop")
    records = []
    for record in read_half_hours(files, parameters, losses):
        with losses.at(record.site_id):
            records.append(checked(record, filling.spikes))
    losses.require(records)
    rows, properties, findings = as_tables(records)
    return rows, properties, [dict(f) for f in [*findings, *as_remarks(losses.rows)]]


def find_thresholds(
    rows: pd.DataFrame, properties: pd.DataFrame, parameters: GapFillingParameters
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Find the thresholds of USTAR of each record, and say where there are none."""
    from uflux_kedro.gapfilling.collection import records_of
    from uflux_kedro.gapfilling.thresholds import remarks_on_ustar, thresholds_table

    tables, findings = [], []
    for record in records_of(rows, properties):
        tables.append(thresholds_table(record, parameters.ustar, parameters.seed))
        findings += [dict(f) for f in remarks_on_ustar(record, tables[-1], parameters.ustar)]
    return pd.concat(tables, ignore_index=True), findings


def fill_records(
    rows: pd.DataFrame,
    properties: pd.DataFrame,
    thresholds: pd.DataFrame,
    parameters: GapFillingParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Fill the fluxes of each record, and sum them up by day, month, year and to date."""
    from uflux_kedro.gapfilling.collection import records_of, stacked
    from uflux_kedro.gapfilling.tower import fill_tower, pools_of_run

    steps: list[pd.DataFrame] = []
    others: list[list[pd.DataFrame]] = [[], [], []]
    records = list(records_of(rows, properties))
    pools = {}
    if parameters.method == "uflux":
        pools = pools_of_run(records, thresholds, parameters)
    for record in records:
        own = thresholds[thresholds["record"] == record.name]
        filled = fill_tower(record, own, parameters, pools.get(record.name))
        steps.append(stacked(record.name, filled.steps))
        for tables, table in zip(others, filled[1:], strict=True):
            table.insert(0, "record", record.name)
            tables.append(table)
    joined, sums, to_date, hidden = (pd.concat(t, ignore_index=True) for t in (steps, *others))
    return joined, sums, to_date, hidden


def partition_records(
    rows: pd.DataFrame,
    properties: pd.DataFrame,
    thresholds: pd.DataFrame,
    filled: pd.DataFrame,
    parameters: GapFillingParameters,
) -> pd.DataFrame:
    """Partition NEE of each record into GPP and RECO."""
    from uflux_kedro.gapfilling.collection import part_of, records_of, stacked
    from uflux_kedro.gapfilling.tower import partition_tower

    tables = []
    for record in records_of(rows, properties):
        own = thresholds[thresholds["record"] == record.name]
        table = partition_tower(record, own, part_of(filled, record.name), parameters)
        tables.append(stacked(record.name, table))
    return pd.concat(tables, ignore_index=True)


def arrange_tables(
    rows: pd.DataFrame,
    properties: pd.DataFrame,
    filled: pd.DataFrame,
    partitioned: pd.DataFrame,
    sums: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """Arrange what came out as FLUXNET does, with the table of sites that the main chain reads."""
    from uflux_kedro.gapfilling.collection import part_of, records_of
    from uflux_kedro.gapfilling.tower import sites_table, tables_of_tower

    records = list(records_of(rows, properties))
    tables = {"sites.csv": sites_table(records)}
    for record in records:
        tables |= tables_of_tower(
            record,
            part_of(filled, record.name),
            part_of(partitioned, record.name),
            sums[sums["record"] == record.name],
        )
    return tables


def draw_records(
    rows: pd.DataFrame,
    properties: pd.DataFrame,
    filled: pd.DataFrame,
    to_date: pd.DataFrame,
    hidden: pd.DataFrame,
    scoreboard: pd.DataFrame,
    parameters: GapFillingParameters,
) -> dict[str, mpl_figure.Figure]:
    """Draw fluxes before and after, sums to date, and errors on hidden records and by length of gap."""
    from uflux_kedro.figures.gap_filling import (
        cumulative_figure,
        fingerprint_figure,
        gap_length_figure,
        residuals_figure,
    )
    from uflux_kedro.gapfilling.collection import part_of, records_of
    from uflux_kedro.gapfilling.tower import scores_by_length
    from uflux_kedro.readers.towers.half_hours import FLUXES

    figures = {}
    for record in records_of(rows, properties):
        after = part_of(filled, record.name)
        fluxes = [f for f in FLUXES if f in record.table and f"{f}_F" in after]
        figures[f"{record.name}.fingerprint"] = fingerprint_figure(record.table[fluxes], after)
        for flux in fluxes:
            own = to_date[(to_date["record"] == record.name) & (to_date["flux"] == flux)]
            sums = own.assign(method=parameters.method)
            if sums["value"].notna().any():
                figures[f"{record.name}.{flux}.cumulative"] = cumulative_figure(sums, flux)
            own = hidden[(hidden["record"] == record.name) & (hidden["flux"] == flux)]
            residuals = [own.assign(method=parameters.method)]
            if parameters.method == "uflux":
                residuals.append(own.assign(method="mds", prediction=own["mds"]))
            figures[f"{record.name}.{flux}.residuals"] = residuals_figure(
                pd.concat(residuals), flux
            )
    by_length = scores_by_length(scoreboard, parameters)
    if len(by_length):
        figures["gap_lengths"] = gap_length_figure(by_length)
    return figures


def render_page(
    files: list[Path],
    properties: pd.DataFrame,
    filled: pd.DataFrame,
    sums: pd.DataFrame,
    scoreboard: pd.DataFrame,
    findings: list[dict[str, Any]],
    ustar_findings: list[dict[str, Any]],
    figures: dict[str, Any],
    parameters: GapFillingParameters,
) -> str:
    """Render the page of what was filled, and how well."""
    from uflux_kedro.report.gap_filling import FilledTowers, render_gap_filling

    return render_gap_filling(
        FilledTowers(
            where=str(files[0]) if len(files) == 1 else str(files[0].parent),
            method=parameters.method,
            level=parameters.level,
            records=properties,
            filled=filled,
            sums=sums,
            scoreboard=scoreboard,
            findings=[*findings, *ustar_findings],
            figures=figures,
        )
    )


def score_methods(
    rows: pd.DataFrame,
    properties: pd.DataFrame,
    thresholds: pd.DataFrame,
    parameters: GapFillingParameters,
) -> pd.DataFrame:
    """Compare the methods on artificial gaps of each record."""
    from uflux_kedro.gapfilling.collection import records_of
    from uflux_kedro.gapfilling.tower import pools_of_run, score_tower

    tables: list[pd.DataFrame] = []
    records = list(records_of(rows, properties))
    pools = {}
    if parameters.scoreboard.scenarios and "uflux" in parameters.scoreboard.methods:
        pools = pools_of_run(records, thresholds, parameters)
    for record in records:
        own = thresholds[thresholds["record"] == record.name]
        scores = score_tower(record, own, parameters, pools.get(record.name))
        if len(scores):
            scores.insert(0, "record", record.name)
            tables.append(scores)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"record": []})


def log_towers(
    properties: pd.DataFrame,
    sums: pd.DataFrame,
    scoreboard: pd.DataFrame,
    figures: dict[str, Any],
    parameters: GapFillingParameters,
) -> list[Any]:
    """Describe each record and method for MLflow: its scores; of the method in use sums and pictures too."""
    from uflux_kedro.datasets.member_run import MemberRun

    settings = parameters.model_dump(exclude={"scoreboard", "scenarios", "method"})
    compared = list(scoreboard["method"].unique()) if len(scoreboard) else []
    runs = []
    for record in properties.to_dict("records"):
        for method in dict.fromkeys([parameters.method, *compared]):
            metrics: dict[str, float] = {}
            tables: dict[str, pd.DataFrame] = {}
            pictures: dict[str, Any] = {}
            if len(scoreboard):
                of = (scoreboard["record"] == record["record"]) & (scoreboard["method"] == method)
                metrics |= _metrics_of_scores(scoreboard[of])
                tables["scoreboard.csv"] = scoreboard[of]
            if method == parameters.method:
                tables["sums.csv"] = sums[sums["record"] == record["record"]]
                metrics |= _metrics_of_sums(tables["sums.csv"])
                first = f"{record['record']}."
                pictures = {
                    f"{name.removeprefix(first)}.png": figure
                    for name, figure in figures.items()
                    if name.startswith(first)
                }
            tags = {"site_id": record["site_id"], "record": record["record"], "method": method}
            name = f"{record['record']}.{method}"
            runs.append(MemberRun(name, tags, settings, metrics, tables=tables, figures=pictures))
    return runs


def _metrics_of_scores(scores: pd.DataFrame) -> dict[str, float]:
    """Return the scores of whole records by flux and scenario, means over the draws of gaps."""
    wanted = ["RMSE", "NSE", "MBE", "coverage", "width", "sum_error"]
    whole = scores[scores["part"] == "all"].groupby(["flux", "scenario"])[wanted].mean()
    return {
        f"{flux}.{scenario}.{name}": float(value)
        for name, by_group in whole.items()
        for (flux, scenario), value in by_group.items()
    }


def _metrics_of_sums(sums: pd.DataFrame) -> dict[str, float]:
    """Return the mean of the annual sums and of their total errors, by flux."""
    years = sums[sums["period"] == "YY"].groupby("flux")[["value", "total"]].mean()
    return {
        f"{flux}.annual_{name}": float(value)
        for name, by_flux in years.items()
        for flux, value in by_flux.items()
    }
