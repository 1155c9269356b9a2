"""A local page to label texts on, and the same as a REST interface."""
