"""Versions of packages, for provenance."""

from importlib.metadata import version


def versions(*packages: str) -> dict[str, str]:
    """Installed version of each package."""
    return {package: version(package) for package in packages}
