"""Models on unseen countries, times and outlets, and with names exchanged."""
