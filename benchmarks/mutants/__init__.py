"""Mutation testing: are there tests that notice when the science is wrong?

``make mutants`` draws places of the code at random, breaks each in a copy of the project and runs
the tests that match. What survives is pinned by no test. cosmic-ray brings the mutations;
this package draws from them, matches tests and runs each mutant in a fork of one process that has
the heavy libraries loaded, without which a mutant costs seconds of imports.
"""
