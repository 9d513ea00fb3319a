"""Kedro datasets of the project."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cubes": ["GeoTIFFDataset", "NetCDFCubeDataset", "ZarrCubeDataset"],
        "figures": ["FigureDataset"],
        "fitted_member": ["FittedMemberDataset"],
        "member_run": ["MemberRunDataset"],
        "products": ["ProductDataset"],
        "raw_files": ["FolderDataset", "RawFilesDataset"],
        "whole_files": ["CSVDataset", "JSONDataset", "ParquetDataset", "TextDataset"],
    },
)
