"""What an observer is told while one candidate is made."""

from leanglot.progress import Silent, Telling


class Watcher(Silent):
    """Notes all it is told."""

    def __init__(self):
        self.told = []
        self.done = 0

    def enter(self, candidate, stage, total=1):
        self.told.append((candidate, stage, total))
        self.done = 0

    def advance(self, candidate, steps=1):
        assert steps >= 0
        self.done += steps

    def tell(self, candidate, text):
        self.told.append((candidate, text))


def test_a_stage_is_entered_once_and_advances_to_where_it_is():
    watcher = Watcher()
    telling = Telling(watcher, "small")
    for done in (3, 5, 9):
        telling.answered(done, 9)
        assert watcher.done == done
    assert watcher.told == [("small", "teacher", 9)]


def test_stages_follow_each_other():
    watcher = Watcher()
    telling = Telling(watcher, "small")
    telling.measured(4, 4)
    telling.answered(2, 2)
    telling.trained(1, 3, 0.51239)
    assert watcher.done == 1
    telling.trained(3, 3, 0.25)
    assert watcher.done == 3
    assert watcher.told == [
        ("small", "making", 4),
        ("small", "teacher", 2),
        ("small", "training", 3),
        ("small", "loss 0.512"),
        ("small", ""),  # what was told of the loss goes when the training is over
    ]


def test_a_second_training_of_a_candidate_is_entered_anew():
    watcher = Watcher()
    telling = Telling(watcher, "small")
    for done in (1, 2, 3, 1, 2):
        telling.trained(done, 3, 0.5)
    assert [told for told in watcher.told if len(told) == 3] == [("small", "training", 3)] * 2
    assert watcher.done == 2


def test_a_training_that_goes_on_starts_where_it_was():
    watcher = Watcher()
    Telling(watcher, "small").trained(700, 1000, 0.5)
    assert watcher.done == 700
    assert watcher.told[0] == ("small", "training", 1000)


def test_stages_of_other_lengths_are_other_stages():
    watcher = Watcher()
    telling = Telling(watcher, "small")
    telling.measured(2, 5)
    telling.measured(3, 7)
    assert watcher.told == [("small", "making", 5), ("small", "making", 7)]
    assert watcher.done == 3
