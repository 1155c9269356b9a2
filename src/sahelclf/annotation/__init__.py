"""Samples and coding sheets for human coders."""
