"""Memory is asked about before a search starts: what a row takes, and what the machine and its container leave."""

from pathlib import Path

import psutil

from leanglot.results.translation import TranslationFacts
from leanglot.runtimes.decoding_memory import available_bytes, row_bytes
from leanglot.runtimes.seq2seq import Decoding

FACTS = TranslationFacts(
    family="marian",
    telling="none",
    codes={},
    decoder_start_id=1,
    eos_id=0,
    max_target=100,
    cache_numbers=6 * 2 * 512,
    vocabulary=58_000,
)


def groups(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"memory.{name}").write_text(text)
    return folder


def test_a_row_takes_its_caches_and_its_scores():
    own = 2 * 30 * 6144 * 4
    cross = 10 * 6144 * 4
    scores = 3 * 58_000 * 4
    assert row_bytes(FACTS, Decoding(), 10, 30) == own + cross + scores
    assert row_bytes(FACTS, Decoding(beam=5), 10, 30) == 5 * (own + cross + scores)
    assert row_bytes(FACTS, Decoding(cache=False), 10, 30) == own // 2 + cross + scores


def test_unknown_sizes_count_nothing():
    facts = FACTS.model_copy(update={"cache_numbers": 0, "vocabulary": 0})
    assert row_bytes(facts, Decoding(beam=8), 10, 30) == 0


def test_without_a_container_the_machine_counts(tmp_path):
    free = psutil.virtual_memory().available
    assert 0.5 * free < available_bytes(tmp_path) < 2 * free
    assert 0.5 * free < available_bytes(groups(tmp_path, max="max\n", current="5\n")) < 2 * free


def test_a_container_counts_with_what_it_can_give_back(tmp_path):
    assert available_bytes(groups(tmp_path, max="3000000\n", current="1000000\n")) == 2_000_000
    assert available_bytes(groups(tmp_path, stat="anon 700000\ninactive_file 300000\n")) == 2_300_000


def test_a_full_container_leaves_nothing(tmp_path):
    assert available_bytes(groups(tmp_path, max="1000\n", current="2000\n")) == 0
