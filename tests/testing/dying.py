"""Work that kills the process that does it, once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin


def die_once(marker: str) -> None:
    """Kill this process, unless the file says that one was killed."""
    if not Path(marker).exists():
        Path(marker).write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)


def fit_after_a_kill(marker: str, fit: Callable[[int], Any], threads: int) -> Any:
    """Fit a member, at the second attempt."""
    die_once(marker)
    return fit(threads)


class DiesOnce(RegressorMixin, BaseEstimator):
    """Least squares; the process that first fits it with seed 2 is killed."""

    def __init__(self, seed: int = 0, marker: str = "") -> None:
        self.seed = seed
        self.marker = marker

    def fit(self, X, y):
        if self.seed == 2:
            die_once(self.marker)
        self.weights_ = np.linalg.lstsq(X, y, rcond=None)[0] + self.seed
        return self

    def predict(self, X):
        return X @ self.weights_
