"""Nodes of the pipeline ``demo_world``."""

from __future__ import annotations

from pathlib import Path

from uflux_kedro.demo_world.parameters import DemoWorldParameters
from uflux_kedro.lazy import pd


def simulate_demo_world(
    parameters: DemoWorldParameters, raw_folder: Path, truth_folder: Path
) -> pd.DataFrame:
    """Write the raw files and the true fluxes, and return the list of files with checksums."""
    from uflux_kedro.demo_world import write_demo_world

    return write_demo_world(parameters, raw_folder, truth_folder)
