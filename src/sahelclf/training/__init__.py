"""Fitting and cross-fitting; knows no tracker and no export."""
