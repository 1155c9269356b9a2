"""The annotated corpus: read and write, validate, clean pages, cut passages, split, agreement, statistics."""
