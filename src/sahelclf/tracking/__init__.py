"""The only importer of mlflow: a training's result becomes a run, a bundle becomes its model."""
