"""Calibrated intervals of a flux: stored without pickle, and computed for rows of a grid."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from uflux_kedro.errors import InputError
from uflux_kedro.files import replacing, sha256
from uflux_kedro.models.persistence import load_model, save_model
from uflux_kedro.uncertainty.intervals import Thresholds
from uflux_kedro.uncertainty.spread import Spread

if TYPE_CHECKING:
    from uflux_kedro.uncertainty.sampling_space import SamplingSpace

_CARD, _SPACE = "card.json", "space.npz"
_MODELS = ("model", "model_2")
"""Folders of the spread's trees; the second is that of a mean."""

_WHAT = "the card of calibrated intervals"
_KEYS = (
    *("flux", "level", "method", "predictors", "features", "medians", "floor", "sizes", "scale"),
    *("thresholds", "checksum"),
)

PLACE = ("completeness", "dissimilarity")
"""Features of the spread that the sampling space gives."""


class Bounds(NamedTuple):
    """Intervals of n rows.

    Attributes:
        lower: Lower bound, float32 (n,), in the unit of the flux.
        upper: Upper bound.
        completeness: Completeness of the sampling space, 0-1; NaN without a sampling space.
        sigma: Learnt standard deviation of the error, in the unit of the flux.
        outside: Whether the row is beyond the area of applicability, bool (n,).
    """

    lower: NDArray[np.float32]
    upper: NDArray[np.float32]
    completeness: NDArray[np.float32]
    sigma: NDArray[np.float32]
    outside: NDArray[np.bool_]


class FluxUncertainty:
    """Calibrated intervals of the predictions of a flux.

    A missing predictor, or a missing spread among members, is replaced by its median over the
    calibration rows. Objects are not changed by use, so that threads can share them.

    Attributes:
        card: Description: ``flux``, ``level``, ``method``, ``predictors``, ``features`` of the
            spread with their ``medians``, ``thresholds`` by class, ``calibration`` (coverage and
            scores of unseen towers), ``towers``, ``rows``, ``checksum`` (None until saved).
        space: Sampling space; None for intervals without one.
        spread: Learnt spread.
    """

    def __init__(
        self, card: Mapping[str, Any], spread: Spread, space: SamplingSpace | None = None
    ) -> None:
        self.card = dict(card)
        self.spread = spread
        self.space = space
        self._thresholds = Thresholds.from_json(self.card["thresholds"])
        self._medians = np.array(self.card["medians"], dtype=np.float32)

    @property
    def flux(self) -> str:
        """Name of the flux."""
        return self.card["flux"]

    @property
    def level(self) -> float:
        """Share of an unseen tower's values that the intervals are to contain."""
        return self.card["level"]

    @property
    def predictors(self) -> tuple[str, ...]:
        """Columns of the rows that :meth:`bounds` takes."""
        return tuple(self.card["predictors"])

    def bounds(
        self,
        X: NDArray[np.float32],
        mean: NDArray[np.floating],
        std: NDArray[np.floating] | None = None,
    ) -> Bounds:
        """Compute the intervals of predictions.

        Args:
            X: Predictors, shape (n, predictors); NaN is missing.
            mean: Prediction, the mean over members, shape (n,).
            std: Standard deviation over members, shape (n,); None if there is one member.

        Returns:
            The intervals; lower and upper are NaN where ``mean`` is.

        Raises:
            InputError: If ``X`` has another number of columns.
        """
        n, columns = len(mean), len(self.predictors)
        if np.shape(X) != (n, columns):
            raise InputError(
                f"rows given to the intervals of {self.flux}",
                None,
                expected=f"shape ({n}, {columns}): {', '.join(self.predictors)}",
                found=f"shape {np.shape(X)}",
            )
        features = np.full((n, len(self.card["features"])), np.nan, dtype=np.float32)
        features[:, :columns] = X
        classes = features[:, self.predictors.index("IGBP")].copy() if self._by_class else None
        place = {"prediction": mean, "spread": np.nan if std is None else std}
        for name in place.keys() & set(self.card["features"]):
            features[:, self.card["features"].index(name)] = place[name]
        fill_missing(features, self._medians)
        outside = np.zeros(n, dtype=bool)
        completeness = np.full(n, np.nan, dtype=np.float32)
        if self.space is not None:
            completeness, dissimilarity = self.space.completeness(features[:, :columns])
            outside = dissimilarity > self.space.threshold
            for name, values in zip(PLACE, (completeness, dissimilarity), strict=True):
                features[:, self.card["features"].index(name)] = values
        spread = self._packed.predict(features)
        threshold = self._thresholds.pooled if classes is None else self._thresholds.of(classes)
        half = spread * np.asarray(threshold, dtype=np.float32)
        centre = np.asarray(mean, dtype=np.float32)
        return Bounds(
            centre - half,
            centre + half,
            completeness,
            spread * np.float32(self.card["scale"]),
            outside,
        )

    @cached_property
    def _packed(self) -> Spread:
        return self.spread.packed()

    @property
    def _by_class(self) -> bool:
        return "IGBP" in self.predictors

    def save(self, folder: Path | str) -> None:
        """Write to a folder, completely or not at all, and set the card's checksum."""
        with replacing(folder) as temporary:
            temporary.mkdir()
            for name, model in zip(_MODELS, self.spread.models, strict=False):
                save_model(model, temporary / name)
            if self.space is not None:
                buffer = io.BytesIO()
                np.savez(buffer, allow_pickle=False, **self.space.to_arrays())
                (temporary / _SPACE).write_bytes(buffer.getvalue())
            self.card["checksum"] = _checksum(temporary, self.card)
            (temporary / _CARD).write_text(json.dumps(self.card, indent=2, allow_nan=False) + "\n")

    @classmethod
    def load(cls, folder: Path | str) -> FluxUncertainty:
        """Read intervals that :meth:`save` wrote.

        Raises:
            InputError: If the folder holds none, or a file of it was changed.
        """
        folder = Path(folder)
        card = _read_card(folder / _CARD)
        found = _checksum(folder, card)
        if found != card["checksum"]:
            raise InputError(
                folder,
                "checksum",
                expected=str(card["checksum"]),
                found=found,
                hint="The intervals are damaged or were edited; calibrate them again",
            )
        models = tuple(load_model(folder / name) for name in _MODELS if (folder / name).exists())
        space = None
        if (folder / _SPACE).exists():
            from uflux_kedro.uncertainty.sampling_space import SamplingSpace

            with np.load(folder / _SPACE, allow_pickle=False) as arrays:
                space = SamplingSpace.from_arrays(arrays)
        spread = Spread(models, card["floor"], card["method"], tuple(card["sizes"]), card["level"])
        return cls(card, spread, space)


def _checksum(folder: Path, card: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the files beside the card and of the card without its checksum."""
    digest = hashlib.sha256()
    for path in (*(folder / name for name in _MODELS), folder / _SPACE):
        if path.exists():
            digest.update(f"{path.name} {sha256(path)}\n".encode())
    rest = {name: value for name, value in card.items() if name != "checksum"}
    digest.update(json.dumps(rest, sort_keys=True).encode())
    return digest.hexdigest()


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(path, None, expected=_WHAT, found=str(error)) from error
    absent = [name for name in _KEYS if name not in card] if isinstance(card, dict) else _KEYS
    if absent:
        raise InputError(path, None, expected=_WHAT, found=f"none of {', '.join(absent)}")
    return card


def fill_missing(features: NDArray[np.float32], medians: NDArray[np.float32]) -> None:
    """Replace missing values by the median of their column."""
    missing = np.isnan(features)
    if missing.any():
        np.copyto(features, np.broadcast_to(medians, features.shape), where=missing)
