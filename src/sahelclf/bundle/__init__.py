"""The bundle: its folder, its forms, and the Labeller that reads it."""
