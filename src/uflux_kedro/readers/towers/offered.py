"""Find the columns of tower files that have values, reading as few rows as that takes."""

from __future__ import annotations

from collections.abc import Sequence

from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.paths import Paths
from uflux_kedro.readers.towers.carbonfluxbench import offered_by_benchmark
from uflux_kedro.readers.towers.companions import SOURCE, companion_of, with_companion
from uflux_kedro.readers.towers.families import FAMILIES, header_of
from uflux_kedro.readers.towers.left_out import Losses
from uflux_kedro.readers.towers.single_tower import best_tables
from uflux_kedro.readers.towers.tidy import KEYS, columns_with_values
from uflux_kedro.readers.towers.tower_files import TowerFile, find_tower_files
from uflux_kedro.readers.towers.uflux_parquet import columns_of
from uflux_kedro.variables import predictor_name


def offered_columns(path: Paths, parameters: TowerParameters) -> set[str]:
    """Return the columns of :func:`uflux_kedro.readers.towers.read.read_towers` that have values.

    An archive, or a table of one tower, is read only if its header has a column that no tower before
    it had values of, so that of a network of like towers few are read.

    Args:
        path: A file, a folder, or several of them.
        parameters: As for ``read_towers``.

    Returns:
        Canonical names of the fluxes, their quality and the predictors of any tower, and the keys
        ``site_id``, ``time``, ``latitude`` and ``IGBP``, which every tower has.

    Raises:
        InputError: If no file is of towers, or a table of many towers is damaged or has no column for
            a key. With ``on_bad_tower`` ``stop`` also if another file cannot be read.
    """
    # What is lost is told when the rows are read.
    losses = Losses(stop=parameters.on_bad_tower == "stop", quiet=True)
    data, _, companions = find_tower_files(path, parameters, losses)
    offered = set(KEYS)
    # Values out of bounds are for the run to judge.
    parameters = parameters.model_copy(update={"outside": "keep"})
    single = best_tables([t for t in data if t.family in FAMILIES], parameters, losses)
    for table in sorted(single, key=lambda table: table.site):
        with losses.at(table.site):
            if not _named(table, companions, parameters) <= offered:
                offered |= _with_values(table, companions, parameters)
    tidy = [t.file.path for t in data if t.family == "tidy"]
    if tidy:
        offered |= columns_with_values(tidy, parameters.columns)
    for table in data:
        if table.family == "carbonfluxbench":
            offered |= offered_by_benchmark(table.file.path)
        if table.family == "parquet":
            mapping = columns_of(table.file.path, parameters)
            offered |= columns_with_values([table.file.path], mapping)
    return offered


def _named(
    table: TowerFile, companions: Sequence[TowerFile], parameters: TowerParameters
) -> set[str]:
    """Return the columns that the header of a tower's table has, and that of its companion."""
    header = header_of(table)
    columns = FAMILIES[table.family].columns_of(table, header, parameters)
    named = columns.offered(header.columns)
    if not parameters.companions:
        return named
    beside = companion_of(table, companions, parameters.resolution)
    weather = beside[1].variables if beside else ()
    return named | {predictor_name(SOURCE, v) for v in weather}


def _with_values(
    table: TowerFile, companions: Sequence[TowerFile], parameters: TowerParameters
) -> set[str]:
    """Return the columns of a tower that have values, which it is read for."""
    record = FAMILIES[table.family].read_table(table, parameters)
    if parameters.companions:
        record = with_companion(record, table, companions, parameters)
    return {str(name) for name in record if record[name].notna().any()}
