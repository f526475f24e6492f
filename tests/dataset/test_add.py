"""`tdsp data add`: the data, its description and the facts come together or not at all."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from science import data
from tdsp import dataset, files, predictions, tables
from tdsp.dataset import Roles, add
from tdsp.errors import TdspError, WrongInput
from tdsp.project import load
from tdsp.serving import client

TEMPLATE = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}"
FACTS = """\
# Every fact.
project: {name: N, slug: n, question: "Q?"}
task: regression
data:
  file: diabetes.csv # in data/raw
  sample: diabetes # a study
  target: progression
  positive: null
  exclude: []
  time: null
  group: null
  sensitive: [sex]
split:
  strategy: random
  test_fraction: 0.2
  seed: 7 # ours
metric: mae
gate:
  threshold: 60 # worst acceptable
  confidence: 0.9
  group_threshold: 70
  group_min_rows: 20
environments: {}
people: {owner: o}
"""
SRC = Path(dataset.__file__).parents[1]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project before its own data came, with the template's facts."""
    monkeypatch.setenv("PYTHONPATH", str(SRC))
    place = tmp_path / "pro ject"
    (place / "data").mkdir(parents=True)
    (place / "project.yml").write_text(FACTS, encoding="utf-8")
    (place / "data" / "schema.yml").write_text("old", encoding="utf-8")
    return place


@pytest.fixture
def rows():
    """Rows in order of time: `y` follows `a`, `leak` is `y` renamed."""
    count = 120
    return pd.DataFrame(
        {
            "day": pd.date_range("2026-01-01", periods=count).strftime("%Y-%m-%d"),
            "a b": [(17 * i) % 50 / 7 for i in range(count)],
            "Größe 'x'": [i % 3 + 0.5 for i in range(count)],
            "patient": [f"p{i // 4}" for i in range(count)],
            "y": [(17 * i) % 50 / 3 + i % 5 for i in range(count)],
        }
    )


def written(rows, folder, name="mine.csv", **options):
    file = folder / name
    rows.to_csv(file, index=False, **options)
    return file


def everything(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_data_comes_with_its_description_and_facts(root, rows, tmp_path):
    file = written(rows, tmp_path)
    added = add(root, file, Roles("y", exclude=["a b"], time="day", sensitive=["Größe 'x'"]))
    facts = load(root / "project.yml")
    assert (facts.task, facts.metric, facts.split.strategy) == ("regression", "mae", "time")
    assert facts.data.model_dump() == {
        "file": "mine.csv", "sample": None, "target": "y", "positive": None, "exclude": ["a b"],
        "time": "day", "group": None, "sensitive": ["Größe 'x'"],
    }  # fmt: skip
    assert (facts.gate.threshold, facts.gate.group_threshold) == (None, None)
    assert (facts.gate.confidence, facts.split.seed) == (0.9, 7)
    assert (root / "data/raw/mine.csv").read_bytes() == file.read_bytes()
    assert list(yaml.safe_load((root / "data/schema.yml").read_text())["columns"]) == list(rows)
    assert (root / "data/dictionary.csv").is_file()
    request = json.loads((root / "scoring/sample-request.json").read_text())["data"]
    assert set(request[0]) == {"day", "Größe 'x'", "patient"}
    assert (added.written[0].name, added.written[-1].name) == ("mine.csv", "project.yml")


def test_comments_and_order_stay(root, rows, tmp_path):
    add(root, written(rows, tmp_path), Roles("y"))
    text = (root / "project.yml").read_text()
    assert "# Every fact.\n" in text
    assert "  file: mine.csv # in data/raw\n  sample: null # a study\n  target: y\n" in text
    assert "  seed: 7 # ours\n" in text
    assert '{name: N, slug: n, question: "Q?"}' in text


def test_the_same_again_changes_nothing(root, rows, tmp_path):
    file = written(rows, tmp_path)
    add(root, file, Roles("y"))
    before = everything(root)
    for again in (file, root / "data/raw/mine.csv"):
        assert add(root, again, Roles("y")).written == []
        assert everything(root) == before


def test_thresholds_stay_when_neither_data_nor_metric_changes(root, rows, tmp_path):
    file = written(rows, tmp_path)
    add(root, file, Roles("y"))
    facts = root / "project.yml"
    facts.write_text(facts.read_text().replace("threshold: null # worst", "threshold: 9 # worst"))
    added = add(root, file, Roles("y", exclude=["a b"]))
    assert added.facts == {"data.exclude": ["a b"]}
    assert load(facts).gate.threshold == 9
    assert add(root, file, Roles("y", metric="rmse")).facts["gate.threshold"] is None


def test_a_dry_run_tells_all_and_changes_nothing(root, rows, tmp_path):
    before = everything(root)
    added = add(root, written(rows, tmp_path), Roles("y", group="patient"), dry_run=True)
    assert everything(root) == before
    assert added.facts["split.strategy"] == "group"
    assert len(added.written) == 5


def test_another_file_of_that_name_is_never_replaced(root, rows, tmp_path):
    add(root, written(rows, tmp_path), Roles("y"))
    before = everything(root)
    (tmp_path / "other").mkdir()
    other = written(rows.head(100), tmp_path / "other")
    with pytest.raises(WrongInput, match="exists and is another file"):
        add(root, other, Roles("y"))
    assert everything(root) == before


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        (Roles("Y"), "--target 'Y': the file has no such column; did you mean 'y'\\?"),
        (Roles("outcome"), "--target 'outcome': the file has no such column; it has day, a b"),
        (Roles("y", exclude=["ab"]), "--exclude 'ab': the file has no such column; did you mean 'a b'\\?"),
        (Roles("y", exclude=["b"]), "--exclude 'b': the file has no such column; did you mean 'a b'\\?"),
        (Roles("y", exclude=["y"]), "--exclude 'y': this is the target"),
        (Roles("y", time="y"), "--time 'y': this is the target"),
        (Roles("y", task="regression", metric="roc_auc"), "--metric 'roc_auc': use one of mae"),
        (Roles("y", metric="roc_auc"), "metric: 'roc_auc' is not a regression metric"),
        (Roles("day", task="regression"), "day"),
    ],
)
def test_a_role_that_cannot_be_changes_nothing(root, rows, tmp_path, roles, said):
    before = everything(root)
    with pytest.raises(TdspError, match=said) as refused:
        add(root, written(rows, tmp_path), roles)
    assert "Traceback" not in str(refused.value)
    assert everything(root) == before


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "there is no such file"),
        ("empty.csv", b"", "the file is empty"),
        ("header.csv", b"a,y\n", "no rows"),
        ("twice.csv", b"y,a,a\n1,2,3\n", "more than one column is called 'a'"),
        ("nameless.csv", b",y\n0,1\n", "column 1 has no name"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\0\0", "not a CSV file but binary data"),
        ("latin.csv", "Größe,y\n1,2\n".encode("latin-1"), "not UTF-8"),
        ("table.xlsx", b"PK", "give a CSV or Parquet file"),
        ("table.parquet", b"PAR1", "not a Parquet file"),
    ],
)
def test_a_file_that_is_no_table_changes_nothing(root, tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    before = everything(root)
    with pytest.raises(TdspError, match=said):
        add(root, tmp_path / name, Roles("y"))
    assert everything(root) == before


@pytest.fixture
def table(monkeypatch):
    """What batch scoring reads files with."""
    monkeypatch.syspath_prepend(str(TEMPLATE / "scoring"))
    import table

    yield table
    for name in ("table", "request"):
        sys.modules.pop(name, None)


def test_all_houses_read_csv_by_the_same_rules(table):
    rules = (tables.NULLS, tables.SEPARATORS)
    assert rules == (data.NULLS, data.SEPARATORS) == (table.NULLS, table.SEPARATORS)
    assert (table.CSV, table.PARQUET, table.OWN) == (tables.CSV, tables.PARQUET, predictions.ENDING)


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        ("x;n\n1,5;1\n-2,25;2\n3;3\n", [1.5, -2.25, 3.0]),
        ("x;n\n1.5;1\n2,5;2\n", None),  # neither mark can be the decimal one for both
        ("x\tn\n0,5\t1\n1e3\t2\n", [0.5, 1000.0]),
        ("x,n\n1.5,1\n2,2\n", [1.5, 2.0]),
        ('x,n\n"1,5",1\n"2,5",2\n', None),  # a comma that separates is no decimal mark
    ],
)
def test_a_file_is_scored_as_it_was_trained_on(tmp_path, table, content, numbers):
    file = tmp_path / "numbers.csv"
    file.write_text(content, encoding="utf-8")
    feature = {"name": "x", "type": "float", "categories": None}
    batches, _ = client.read_csv(file, [feature])
    scored = [row["x"] for batch in batches for row in batch]
    trained = data.read(file)["x"].tolist()
    batched = [value for part in table.parts(file, [feature]) for value in part["x"]]
    if numbers is None:
        assert all(any(isinstance(value, str) for value in values) for values in (trained, scored, batched))
    else:
        assert scored == trained == batched == numbers


def test_parquet_and_other_separators_are_tables_too(root, rows, tmp_path):
    file = tmp_path / "mine.parquet"
    rows.to_parquet(file)
    add(root, file, Roles("y"))
    add(root, written(rows, tmp_path, "semicolon.csv", sep=";", encoding="utf-16"), Roles("y"))
    assert load(root / "project.yml").data.file == "semicolon.csv"


@pytest.mark.parametrize("failing", ["schema.yml", "dictionary.csv", "sample-request.json", "project.yml"])
def test_a_disk_that_fails_half_way_leaves_the_project_as_it_was(root, rows, tmp_path, monkeypatch, failing):
    before, write = everything(root), files.write_bytes

    def write_unless_full(path, content):
        if path.name == failing and content != before.get(path.relative_to(root)):
            raise OSError(28, "No space left on device", str(path))
        write(path, content)

    monkeypatch.setattr(files, "write_bytes", write_unless_full)
    with pytest.raises(TdspError, match="No space left on device; nothing was changed"):
        add(root, written(rows, tmp_path), Roles("y"))
    assert everything(root) == before


NIGHTLY = [pytest.param(name, marks=pytest.mark.nightly) for name in ("schema.yml", "dictionary.csv", "project.yml")]


@pytest.mark.parametrize("killed_at", ["sample-request.json", *NIGHTLY])
def test_killed_while_writing_the_same_command_finishes_it(root, rows, tmp_path, killed_at):
    file = written(rows, tmp_path)
    kill = (
        "import os; from pathlib import Path; from tdsp import dataset, files; write = files.write_bytes\n"
        f"files.write_bytes = lambda p, c: os._exit(9) if p.name == {killed_at!r} else write(p, c)\n"
        f"dataset.add(Path({str(root)!r}), Path({str(file)!r}), dataset.Roles('y'))"
    )
    assert subprocess.run([sys.executable, "-c", kill]).returncode == 9
    assert load(root / "project.yml").data.file == "diabetes.csv"
    add(root, file, Roles("y"))
    once = everything(root)
    assert load(root / "project.yml").data.file == "mine.csv"
    assert add(root, file, Roles("y")).written == []
    assert everything(root) == once
    assert yaml.safe_load((root / "data/schema.yml").read_text())["columns"].keys() == set(rows)


def test_the_positive_class_is_written_and_a_choice_of_the_users_stays(root, rows, tmp_path):
    file = written(rows.assign(dead=["no", "yes"] * (len(rows) // 2)), tmp_path)
    assert add(root, file, Roles("dead")).facts["data.positive"] == "yes"
    facts = root / "project.yml"
    assert "positive: " in facts.read_text()
    facts.write_text(re.sub("positive: \\S+", 'positive: "no"', facts.read_text()))
    assert "data.positive" not in add(root, file, Roles("dead", exclude=["a b"])).facts
    assert load(facts).data.positive == "no"
    flags = written(rows.assign(dead=[True, False] * (len(rows) // 2)), tmp_path, "flags.csv")
    assert add(root, flags, Roles("dead")).facts["data.positive"] is True
    three = written(
        rows.assign(dead=[*["a", "b", "c"] * (len(rows) // 3), *["a"] * (len(rows) % 3)]), tmp_path, "3.csv"
    )
    assert add(root, three, Roles("dead")).facts["data.positive"] is None


def test_the_command_says_what_counts_as_yes_and_that_nobody_looks_at_the_groups(root, rows, tmp_path):
    file = written(rows.assign(dead=["no", "yes"] * (len(rows) // 2)), tmp_path)
    words = ["data", "add", str(file), "--target", "dead", "--sensitive", "patient"]
    done = subprocess.run(
        [sys.executable, "-c", "from tdsp.cli import main; main()", *words], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert '"yes" is "yes"; data.positive can name the other class' in done.stdout
    assert "groups of patient: nobody looks until gate.group_threshold is set" in done.stdout


def test_the_command_warns_of_leaks_and_says_how_to_leave_them_out(root, rows, tmp_path):
    file = written(rows.assign(**{"it's": rows["y"] * 2}), tmp_path)
    command = [
        sys.executable,
        "-c",
        "from tdsp.cli import main; main()",
        "data",
        "add",
        str(file),
        "--target",
        "y",
    ]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search("warning: .*it's.*", done.stdout)
    assert """--exclude 'it'"'"'s'""" in done.stdout
    assert "next: look at data/schema.yml" in done.stdout
    done = subprocess.run([*command[:-1], "Y"], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "did you mean 'y'?" in done.stderr
