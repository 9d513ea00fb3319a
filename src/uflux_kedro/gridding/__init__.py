"""Cubes on one grid: alignment, sampling at the towers, prediction and products."""
