"""Progress bar of a growing cascade."""

from __future__ import annotations

from typing import Self


class GrowthProgress:
    """Progress bar over trees, without a total, since the number of layers is not known."""

    def __init__(self, verbose: int) -> None:
        self._bar = None
        if verbose:
            from tqdm import tqdm

            self._bar = tqdm(desc="cascade forest, layer 0", unit="tree")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def tree(self) -> None:
        """Count a tree."""
        if self._bar is not None:
            self._bar.update()

    def layer(self, number: int, score: float) -> None:
        """Show the score of a finished layer."""
        if self._bar is not None:
            self._bar.write(f"layer {number}: out-of-bag mean squared error {score:.6g}")
            self._bar.set_description(f"cascade forest, layer {number + 1}")
