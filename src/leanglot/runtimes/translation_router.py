"""A router of translation models ready to answer: each text by the variant of its language pair."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from leanglot.errors import ModelError
from leanglot.results.router_manifest import (
    VARIANTS,
    RouterManifest,
    read_router_manifest,
    variant_for,
    verify_router,
)
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS
from leanglot.runtimes.loading import load_translator
from leanglot.runtimes.seq2seq import Decoding
from leanglot.runtimes.translation_text import checked_sources
from leanglot.runtimes.translator import Translation, Translator, asked_pairs
from leanglot.runtimes.variants import answered_by_variant


@dataclass(frozen=True, slots=True)
class TranslationRouter:
    """Several variants of one translation model, and who translates what.

    Attributes:
        manifest: Language pairs and variants.
        translators: The loaded variants by name.
    """

    manifest: RouterManifest
    translators: Mapping[str, Translator]

    @property
    def main(self) -> Translator:
        """The variant that pairs go to of which nothing is known."""
        return self.translators[self.manifest.fallback]

    @property
    def decoding(self) -> Decoding:
        """How the model is meant to be used."""
        return self.main.decoding

    def pair_of(self, source: str | None, target: str | None) -> str:
        """The pair of two languages; see `TranslationText.pair_of`."""
        return self.main.pair_of(source, target)

    def check_pair(self, pair: str) -> str:
        """A pair that the model translates, in its normal spelling; see `TranslationText.check_pair`."""
        return self.main.check_pair(pair)

    def variant_of(self, pair: str) -> str:
        """Name of the variant that translates a pair, given by its canonical tag."""
        return variant_for(pair, self.manifest.languages, self.manifest.fallback)

    def translate(
        self,
        texts: Iterable[str],
        target: str | None = None,
        source: str | None = None,
        *,
        pairs: Sequence[str] | None = None,
        decoding: Decoding | None = None,
        batch_tokens: int = DEFAULT_BATCH_TOKENS,
    ) -> list[Translation]:
        """Translate texts, each by the variant of its pair; see `Translator.translate`."""
        sources = checked_sources(texts)
        asked = asked_pairs(self.main.text, len(sources), target, source, pairs)

        def answer(name: str, places: list[int]) -> list[Translation]:
            return self.translators[name].translate(
                [sources[place] for place in places],
                pairs=[asked[place] for place in places],
                decoding=decoding,
                batch_tokens=batch_tokens,
            )

        return answered_by_variant([self.variant_of(pair) for pair in asked], answer)

    def warm(self, text: str, pair: str) -> None:
        """Translate a text by every variant."""
        for translator in self.translators.values():
            translator.translate([text], pairs=[pair])


def load_translation_router(
    router: str | Path, threads: int | None = None, *, verify: bool = False
) -> TranslationRouter:
    """Load a router of translation models with all its variants.

    Args:
        router: The router's folder.
        threads: Threads each engine may use; None takes what suits each variant.
        verify: Compare every file with the hashes of the manifest first.

    Raises:
        ModelError: The folder is no router, is one of classifiers, or is damaged.
    """
    folder = Path(router)
    manifest = read_router_manifest(folder)
    if manifest.task != "translation":
        raise ModelError(f"{folder} does not translate: it is a router of classifiers.", "Give one that translates.")
    if verify:
        verify_router(folder, manifest)
    translators = {name: load_translator(folder / VARIANTS / name, threads) for name in manifest.variants}
    return TranslationRouter(manifest, translators)
