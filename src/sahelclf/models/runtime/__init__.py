"""Readers of bundles: the standard library, numpy, onnxruntime and tokenizers alone.

Bundles have a copy of this folder, `sahelclf_readers`; so its modules import each other relatively.
"""
