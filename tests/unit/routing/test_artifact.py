import shutil

import numpy as np
import pytest

import leanglot
from leanglot.errors import ModelError, RunError
from leanglot.results.manifest import read_manifest, rewrite_manifest
from leanglot.results.router_manifest import ROUTER_NAME, IdentifierInfo, read_router_manifest, verify_router
from leanglot.routing import artifact
from leanglot.routing.artifact import check_router_place, write_router
from leanglot.runtimes.identifier import Identifier


def identifier():
    info = IdentifierInfo(languages=("de", "en"), ngrams=(1, 2), buckets=64, threshold=0.5)
    rng = np.random.default_rng(0)
    return Identifier(info, rng.normal(size=(64, 2)).astype(np.float16))


@pytest.fixture
def artifacts(onnx_artifact, torch_artifact, tmp_path):
    copies = {"safe": tmp_path / "run" / "safe", "fast": tmp_path / "run" / "fast"}
    shutil.copytree(torch_artifact, copies["safe"])
    shutil.copytree(onnx_artifact, copies["fast"])
    return copies


def test_a_router_outlives_what_it_was_made_from(artifacts, tmp_path):
    out = tmp_path / "router"
    written = write_router(out, "tiny", artifacts, {"de": "fast", "th": "safe"}, "safe", identifier())
    shutil.rmtree(tmp_path / "run")
    assert read_router_manifest(out) == written
    verify_router(out, written)
    router = leanglot.load(out, threads=1, verify=True)
    assert router.routes(["x", "y", "z"], ["de", "th", "fi"]) == ["fast", "safe", "safe"]
    assert {"variants/fast/model.onnx", "variants/safe/leanglot.json", "identifier.safetensors"} <= set(written.files)
    assert np.array_equal(router.identifier.weights, identifier().weights)


def test_large_files_are_linked_and_copied_where_they_cannot_be(artifacts, tmp_path, monkeypatch):
    monkeypatch.setattr(artifact, "_LARGE", 1000)
    write_router(tmp_path / "linked", "tiny", artifacts, {"de": "fast"}, "safe")
    graph = "variants/fast/model.onnx"
    assert (tmp_path / "linked" / graph).stat().st_nlink == 2
    assert (tmp_path / "linked" / "variants/fast/leanglot.json").stat().st_nlink == 1 or (
        (artifacts["fast"] / "leanglot.json").stat().st_size >= 1000
    )

    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr(artifact.os, "link", refuse)
    write_router(tmp_path / "copied", "tiny", artifacts, {"de": "fast"}, "safe")
    assert (tmp_path / "copied" / graph).stat().st_nlink == 1
    assert (tmp_path / "copied" / graph).read_bytes() == (tmp_path / "linked" / graph).read_bytes()


def test_other_labels_or_another_order_are_refused_and_nothing_is_left(artifacts, tmp_path):
    manifest = read_manifest(artifacts["fast"])
    turned = manifest.model_copy(update={"labels": manifest.labels[::-1]})
    rewrite_manifest(artifacts["fast"], turned)
    with pytest.raises(ModelError, match="fast answers with other labels, or in another order, than safe"):
        write_router(tmp_path / "router", "tiny", artifacts, {"de": "fast"}, "safe")
    assert not (tmp_path / "router").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_missing_artifact_leaves_the_old_router(artifacts, tmp_path):
    out = tmp_path / "router"
    first = write_router(out, "tiny", artifacts, {"de": "fast"}, "safe")
    (artifacts["fast"] / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"lacks model\.onnx"):
        write_router(out, "tiny", artifacts, {"de": "safe"}, "safe")
    assert read_router_manifest(out) == first


def test_only_a_router_of_ours_is_replaced(artifacts, tmp_path):
    out = tmp_path / "router"
    check_router_place(out, force=False)
    write_router(out, "tiny", artifacts, {"de": "fast"}, "safe")
    with pytest.raises(RunError, match="already exists"):
        check_router_place(out, force=False)
    check_router_place(out, force=True)
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError, match="holds other files too"):
        check_router_place(out, force=True)
    (out / "notes.txt").unlink()
    (out / ROUTER_NAME).write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match="is no router"):
        check_router_place(out, force=True)
    with pytest.raises(RunError, match="is no router"):
        check_router_place(artifacts["fast"], force=True)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(RunError, match="is no router"):
        check_router_place(tmp_path / "link", force=True)
