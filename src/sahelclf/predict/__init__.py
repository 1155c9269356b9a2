"""Label a collection: inputs, batches, engines, checkpoint, writers."""
