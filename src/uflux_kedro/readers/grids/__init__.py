"""Readers of gridded sources: reanalyses, satellites, land cover, CO2 and other flux products.

Each module reads one family of sources; :func:`uflux_kedro.readers.grids.read.read_cube` calls
the reader of that name. A reader returns a lazy cube (time, latitude, longitude) with canonical
names and units, ascending latitude, longitude within -180..180, time at the start of each period,
and raises an error when values out of physical bounds are computed.
"""
