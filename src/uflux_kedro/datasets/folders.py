"""Datasets of folders with many files, replaced as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from uflux_kedro.datasets.previews import files_preview
from uflux_kedro.figures.picture import Picture, read_picture, write_picture
from uflux_kedro.files import replacing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from uflux_kedro.explorer import Explorer


class _Folder:
    """A folder of files of one kind."""

    pattern: str
    """Of the files that kedro-viz lists."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def preview(self) -> TablePreview:
        """List the files for kedro-viz."""
        return files_preview(sorted(self._path.glob(self.pattern)))

    def _exists(self) -> bool:
        return self._path.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


class TableFolderDataset(_Folder, AbstractDataset["Mapping[str, pd.DataFrame]", Path]):
    """Tables as CSV in one folder: saved by their paths in it, loaded as the path of the folder.

    Args:
        filepath: The folder.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    pattern = "**/*.csv"

    def load(self) -> Path:
        """Return the path of the folder."""
        return self._path

    def save(self, data: Mapping[str, pd.DataFrame]) -> None:
        """Write all tables, in place of those of an earlier run."""
        with replacing(self._path) as temporary:
            temporary.mkdir()
            for name, table in data.items():
                file = temporary / name
                file.parent.mkdir(parents=True, exist_ok=True)
                table.to_csv(file, index=False)


class FigureFolderDataset(_Folder, AbstractDataset["Mapping[str, Figure]", "dict[str, Picture]"]):
    """Figures as PNG and PDF in one folder, as SVG where that is small: saved and loaded by name.

    Args:
        filepath: The folder.
        dpi: Dots per inch.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    pattern = "*.png"

    def __init__(
        self, *, filepath: str, dpi: int = 110, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=filepath, metadata=metadata)
        self._dpi = dpi

    def load(self) -> dict[str, Picture]:
        """Return the figures, sorted by name, for embedding in a page."""
        return {file.stem: read_picture(file) for file in sorted(self._path.glob(self.pattern))}

    def save(self, data: Mapping[str, Figure]) -> None:
        """Write all figures without date and software version, in place of those of an earlier run."""
        with replacing(self._path) as temporary:
            temporary.mkdir()
            for name, figure in data.items():
                write_picture(figure, temporary / f"{name}.png", self._dpi)


class MapDataset(_Folder, AbstractDataset["Explorer", Path]):
    """The map that one can explore: saved from its contents, loaded as the path of its folder.

    Args:
        filepath: The folder.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    pattern = "*"

    def load(self) -> Path:
        """Return the path of the folder."""
        return self._path

    def save(self, data: Explorer) -> None:
        """Write the map block by block, in place of that of an earlier run."""
        from uflux_kedro.explorer import write_explorer

        with replacing(self._path) as temporary:
            write_explorer(data, temporary)
