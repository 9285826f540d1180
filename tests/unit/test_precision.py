"""The precision of predictions: by the processor, decided once, and written down."""

import json

import numpy as np
import pytest
from models import load_model_file, write_toy_model

from stnet.core.processor import has_bfloat16
from stnet.inference.model import Model
from stnet.inference.precision import read_precision, write_precision


@pytest.mark.parametrize(
    ("line", "has"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 amx_tile", True),
        ("flags\t\t: fpu avx512f amx_bf16", True),
        ("Features\t: fp asimd i8mm bf16 dgh", True),
        ("flags\t\t: fpu fma avx2 f16c avx512f avx512_fp16", False),
    ],
)
def test_what_a_processor_has(tmp_path, line, has):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{line}\nbugs\t\t:\n")
    assert has_bfloat16(tmp_path / "cpuinfo") is has


@pytest.mark.parametrize(
    ("configured", "device", "has", "decided"),
    [
        ("auto", "cpu", True, "bfloat16"),
        ("auto", "cpu", False, "float32"),
        ("auto", "cuda", True, None),
        ("float32", "cpu", True, "float32"),
        ("bfloat16", "cuda", False, "bfloat16"),
    ],
)
def test_what_is_decided(tmp_path, monkeypatch, configured, device, has, decided):
    monkeypatch.setattr("stnet.inference.precision.has_bfloat16", lambda: has)
    write_precision(configured, device, tmp_path / "precision.json")
    monkeypatch.setattr("stnet.inference.precision.has_bfloat16", lambda: not has)
    assert read_precision(tmp_path / "precision.json") == decided
    assert json.loads((tmp_path / "precision.json").read_text())["configured"] == configured


def test_a_model_computes_and_says_what_was_decided(toy, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("stnet.networks.engine.has_bfloat16", lambda: False)
    path = write_toy_model(toy, tmp_path, ["all"])
    patches = np.random.default_rng(5).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)
    own, found = load_model_file(path), {}
    for precision in ("float32", "bfloat16"):
        model = Model(
            path, device="cpu", threads=1, code="0", reliability=None, precision=precision
        )
        found[precision] = model.apply(patches).predicted
        engine = model.provenance()["engine"]
        assert f"'precision': '{precision}'" in engine
        assert "'folded': True" in engine
    np.testing.assert_array_equal(found["float32"], own.apply(patches).predicted)
    moved = np.abs(found["bfloat16"] - found["float32"]).max()
    assert 0 < moved < 0.1 * found["float32"].std()
    assert [record.message for record in caplog.records if "bfloat16" in record.message] == [
        "this processor has no bfloat16: float32 would be several times as fast"
    ]
