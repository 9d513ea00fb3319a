"""Predictors of towers and grids."""
