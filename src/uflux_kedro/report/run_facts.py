"""What differs from run to run: its date, its MLflow run, the state of the code."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd

CITE = (
    (
        "This software",
        "The uflux_kedro developers: uflux_kedro, from eddy-covariance towers to maps of carbon, "
        "water and heat fluxes (version {version}, MIT licence). CITATION.cff has it for reference "
        "managers.",
        "",
    ),
    (
        "Deep forest",
        "Zhou, Z.-H. and Feng, J. (2019): Deep forest. National Science Review.",
        "10.1093/nsr/nwy108",
    ),
)
"""What, reference and DOI."""

LICENCE = (
    "Not stated: the licences of the towers and grids that the product was made from apply, which "
    "their providers state"
)
"""Licence of products that name none."""


def run_table(facts: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return what is known of a run: name, value and an address, which may be empty.

    Args:
        facts: ``started`` (seconds since 1970, UTC), ``environment``, ``commit`` and ``changed``
            (whether files differ from it), ``mlflow_run``, ``mlflow_page``; each may be absent.
    """
    rows = []
    if "started" in facts:
        when = datetime.fromtimestamp(facts["started"], UTC)
        rows.append(("Date", f"{when:%Y-%m-%d %H:%M} UTC", ""))
    if facts.get("environment"):
        rows.append(("Environment", str(facts["environment"]), ""))
    if facts.get("commit"):
        changed = " with changes that are not committed" if facts.get("changed") else ""
        rows.append(("Code", f"commit {facts['commit']}{changed}", ""))
    if facts.get("mlflow_run"):
        rows.append(("MLflow run", str(facts["mlflow_run"]), str(facts.get("mlflow_page", ""))))
    return rows


def files_table(files: pd.DataFrame) -> pd.DataFrame:
    """Return the files that were read, for readers: without the folder that they share.

    Args:
        files: ``source``, ``file``, ``bytes``, ``sha256`` (empty for sources so large that only
            names, sizes and dates were noted), ``changed_ns`` for these.
    """
    folder = os.path.commonpath([os.path.dirname(str(file)) for file in files["file"]])
    table = files.assign(file=[os.path.relpath(str(file), folder) for file in files["file"]])
    if "changed_ns" in table:
        when = pd.to_datetime(table.pop("changed_ns"), unit="ns", utc=True)
        table["changed"] = when.dt.strftime("%Y-%m-%d %H:%M").fillna("")
    return table.dropna(axis=1, how="all")
