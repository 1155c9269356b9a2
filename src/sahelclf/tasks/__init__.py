"""What is to be learnt: task specifications and their data."""
