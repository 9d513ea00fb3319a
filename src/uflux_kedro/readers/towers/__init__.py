"""Readers of eddy-covariance towers: archives of the networks, tidy tables, training tables.

Each module reads one family of files; :func:`uflux_kedro.readers.towers.read.read_towers`
recognises the family of each file by its name or header and calls its reader. The result is a
table of towers (one row a site and period, canonical names and units, quality 0-1) and a table of
sites (place and land cover).
"""
