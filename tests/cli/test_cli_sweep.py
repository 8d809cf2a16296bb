"""``leanglot sweep``: bits against accuracy and time."""

import pytest

import leanglot
from commands import run
from leanglot.techniques import HalfPrecision, Int8, WeightOnly


def test_a_sweep_judges_each_number_of_bits_and_draws_them(tiny_model, tiny_data, tmp_path, capsys):
    options = ["--data", tiny_data, "--out", tmp_path / "run", "--quick", "--threads", 1]
    printed = run(capsys, "sweep", tiny_model, *options)
    assert str(tmp_path / "run" / "charts" / "sweep.png") in printed.replace(" ", "")
    report = leanglot.read_report(tmp_path / "run")
    recipes = {candidate.name: candidate.recipe for candidate in report.candidates}
    assert list(recipes) == ["pytorch-fp32", "bits-32", "bits-16", "bits-8", "bits-4"]
    assert recipes["bits-32"] == ()
    kinds = [type(recipes[name][-1]) for name in ("bits-16", "bits-8", "bits-4")]
    assert kinds == [HalfPrecision, Int8, WeightOnly]
    assert all(candidate.status != "failed" for candidate in report.candidates)
    assert (tmp_path / "run" / "charts" / "sweep.png").stat().st_size > 10_000
    assert (tmp_path / "run" / "charts" / "sweep.svg").is_file()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--bits", "32,7"], "--bits 32,7 cannot be swept. Allowed are some of 32, 16, 8, 4, each once."),
        (["--bits", "8,8"], "cannot be swept"),
        (["--bits", "eight"], "--bits eight is no list of numbers"),
        (["--runtime", "tensorrt"], "--runtime tensorrt is not known"),
    ],
)
def test_what_cannot_be_swept_is_refused(tiny_model, tiny_data, tmp_path, capsys, options, expected):
    message = run(capsys, "sweep", tiny_model, "--data", tiny_data, "--out", tmp_path / "run", *options, code=2)
    assert expected in message
    assert not (tmp_path / "run").exists()
