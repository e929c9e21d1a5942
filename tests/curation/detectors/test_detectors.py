"""Detectors: what is missing is said, and the real ones find rendered faces where they are."""

from __future__ import annotations

import pickle
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest
from scenes import make_scene

from unif2ace.curation.collect import hashing
from unif2ace.curation.detectors import dlib, onnx
from unif2ace.curation.detectors.base import Detector
from unif2ace.curation.detectors.dlib import DlibDetector
from unif2ace.curation.detectors.mtcnn import MtcnnDetector
from unif2ace.curation.detectors.onnx import OnnxDetector
from unif2ace.errors import ConfigError

EXTRA = "needs the extra collect: make test-extras runs this"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def missing(name: str) -> None:
        raise ImportError(name)

    (tmp_path / "a.onnx").write_bytes(b"x")
    monkeypatch.setattr(dlib, "import_module", missing)
    monkeypatch.setattr(onnx, "import_module", missing)
    monkeypatch.setattr(hashing, "import_module", missing)
    with pytest.raises(
        ConfigError,
        match=r"detector=dlib: .* is not installed; pip install dlib-bin .* unif2ace\[collect\]",
    ):
        DlibDetector()
    with pytest.raises(ConfigError, match="pip install onnxruntime"):
        OnnxDetector(str(tmp_path / "a.onnx"))
    with pytest.raises(ConfigError, match="pip install dhash"):
        hashing.face_hash(np.zeros((9, 9, 3), np.uint8))


def test_a_missing_file_is_named():
    with pytest.raises(ConfigError, match=r"detector.weights='nowhere.onnx': no such file"):
        OnnxDetector("nowhere.onnx")
    with pytest.raises(ConfigError, match=r"detector.weights=nowhere: nowhere/pnet.pt does not exist"):
        MtcnnDetector("nowhere")
    with pytest.raises(ConfigError, match=r"detector.thresholds=\[0.6, 2, 0.7\]: give three numbers between 0 and 1"):
        MtcnnDetector("nowhere", (0.6, 2, 0.7))


@pytest.mark.parametrize(("width", "height"), [(480, 400), (1800, 1500)])
@pytest.mark.parametrize(("kind", "package"), [(DlibDetector, "dlib-bin"), (MtcnnDetector, "facenet-pytorch")])
def test_rendered_faces_are_found(kind: type[Detector], package: str, width: int, height: int):
    try:
        version(package)
    except PackageNotFoundError:
        pytest.skip(EXTRA)
    detector = pickle.loads(pickle.dumps(kind()))
    errors = []
    for seed in range(4):
        scene = make_scene(seed, [height // 2], [10.0], width, height)
        faces = detector.find(scene.pixels, {})
        if faces:
            apart = np.linalg.norm(faces[0].landmarks[:2] - scene.landmarks[0][:2], axis=1)
            errors.append(apart.mean() / height)
    assert len(errors) >= 3
    assert np.median(errors) < 0.02
    assert detector.find(make_scene(9, [], [], width, height).pixels, {}) == []


def test_an_onnx_file_gives_pixels_of_the_picture(tmp_path: Path):
    onnx_package = pytest.importorskip("onnx", reason=EXTRA)
    pytest.importorskip("onnxruntime", reason=EXTRA)
    make, numpy_helper = onnx_package.helper, onnx_package.numpy_helper
    values = {
        "boxes": np.array([[10, 20, 50, 60], [0, 0, 5, 5]], np.float32),
        "scores": np.array([0.9, 0.1], np.float32),
        "landmarks": np.arange(20, dtype=np.float32).reshape(2, 5, 2),
    }
    nodes = [make.make_node("Constant", [], [name], value=numpy_helper.from_array(v)) for name, v in values.items()]
    floats = onnx_package.TensorProto.FLOAT
    inputs = [make.make_tensor_value_info("image", floats, [1, 3, 128, 128])]
    for names in (list(values), ["boxes"]):
        outputs = [make.make_tensor_value_info(name, floats, list(values[name].shape)) for name in names]
        model = make.make_model(
            make.make_graph(nodes, "faces", inputs, outputs), opset_imports=[make.make_opsetid("", 17)], ir_version=9
        )
        (tmp_path / f"{len(names)}.onnx").write_bytes(model.SerializeToString())
    faces = OnnxDetector(str(tmp_path / "3.onnx")).find(np.zeros((256, 200, 3), np.uint8), {})
    assert len(faces) == 1
    assert faces[0].box == (20, 40, 100, 120), "the picture was halved for the network"
    np.testing.assert_allclose(faces[0].landmarks, 2 * values["landmarks"][0])
    with pytest.raises(ConfigError, match="no output is named 'landmarks', only boxes"):
        OnnxDetector(str(tmp_path / "1.onnx"))
