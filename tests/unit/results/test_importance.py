"""What heads were chosen by comes back from the artifact as it was written."""

import pytest

from leanglot.errors import ModelError
from leanglot.results.importance import IMPORTANCE_NAME, read_importance, write_importance
from leanglot.results.shaping import ImportanceMap

HEADS = ImportanceMap(
    kind="heads",
    method="taylor",
    combine="worst",
    texts={"de": 4, "th": 4},
    scores={"de": ((0.5, 0.1), (0.2, 0.2)), "th": ((0.1, 0.7), (0.1, 0.1))},
    combined=((0.5, 0.7), (0.2, 0.2)),
    kept=((0, 1), (0,)),
)


def test_maps_come_back_in_order(tmp_path):
    maps = (HEADS, HEADS.model_copy(update={"combine": "mean"}))
    write_importance(tmp_path, maps)
    assert read_importance(tmp_path) == maps


def test_a_folder_without_any_has_none(tmp_path):
    assert read_importance(tmp_path) == ()


@pytest.mark.parametrize("text", ["{", '{"maps": 3}', '{"maps": [], "more": 1}'])
def test_a_damaged_file_is_told(tmp_path, text):
    (tmp_path / IMPORTANCE_NAME).write_text(text)
    with pytest.raises(ModelError, match="damaged"):
        read_importance(tmp_path)
