"""ONNX Runtime called bare: a tokenizer and a session in a process of their own, without any of leanglot's code.

``python serving_bare.py FOLDER THREADS MAX_LENGTH`` answers each line of JSON on its input, texts and the size of the
batches, with a line of its own: the answers with which those of the servers are compared, and the times of texts alone.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any


class Bare:
    """The tokenizer and the session of an artifact."""

    def __init__(self, folder: Path, threads: int, max_length: int) -> None:
        import onnxruntime as ort
        from tokenizers import Tokenizer

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._pad = (self._tokenizer.padding or {}).get("pad_id", self._tokenizer.token_to_id("<pad>"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length)
        self._session = ort.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])

    def answer(self, texts: list[str]) -> dict[str, list[Any]]:
        """Classify texts one by one.

        Returns:
            ``call_ms`` from the text to the class, ``session_ms`` the session's part of it, ``places`` the class, and
            ``margins`` by how much the best class is more probable than the second.
        """
        import numpy as np

        found: dict[str, list[Any]] = {"call_ms": [], "session_ms": [], "places": [], "margins": []}
        for text in texts:
            started = time.perf_counter_ns()
            ids = np.asarray([self._tokenizer.encode(text).ids], dtype=np.int64)
            feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
            encoded = time.perf_counter_ns()
            (logits,) = self._session.run(["logits"], feed)
            run = time.perf_counter_ns()
            place = int(logits[0].argmax())
            ended = time.perf_counter_ns()
            odds = np.sort(np.exp(logits[0] - logits[0].max()))
            found["call_ms"].append((ended - started) / 1e6)
            found["session_ms"].append((run - encoded) / 1e6)
            found["places"].append(place)
            found["margins"].append(float((odds[-1] - odds[-2]) / odds.sum()))
        return found

    def answer_batches(self, texts: list[str], size: int) -> dict[str, list[int]]:
        """Classify texts in padded batches, in the order given; returns ``places``, the class of each."""
        import numpy as np

        places: list[int] = []
        for start in range(0, len(texts), size):
            rows = [encoding.ids for encoding in self._tokenizer.encode_batch(texts[start : start + size])]
            longest = max(map(len, rows))
            mask = np.asarray([[1] * len(row) + [0] * (longest - len(row)) for row in rows], dtype=np.int64)
            ids = np.asarray([row + [self._pad] * (longest - len(row)) for row in rows], dtype=np.int64)
            (logits,) = self._session.run(["logits"], {"input_ids": ids, "attention_mask": mask})
            places += logits.argmax(axis=1).tolist()
        return {"places": places}


def main() -> None:
    """Answer line by line until the input ends."""
    bare = Bare(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    for line in sys.stdin:
        asked = json.loads(line)
        texts, size = asked["texts"], asked["size"]
        answer = bare.answer(texts) if size == 1 else bare.answer_batches(texts, size)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
