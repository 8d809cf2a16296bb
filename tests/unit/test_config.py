"""Settings: defaults, limits, and a YAML file whose faults are all told at once."""

from pathlib import Path

import pytest

from leanglot.config import (
    BASELINE_NAME,
    DEFAULT_CANDIDATES,
    MAX_CONFIG_BYTES,
    CandidateConfig,
    load_config,
    make_candidate,
    make_config,
    name_fault,
)
from leanglot.errors import ConfigError
from leanglot.techniques import Int8, MagnitudePruning, TrimVocabulary

LEAST = {"model": "team/model-name", "data": "test.jsonl"}


@pytest.fixture
def config_file(tmp_path):
    """Writes a config file and returns its path."""

    def write(text):
        path = tmp_path / "run.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def fault_of(values):
    with pytest.raises(ConfigError) as caught:
        make_config(values, "run.yaml")
    return caught.value.message


def test_defaults_are_the_documented_ones():
    config = make_config(LEAST)
    assert config.output == Path("runs/model-name")
    assert (config.margin, config.alpha, config.seed, config.batch_tokens) == (0.01, 0.05, 0, 1024)
    assert config.threads is config.max_length is config.limit_per_language is None
    assert config.strict is config.allow_pickle is False
    assert config.candidates == DEFAULT_CANDIDATES
    assert config.corpus is config.calibration is None
    assert config.steps is True
    assert config.data.path == Path("test.jsonl")
    assert config.data.columns.text == "text"


def test_the_usual_candidates():
    recipes = {candidate.name: candidate.recipe for candidate in DEFAULT_CANDIDATES}
    assert recipes == {
        "onnx-fp32": (),
        "int8": (Int8(embeddings=False),),
        "int8-embeddings": (Int8(embeddings=True),),
        "pruned-30": (MagnitudePruning(sparsity=0.3),),
        "pruned-30-int8": (MagnitudePruning(sparsity=0.3), Int8(embeddings=True)),
    }
    assert {candidate.runtime for candidate in DEFAULT_CANDIDATES} == {"onnxruntime"}


def test_a_corpus_adds_candidates_with_a_trimmed_vocabulary():
    config = make_config({**LEAST, "corpus": "log.jsonl"})
    assert config.candidates[: len(DEFAULT_CANDIDATES)] == DEFAULT_CANDIDATES
    added = {each.name: each.recipe for each in config.candidates[len(DEFAULT_CANDIDATES) :]}
    assert added == {"trimmed": (TrimVocabulary(),), "trimmed-int8": (TrimVocabulary(), Int8(embeddings=True))}
    slim = make_config({**LEAST, "corpus": "log.jsonl", "calibration": "train.jsonl"}).candidates[-1]
    assert [step.technique for step in slim.recipe] == ["trim-vocabulary", "heads", "ffn", "int8"]
    assert make_config({**LEAST, "calibration": "train.jsonl"}).candidates == DEFAULT_CANDIDATES


def test_a_corpus_that_cannot_be_used_is_one_fault():
    with pytest.raises(ConfigError, match="1 setting cannot be used") as error:
        make_config({**LEAST, "corpus": 7})
    assert "corpus" in error.value.message


@pytest.mark.parametrize(
    ("model", "output"),
    [
        ("models/xlmr/", "runs/xlmr"),
        ("a b/ü model", "runs/model"),
        (".", "runs/model"),
        ("x" * 100, f"runs/{'x' * 64}"),
        ("nul", "runs/model"),
    ],
)
def test_the_output_folder_gets_a_safe_name(model, output):
    assert make_config({**LEAST, "model": model}).output == Path(output)


def test_all_faults_are_told_at_once():
    message = fault_of(
        {
            "model": "m",
            "data": {"path": "x", "columns": {"txt": "sentence"}},
            "marginn": 0.01,
            "alpha": 2,
            "threads": "many",
            "candidates": [
                {"name": "a", "recipe": [{"technique": "int8", "embedings": True}]},
                {"name": "A", "recipe": [{"technique": "int5"}, {}]},
                {"name": "b", "runtime": "openvino", "recipe": [{"technique": "int8"}]},
                {"name": "../c", "recipe": [{"technique": "magnitude", "sparsity": 1}]},
            ],
        }
    )
    assert message.splitlines() == [
        "run.yaml: 11 settings cannot be used:",
        "  data.columns.txt: unknown key; did you mean text?",
        "  alpha: 2 is not allowed: it should be less than 0.5",
        "  threads: 'many' is not allowed: it should be a valid integer",
        "  candidates[0].recipe[0].embedings: unknown key; did you mean embeddings?",
        '  candidates[1].recipe[0]: unknown technique "int5"; did you mean int8?',
        "  candidates[1].recipe[1]: the step has no key technique",
        "  candidates[2]: int8 with dynamic activations runs on onnxruntime and pytorch, not on openvino",
        f"  candidates[3].name: '../c' cannot name a folder: {name_fault('../c')}",
        "  candidates[3].recipe[0].sparsity: 1 is not allowed: it should be less than 1",
        "  marginn: unknown key; did you mean margin?",
        "  candidates: names must differ, but these repeat: a",
    ]


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("margin", 0, "greater than 0"),
        ("margin", 1, "less than 1"),
        ("margin", "1%", "valid number"),
        ("threads", 0, "greater than or equal to 1"),
        ("threads", True, "valid integer"),
        ("seed", -1, "greater than or equal to 0"),
        ("seed", 2**32, "less than"),
        ("max_length", 3, "greater than or equal to 4"),
        ("strict", "no", "valid boolean"),
        ("model", "", "at least 1 character"),
        ("output", 3, "it should be a path"),
        ("data", 3, "mapping of keys to values"),
        ("data", {}, "data.path: is missing"),
        ("candidates", [], "at least one candidate"),
        ("candidates", {"name": "a"}, "it should be a list"),
        ("zzz", 1, "unknown key; allowed: model, data, output"),
    ],
)
def test_each_wrong_value_says_what_is_allowed(key, value, fault):
    message = fault_of({**LEAST, key: value})
    assert "1 setting cannot be used" in message
    assert fault in message
    assert f"  {key}" in message


def test_a_number_that_yaml_takes_for_text_is_still_a_number(config_file):
    assert load_config(config_file("model: m\ndata: d.csv\nmargin: 5e-3\n")).margin == 0.005


def test_faults_are_told_once_where_all_candidates_are_wrong():
    assert len(fault_of({**LEAST, "candidates": [3, 4]}).splitlines()) == 3


def test_the_baseline_name_is_taken():
    message = fault_of({**LEAST, "candidates": [{"name": BASELINE_NAME.upper()}]})
    assert f"{BASELINE_NAME} is the baseline, always added" in message


@pytest.mark.parametrize("steps", [(Int8(), MagnitudePruning(sparsity=0.3)), (Int8(), Int8(embeddings=True))])
def test_nothing_follows_int8(steps):
    with pytest.raises(ValueError, match="int8 must be the last step"):
        CandidateConfig(name="a", recipe=steps)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "a\\b", ".hidden", "a.", "a b", "ü", "a" * 65, "-a", "a\n"],
)
def test_unsafe_names_are_refused(name):
    assert "a-z" in name_fault(name)


@pytest.mark.parametrize("name", ["con", "NUL.txt", "com1"])
def test_names_of_devices_are_refused(name):
    assert "Windows" in name_fault(name)


@pytest.mark.parametrize("name", ["int8", "Pruned-50_int8", "v1.2", "0", "a" * 64, "console"])
def test_safe_names_are_allowed(name):
    assert name_fault(name) is None


def test_relative_paths_are_relative_to_the_file(config_file, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    (tmp_path / "model").mkdir()
    config = load_config(config_file("model: model\ndata: {path: sub/test.csv}\n"))
    assert config.model == str(tmp_path / "model")
    assert config.data.path == tmp_path / "sub/test.csv"
    assert config.output == tmp_path / "runs/model"


def test_absolute_paths_and_hub_names_stay(config_file, tmp_path):
    config = load_config(config_file(f"model: team/name\ndata: {tmp_path}/d.csv\noutput: {tmp_path}/out\n"))
    assert config.model == "team/name"
    assert config.data.path == tmp_path / "d.csv"
    assert config.output == tmp_path / "out"


def test_a_model_that_begins_with_a_dot_is_a_folder_even_when_missing(config_file, tmp_path):
    assert load_config(config_file("model: ./gone\ndata: d.csv\n")).model == str(tmp_path / "gone")


def test_repeated_keys_are_told_with_the_other_faults(config_file):
    text = "model: m\ndata: d.csv\nmargin: 0.1\nmargin: 0.01\nalpha: 3\n"
    with pytest.raises(ConfigError) as caught:
        load_config(config_file(text))
    assert 'line 4: the key "margin" occurs twice' in caught.value.message
    assert "alpha: 3" in caught.value.message


def test_a_repeated_key_alone_is_a_fault(config_file):
    with pytest.raises(ConfigError, match='line 2: the key "model" occurs twice'):
        load_config(config_file("model: m\nmodel: n\ndata: d.csv\n"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("- model\n", "holds a list"),
        ("model", "holds a str"),
        ("model: m\ndata: [1\n", "line 3, column 1"),
        ("model: m\n\tdata: d\n", "line 2, column 1"),
        ("model: !!python/object/apply:os.system [ls]\n", "line 1, column 8"),
        ("a: &a {b: 1}\nmodel:\n  <<: *a\n", "line 3: merge keys"),
        ("model: \x00\n", "not plain YAML"),
        ("[" * 5000, "not plain YAML"),
        ("model: 2024-99-99\n", "not plain YAML"),
        ("? [a]\n: 1\n", "unhashable key"),
    ],
)
def test_what_is_no_plain_yaml_mapping_is_refused(config_file, text, fault):
    with pytest.raises(ConfigError) as caught:
        load_config(config_file(text))
    assert "run.yaml" in caught.value.message
    assert fault in caught.value.message
    assert caught.value.hint


def test_a_long_list_of_faults_is_cut():
    lines = fault_of({**LEAST, "candidates": [3] * 100}).splitlines()
    assert len(lines) == 52
    assert lines[-1] == "  and 50 more"


def test_aliases_that_multiply_are_told_briefly(config_file):
    levels = "".join(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12))
    text = f"a0: &a0 [x]\n{levels}model: m\ndata: d.csv\ncandidates: *a11\n"
    with pytest.raises(ConfigError) as caught:
        load_config(config_file(text))
    assert len(caught.value.message) < 10_000


def test_a_byte_order_mark_is_no_fault(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_bytes(b"\xef\xbb\xbfmodel: m\ndata: d.csv\n")
    assert load_config(path).model == "m"


def test_a_file_that_is_missing_a_folder_too_large_or_not_utf8(tmp_path):
    with pytest.raises(ConfigError, match="There is no config file"):
        load_config(tmp_path / "gone.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        load_config(tmp_path)
    path = tmp_path / "run.yaml"
    path.write_bytes(b"#" * (MAX_CONFIG_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than 1,000,000 bytes"):
        load_config(path)
    path.write_bytes(b"model: caf\xe9\n")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 10"):
        load_config(path)


def test_one_candidate_alone():
    assert make_candidate({"name": "int8", "recipe": [{"technique": "int8"}]}) == CandidateConfig(
        name="int8", recipe=(Int8(),)
    )


def test_all_faults_of_one_candidate_are_told():
    recipe = [{"technique": "int8", "embedings": True}, {"technique": "magnitude", "sparsity": 2}]
    with pytest.raises(ConfigError) as caught:
        make_candidate({"name": "a", "runtime": "tflite", "recipe": recipe})
    assert caught.value.message.splitlines() == [
        "The candidate: 3 settings cannot be used:",
        "  runtime: 'tflite' is not allowed: it should be 'pytorch', 'onnxruntime', 'openvino' or 'ctranslate2'",
        "  recipe[0].embedings: unknown key; did you mean embeddings?",
        "  recipe[1].sparsity: 2 is not allowed: it should be less than 1",
    ]


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        make_config(LEAST).margin = 0.5


def test_the_log_of_a_run_lies_beside_its_config(config_file, tmp_path):
    path = config_file("model: a/b\ndata: data.jsonl\nlog: {tracker: mlflow, folder: logs}\n")
    assert load_config(path).log.folder == path.parent / "logs"
    assert load_config(config_file("model: a/b\ndata: data.jsonl\n")).log is None
    with pytest.raises(ConfigError, match=r"log\.tracker: 'wandb' is not allowed: it should be 'mlflow'"):
        load_config(config_file("model: a/b\ndata: data.jsonl\nlog: {tracker: wandb}\n"))
