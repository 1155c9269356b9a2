"""Estimators of shares from predictions and a hand-coded sample."""
