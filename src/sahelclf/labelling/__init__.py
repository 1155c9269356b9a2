"""Inputs to labelled rows: readers, the labeller, writers, rejects."""
