"""Take the pictures of the docs: kedro-viz, the MLflow UI, the report and some of its figures.

Run after ``make develop`` and ``make run``, in the project's folder::

    .venv/bin/python -m docs.screenshots

Needs Chromium (Debian: ``apt-get install chromium``). What is opened, and how, the tests share
(``tests/testing/screens.py``). The servers listen on the loopback address only and are stopped at the end.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Page

from tests.testing.browser import chromium
from tests.testing.project import PROJECT
from tests.testing.screens import kedro_viz, mlflow_ui, open_boxes, open_member, open_runs

PICTURES = PROJECT / "docs" / "images"
COLUMNS = ("Dataset", "Source", "Models", "NSE", "KGE", "CCC", "MAE", "MBE")
"""Columns of MLflow's list to tick: the first three are shown at first."""


def keep(page: Page, name: str, seconds: float = 3) -> None:
    """Save what the window shows, once it is drawn."""
    page.wait_for_timeout(1000 * seconds)
    picture = PICTURES / f"{name}.png"
    page.screenshot(path=picture)
    print(f"{picture.relative_to(PROJECT)}  {picture.stat().st_size // 1024} KiB")


def take_kedro_viz(project: Path) -> None:
    with kedro_viz(project, "base", {}) as url, chromium() as page:
        open_boxes(page, url)
        page.get_by_role("button", name="Dismiss").click()
        keep(page, "kedro_viz")


def take_mlflow(project: Path) -> None:
    from mlflow.tracking import MlflowClient

    store = f"sqlite:///{project / 'mlflow.db'}"
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("uflux").experiment_id
    best = client.search_runs(
        [experiment], "tags.flux = 'GPP'", order_by=["metrics.NSE DESC"], max_results=1
    )[0]
    with mlflow_ui({"MLFLOW_TRACKING_URI": store}) as url, chromium() as page:
        open_runs(page, url, experiment, "GPP")
        page.get_by_role("button", name="Columns", exact=True).click()
        for column in COLUMNS:
            page.locator(f"span[title={column}]").locator("xpath=preceding-sibling::*[1]").click()
        page.get_by_role("button", name="Columns", exact=True).click()
        keep(page, "mlflow_runs")
        open_member(page, url, experiment, best.info.run_id)
        keep(page, "mlflow_member")


def take_report(project: Path) -> None:
    made = project / "data" / "08_reporting"
    for name in ("scatter", "leaderboard", "mean_maps", "profiles"):
        shutil.copy(made / f"figure_{name}.png", PICTURES / f"{name}.png")
    with chromium(1200, 1500) as page:
        page.goto((made / "report.html").as_uri())
        keep(page, "report")


def main() -> None:
    pictures = {"kedro_viz": take_kedro_viz, "mlflow": take_mlflow, "report": take_report}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", nargs="*", help=f"some of {', '.join(pictures)}; all if none")
    parser.add_argument("--project", type=Path, default=PROJECT, help="folder of the finished run")
    options = parser.parse_args()
    for name in options.which or pictures:
        pictures[name](options.project.resolve())


if __name__ == "__main__":
    main()
