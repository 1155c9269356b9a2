"""Versions of packages, as manifests, runs and `doctor` name them."""

from importlib.metadata import PackageNotFoundError, version

VERSIONS = (
    "numpy",
    "scipy",
    "scikit-learn",
    "mlflow",
    "hydra-core",
    "torch",
    "transformers",
    "onnxruntime",
    "tokenizers",
    "sahelclf",
)


def installed_versions(names: tuple[str, ...] = VERSIONS) -> dict[str, str]:
    """Versions of these packages, where they are installed."""
    versions = {}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions
