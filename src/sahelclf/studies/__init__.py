"""Studies of many fits: public data sets, and robustness to unseen countries, times and names."""
