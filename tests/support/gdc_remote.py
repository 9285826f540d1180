"""A server that speaks the GDC's protocol, with listings that change while they are read."""

import hashlib
import json
from collections.abc import Iterator

from remote import Remote

CASE = {"submitter_id": "", "project": {"project_id": "TCGA-BRCA"}}


def case(patient: str, *samples: str, sample_type: str = "Primary Tumor") -> dict:
    """Patient and samples that a file is of."""
    return CASE | {
        "submitter_id": patient,
        "samples": [
            {"submitter_id": f"{patient}-{s}", "sample_type": sample_type} for s in samples
        ],
    }


def slide(file_id: str, name: str, *cases: dict, **fields) -> dict:
    """Entry of a frozen slide."""
    return {
        "file_id": file_id,
        "id": file_id,
        "file_name": name,
        "md5sum": hashlib.md5(name.encode()).hexdigest(),
        "file_size": len(name),
        "access": "open",
        "data_type": "Slide Image",
        "experimental_strategy": "Tissue Slide",
        "cases": list(cases),
    } | fields


def star_table(file_id: str, *cases: dict, **fields) -> dict:
    """Entry of an expression table."""
    return slide(file_id, f"{file_id}.rna_seq.augmented_star_gene_counts.tsv", *cases) | {
        "data_type": "Gene Expression Quantification",
        "experimental_strategy": "RNA-Seq",
        "analysis": {"workflow_type": "STAR - Counts"},
        **fields,
    }


def patient(name: str, *diagnoses: dict) -> dict:
    """Entry of a patient."""
    return CASE | {"case_id": f"case-{name}", "submitter_id": name, "diagnoses": list(diagnoses)}


class GdcRemote(Remote):
    """Serves the entries of `listings` ("files", "cases") that a request's filters select.

    `edits` are functions of the selected entries: the next changes what a page is cut from.
    """

    def __init__(self):
        super().__init__()
        self.listings: dict[str, list[dict]] = {"files": [], "cases": []}
        self.edits: list = []
        self.warnings: dict = {}

    def reply(self, path, body):
        endpoint = path.removeprefix("/")
        key, _, order = body["sort"].partition(":")
        assert order == "asc"
        entries = sorted(
            (entry for entry in self.listings[endpoint] if matches(entry, body["filters"])),
            key=lambda entry: entry[key],
        )
        if self.edits:
            entries = self.edits.pop(0)(entries)
        begin, size = body["from"], body["size"]
        page = [select(entry, body["fields"].split(",")) for entry in entries[begin : begin + size]]
        pagination = {
            "count": len(page),
            "total": len(entries),
            "size": size,
            "from": begin,
            "sort": body["sort"],
            "page": begin // size + 1,
            "pages": -(-len(entries) // size),
        }
        data = {"hits": page, "pagination": pagination}
        return json.dumps({"data": data, "warnings": self.warnings}).encode()


def matches(entry: dict, filters: dict) -> bool:
    if filters["op"] == "and":
        return all(matches(entry, part) for part in filters["content"])
    assert filters["op"] == "in"
    field, wanted = filters["content"]["field"], filters["content"]["value"]
    return any(value in wanted for value in values(entry, field.split(".")))


def values(entry: object, field: list[str]) -> Iterator[object]:
    if isinstance(entry, list):
        for part in entry:
            yield from values(part, field)
    elif not field:
        yield entry
    elif isinstance(entry, dict) and field[0] in entry:
        yield from values(entry[field[0]], field[1:])


def select(entry: object, fields: list[str]) -> object:
    """What of an entry the fields ask for, and the id that the GDC always adds."""
    if isinstance(entry, list):
        return [select(part, fields) for part in entry]
    if not isinstance(entry, dict):
        return entry
    inner: dict[str, list[str]] = {}
    for field in fields:
        name, _, rest = field.partition(".")
        inner.setdefault(name, []).append(rest)
    return {
        name: select(value, inner[name])
        for name, value in entry.items()
        if name in inner and value != []
    }
