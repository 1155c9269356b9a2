"""The annotated corpus: read, validate, clean pages, cut passages, split, agreement, statistics."""
