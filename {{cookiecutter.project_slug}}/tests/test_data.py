"""The data of this project keeps its schema, and a table that does not is caught, whatever is wrong."""

import csv
import json
import tracemalloc
from datetime import date, datetime

import numpy as np
import pandas as pd
import pytest

from science import data, quality
from science.prepare import agree
from science.sample import sample
from science.schema import Column, Schema, check, sentences
from science.step import DataError

SCHEMA = Schema(
    {
        "age": Column("integer", 0, 120),
        "weight": Column("float", 0, nullable=True),
        "smoker": Column("boolean"),
        "town": Column("string", categories=["Bern", "Lyon"]),
        "note": Column("string", nullable=True),
        "seen": Column("datetime"),
    }
)


def good() -> pd.DataFrame:
    """Four rows that keep the schema."""
    return pd.DataFrame(
        {
            "age": [0, 33, 51, 120],
            "weight": [3.5, None, 80, 71.25],
            "smoker": [False, True, True, False],
            "town": ["Bern", "Lyon", "Lyon", "Bern"],
            "note": ["a", None, "007", "c"],
            "seen": ["2026-01-31", "2026-01-31T08:00:00", "2025-12-01 10:00", "2026-02-01T00:00Z"],
        }
    )


def failed(frame: pd.DataFrame) -> dict:
    return {(item["column"], item["check"]): item for item in check(frame, SCHEMA) if not item["passed"]}


# --- this project's own data


def test_the_data_keeps_the_schema(root, facts, tmp_path):
    file = root / "data" / "raw" / facts["data"]["file"]
    if facts["data"].get("sample"):
        file = tmp_path / file.name
        sample(facts["data"]["sample"], file)
    elif not file.exists():
        pytest.skip(f"{file.name} is not on this machine: data stays out of Git")
    schema = Schema.load(root / "data" / "schema.yml")
    assert sentences(check(data.read_for(file, schema), schema)) == []


def test_facts_schema_dictionary_and_sample_request_speak_of_the_same_columns(root, facts):
    schema = Schema.load(root / "data" / "schema.yml")
    agree(facts, schema)
    with (root / "data" / "dictionary.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["Column Name"] for row in csv.DictReader(stream)] == list(schema.columns)
    request = json.loads((root / "scoring" / "sample-request.json").read_text(encoding="utf-8"))
    for row in request["data"]:
        assert list(row) == schema.for_model(facts["data"])
        described = Schema({name: schema.columns[name] for name in row})
        assert sentences(check(pd.DataFrame([row]), described)) == []


# --- broken twins


def test_a_good_table_passes():
    assert failed(good()) == {}


BROKEN = {
    "below the range": ("age", [0, 33, -1, 120], "at least 0", 3, -1),
    "above the range": ("age", [0, 33, 51, 121], "at most 120", 4, 121),
    "no whole number": ("age", [0, 33.5, 51, 120], "type integer", 2, 33.5),
    "text among numbers": ("age", ["0", "many", "51", "120"], "type integer", 2, "many"),
    "truth among numbers": ("age", [True, False, True, False], "type integer", 1, True),
    "text in a float": ("weight", [3.5, None, "heavy", 71.25], "type float", 3, "heavy"),
    "infinity": ("weight", [3.5, None, float("inf"), 71.25], "type float", 3, float("inf")),
    "infinity in words": ("weight", ["3.5", None, "Infinity", "71.25"], "type float", 3, "Infinity"),
    "no boolean": ("smoker", ["True", "False", "maybe", "False"], "type boolean", 3, "maybe"),
    "an unknown category": ("town", ["Bern", "Lyon", "Rome", "Bern"], "one of Bern, Lyon", 3, "Rome"),
    "a gap where none may be": ("town", ["Bern", None, "Lyon", "Bern"], "no missing values", 2, None),
    "a number in text": ("note", ["a", "b", 7, None], "type string", 3, 7),
    "a word for a time": ("seen", ["2026-01-31", "now", "2026-01-31", "2026-01-31"], "type datetime", 2, "now"),
    "another word for a time": ("seen", ["2026-01-31", " Today", "2026-01-31", "2026"], "type datetime", 2, " Today"),
    "no date": (
        "seen",
        ["2026-01-31", "31.01.2026", "2026-01-31", "2026-01-31"],
        "type datetime",
        2,
        "31.01.2026",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_value_fails_with_its_row(what):
    column, values, rule, row, value = BROKEN[what]
    found = failed(good().assign(**{column: pd.Series(values, dtype=object)}))
    assert list(found) == [(column, rule)]
    assert found[column, rule]["examples"][0]["row"] == row
    assert value is None or found[column, rule]["examples"][0]["value"] == value


def test_a_missing_column_fails():
    assert list(failed(good().drop(columns="town"))) == [("town", "present")]


def test_an_extra_column_fails_unless_the_schema_is_not_strict():
    assert list(failed(good().assign(more=1))) == [("more", "named in the schema")]
    assert all(item["passed"] for item in check(good().assign(more=1), Schema(SCHEMA.columns, strict=False)))


def test_a_check_that_fails_everywhere_is_counted_but_kept_short():
    many = pd.concat([good()] * 500, ignore_index=True).assign(age=-1, town=None)
    found = failed(many)
    assert {key: item["failures"] for key, item in found.items()} == {
        ("age", "at least 0"): 2000,
        ("town", "no missing values"): 2000,
    }
    assert [item["row"] for item in found["age", "at least 0"]["examples"]] == [1, 2, 3, 4, 5]


def test_failures_cost_no_memory_for_each_row():
    many = pd.DataFrame({"age": np.full(200_000, -1)})
    ages = Schema({"age": SCHEMA.columns["age"]})
    tracemalloc.start()
    check(many, ages)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 * len(many)  # bytes; a dictionary for each row takes several hundred


def test_all_failures_are_told_a_line_each():
    frame = good().assign(age=[-1, -2, 200, 1], town=["Rome", "Bern", "Oslo", "Bern"]).drop(columns="note")
    assert sentences(check(frame, SCHEMA)) == [
        "age: not at least 0 in 2 row(s) (row 1: -1, row 2: -2)",
        "age: not at most 120 in 1 row(s) (row 3: 200)",
        "town: not one of Bern, Lyon in 2 row(s) (row 1: 'Rome', row 3: 'Oslo')",
        "note: the column is missing",
    ]


# --- reading


@pytest.mark.parametrize(
    "text", ["a,b\n1,2,3\n4,5,6\n", "a,b\n1,2\n4,5,6\n", "a,b\n" + "1,2\n" * 200 + "4,5,6\n", "a;b\n1;2;3;4\n"]
)
def test_rows_longer_than_the_header_are_refused(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=r"more cells|Expected 2 fields"):
        data.read(tmp_path / "t.csv")


def test_a_separator_at_the_end_of_each_row_is_no_cell(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2,\n3,4,\n")
    assert data.read(tmp_path / "t.csv").to_numpy().tolist() == [[1, 2], [3, 4]]


def test_columns_get_the_types_of_the_schema(tmp_path):
    good().to_csv(tmp_path / "t.csv", index=False)
    frame = data.typed(data.read_for(tmp_path / "t.csv", SCHEMA), SCHEMA)
    assert [dtype.kind for dtype in frame.dtypes] == ["i", "f", "b", "O", "O", "M"]
    assert frame["note"].tolist() == ["a", None, "007", "c"]
    assert frame.index.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("a;b\n1,5;x\n2,25;y\n", "utf-8"),
        ("a\tb\n1.5\tx\n2.25\ty\n", "utf-8-sig"),
        ("a|b\n1.5|x\n2.25|y\n", "utf-16"),
        ('a,b\n1.5,"x"\n2.25,y\n', "utf-8"),
    ],
)
def test_separators_decimal_marks_and_encodings_are_recognised(tmp_path, text, encoding):
    (tmp_path / "t.csv").write_text(text, encoding=encoding)
    frame = data.read(tmp_path / "t.csv")
    assert frame["a"].tolist() == [1.5, 2.25]
    assert frame["b"].tolist() == ["x", "y"]


def test_a_comma_among_thousands_is_no_decimal_mark(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n"1,234",x\n')
    assert data.read(tmp_path / "t.csv")["a"].tolist() == ["1,234"]


@pytest.mark.parametrize("name", ["row", "index", "level_0"])
def test_no_column_is_called_like_the_index(tmp_path, name):
    """Otherwise pandas can neither sort nor group by it."""
    (tmp_path / "t.csv").write_text(f"{name},x\n3,a\n1,b\n2,a\n")
    frame = data.read(tmp_path / "t.csv")
    assert frame.sort_values(name).index.tolist() == [2, 3, 1]
    assert frame.groupby(name).ngroups == 3


def test_a_text_that_few_rows_have_is_not_described():
    """It may be a name or a number of a customer, and documents are in Git."""
    names = pd.Series(["common"] * quality.SHOWN + ["rare"] * (quality.SHOWN - 1), name="who")
    assert quality.describe(names)["top"] == [{"value": "common", "rows": quality.SHOWN}]


def test_a_category_that_looks_like_a_gap_is_kept(tmp_path):
    (tmp_path / "t.csv").write_text("country,x\nNA,1\nCH,NA\n")
    schema = Schema({"country": Column("string", categories=["CH", "NA"]), "x": Column("integer", nullable=True)})
    frame = data.read_for(tmp_path / "t.csv", schema)
    assert frame["country"].tolist() == ["NA", "CH"]
    assert frame["x"].isna().tolist() == [False, True]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_parquet_and_csv_give_the_same_table(tmp_path, suffix):
    frame = data.typed(good(), SCHEMA)
    file = tmp_path / f"t{suffix}"
    frame.to_csv(file, index=False) if suffix == ".csv" else frame.to_parquet(file)
    again = data.typed(data.read_for(file, SCHEMA), SCHEMA).reset_index(drop=True)
    pd.testing.assert_frame_equal(again, frame, check_dtype=True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([date(1500, 1, 1)] * 3, "has dates outside of 1678 to 2261"),
        (pd.Series([datetime(1500, 1, 1)] * 3, dtype="datetime64[us]"), "has dates outside of 1678 to 2261"),
    ],
)
def test_a_parquet_column_that_nothing_can_be_made_of_is_told_by_name(tmp_path, values, message):
    pd.DataFrame({"odd": values}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=f"odd: {message}"):
        data.read(tmp_path / "t.parquet")


def test_all_parquet_columns_that_cannot_be_read_are_told_at_once(tmp_path):
    odd = {"took": pd.to_timedelta([1, 2, None], unit="s"), "tags": [["a"], [], ["b", "c"]], "x": [1, 2, 3]}
    pd.DataFrame(odd).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"cannot be read: took \(timedelta64\), tags \(mixed\); drop them"):
        data.read(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "no header"),
        ("t.csv", b"a,b\n", "no rows"),
        ("t.csv", b"a,b\n1,2\n1,2,3\n", "line 3"),
        ("t.csv", b"a,a\n1,2\n", "more than one column is called a"),
        ("t.csv", b"a,\n1,2\n", "column 2 has no name"),
        ("t.csv", "ä,b\n1,2\n".encode("latin-1"), "save it as UTF-8"),
        ("t.parquet", b"a,b\n1,2\n", "not a Parquet file"),
        ("t.xlsx", b"PK", "neither CSV nor Parquet"),
        ("t.csv", None, "does not exist"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_one_line(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        data.read(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("columns: [", "not YAML at line 1"),
        ("columns: {a: {type: float, description: 2021-02-30}}", "not YAML: day is out of range for month"),
        ("columns: {\xe4: {type: float}}", "not UTF-8 text: save it as UTF-8"),
        ("rows: {}", "needs `columns:`"),
        ("columns: {a: {type: number}}", "a: needs `type:`"),
        ("columns: {a: {type: float, min: 0}}", "a: unknown key 'min'"),
        ("columns: {a: {type: string, minimum: 0}}", "a: minimum must be a number"),
        ("columns: {a: {type: string, categories: x}}", "a: categories must be a list"),
        ("columns: {a: {type: datetime, categories: [2026-01-31]}}", "a: a datetime has no categories"),
        ("columns: {a: {type: float, maximum: .nan}}", "a: maximum must be a number"),
        ("columns: {a: {type: float, minimum: true}}", "a: minimum must be a number"),
        ('columns: {a: {type: float, nullable: "no"}}', "a: nullable must be true or false"),
        ('columns: {a: {type: float}}\nstrict: "false"', "strict must be true or false"),
        ("columns: {a: {type: float}, a: {type: string}}", "a comes twice"),
        ("columns: {a: {type: integer, minimum: 130, maximum: 20}}", "a: minimum 130 is above maximum 20"),
        ("columns: &all {a: *all}", "an alias stands inside of what it names"),
        ("columns: {yes: {type: float}}", "yes: YAML reads this name as True; put it in quotes"),
        ("columns: {007: {type: float}}", "007: YAML reads this name as 7; put it in quotes"),
        ("columns: {null: {type: float}}", "null: YAML reads this name as None; put it in quotes"),
    ],
)
def test_a_wrong_schema_is_told_by_column(tmp_path, text, message):
    (tmp_path / "schema.yml").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=message):
        Schema.load(tmp_path / "schema.yml")


def test_a_name_without_quotes_is_taken_as_it_is_written(tmp_path):
    (tmp_path / "schema.yml").write_text("columns: {2021: {type: float}, 2026-01-31: {type: float}}")
    assert list(Schema.load(tmp_path / "schema.yml").columns) == ["2021", "2026-01-31"]


def test_a_schema_survives_being_written_and_read(tmp_path):
    (tmp_path / "schema.yml").write_text(SCHEMA.to_yaml(), encoding="utf-8")
    assert Schema.load(tmp_path / "schema.yml") == SCHEMA
