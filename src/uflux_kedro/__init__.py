"""UFLUX: from eddy-covariance towers to maps of GPP, RECO, NEE, H and LE."""

__version__ = "0.1.0"
