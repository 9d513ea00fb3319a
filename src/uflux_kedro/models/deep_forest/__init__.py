"""The published package deep-forest 0.1.7 as a model, run in a Python interpreter of its own.

It serves to compare :class:`~uflux_kedro.models.CascadeForestRegressor` with the original and to
repeat published results.
"""
