"""Formulas of plant and boundary-layer physics, one file a family.

Every function takes and returns floats, numpy arrays or xarray objects alike. Labels are kept,
and arrays that wait on dask stay lazy. Units are the canonical ones of ``variables.py``: degC,
hPa for vapour pressure, kPa for air pressure, W m-2, umol mol-1.
"""
