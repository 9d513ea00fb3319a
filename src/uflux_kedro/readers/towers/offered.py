"""Find the columns of tower files without averaging their rows to periods."""

from __future__ import annotations

from uflux_kedro.readers.parameters import TowerParameters
from uflux_kedro.readers.paths import Paths
from uflux_kedro.readers.towers.carbonfluxbench import offered_by_benchmark
from uflux_kedro.readers.towers.companions import SOURCE, companion_of
from uflux_kedro.readers.towers.families import FAMILIES, header_of
from uflux_kedro.readers.towers.left_out import Losses
from uflux_kedro.readers.towers.single_tower import best_tables
from uflux_kedro.readers.towers.tidy import KEYS, columns_with_values
from uflux_kedro.readers.towers.tower_files import find_tower_files
from uflux_kedro.readers.towers.uflux_parquet import columns_of
from uflux_kedro.variables import predictor_name


def offered_columns(path: Paths, parameters: TowerParameters) -> set[str]:
    """Return the columns that :func:`uflux_kedro.readers.towers.read.read_towers` would return.

    Of tables of many towers those with at least one value count. Of archives and tables of one
    tower only the headers are read, so that a column of nothing but -9999 counts as well.

    Args:
        path: A file, a folder, or several of them.
        parameters: As for ``read_towers``.

    Returns:
        Canonical names of the fluxes, their quality and the predictors of any tower, and the keys
        ``site_id``, ``time``, ``latitude`` and ``IGBP``, which every tower has.

    Raises:
        InputError: If no file is of towers, a file is damaged, or a table has no column for a key.
    """
    # What is lost is told when the rows are read.
    losses = Losses(stop=parameters.on_bad_tower == "stop", quiet=True)
    data, _, companions = find_tower_files(path, parameters, losses)
    offered = set(KEYS)
    for table in best_tables([t for t in data if t.family in FAMILIES], parameters, losses):
        with losses.at(table.site):
            header = header_of(table)
            columns = FAMILIES[table.family].columns_of(table, header, parameters)
            offered |= columns.offered(header.columns)
            if not parameters.companions:
                continue
            beside = companion_of(table, companions, parameters.resolution)
            if beside is not None:
                offered |= {predictor_name(SOURCE, v) for v in beside[1].variables}
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
