"""Predictions in the formats of other programs, for the target `export`."""

from typing import Annotated, Literal

from pydantic import Field

from stnet.config.base import EACH_ONCE, Keys
from stnet.config.names import ExperimentName, SourceName


class Export(Keys):
    """Predictions in the formats of other programs, for the target `export`."""

    formats: Annotated[
        list[Literal["spatialdata", "geojson", "map", "csv"]], Field(min_length=1), *EACH_ONCE
    ] = ["spatialdata", "geojson", "map", "csv"]
    """spatialdata: a SpatialData Zarr, with a configuration of Vitessce; geojson: for QuPath; map:
    a pyramidal OME-TIFF; csv: a table."""
    experiments: Annotated[list[ExperimentName], *EACH_ONCE] = []
    """Experiments whose held-out predictions are exported; an empty list means the main one of each
    cohort under report, or none if `predict` names slides or sections."""
    external: Annotated[list[SourceName], *EACH_ONCE] = []
    """Sources under external whose predictions by the main experiments are exported too."""
    genes: Annotated[list[str], Field(max_length=100)] = []
    """Genes in GeoJSON and in the map, by symbol or id, at most 100; an empty list means the 12 of
    each section or slide whose predictions vary most. The other formats have all genes."""
