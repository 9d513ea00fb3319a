"""Dataset of figures: PNG, PDF and SVG files, with the same bytes for the same figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import ImagePreview

from uflux_kedro.figures.picture import VECTORS, Picture, read_picture, write_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class FigureDataset(AbstractDataset["Figure", "Picture | None"]):
    """A matplotlib figure: saved as PNG and PDF, and as SVG where that is small; shown by kedro-viz.

    Args:
        filepath: The PNG; the other files have its name and their own suffixes.
        dpi: Dots per inch.
        vectors: Whether PDF and SVG are written too.
        optional: Whether a figure that was never drawn loads as None, which is an error otherwise.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    beside = VECTORS
    """Ends of the paths of the other files."""

    def __init__(
        self,
        *,
        filepath: str,
        dpi: int = 150,
        vectors: bool = True,
        optional: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = Path(filepath)
        self._dpi, self._vectors = dpi, vectors
        self.optional = optional
        self.metadata = metadata

    def load(self) -> Picture | None:
        """Return the figure, for embedding in a page."""
        return None if self.optional and not self._exists() else read_picture(self._path)

    def save(self, data: Figure) -> None:
        """Write the files without date and software version."""
        write_picture(data, self._path, self._dpi, vectors=self._vectors)

    def preview(self) -> ImagePreview:
        """Return the PNG for kedro-viz."""
        import base64

        return ImagePreview(base64.b64encode(self._path.read_bytes()).decode())

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "dpi": self._dpi, "vectors": self._vectors}
