"""Models on public data sets."""
