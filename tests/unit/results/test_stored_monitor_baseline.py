"""What a model did is stored in its artifact: whole at every moment, refused where it is damaged."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from leanglot.errors import ModelError, StorageError
from leanglot.models.text_classifier import folder_digest
from leanglot.results import baseline_store
from leanglot.results.baseline_store import check_baseline_place, store_monitor_baseline, without_baseline
from leanglot.results.manifest import Manifest, file_digest, read_manifest, verify_files, write_manifest
from leanglot.results.monitor_baseline import (
    CONFIDENCE_ENDS,
    FRAGMENTATION_ENDS,
    TOKEN_ENDS,
    LanguageBaseline,
    MonitorBaseline,
    bins_of,
    read_monitor_baseline,
)
from leanglot.routing.artifact import write_router
from leanglot.steps import check_place

LABELS = ("off", "on")


def counts(ends, *counted):
    return (*counted, *(0 for _ in range(len(ends) + 1 - len(counted))))


def language(n=4, correct=3, **changes):
    values = {
        "n": n,
        "correct": correct,
        "confidence": counts(CONFIDENCE_ENDS, 0, n),
        "confidence_correct": counts(CONFIDENCE_ENDS, 0, correct),
        "labels": {"on": n},
        "tokens": counts(TOKEN_ENDS, n),
        "fragmentation": counts(FRAGMENTATION_ENDS, 0, 0, n),
        "unknown": 1,
        "scripts": {"Latn": n},
    }
    return LanguageBaseline(**(values | changes))


def baseline(name="int8", data="test.jsonl", **languages):
    return MonitorBaseline(name=name, labels=LABELS, data=data, languages=languages or {"de": language()})


def make(folder, name="int8", labels=LABELS):
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(name.encode())
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    facts = {"name": name, "runtime": "onnxruntime", "model_file": "model.onnx", "labels": labels}
    write_manifest(folder, Manifest(**facts, max_length=32, pad_id=0, source="0" * 64))
    return folder


@pytest.fixture
def artifact(tmp_path):
    return make(tmp_path / "int8")


def change(folder, edit):
    """Change the stored baseline and its hash: damage that no hash shows."""
    path = folder / "monitor.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    edit(values)
    path.write_text(json.dumps(values), encoding="utf-8")
    write_manifest(folder, read_manifest(folder))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_an_artifact_has_none_until_one_is_stored(artifact):
    before = read_manifest(artifact)
    assert read_monitor_baseline(artifact) is None
    digest = store_monitor_baseline(artifact, baseline())
    assert read_monitor_baseline(artifact) == baseline()
    manifest = read_manifest(artifact)
    verify_files(artifact, manifest)
    assert manifest.files["monitor.json"] == digest == file_digest(artifact / "monitor.json")
    assert without_baseline(manifest) == before
    assert names(artifact) == ["leanglot.json", "model.onnx", "monitor.json", "tokenizer.json"]


def test_a_second_one_takes_its_place(artifact):
    store_monitor_baseline(artifact, baseline())
    store_monitor_baseline(artifact, baseline(data="other.jsonl", sw=language(n=9)))
    assert read_monitor_baseline(artifact) == baseline(data="other.jsonl", sw=language(n=9))
    verify_files(artifact, read_manifest(artifact))


def test_the_same_again_writes_nothing(artifact, monkeypatch):
    digest = store_monitor_baseline(artifact, baseline())

    def never(*_):
        raise AssertionError("written again")

    monkeypatch.setattr(baseline_store, "write_text_atomically", never)
    monkeypatch.setattr(baseline_store, "rewrite_manifest", never)
    assert store_monitor_baseline(artifact, baseline()) == digest


def test_a_lost_or_damaged_one_is_replaced(artifact):
    store_monitor_baseline(artifact, baseline())
    (artifact / "monitor.json").unlink()
    with pytest.raises(ModelError, match=r"lacks monitor\.json"):
        read_monitor_baseline(artifact)
    store_monitor_baseline(artifact, baseline())
    (artifact / "monitor.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match="changed or damaged") as refusal:
        read_monitor_baseline(artifact)
    assert f"leanglot evaluate {artifact} --data DATA --save-baseline" in refusal.value.hint
    store_monitor_baseline(artifact, baseline())
    assert read_monitor_baseline(artifact) == baseline()


def test_a_missing_file_of_the_model_is_told(artifact):
    (artifact / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"lacks model\.onnx"):
        store_monitor_baseline(artifact, baseline())


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda values: values.update(schema_version=2), "schema_version"),
        (lambda values: values.update(labels=["on", "off"]), "other labels"),
        (lambda values: values["languages"]["de"].pop("tokens"), r"languages\.de\.tokens"),
        (lambda values: values["languages"]["de"]["tokens"].pop(), "de has 24 bins of tokens instead of 25"),
        (lambda values: values["languages"]["de"].update(n=2), "de counts more than its 2 examples"),
        (lambda values: values["languages"]["de"].update(labels={"on": 5}), "de counts more"),
        (lambda values: values["languages"]["de"].update(scripts={"Latn": 6, "Thai": -2}), "fewer than none"),
        (lambda values: values["languages"]["de"].update(unknown=5), "de counts more"),
    ],
    ids=["schema", "labels", "field", "bins", "examples", "answers", "scripts", "unknown"],
)
def test_one_that_contradicts_itself_or_its_artifact_is_refused(artifact, edit, told):
    store_monitor_baseline(artifact, baseline())
    change(artifact, edit)
    with pytest.raises(ModelError, match=told):
        read_monitor_baseline(artifact)


@pytest.mark.parametrize("old", [None, "old.jsonl"])
@pytest.mark.parametrize("writes", range(4))
@pytest.mark.parametrize("done", [True, False], ids=["after", "before"])
def test_killed_at_any_write_the_artifact_is_whole(artifact, monkeypatch, old, writes, done):
    class Killed(BaseException):
        pass

    left = [writes]

    def dying(write):
        def wrapped(*arguments):
            left[0] -= 1
            if left[0] < 0 and not done:
                raise Killed
            written = write(*arguments)
            if left[0] < 0:
                raise Killed
            return written

        return wrapped

    if old is not None:
        store_monitor_baseline(artifact, baseline(data=old))
    with monkeypatch.context() as patch:
        for name in ("write_text_atomically", "rewrite_manifest"):
            patch.setattr(baseline_store, name, dying(getattr(baseline_store, name)))
        try:
            store_monitor_baseline(artifact, baseline(data="new.jsonl"))
        except Killed:
            pass
        else:
            assert writes >= (2 if old is None else 3)
    verify_files(artifact, read_manifest(artifact))
    found = read_monitor_baseline(artifact)
    assert found is None or found.data in {old, "new.jsonl"}
    check_place(artifact, artifact.parent / "model", force=True)  # still ours to replace
    store_monitor_baseline(artifact, baseline(data="new.jsonl"))
    assert read_monitor_baseline(artifact) == baseline(data="new.jsonl")
    assert names(artifact) == ["leanglot.json", "model.onnx", "monitor.json", "tokenizer.json"]


PROGRAM = """
import sys
from pathlib import Path
from leanglot.results.baseline_store import store_monitor_baseline
from leanglot.results.monitor_baseline import MonitorBaseline
two = [MonitorBaseline.model_validate_json(text) for text in sys.argv[2:]]
print("ready", flush=True)
while True:
    for each in two:
        store_monitor_baseline(Path(sys.argv[1]), each)
"""


@pytest.mark.parametrize("milliseconds", [5, 23, 60])
def test_a_process_that_is_killed_leaves_a_whole_artifact(artifact, milliseconds):
    two = baseline(data="a.jsonl"), baseline(data="b.jsonl")
    command = [sys.executable, "-c", PROGRAM, str(artifact), *(each.model_dump_json() for each in two)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        time.sleep(milliseconds / 1e3)
        process.send_signal(signal.SIGKILL)
    verify_files(artifact, read_manifest(artifact))
    assert read_monitor_baseline(artifact) in (None, *two)
    check_place(artifact, artifact.parent / "model", force=True)
    store_monitor_baseline(artifact, two[0])
    assert names(artifact) == ["leanglot.json", "model.onnx", "monitor.json", "tokenizer.json"]


def test_two_that_store_at_once_leave_one_of_both(artifact):
    two = baseline(data="a.jsonl"), baseline(data="b.jsonl")
    start = threading.Barrier(2)

    def work(each):
        start.wait()
        for _ in range(20):
            store_monitor_baseline(artifact, each)

    threads = [threading.Thread(target=work, args=(each,)) for each in two]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_monitor_baseline(artifact) in two
    verify_files(artifact, read_manifest(artifact))


def test_a_full_disk_leaves_what_was_there(artifact, monkeypatch):
    def full(*_):
        raise StorageError("There is no space left on the disk.")

    store_monitor_baseline(artifact, baseline())
    monkeypatch.setattr(baseline_store, "rewrite_manifest", full)
    with pytest.raises(StorageError, match="no space left"):
        store_monitor_baseline(artifact, baseline(data="new.jsonl"))
    assert read_monitor_baseline(artifact) == baseline()


def test_a_baseline_makes_no_other_model_of_an_artifact(artifact):
    before = folder_digest(artifact)
    store_monitor_baseline(artifact, baseline())
    assert folder_digest(artifact) == before
    (artifact / "tokenizer.json").write_text('{"other": 1}', encoding="utf-8")
    assert folder_digest(artifact) != before


def test_a_file_of_that_name_in_a_model_folder_is_the_models_own(tmp_path):
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    before = folder_digest(tmp_path)
    (tmp_path / "monitor.json").write_text("{}", encoding="utf-8")
    assert folder_digest(tmp_path) != before


def test_only_an_artifact_keeps_one(tmp_path):
    for subject in (tmp_path, tmp_path / "nowhere", "some-team/some-model"):
        with pytest.raises(ModelError, match="is no artifact") as refusal:
            check_baseline_place(subject)
        assert f"leanglot export {subject} --out ARTIFACT" in refusal.value.hint


@pytest.fixture
def router(tmp_path):
    """German is answered by the fast variant, Thai and all others by the safe one."""
    parts = {"safe": make(tmp_path / "run" / "safe", "safe"), "fast": make(tmp_path / "run" / "fast", "fast")}

    def write(**stored):
        for name, each in stored.items():
            store_monitor_baseline(parts[name], each)
        write_router(tmp_path / "router", "two", parts, {"de": "fast", "th": "safe"}, "safe")
        return tmp_path / "router"

    return write


def test_a_router_has_each_language_from_the_variant_that_answers_it(router):
    every = {"de": language(10, 10), "de-AT": language(11, 11), "th": language(12, 12), "fi": language(13, 13)}
    fast = baseline("fast", **every)
    safe = baseline("safe", **{tag: language(each.n, 2) for tag, each in every.items()})
    found = read_monitor_baseline(router(fast=fast, safe=safe))
    assert (found.name, found.labels, found.data) == ("two", LABELS, "test.jsonl")
    assert {tag: each.correct for tag, each in found.languages.items()} == {"de": 10, "de-AT": 11, "fi": 2, "th": 2}


def test_a_router_leaves_out_what_its_own_variant_was_not_judged_on(router):
    fast = baseline("fast", data="a.jsonl", de=language(10, 10), th=language(9, 9))
    assert set(read_monitor_baseline(router(fast=fast)).languages) == {"de"}
    both = read_monitor_baseline(router(safe=baseline("safe", data="b.jsonl", th=language(8, 8))))
    assert {tag: each.n for tag, each in both.languages.items()} == {"de": 10, "th": 8}
    assert both.data == "b.jsonl, a.jsonl"


def test_a_router_without_any_has_none(router):
    assert read_monitor_baseline(router()) is None


def test_a_damaged_one_in_a_router_is_told(router):
    folder = router(fast=baseline("fast"))
    (folder / "variants" / "fast" / "monitor.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match="changed or damaged"):
        read_monitor_baseline(folder)


def test_routers_and_their_variants_are_refused(router):
    folder = router(fast=baseline("fast"))
    for place, told in ((folder, "is a router"), (folder / "variants" / "fast", "belongs to a router")):
        with pytest.raises(ModelError, match=told) as refusal:
            store_monitor_baseline(place, baseline())
        assert "leanglot route RUN --out ROUTER --force" in refusal.value.hint


def test_a_copied_variant_is_an_artifact_like_any_other(router, tmp_path):
    copy = shutil.copytree(router(fast=baseline("fast")) / "variants" / "fast", tmp_path / "copy")
    store_monitor_baseline(copy, baseline("fast", data="new.jsonl"))
    assert read_monitor_baseline(copy).data == "new.jsonl"


def test_bins_hold_their_upper_end():
    assert bins_of([0.0, 0.2, 0.20001, 0.999, 1.0], CONFIDENCE_ENDS).tolist() == [0, 0, 1, 16, 17]
    assert bins_of([1, 3, 4, 384, 385], TOKEN_ENDS).tolist() == [0, 0, 1, 23, 24]
