"""Kedro datasets of the project: raw files, tables, cubes, products, figures and MLflow runs.

Local files and folders are written under a temporary name and renamed when they are complete, so
that a killed run leaves nothing that looks finished.
"""

from importlib.util import find_spec

import lazy_loader

from uflux_kedro.installed import require_extra

if find_spec("kedro") is None:
    require_extra("kedro", "Datasets of Kedro")

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cubes": ["GeoTIFFDataset", "NetCDFCubeDataset", "ZarrCubeDataset"],
        "documents": ["DocumentDataset", "RunFactsDataset"],
        "figures": ["FigureDataset"],
        "fitted": ["FittedMemberDataset", "FluxUncertaintyDataset"],
        "folders": ["FigureFolderDataset", "MapDataset", "TableFolderDataset"],
        "member_run": ["MemberRunDataset", "MemberRunsDataset"],
        "products": ["ProductDataset", "ProductStoreDataset"],
        "raw_files": ["FolderDataset", "RawFilesDataset"],
        "whole_files": [
            "CSVDataset",
            "JSONDataset",
            "OptionalCSVDataset",
            "PageDataset",
            "ParquetDataset",
            "TextDataset",
        ],
    },
)
