"""Figures as files: PNG for pages and screens, PDF for print, SVG where it is small."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uflux_kedro.files import remove, replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

VECTORS = (".pdf", ".svg")
"""Ends of the files beside a figure's PNG."""

_MANY = 1500
"""Marks of one collection from which it is a picture within a vector file, which text and lines are not."""

_ALT = "Description"
_SIGNATURE = 8  # bytes before the first chunk of a PNG
_NO_NAMES = {
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "svg": {"Date": None},
}
"""Without dates and versions, equal figures give equal bytes."""


@dataclass(frozen=True)
class Picture:
    """A finished figure.

    Attributes:
        png: The figure as PNG.
        svg: The figure as SVG, where that is smaller than the PNG; empty otherwise.
        alt: What is seen, for those who do not see it; empty if the figure does not say.
    """

    png: bytes
    svg: bytes = b""
    alt: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the PNG in pixels."""
        return struct.unpack(">II", self.png[16:24])


def write_picture(figure: Figure, path: Path, dpi: int, *, vectors: bool = True) -> None:
    """Write a figure as PNG, and beside it as PDF and, where that is smaller than the PNG, as SVG.

    The figure's label says what is seen: it becomes a text of the PNG. Axes and text keep the places
    that they have in the PNG. What consists of very many marks is a picture in PDF and SVG.

    Args:
        figure: The figure; its layout is fixed afterwards.
        path: File with the suffix ``.png``.
        dpi: Dots per inch of PNG and of pictures within PDF and SVG.
        vectors: False for the PNG alone; those of an earlier run are removed.
    """
    alt = str(figure.get_label())
    texts = {"Software": None} | ({_ALT: alt} if alt else {})
    png = _saved(figure, "png", dpi, texts)
    beside = _vectors(figure, dpi, len(png)) if vectors else dict.fromkeys(VECTORS, b"")
    for end, content in {**beside, ".png": png}.items():
        if content:
            with replacing(path.with_suffix(end)) as temporary:
                temporary.write_bytes(content)
        else:
            remove(path.with_suffix(end))


def _vectors(figure: Figure, dpi: int, largest: int) -> dict[str, bytes]:
    """Return a drawn figure as PDF and SVG; no SVG where it has pictures or is not smaller."""
    from matplotlib import rcParams

    from uflux_kedro.figures.style import styled

    # The layout has been made and the edge is known; without this, each file would need them again.
    figure.set_layout_engine("none")
    pictures = _rasterise(figure)
    with styled():
        edge = figure.get_tightbbox().padded(rcParams["savefig.pad_inches"])
        pdf = _saved(figure, "pdf", dpi, _NO_NAMES["pdf"], edge)
        svg = b"" if pictures else _saved(figure, "svg", dpi, _NO_NAMES["svg"], edge)
    return {".pdf": pdf, ".svg": svg if len(svg) < largest else b""}


def read_picture(path: Path) -> Picture:
    """Read a figure that :func:`write_picture` has written."""
    png, svg = path.read_bytes(), path.with_suffix(".svg")
    return Picture(png, svg.read_bytes() if svg.is_file() else b"", alt_of(png))


def alt_of(png: bytes) -> str:
    """Return the text of a PNG that says what is seen; empty if there is none."""
    for kind, content in _chunks(png):
        keyword, _, rest = content.partition(b"\0")
        if keyword.decode("latin-1") != _ALT:
            continue
        if kind == b"tEXt":
            return rest.decode("latin-1")
        if kind == b"iTXt":  # two bytes about compression, then two texts that end with zeros
            return rest[2:].split(b"\0", 2)[2].decode()
    return ""


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of the chunks before the pixels."""
    at = _SIGNATURE
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind = png[at + 4 : at + 8]
        if kind == b"IDAT":
            return
        yield kind, png[at + 8 : at + 8 + length]
        at += length + 12


def _saved(
    figure: Figure, form: str, dpi: int, names: dict[str, Any], edge: Bbox | str = "tight"
) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format=form, dpi=dpi, bbox_inches=edge, metadata=names)
    return stream.getvalue()


def _rasterise(figure: Figure) -> bool:
    """Let what consists of very many marks be drawn as a picture; say whether there are pictures."""
    import numpy as np
    from matplotlib.collections import Collection, QuadMesh
    from matplotlib.image import _ImageBase

    found = bool(figure.findobj(_ImageBase))
    for collection in figure.findobj(Collection):
        if isinstance(collection, QuadMesh):
            marks = np.asarray(collection.get_coordinates()).size // 2
        else:
            marks = max(np.asarray(collection.get_offsets()).size // 2, len(collection.get_paths()))
        if marks > _MANY:
            collection.set_rasterized(True)
        found |= marks > _MANY
    return found
