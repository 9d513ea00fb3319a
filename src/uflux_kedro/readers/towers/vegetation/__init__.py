"""Vegetation at towers: tables of reflectance from satellites, by day, masked, filled, averaged.

:mod:`.forms` recognises a table by its header and parses it, :mod:`.products` says which bits of
a product mean that a value is good, :mod:`.series` makes indices without gaps, and :mod:`.join` adds
them to the towers.
"""
