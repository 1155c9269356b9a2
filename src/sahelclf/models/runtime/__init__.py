"""Readers of bundles. They import the standard library, numpy, onnxruntime and tokenizers alone."""
