"""Decisions, scores and their intervals, from probabilities and gold labels of whatever system."""
