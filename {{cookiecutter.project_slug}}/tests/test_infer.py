"""What is guessed about a new table, and what is found wrong with it."""

import csv
import json

import numpy as np
import pandas as pd
import pytest

from science import data, suspect
from science.infer import infer
from science.schema import Schema, check, sentences
from science.step import ArgumentError, DataError

RANDOM = np.random.default_rng(0)
COUNT = 400


def table(**more: object) -> pd.DataFrame:
    """A harmless table, and what is wrong with it."""
    amount = RANDOM.normal(50, 10, COUNT).round(2)
    columns = {
        "amount": amount,
        "visits": RANDOM.integers(0, 23, COUNT),
        "flag": RANDOM.integers(0, 2, COUNT),
        "town": RANDOM.choice(["Bern", "Lyon", "Rome"], COUNT),
        "cost": (amount * 2 + RANDOM.normal(0, 30, COUNT)).round(2),
    }
    return pd.DataFrame(columns | more)


def inferred(frame: pd.DataFrame, folder, target: str = "cost", **arguments: object) -> dict:
    """Infer and return the findings by kind, with the columns they name."""
    frame.to_csv(folder / "t.csv", index=False)
    outputs = {name: folder / name for name in ("schema", "dictionary", "request", "findings")}
    infer(folder / "t.csv", target, **outputs, **arguments)
    found = json.loads((folder / "findings").read_text())
    return found | {"kinds": {item["kind"]: item["columns"] for item in found["findings"]}}


def test_types_ranges_categories_and_gaps_are_guessed(tmp_path):
    frame = table(
        code=[f"{place:03}" for place in RANDOM.integers(0, 90, COUNT)],
        seen=pd.date_range("2026-01-01", periods=COUNT, freq="h").astype(str),
        agreed=RANDOM.choice([True, False], COUNT),
        gaps=np.where(RANDOM.random(COUNT) < 0.2, np.nan, RANDOM.integers(0, 9, COUNT)),
    )
    inferred(frame, tmp_path)
    columns = Schema.load(tmp_path / "schema").columns
    kinds = {name: column.type for name, column in columns.items()}
    assert kinds == {
        "amount": "float",
        "visits": "integer",
        "flag": "integer",
        "town": "string",
        "cost": "float",
        "code": "string",
        "seen": "datetime",
        "agreed": "boolean",
        "gaps": "integer",
    }
    assert (columns["visits"].minimum, columns["visits"].maximum) == (0, 35)
    assert columns["flag"].categories == [0, 1]
    assert columns["town"].categories == ["Bern", "Lyon", "Rome"]
    assert [name for name, column in columns.items() if column.nullable] == ["gaps"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_code_is_found_however_late_its_first_zero_comes(encoding, tmp_path):
    codes = [*range(10_000, 25_000), "01234"]
    count, file = len(codes), tmp_path / "t.csv"
    amounts = RANDOM.normal(size=count).round(3)
    frame = pd.DataFrame({"number": range(count), "zip": codes, "y": amounts})
    frame.to_csv(file, index=False, encoding=encoding)
    infer(file, "y", **{name: tmp_path / name for name in ("schema", "dictionary", "request", "findings")})
    kinds = {name: column.type for name, column in Schema.load(tmp_path / "schema").columns.items()}
    assert kinds == {"number": "integer", "zip": "string", "y": "float"}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_numbers_that_a_float_would_mistake_for_another_are_names(suffix, tmp_path):
    ids = [*range(2**53, 2**53 + 40), None] * 10
    frame = pd.DataFrame({"id": pd.array(ids, dtype="Int64"), "huge": 1e20, "y": RANDOM.normal(size=len(ids))})
    frame["huge"] *= frame["y"]
    file = tmp_path / f"t{suffix}"
    frame.to_csv(file, index=False) if suffix == ".csv" else frame.to_parquet(file)
    infer(file, "y", **{name: tmp_path / name for name in ("schema", "dictionary", "request", "findings")})
    schema = Schema.load(tmp_path / "schema")
    assert [column.type for column in schema.columns.values()] == ["string", "float", "float"]
    read = data.typed(data.read_for(file, schema), schema)
    assert read["id"].dropna().unique().tolist() == [str(number) for number in ids[:40]]


def test_amounts_that_are_text_are_no_classes_and_it_is_said_how_to_write_them(tmp_path):
    frame = table(price=[f"1.{place:03},15" for place in range(COUNT)])
    with pytest.raises(DataError, match=r"400 different texts like '1.000,15' are too many classes; .* plain numbers"):
        inferred(frame, tmp_path, "price")


def test_the_table_keeps_the_schema_that_was_guessed_from_it(tmp_path):
    inferred(table(), tmp_path)
    schema = Schema.load(tmp_path / "schema")
    assert sentences(check(data.read_for(tmp_path / "t.csv", schema), schema)) == []


def test_a_time_that_is_text_is_refused(tmp_path):
    """Text sorts by its first character: 07/09/2020 would come before 08/01/2019."""
    frame = table(when=[f"{1 + row % 28:02}/09/{2018 + row % 5}" for row in range(COUNT)])
    with pytest.raises(DataError, match="'when' is text, which has no order in time"):
        inferred(frame, tmp_path, time="when")


def test_dictionary_and_request_are_written(tmp_path):
    frame = table(when=pd.date_range("2026-01-01", periods=COUNT).astype(str), patient=1)
    frame["patient"] = np.arange(COUNT) // 4
    inferred(frame, tmp_path, exclude=["flag"], time="when", group="patient")
    with (tmp_path / "dictionary").open(newline="") as stream:
        rows = {row["Column Name"]: row for row in csv.DictReader(stream)}
    assert list(rows) == list(frame)
    assert rows["cost"]["Short Description"] == "Target"
    assert rows["patient"]["Joining Keys with others datasets?"] == "yes"
    request = json.loads((tmp_path / "request").read_text())["data"]
    assert [set(row) for row in request] == [{"amount", "visits", "town", "when"}] * 2
    assert {row["amount"] for row in request} <= set(frame["amount"])
    names = ["amount", "visits", "town"]
    own = frame[names].to_dict("records")
    assert [row for row in request if {name: row[name] for name in names} in own] == [], "somebody's own row"


@pytest.mark.parametrize(
    ("target", "task"),
    [
        ("cost", "regression"),
        ("visits", "regression"),
        ("flag", "classification"),
        ("town", "classification"),
        ("row", "classification"),
    ],
)
def test_the_task_follows_from_the_target(tmp_path, target, task):
    assert inferred(table(row=["b", "a"] * (COUNT // 2)), tmp_path, target)["task"] == task


@pytest.mark.parametrize(("target", "positive"), [("flag", 1), ("town", None), ("cost", None), ("agreed", True)])
def test_the_class_that_counts_as_yes_is_told(tmp_path, capsys, target, positive):
    assert inferred(table(agreed=RANDOM.random(COUNT) < 0.5), tmp_path, target)["positive"] == positive
    assert (f"{positive!r} counts as" in capsys.readouterr().out) == (positive is not None)


@pytest.mark.parametrize(
    ("classes", "positive"),
    [
        (["no", "yes"], "yes"),
        (["Y", "N"], "Y"),
        (["positive", "negative"], "positive"),
        (["ok", "broken"], "broken"),
        (["paid", "failed"], "failed"),
        ([0, 1], 1),
        ([2, 1], 2),
        ([-1, 1], 1),
        ([True, False], True),
        (["stays", "leaves"], "leaves"),  # the rarer one, below
        (["churned", "stayed", "left"], None),
    ],
)
def test_the_class_that_counts_as_yes_is_the_one_that_says_so_or_the_rarer_one(tmp_path, classes, positive):
    rare = ["stays", "stays", "stays", "leaves"] if "leaves" in classes else classes
    target = [rare[place % len(rare)] for place in range(COUNT)]
    found = inferred(table(answer=target), tmp_path, "answer")
    assert (found["task"], found["positive"], type(found["positive"])) == ("classification", positive, type(positive))


def test_a_harmless_table_raises_no_suspicion(tmp_path):
    assert inferred(table(), tmp_path)["kinds"] == {}


BASE = table()
SUSPECT = {
    "copy": (BASE.assign(again=BASE["cost"] * 7 + 1), ["again"]),
    "leak": (BASE.assign(near=BASE["cost"] + RANDOM.normal(0, 0.5, COUNT)), ["near"]),
    "sum": (BASE.assign(cost=BASE["amount"] + BASE["visits"]), ["amount", "visits"]),
    "identifier": (BASE.assign(key=RANDOM.permutation(COUNT)), ["key"]),
    "constant": (BASE.assign(same=1), ["same"]),
    "gaps": (BASE.assign(rare=np.where(np.arange(COUNT) % 4, np.nan, BASE["amount"] % 7)), ["rare"]),
    "time": (BASE.assign(day=pd.date_range("2026-01-01", periods=COUNT).astype(str)), ["day"]),
    "mixed": (BASE.assign(odd=np.where(np.arange(COUNT) % 9, BASE["visits"].astype(str), "none")), ["odd"]),
    "number": (BASE.assign(price=BASE["amount"].map("{:.0f} %".format)), ["price"]),
    "gap-word": (BASE.assign(country=["NA", "CH", "FR", ""] * (COUNT // 4)), ["country"]),
    "duplicates": (pd.concat([BASE, BASE.head(40)]), []),
}


@pytest.mark.parametrize("kind", SUSPECT)
def test_what_is_wrong_is_found_and_named(tmp_path, kind):
    frame, columns = SUSPECT[kind]
    assert inferred(frame, tmp_path)["kinds"].get(kind) == columns


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_a_measurement_in_whole_numbers_is_no_identifier(tmp_path, task):
    """An amount differs in each row as an identifier does, but it says something about the target."""
    random = np.random.default_rng(3)
    amounts = table(income=random.choice(90_000, COUNT, replace=False), card=random.integers(10**9, size=COUNT))
    cost = amounts["income"] / 1000 + random.normal(0, 20, COUNT)
    amounts["cost"] = cost if task == "regression" else (cost > cost.median()).astype(int)
    found = inferred(amounts, tmp_path)["findings"]
    assert [(item["kind"], item["columns"]) for item in found] == [("identifier", ["card"])]


def test_rows_that_only_an_excluded_column_tells_apart_are_found(tmp_path):
    twice = pd.concat([BASE, BASE]).assign(key=range(2 * COUNT))
    assert inferred(twice, tmp_path, exclude=["key"])["kinds"] == {"duplicates-across-split": []}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *dict.fromkeys(("5%", "1,234.50", "1.234,50 €", "$ 12", "-3,5", "1 234", "12'345"), True).items(),
        *dict.fromkeys(("12-34", "1.2.3", "a5", "5 to 7"), False).items(),
    ],
)
def test_numbers_as_only_people_read_them_are_pointed_out(tmp_path, text, found):
    assert ("number" in inferred(table(price=[text] * COUNT), tmp_path)["kinds"]) == found


def test_a_split_by_time_that_parts_groups_is_pointed_out(tmp_path):
    frame = table(when=pd.date_range("2026-01-01", periods=COUNT).astype(str), shop=np.arange(COUNT) % 40)
    assert inferred(frame, tmp_path, time="when", group="shop")["kinds"]["split"] == ["shop"]
    assert "split" not in inferred(frame, tmp_path, group="shop")["kinds"]


def test_dates_in_other_forms_are_pointed_out(tmp_path):
    days = pd.date_range("2026-01-01", periods=COUNT).strftime("%d.%m.%Y")
    assert inferred(table(day=days), tmp_path)["kinds"]["time"] == ["day"]


def test_texts_with_many_values_are_pointed_out(tmp_path):
    words = [f"w{place % 300}" for place in range(COUNT)]
    assert inferred(table(word=words), tmp_path)["kinds"] == {"many-values": ["word"]}


def test_a_renamed_class_and_a_rare_one_are_found(tmp_path):
    rare = np.where(np.arange(COUNT) % 12, "no", "yes")
    found = inferred(table(answer=rare, coded=(rare == "yes").astype(int)), tmp_path, "answer")
    assert found["kinds"] == {"copy": ["coded"], "imbalance": ["answer"]}


@pytest.mark.parametrize(
    ("answer", "arguments", "said"),
    [
        (np.where(np.arange(COUNT) < 12, "b", "a"), {}, " of the training rows would be 'b', and every run needs at"),
        (np.where(np.arange(COUNT) < 3, "b", np.where(np.arange(COUNT) < 9, "c", "a")), {}, " would be 'c', and every"),
        (np.arange(COUNT) // 200, {"time": "day"}, "0 of the held-out rows would be 0, and every run needs at least 1"),
    ],
)
def test_a_class_that_every_run_will_refuse_is_found(tmp_path, answer, arguments, said):
    days = pd.date_range("2026-01-01", periods=COUNT).astype(str)
    found = inferred(table(answer=answer, day=days), tmp_path, "answer", **arguments)
    assert found["kinds"]["few-of-a-class"] == ["answer"]
    assert said in " ".join(item["message"] for item in found["findings"])


def test_how_rare_a_class_is_is_told_in_rows(tmp_path):
    """A share of 0.03 % would be rounded to nothing."""
    (said,) = inferred(table(answer=(np.arange(COUNT) % 12 == 0).astype(int)), tmp_path, "answer")["findings"]
    assert said["message"].startswith("only 34 of 400 rows are 1: ")


def test_facts_that_are_left_out_are_not_needed_to_find_what_is_wrong(tmp_path):
    """A notebook looks with the facts of project.yml, which need not name time, group and exclude."""
    found = inferred(SUSPECT["time"][0], tmp_path)["findings"]
    schema = Schema.load(tmp_path / "schema")
    frame = data.typed(data.read_for(tmp_path / "t.csv", schema), schema)
    assert suspect.suspicions(frame, schema, {"target": "cost"}, "regression")["findings"] == found


@pytest.mark.parametrize("spread", [0.3, 1, 1.5])
def test_a_leak_shows_in_the_tail_of_a_skewed_target(spread, tmp_path):
    random = np.random.default_rng(1)
    income = random.lognormal(10, spread, 2000)
    frame = pd.DataFrame(
        {
            "log": np.log(income).round(6),
            "net": (1.1 * income * (1 + random.normal(0, 0.01, 2000))).round(2),
            "down": -(income**3),
            "related": (income * random.lognormal(0, 0.3, 2000)).round(2),
            "income": income.round(2),
        }
    )
    found = inferred(frame, tmp_path, "income")["findings"]
    assert {item["columns"][0] for item in found if item["kind"] == "leak"} == {"log", "net", "down"}


def test_words_that_mean_a_gap_are_counted_in_all_rows(tmp_path):
    count = 15_000
    towns = [f"town {place % 300}" for place in range(count)]
    frame = pd.DataFrame({"country": ["CH"] * count, "town": towns, "y": RANDOM.normal(size=count).round(3)})
    frame.loc[count - 7 :, ["country", "town"]] = "NA"
    found = inferred(frame, tmp_path, "y")["findings"]
    said = {item["columns"][0]: item["message"] for item in found if item["kind"] == "gap-word"}
    assert "country has 7 times 'NA'" in said["country"]
    assert said["country"].endswith("add it to the categories in data/schema.yml")
    assert said["town"].endswith("write it another way in the file")


def test_a_leak_that_is_excluded_is_no_finding(tmp_path):
    frame, columns = SUSPECT["leak"]
    assert inferred(frame, tmp_path, exclude=columns)["kinds"] == {}


@pytest.mark.parametrize(
    ("frame", "arguments", "error", "message"),
    [
        (BASE, {"target": "price"}, ArgumentError, "no column 'price'"),
        (BASE, {"exclude": ["x"]}, ArgumentError, "--exclude: there is no column 'x'"),
        (BASE, {"group": "cost"}, ArgumentError, "'cost' is the target"),
        (BASE.assign(cost=3), {}, DataError, "the same in all rows"),
        (BASE.head(19), {}, DataError, "19 rows are too few"),
        (
            BASE.assign(cost=np.where(BASE.index % 5, BASE["cost"], np.nan)),
            {},
            DataError,
            "80 rows have no target",
        ),
        (BASE, {"target": "town", "task": "regression"}, DataError, "needs a number"),
        (BASE.assign(cost=[f"c{place}" for place in range(COUNT)]), {}, DataError, "too many classes"),
    ],
)
def test_what_cannot_be_predicted_is_refused_and_nothing_is_written(tmp_path, frame, arguments, error, message):
    with pytest.raises(error, match=message):
        inferred(frame, tmp_path, **arguments)
    assert [item.name for item in tmp_path.iterdir()] == ["t.csv"]


def test_a_text_that_gives_the_target_away_is_told_though_all_its_values_are_as_common(tmp_path):
    shops = np.arange(COUNT) % 40
    frame = table(shop=[f"shop {number}" for number in shops])
    frame["cost"] = np.random.default_rng(1).permutation(40)[shops] // 2 * 10.5
    assert inferred(frame, tmp_path)["kinds"]["leak"] == ["shop"]


def test_a_name_of_two_lines_is_one_key_of_the_schema(tmp_path):
    name = "price\n(EUR)"
    inferred(table(**{name: RANDOM.normal(5, 1, COUNT)}), tmp_path)
    assert name in Schema.load(tmp_path / "schema").columns
    assert name in json.loads((tmp_path / "request").read_text())["data"][0]


def test_the_sample_request_has_truth_values_and_small_numbers_as_they_are(tmp_path):
    agreed = pd.Series([True, False] * (COUNT // 2), dtype=object)
    agreed[7] = None
    inferred(table(agreed=agreed, tiny=[1.25e-13] * COUNT), tmp_path)
    rows = json.loads((tmp_path / "request").read_text())["data"]
    assert [row["agreed"] for row in rows] == [False, True]
    assert rows[0]["tiny"] == pytest.approx(1.25e-13, rel=1e-2)


@pytest.mark.parametrize(
    ("columns", "arguments", "said"),
    [
        ({"odd": [float("inf"), *range(1, COUNT)]}, {}, "odd: has infinite values"),
        ({"cost": [1.5, 2.5] * (COUNT // 2)}, {"task": "classification"}, "cost: classes are words, whole numbers"),
        (
            {"seen": pd.date_range("2026-01-01", periods=COUNT, freq="h").astype(str), "seen_hour": range(COUNT)},
            {},
            "seen: the model makes a column 'seen_hour' of it",
        ),
    ],
)
def test_what_no_model_can_take_is_told_by_its_name(tmp_path, columns, arguments, said):
    with pytest.raises(DataError, match=said):
        inferred(table(**columns), tmp_path, **arguments)
    assert not (tmp_path / "schema").exists()
