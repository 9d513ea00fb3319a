"""Nodes of the report's lists and sheets, and of its PDF."""

from __future__ import annotations

import json
from typing import Any

from uflux_kedro.configuration import in_order
from uflux_kedro.lazy import pd, xr


def list_sites(
    sites: pd.DataFrame, training_table: pd.DataFrame, products: pd.DataFrame
) -> pd.DataFrame:
    """List the towers of the training table with place, years and origin."""
    from uflux_kedro.report import site_list

    return site_list(sites, training_table, products)


def cite_towers(
    products: pd.DataFrame, sites: pd.DataFrame, listed: pd.DataFrame, training_table: pd.DataFrame
) -> tuple[str, str]:
    """Return whom to cite for the towers used as BibTeX, and as text with acknowledgements."""
    from uflux_kedro.report import attribution, attribution_text, bibliography
    from uflux_kedro.simulated import TOWERS, mark_of

    simulated = TOWERS in mark_of(training_table).split(", ")
    found = attribution(products, sites, list(listed["site_id"]), simulated=simulated)
    return bibliography(found), attribution_text(found)


def join_model_cards(leaderboard: pd.DataFrame, *members: pd.DataFrame) -> pd.DataFrame:
    """Join what the members of all fluxes are with their held-out scores."""
    from uflux_kedro.report import join_cards

    return join_cards(pd.concat(members, ignore_index=True), leaderboard)


def describe_products(**products: xr.Dataset) -> pd.DataFrame:
    """Describe every variable of every product."""
    from uflux_kedro.report import data_sheet

    return data_sheet(products)


def as_yaml(parameters: dict[str, Any]) -> str:
    """Return parameters as YAML, in alphabetical order; of those that Kedro has checked, defaults too."""
    import yaml

    plain = in_order(json.loads(json.dumps(parameters, default=_plain)))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _plain(value: Any) -> Any:
    """Return a parameter model as a dictionary, anything else as text."""
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else str(value)


def print_report(report: str) -> bytes:
    """Print the report as PDF; no bytes if Chromium cannot."""
    from uflux_kedro.report.pdf import find_chromium, print_page

    chromium = find_chromium()
    return print_page(report, chromium) if chromium else b""
