"""The translation demo: the model that is shipped, and its strings as any user would have them."""
# ruff: noqa: RUF001 - Russian and Ukrainian are written in Cyrillic

import pytest

from leanglot.data import demo_strings as strings
from leanglot.data.demo_strings import DIRECTIONS
from leanglot.data.parallel_reading import read_parallel, read_parallel_training
from leanglot.errors import ModelError
from leanglot.languages import pair_tag
from leanglot.measure.translation_subject import open_translator
from leanglot.translating import demo
from leanglot.translating.demo import MODEL, prepare_translation_demo
from string_packages import sentence, write_strings

WORDS = {"en": "Door", "de": "Tür", "ja": "ドア"}


@pytest.fixture
def packed(monkeypatch, tmp_path):
    """Strings of a made-up package in place of the downloaded one."""
    monkeypatch.setenv("LEANGLOT_CACHE", str(tmp_path / "cache"))
    wheel = write_strings(tmp_path / "strings.whl", WORDS, lambda word, number: {"on": sentence(word, number)})
    monkeypatch.setattr(strings, "fetch_archive", lambda archive: wheel)


@pytest.fixture(scope="module")
def translator():
    return open_translator(MODEL, 1)


def test_the_model_knows_the_pairs_that_it_was_taught(translator):
    assert translator.facts.pairs == tuple(pair_tag(*pair) for pair in DIRECTIONS)
    assert sum(path.stat().st_size for path in MODEL.iterdir()) < 30_000_000


@pytest.mark.parametrize(
    ("pair", "text", "wanted"),
    [
        ("en→de", "Failed to connect", "Verbindung fehlgeschlagen"),
        ("en→el", "Failed to connect", "Αποτυχία σύνδεσης"),
        ("en→es", "Failed to connect", "No se pudo conectar"),
        ("en→fr", "Failed to connect", "Échec de la connexion"),
        ("en→ja", "Failed to connect", "接続に失敗しました"),
        ("en→ru", "Failed to connect", "Не удалось подключиться"),
        ("en→uk", "Failed to connect", "Не вдалося підключитися"),
        ("en→zh", "Failed to connect", "连接失败"),
        ("de→en", "Verbindung fehlgeschlagen", "Failed to connect"),
    ],
)
def test_it_translates_in_every_direction(translator, pair, text, wanted):
    assert translator.translate([text], pairs=[pair])[0].text == wanted


@pytest.mark.parametrize(("quick", "limit"), [(False, None), (True, 40)])
def test_the_strings_are_written_as_any_run_takes_them(packed, tmp_path, quick, limit):
    config = prepare_translation_demo(tmp_path / "run", quick=quick)
    assert (config.task, config.model, config.limit_per_language) == ("translation", str(MODEL), limit)
    judged, _ = read_parallel(config.data.path, config.data.columns)
    taught = read_parallel_training(config.training.path, config.training.columns)
    assert set(judged.pairs) == {"en→de", "en→ja", "de→en"}
    assert not set(judged.sources) & set(taught.sources)
    assert set(judged.groups).isdisjoint(taught.groups)


def test_an_installation_without_the_model_says_how_to_make_it(monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "MODEL", tmp_path / "nowhere")
    with pytest.raises(ModelError, match="train_demo_translator"):
        prepare_translation_demo(tmp_path / "run")
    assert not (tmp_path / "run").exists()
