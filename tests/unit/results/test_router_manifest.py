import json

import pytest

from leanglot.errors import ModelError
from leanglot.results.router_manifest import (
    IDENTIFIER_FILE,
    ROUTER_NAME,
    RouterManifest,
    is_router,
    read_router_manifest,
    variant_for,
    verify_router,
    write_router_manifest,
)

INFO = {"languages": ["de", "en"], "ngrams": [1, 3], "buckets": 64, "threshold": 0.5}


@pytest.fixture
def folder(tmp_path):
    """A router's folder with a file in each variant."""
    for name in ("safe", "fast"):
        (tmp_path / "variants" / name).mkdir(parents=True)
        for file in ("weights", "leanglot.json"):
            (tmp_path / "variants" / name / file).write_text(name, encoding="utf-8")
    manifest = RouterManifest(
        name="tiny", labels=("a", "b"), variants=("safe", "fast"), languages={"de": "fast"}, fallback="safe"
    )
    write_router_manifest(tmp_path, manifest)
    return tmp_path


def change(folder, **values):
    path = folder / ROUTER_NAME
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


def test_what_was_written_is_read(folder):
    assert is_router(folder)
    found = read_router_manifest(folder)
    names = ("leanglot.json", "weights")
    assert set(found.files) == {f"variants/{variant}/{name}" for variant in ("safe", "fast") for name in names}
    verify_router(folder, found)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"schema_version": 2}, "pip install -U leanglot"),
        ({"languages": {"de": "gone"}}, "no variant is called gone"),
        ({"fallback": "gone"}, "no variant is called gone"),
        ({"variants": ["safe", "safe", "fast"]}, "named twice"),
        ({"variants": ["safe", "fast", "../../etc"]}, "cannot name a folder"),
        ({"variants": ["safe", "fast", "/etc/x"]}, "cannot name a folder"),
        ({"variants": ["safe", "fast", "other"]}, "lacks its variants other"),
        ({"languages": {"German": "fast"}}, "languages"),
        ({"languages": {"zh_CN": "fast"}}, "normal spelling, zh-CN"),
        ({"files": {"../secret": "0"}}, "leaves the router's folder"),
        ({"files": {"/etc/passwd": "0"}}, "leaves the router's folder"),
        ({"files": {"C:\\x": "0"}}, "leaves the router's folder"),
        ({"files": {"variants/safe/more": "0"}}, "lacks variants/safe/more"),
        ({"identifier": INFO}, f"lacks {IDENTIFIER_FILE}"),
        ({"identifier": INFO | {"ngrams": [3, 1]}}, "n-grams from 3 to 1"),
        ({"identifier": INFO | {"languages": []}}, "languages"),
        ({"identifier": INFO | {"pickle": "x"}}, "pickle"),
        ({"labels": []}, "labels"),
        ({"extra": 1}, "extra"),
    ],
)
def test_what_cannot_be_used_is_refused(folder, values, told):
    change(folder, **values)
    with pytest.raises(ModelError) as raised:
        read_router_manifest(folder)
    assert told in str(raised.value)


def test_damage_is_found(folder):
    (folder / "variants/fast/weights").write_text("other", encoding="utf-8")
    with pytest.raises(ModelError, match="was changed or damaged"):
        verify_router(folder, read_router_manifest(folder))
    (folder / ROUTER_NAME).write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="cannot be read"):
        read_router_manifest(folder)


def test_a_link_out_of_the_folder_is_refused(folder, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_text("fast", encoding="utf-8")
    (folder / "variants/fast/weights").unlink()
    (folder / "variants/fast/weights").symlink_to(secret)
    with pytest.raises(ModelError, match="leads out of the router's folder"):
        read_router_manifest(folder)


def test_a_variant_that_lies_elsewhere_is_refused_whatever_the_manifest_lists(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "fast"
    (folder / "variants/fast").rename(elsewhere)
    (folder / "variants/fast").symlink_to(elsewhere, target_is_directory=True)
    change(folder, files={})
    with pytest.raises(ModelError, match="leads out of the router's folder"):
        read_router_manifest(folder)


def test_a_link_that_the_manifest_does_not_list_is_refused(folder, tmp_path_factory):
    (folder / "variants/fast/more").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(ModelError, match="leads out of the router's folder"):
        read_router_manifest(folder)


def test_a_manifest_without_hashes_is_refused(folder):
    change(folder, files={})
    with pytest.raises(ModelError, match=r"lacks variants/safe/leanglot\.json"):
        read_router_manifest(folder)


def test_a_file_that_came_later_is_found_when_asked_for(folder):
    (folder / "variants/fast/more").write_text("", encoding="utf-8")
    with pytest.raises(ModelError, match="was not written with: variants/fast/more"):
        verify_router(folder, read_router_manifest(folder))


def test_a_folder_without_a_manifest_is_no_router(tmp_path):
    assert not is_router(tmp_path)
    with pytest.raises(ModelError, match="is no router"):
        read_router_manifest(tmp_path)


@pytest.mark.parametrize(
    ("tag", "variant"),
    [("de", "fast"), ("de-AT", "fast"), ("de-Latn-AT", "fast"), ("zh-TW", "slow"), ("zh", "safe"), (None, "safe")],
)
def test_the_nearest_wider_language_decides(tag, variant):
    assert variant_for(tag, {"de": "fast", "zh-TW": "slow"}, "safe") == variant
