"""Builds the golden file of translations: run as a script, it writes ``translations-v1.parquet`` beside itself."""

import sys
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))

from leanglot.data.parallel import ParallelExamples  # noqa: E402
from leanglot.measure.translation_quality import score_translations  # noqa: E402
from leanglot.results.translation_store import write_translations  # noqa: E402
from leanglot.results.translations import Translations  # noqa: E402
from scored_translations import Tokens  # noqa: E402

GOLDEN = FOLDER / "translations-v1.parquet"

ROWS = [
    ("Turn on the light", "Schalte das Licht ein", "en", "de", "lamp", "Schalte Licht ein"),
    ("The door is open", "Die Tür ist offen", "en", "de", "door", "The door is open"),
    ("The light is on", "灯がついています", "en", "ja", "lamp", "灯がついている"),
    ("The door is open", "ドアが開いています", "en", "ja", "door", ""),
    ("Die Tür ist offen", "The door is open", "de", "en", "door", "The door the door the door the door the door"),
]


def build() -> Translations:
    """Five translations in three pairs, of which three fail silently."""
    columns = list(zip(*ROWS, strict=True))
    examples = ParallelExamples(*columns[:5])
    tokens = [Tokens((4,) * number, -0.25 * number, finished=number != 5) for number in (3, 4, 5, 0, 2)]
    return score_translations(examples, columns[5], tokens)


if __name__ == "__main__":
    write_translations(GOLDEN, build())
