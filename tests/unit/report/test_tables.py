from leanglot.report.tables import COLUMNS, candidate_table


def row_of(table, name):
    return next(row for row in table.rows if row.candidate.name == name)


def test_every_absent_number_points_to_its_reason(golden):
    table = candidate_table(golden)
    long_name = golden.candidates[6].name
    cell = row_of(table, long_name).cells["p99"]
    assert cell.text == "n/a"
    assert table.notes[cell.note - 1] == f"{long_name}, p99: 400 timed calls, at least 662 needed"


def test_one_reason_is_one_note(hollow):
    table = candidate_table(hollow)
    assert len(table.notes) == len(set(table.notes))
    assert "Not measured in this run: size." in table.notes
    cells = [cell for row in table.rows for cell in row.cells.values()]
    assert all((cell.text == "n/a") == (cell.note is not None) for cell in cells)


def test_the_baseline_is_the_reference(golden):
    row = row_of(candidate_table(golden), "original")
    assert row.groups is None
    assert [row.cells[column].text for column in ("change in size", "worst language")] == ["reference"] * 2


def test_a_failed_candidate_has_no_groups_and_no_notes(golden):
    row = row_of(candidate_table(golden), "magnitude-50-int8")
    assert row.groups is None
    assert {cell.note for cell in row.cells.values()} == {None}


def test_numbers(golden):
    cells = row_of(candidate_table(golden), "int8-embeddings").cells
    shown = {column: cells[column].text for column in COLUMNS}
    assert shown["speed-up"] == "3.07×"
    assert shown["tokenizing"] == "0.21 ms"
    assert shown["throughput"] == "194/s (2.86×)"
    assert shown["worst language"] == "Swahili (sw) +2.3"
    assert shown["Pareto"] == "yes"


def test_no_drop_is_not_a_worst_language(golden):
    assert row_of(candidate_table(golden), "onnx").cells["worst language"].text == "no drop"
