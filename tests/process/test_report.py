"""The report and the documents: right, the same for the same run, and safe whatever the data is called."""

import html.parser
import json
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from process import evidence
from tdsp import report
from tdsp.errors import TdspError, WrongInput
from tdsp.project import Project
from tdsp.report import markup, pages
from tdsp.report.evidence import Evidence

DOCS = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}" / "docs"
HOSTILE = [
    "<script>alert(1)</script>",
    "a|b",
    "`tick``s`",
    "**bold** _x_ [link](javascript:alert(1)) ![i](http://e.x/i.png)",
    "<!-- tdsp:end target -->",
    "two\nlines\r\n\n# heading",
    "{{ x }} {% y %}",
    "é 中文 🎉 " + "long " * 200,
    "\x00\x1b[31m\u202e",
    "",
]


@pytest.fixture
def root(tmp_path) -> Path:
    """A project with its documents and one finished run."""
    shutil.copytree(DOCS, tmp_path / "docs")
    evidence.run_folder(tmp_path)
    return tmp_path


@pytest.fixture
def project() -> Project:
    return Project.model_validate(evidence.facts())


def everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in (root / "docs").rglob("*") if path.is_file()}


class Page(html.parser.HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.addresses, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "action")]
        assert not [name for name, _ in attributes if name.startswith("on")]

    def handle_data(self, data):
        self.text += data


def test_a_run_fills_every_document(root, project):
    page = report.write(root, project)
    assert page == root / "docs" / "reports" / "train.html"
    for document in report.DOCUMENTS:
        assert "No run yet" not in (root / "docs" / document).read_text(encoding="utf-8")
    assert "44 (40 to 48)" in (root / "docs" / "3-modeling" / "model-report.md").read_text(encoding="utf-8")
    assert (root / "docs" / "reports" / "plots" / "target.png").read_bytes() == evidence.png()


def test_the_report_says_what_was_resampled_and_what_judged_the_folds(root, project):
    report.write(root, project)
    text = (root / "docs" / "reports" / "train.md").read_text(encoding="utf-8")
    assert "from 1000 resamples of 31 groups of the same patient; **mean absolute error** decides" in text
    assert "Rows by chance judge in each fold, **not later rows**: a class would be too rare in some fold." in text


def test_an_interval_that_cannot_be_drawn_is_shown_as_such(root, project):
    metrics = evidence.metrics()
    why = metrics["interval_absent"] = "fewer than 8 groups are held out (2): bring rows of more groups"
    for values in (metrics["comparisons"], *metrics["models"].values()):
        for value in values.values():
            value.update(low=None, high=None)
    evidence.run_folder(root, metrics=metrics)
    page = Page(report.write(root, project).read_text(encoding="utf-8"))
    assert "95 % interval n/a" in " ".join(page.text.split())
    assert "too few to tell it from noise" in page.text
    texts = {file.name: file.read_text(encoding="utf-8") for file in (root / "docs").rglob("*.md")}
    assert not [name for name, text in texts.items() if "n/a to n/a" in text or "no | \n" in text]
    assert f"bootstrap interval, which is n/a here: {why}" in texts["train.md"]
    assert "| dummy | 20 | n/a | n/a |" in texts["train.md"]
    assert f"better than the linear baseline cannot be told: {why}" in texts["baseline-report.md"]
    assert "44 (n/a)" in texts["model-report.md"]


def test_what_nobody_asked_for_is_not_called_passed(root, project):
    page = Page(report.write(root, project).read_text(encoding="utf-8"))
    assert "not asked groups no sensitive column is named" in " ".join(page.text.split())
    text = (root / "docs" / "reports" / "train.md").read_text(encoding="utf-8")
    assert "| data | ✓ passed |" in text
    assert "| groups | not asked | no sensitive column is named |" in text


def test_a_likely_leak_stands_beside_the_verdict(root, project):
    leaks = [{"kind": "leak", "columns": ["a|b"], "message": "a|b alone predicts the target almost perfectly"}]
    evidence.run_folder(root, quality=evidence.quality() | {"leaks": leaks})
    page = Page(report.write(root, project).read_text(encoding="utf-8"))
    assert "Likely leak" in page.text
    for name in ("reports/train.md", "3-modeling/model-report.md"):
        text = (root / "docs" / name).read_text(encoding="utf-8")
        assert "**Likely leak:** a\\|b alone predicts the target almost perfectly." in text
    evidence.run_folder(root)
    assert "leak" not in Page(report.write(root, project).read_text(encoding="utf-8")).text.replace("often a leak", "")


def test_the_same_run_gives_the_same_bytes(root, project):
    report.write(root, project)
    once = everything(root)
    report.write(root, project)
    assert everything(root) == once


def test_text_by_hand_is_kept_to_the_byte(root, project):
    path = root / "docs" / "3-modeling" / "model-report.md"
    by_hand = "\n\nOur own words:  two blanks at the end  \n\ttab, é, 🎉\n"
    path.write_text(
        path.read_text(encoding="utf-8").replace("## Conclusion\n", "## Conclusion" + by_hand),
        encoding="utf-8",
    )
    report.write(root, project)
    assert by_hand in path.read_bytes().decode()


def test_windows_line_ends_are_kept(root, project):
    path = root / "docs" / "2-data" / "data-quality.md"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    report.write(root, project)
    content = path.read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n")


def test_one_broken_document_leaves_all_of_them_alone(root, project):
    path = root / "docs" / "5-customer-acceptance" / "exit-report.md"
    path.write_text(path.read_text(encoding="utf-8").replace("<!-- tdsp:end exit-results -->", ""), encoding="utf-8")
    before = everything(root)
    with pytest.raises(WrongInput, match=r"exit-report.md: <!-- tdsp:begin exit-results --> has no end"):
        report.write(root, project)
    assert everything(root) == before


def test_data_that_fails_its_schema_reaches_the_report_and_nothing_else(root, project):
    report.write(root, project)
    before = everything(root)
    evidence.broken_folder(root)
    page = report.write(root, project)
    changed = {name for name, content in everything(root).items() if content != before[name]}
    assert changed == {
        "docs/2-data/data-quality.md",
        "docs/2-data/data-report.md",
        "docs/reports/train.html",
        "docs/reports/train.md",
    }
    for name in ("docs/2-data/data-quality.md", "docs/reports/train.md"):
        text = (root / name).read_text(encoding="utf-8")
        assert "2 of 3 checks failed" in text
        assert "| `age` | in range 0 to 120 | 12 | row 7: `130`; row 9: `121` |" in text
        assert "| `bmi` | present | all |  |" in text
    shown = Page(page.read_text(encoding="utf-8")).text
    assert "The data fails 2 of 3 checks. No model was trained." in shown
    assert "row 7: 130; row 9: 121" in shown
    assert "1 of 3 checks passed" in (root / "docs/2-data/data-report.md").read_text(encoding="utf-8")
    report.write(root, project, root / ".tdsp" / "runs" / "20261121-120000-abc", force=False)
    assert everything(root) == before


@pytest.mark.parametrize("text", HOSTILE)
def test_values_that_fail_are_text_in_the_report(root, project, text):
    examples = [{"row": 1, "value": text}]
    failed = {"column": text or "x", "check": "one of a, b", "passed": False, "failures": 1, "examples": examples}
    evidence.broken_folder(root, checks=[failed])
    page = Page(report.write(root, project).read_text(encoding="utf-8"))
    assert page.tags.count("script") == 0
    assert page.addresses == []
    report.write(root, project)  # the marks are whole still


def test_a_missing_document_is_told(root, project):
    (root / "docs" / "2-data" / "data-report.md").unlink()
    with pytest.raises(WrongInput, match=r"data-report\.md: No such file"):
        report.write(root, project)


def test_a_commit_after_the_run_reaches_the_report(root, project):
    report.write(root, project, force=False)
    committed = evidence.outcome()
    committed["lineage"] |= {"commit": "a" * 40, "run_id": "another"}
    evidence.run_folder(root, outcome=committed)
    report.write(root, project, force=False)
    assert "a" * 40 in (root / "docs" / "reports" / "train.md").read_text(encoding="utf-8")


def test_a_model_that_only_predicts_the_same_leaves_the_model_card_alone(root, project):
    report.write(root, project)
    card = root / "docs" / "4-deployment" / "model-card.md"
    before, contract = card.read_bytes(), evidence.contract()
    contract["data"]["sha256"] = "0" * 64
    same = evidence.outcome(outcome="unchanged", champion_sha256="f" * 64)
    evidence.run_folder(root, outcome=same, contract=contract)
    report.write(root, project)
    assert card.read_bytes() == before


def test_a_refused_challenger_leaves_the_model_card_alone(root, project):
    report.write(root, project)
    card, told = (
        root / "docs" / "4-deployment" / "model-card.md",
        root / "docs" / "3-modeling" / "model-report.md",
    )
    before = card.read_bytes()
    refused = evidence.outcome(outcome="refused", reason="worse")
    evidence.run_folder(root, "later", metrics=evidence.metrics(99), outcome=refused)
    report.write(root, project)
    assert card.read_bytes() == before
    assert "**Refused:** worse" in told.read_text(encoding="utf-8")


def test_without_a_finished_run_it_says_what_to_do(tmp_path, project):
    with pytest.raises(WrongInput, match="uv run tdsp run"):
        report.write(tmp_path, project)
    folder = evidence.run_folder(tmp_path)
    (folder / "outputs" / "evaluate" / "evaluation" / "metrics.json").unlink()
    with pytest.raises(WrongInput, match=r"metrics.json is missing: the run did not get that far"):
        report.write(tmp_path, project)


def test_evidence_of_another_shape_is_told_in_one_line(root, project):
    training = evidence.training()
    del training["estimator"]
    evidence.run_folder(root, training=training)
    with pytest.raises(TdspError, match="estimator") as caught:
        report.write(root, project)
    assert "\n" not in str(caught.value)


def test_unchanged_evidence_costs_nothing_until_a_document_changes(root, project, monkeypatch):
    report.write(root, project)
    evidence.run_folder(root, "later")  # the same evidence in another run
    before = everything(root)
    with monkeypatch.context() as patched:
        patched.setattr(pages, "section", None)
        report.write(root, project, force=False)
    assert everything(root) == before
    card = root / "docs" / "4-deployment" / "model-card.md"
    card.write_text((DOCS / "4-deployment" / "model-card.md").read_text(encoding="utf-8"), encoding="utf-8")
    report.write(root, project, force=False)
    assert "No run yet" not in card.read_text(encoding="utf-8")


@pytest.mark.parametrize("part", ["metrics", "quality", "outcome"])
def test_changed_evidence_is_written(root, project, part):
    report.write(root, project)
    changed = {
        "metrics": evidence.metrics(33.0),
        "quality": evidence.quality() | {"rows": 443},
        "outcome": evidence.outcome(version=7),
    }
    evidence.run_folder(root, "later", **{part: changed[part]})
    before = everything(root)
    report.write(root, project, force=False)
    assert everything(root) != before


def test_plots_that_are_gone_are_removed(root, project):
    report.write(root, project)
    (root / ".tdsp/runs/20261121-120000-abc/outputs/prepare/quality/target.png").unlink()
    report.write(root, project)
    assert not (root / "docs/reports/plots/target.png").exists()
    assert "target.png" not in (root / "docs/reports/train.md").read_text(encoding="utf-8")


def hostile_run(root: Path, name: str) -> Evidence:
    """A run whose every name from the data is `name`."""
    quality, metrics, contract = evidence.quality(), evidence.metrics(), evidence.contract()
    quality["checks"][0] |= {"column": name, "check": name, "passed": False, "examples": [name]}
    quality["constant_columns"] = [name]
    for part in quality["variables"]:
        part |= {"name": name, "top": [{"value": name, "rows": 1}], "min": name, "max": name}
    quality["ranking"][0]["name"] = name
    metrics["importance"][0]["feature"] = name
    metrics["groups"][0] |= {"column": name, "value": name}
    contract["features"][0] |= {"name": name, "categories": [name]}
    contract |= {"target": name, "positive": name}
    contract["data"]["file"] = name
    outcome = evidence.outcome(outcome="refused", reason=name)
    outcome["lineage"] |= {"data_file": name, "started_by": name}
    outcome["checks"][0]["detail"] = name
    folder = evidence.run_folder(root, quality=quality, metrics=metrics, contract=contract, outcome=outcome)
    return Evidence.of(folder)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_the_data_stay_text(root, name):
    facts = evidence.facts()
    facts["project"] |= {"name": name, "question": name}
    project = Project.model_validate(facts)
    plain, hostile = hostile_run(root, "plain"), hostile_run(root, name)
    page, tame = Page(pages.html(project, hostile)), Page(pages.html(project, plain))
    assert set(page.tags) == set(tame.tags)
    assert all(address.startswith("data:image/png;") for address in page.addresses)
    if name.startswith("<script>"):
        assert name in page.text
    text = pages.markdown(project, hostile)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == len([line for line in pages.markdown(project, plain).splitlines() if line.startswith("|")])
    on_github = Page(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))
    assert "script" not in on_github.tags
    assert all(re.fullmatch(r"plots/[\w-]+\.png", address) for address in on_github.addresses)
    report.write(root, project)
    report.write(root, project)  # the marks are still whole


@given(st.text())
def test_any_text_is_one_cell_of_a_table(text):
    for shown in (markup.show(text), markup.code(text)):
        table = (
            MarkdownIt("commonmark", {"html": True})
            .enable("table")
            .render(f"| a | b |\n|---|---|\n| {shown} | end |\n")
        )
        assert table.count("<td>") == 2
        assert "<td>end</td>" in table
        assert set(re.findall(r"<(\w+)", table)) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}


@given(st.text(min_size=1))
def test_any_text_is_shown_as_it_is(text):
    page = Page(MarkdownIt("commonmark", {"html": True}).render(f"x {markup.show(text)} x"))
    assert page.text.split() == f"x {markup.one_line(text)} x".split()


def test_the_page_needs_nothing_from_elsewhere(root, project):
    report.write(root, project)
    text = (root / "docs" / "reports" / "train.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not {"script", "link", "iframe", "object", "base", "form"} & set(page.tags)
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert not re.findall(r"url\(|@import", text)
    assert page.tags.count("img") == 2


def test_every_picture_and_link_of_the_markdown_exists(root, project):
    report.write(root, project)
    for path in (root / "docs").rglob("*.md"):
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            inside = (path.parent / target).resolve()
            if inside.is_relative_to(root / "docs"):
                assert inside.exists(), f"{path}: {target}"


def test_a_document_of_a_run_that_was_cut_short_is_mended_by_the_next(root, project, monkeypatch):
    calls, replace = [], Path.replace

    def die(path, target):
        calls.append(path)
        if len(calls) > 4:
            raise KeyboardInterrupt
        return replace(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            report.write(root, project, force=False)
    report.write(root, project, force=False)
    expected = everything(root)
    report.write(root, project)
    assert everything(root) == expected
    assert json.loads((root / ".tdsp" / "report.json").read_text(encoding="utf-8"))["files"]
