"""Dataset of figures: PNG files, with the same bytes for the same figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import ImagePreview

from uflux_kedro.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class FigureDataset(AbstractDataset["Figure", bytes]):
    """A matplotlib figure: saved as PNG, loaded as the file's bytes, shown by kedro-viz.

    Args:
        filepath: The file; its suffix sets the format.
        dpi: Dots per inch.
        optional: Whether a figure that was never drawn loads as no bytes, which is an error otherwise.
        metadata: Kedro's metadata, such as the layer in kedro-viz.
    """

    def __init__(
        self,
        *,
        filepath: str,
        dpi: int = 150,
        optional: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = Path(filepath)
        self._dpi = dpi
        self.optional = optional
        self.metadata = metadata

    def load(self) -> bytes:
        """Return the file's bytes, for embedding in a page."""
        return b"" if self.optional and not self._exists() else self._path.read_bytes()

    def save(self, data: Figure) -> None:
        """Write the figure without date and software version."""
        with replacing(self._path) as temporary:
            data.savefig(temporary, dpi=self._dpi, bbox_inches="tight", metadata={"Software": None})

    def preview(self) -> ImagePreview:
        """Return the figure for kedro-viz."""
        import base64

        return ImagePreview(base64.b64encode(self.load()).decode())

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "dpi": self._dpi}
