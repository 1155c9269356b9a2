"""Task specifications, and their data as binary heads."""
