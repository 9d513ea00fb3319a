"""The closed loop: maps from drawn networks of towers, against the demo world's truth."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.skill import PROJECT
from benchmarks.table import line
from benchmarks.uncertainty import SITES
from uflux_kedro.demo_world.parameters import DemoWorldParameters
from uflux_kedro.ensemble import EnsembleParameters, Member
from uflux_kedro.uncertainty.closed_loop import (
    ClosedLoop,
    members_of_loop,
    run_closed_loop,
    world_of_loop,
)
from uflux_kedro.uncertainty.coverage import SUM_KINDS
from uflux_kedro.uncertainty.parameters import UncertaintyParameters

BY_CLASS = 100
"""Size of the networks that are compared by class."""


class Settings(NamedTuple):
    """Settings of the demo world and of the default environment.

    Attributes:
        world: The world of the closed loop.
        members: Members of the compared predictor sets.
        parameters: The block ``uncertainty``, with the list of real sites.
    """

    world: DemoWorldParameters
    members: list[Member]
    parameters: UncertaintyParameters


def read_settings(options: argparse.Namespace) -> Settings:
    """Read the default environment, and the options that replace a part of it."""
    from kedro.config import OmegaConfigLoader

    from uflux_kedro.configuration import CONFIG_LOADER_ARGS

    loader = OmegaConfigLoader(str(PROJECT / "conf"), env="base", **CONFIG_LOADER_ARGS)
    blocks = loader["parameters"]
    parameters = UncertaintyParameters.model_validate(blocks["uncertainty"])
    # A list that was named is to be there; without the default one the real network is left out.
    named = options.sites != PROJECT / SITES
    update = {"network": options.sites if named or options.sites.is_file() else None}
    if options.resolution:
        update["resolution"] = options.resolution
    loop = parameters.closed_loop.model_copy(update=update)
    members = members_of_loop(EnsembleParameters.model_validate(blocks["ensemble"]), loop)
    world = world_of_loop(DemoWorldParameters.model_validate(blocks["demo_world"]), loop)
    return Settings(world, members, parameters.model_copy(update={"closed_loop": loop}))


def print_table(options: argparse.Namespace) -> None:
    """Print the errors and coverage of the maps, by network, completeness and class, and of sums."""
    settings = read_settings(options)
    loop = settings.parameters.closed_loop
    found = run_closed_loop(
        settings.members, settings.world, settings.parameters, n_jobs=options.n_jobs
    )
    print(
        f"\nWorld of {loop.resolution:g} degrees, {loop.years} years; {loop.model}, {loop.select}"
    )
    _print_networks(found)
    _print_completeness(found)
    _print_classes(found)
    _print_sums(found)
    _print_totals(found)


def _head(*cells: str) -> None:
    print(line(*cells))
    print(line(*("---",) * len(cells)))


def _cases(table: pd.DataFrame) -> Iterator[tuple[tuple[str, str, str], pd.DataFrame]]:
    for (flux, network, towers), part in table.groupby(["flux", "network", "towers"], sort=False):
        yield (str(flux), str(network), str(towers)), part


def _print_networks(found: ClosedLoop) -> None:
    print("\n### Error of the map and coverage of 90 % intervals, vegetated land\n")
    _head(
        *("flux", "network", "towers", "RMSE", "bias", "completeness", "area outside", "width"),
        *(
            "coverage on the map",
            "inside",
            "outside",
            "tropics",
            "unseen towers",
            "held-out towers",
        ),
    )
    for case, part in _cases(found.on_map):
        rows = part.set_index(["by", "group"])
        whole = rows.loc[("vegetation", "all")]
        towers = found.at_towers.set_index(["flux", "network", "towers", "judged_on"])["coverage"]
        at = [towers[(case[0], case[1], int(case[2]), on)] for on in ("unseen", "held-out")]
        coverage = rows["coverage"]
        parts = [
            coverage.get(key, np.nan)
            for key in (
                ("applicability", "inside"),
                ("applicability", "outside"),
                ("zone", "tropics"),
            )
        ]
        outside = rows["area_share"].get(("applicability", "outside"), 0) / whole["area_share"]
        cells = [f"{whole['RMSE']:.2f}", f"{whole['bias']:+.2f}", f"{whole['completeness']:.2f}"]
        cells += [f"{outside:.0%}", f"{whole['width']:.1f}"]
        cells += [f"{value:.2f}" for value in (whole["coverage"], *parts, *at)]
        print(line(*case, *cells))


def _print_completeness(found: ClosedLoop) -> None:
    print("\n### By completeness, all networks together (vegetated land, by area)\n")
    _head("flux", "completeness", "share of area", "RMSE", "bias", "width", "coverage")
    bins = found.on_map[found.on_map["by"] == "completeness"]
    for (flux, group), part in bins.groupby(["flux", "group"], sort=True):
        area = part["area_share"]
        share = area.sum() / bins.loc[bins["flux"] == flux, "area_share"].sum()
        rmse = np.average(part["RMSE"] ** 2, weights=area) ** 0.5
        bias, width, coverage = (
            np.average(part[name], weights=area) for name in ("bias", "width", "coverage")
        )
        cells = [f"{share:.0%}", f"{rmse:.2f}", f"{bias:+.2f}", f"{width:.1f}", f"{coverage:.2f}"]
        print(line(str(flux), str(group), *cells))


def _print_classes(found: ClosedLoop) -> None:
    print(f"\n### RMSE and coverage by class, {BY_CLASS} towers\n")
    chosen = found.on_map[(found.on_map["by"] == "IGBP") & (found.on_map["towers"] == BY_CLASS)]
    networks = list(chosen["network"].unique())
    _head("flux", "class", "share of land", *networks)
    for (flux, group), part in chosen.groupby(["flux", "group"], sort=False):
        rows = part.set_index("network")
        cells = [f"{rows.loc[n, 'RMSE']:.2f}, {rows.loc[n, 'coverage']:.2f}" for n in networks]
        print(line(str(flux), str(group), f"{rows['area_share'].iloc[0]:.0%}", *cells))


def _print_sums(found: ClosedLoop) -> None:
    print("\n### Coverage of annual sums, all networks together\n")
    _head("flux", "network", "region", "sums", *SUM_KINDS.values())
    sums = found.sums.assign(
        **{
            name: (found.sums["truth"] >= found.sums[f"lower{way}"])
            & (found.sums["truth"] <= found.sums[f"upper{way}"])
            for way, name in SUM_KINDS.items()
        }
    )
    for (flux, network, kind), part in sums.groupby(["flux", "network", "region_kind"], sort=False):
        cells = [f"{part[name].mean():.2f}" for name in SUM_KINDS.values()]
        print(line(str(flux), str(network), str(kind), str(len(part)), *cells))


def _print_totals(found: ClosedLoop) -> None:
    print("\n### Global totals of the first year, PgC\n")
    _head(
        "flux", "network", "towers", "truth", "map", *(f"{w} interval" for w in SUM_KINDS.values())
    )
    first = found.sums[found.sums["year"] == found.sums["year"].min()]
    for case, part in _cases(first[first["region_kind"] == "global"]):
        row = part.iloc[0]
        intervals = [f"{row[f'lower{way}']:.1f} to {row[f'upper{way}']:.1f}" for way in SUM_KINDS]
        print(line(*case, f"{row['truth']:.1f}", f"{row['value']:.1f}", *intervals))
