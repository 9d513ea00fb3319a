"""A calibrated uncertainty with a result that is easy to compute."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from uflux_kedro.files import sha256


class Bounds(NamedTuple):
    lower: np.ndarray
    upper: np.ndarray
    completeness: np.ndarray
    outside: np.ndarray


class NearTowers:
    """Intervals of towers along one predictor: wider by the distance from the nearest tower.

    A tower resembles a row within a distance of ``reach``; without the predictor nothing is known
    of the distance. It lies in a file, and is sent to workers as its path.
    """

    def __init__(self, path: Path):
        self.path = path
        self.settings = json.loads(path.read_text())
        self.predictors = (self.settings["predictor"],)
        self.card = {"checksum": sha256(path), "level": self.settings["level"]}
        self.rows: list[int] = []

    @classmethod
    def write(cls, path: Path, predictor, towers, reach=1.0, width=1.0, level=0.9):
        given = {"predictor": predictor, "towers": towers, "reach": reach, "width": width}
        path.write_text(json.dumps(given | {"level": level}))
        return cls(path)

    def __reduce__(self):
        return NearTowers, (self.path,)

    def bounds(self, X, mean, std):
        assert X.dtype == np.float32
        assert X.shape == (len(mean), 1) == (len(std), 1)
        assert not np.isinf(X).any()
        assert np.isfinite(mean).all()
        self.rows.append(len(X))
        far = np.abs(X - np.float32(self.settings["towers"]))
        near = (far <= self.settings["reach"]).sum(axis=1)
        half = self.settings["width"] + np.nan_to_num(far.min(axis=1)) + np.nan_to_num(std)
        completeness = np.where(np.isnan(X[:, 0]), np.nan, near / (near + 1))
        return Bounds(mean - half, mean + half, completeness.astype("float32"), completeness == 0)
