"""The documents that a run can write: its report, and the marked sections of the project's own documents.

`write` reads one run's evidence and leaves `docs/reports/` and the documents as that evidence says. The same
run gives the same bytes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tdsp import files
from tdsp.errors import WrongInput
from tdsp.project import Project
from tdsp.report import pages, sections
from tdsp.report.evidence import Broken, Evidence, latest

# Which marked sections each document must have. Sections of `_MODEL` speak of the registered model: a run whose model
# is another one leaves them as they are. Those of `_CHECKS` are all that a run can fill whose data fails its schema.
DOCUMENTS: dict[str, tuple[str, ...]] = {
    "1-business-understanding/charter.md": ("success-metric",),
    "1-business-understanding/data-sources.md": ("data-sources",),
    "2-data/data-definition.md": ("features",),
    "2-data/data-report.md": (
        "data-summary",
        "data-quality-summary",
        "target",
        "variables",
        "ranking",
        "relations",
    ),
    "2-data/data-quality.md": ("data-quality",),
    "3-modeling/baseline-report.md": ("baseline-description", "baseline-results"),
    "3-modeling/model-report.md": ("model-description", "model-results", "model-understanding", "verdict"),
    "4-deployment/model-card.md": ("model-card",),
    "5-customer-acceptance/exit-report.md": ("exit-results",),
}
_MODEL = frozenset({"model-card", "exit-results"})
_CHECKS = frozenset({"data-quality", "data-quality-summary"})
REPORTS = Path("docs", "reports")
_STAMP = Path(".tdsp", "report.json")


def write(root: Path, project: Project, run: Path | None = None, *, force: bool = True) -> Path:
    """Write the report of a run and refresh the documents.

    A run that ended because the data fails its schema has a report too: of what fails. Every new text is made before
    the first one is written, so a broken document leaves all of them alone.

    Args:
        root: the project.
        project: its facts.
        run: the run's folder; the last one when None.
        force: write even when the evidence and the documents are those of the last time.

    Returns:
        The HTML page.

    Raises:
        WrongInput: there is no finished run, or a document lacks its markers.
    """
    folder, page = run or latest(root), root / REPORTS / "train.html"
    if broken := Broken.of(folder):
        _put(root, _encoded(_documents(root, project, broken, _CHECKS) | _reports(project, broken)))
        return page
    evidence = Evidence.of(folder)
    stamp = {"evidence": evidence.digest(project), "writer": files.sha256_of(Path(__file__).parent)}
    if not force and _unchanged(root, stamp):
        return page
    known = frozenset(name for names in DOCUMENTS.values() for name in names)
    known -= frozenset() if evidence.is_registered else _MODEL
    contents = _encoded(_documents(root, project, evidence, known) | _reports(project, evidence))
    contents |= {REPORTS / "plots" / name: path.read_bytes() for name, path in evidence.plots.items()}
    _put(root, contents)
    for stale in (root / REPORTS / "plots").glob("*.png"):
        if stale.name not in evidence.plots:
            stale.unlink()
    digests = {name.as_posix(): files.sha256_of(root / name) for name in contents}
    files.write_text(root / _STAMP, json.dumps({**stamp, "files": digests}, indent=2) + "\n")
    return page


def refreshed(root: Path, run: Path | None = None) -> list[str]:
    """Return which documents the report of a run refreshes, the last one when None."""
    broken = Broken.of(run or latest(root))
    return [name for name, names in DOCUMENTS.items() if not broken or _CHECKS & set(names)]


def _put(root: Path, contents: Mapping[Path, bytes]) -> None:
    """Write files below `root`, each by one rename from `.tdsp`: a kill leaves no scraps in `docs`."""
    with tempfile.TemporaryDirectory(dir=root / ".tdsp", prefix="report.") as aside:
        for number, content in enumerate(contents.values()):
            Path(aside, str(number)).write_bytes(content)
        for number, name in enumerate(contents):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            Path(aside, str(number)).replace(root / name)


def _encoded(texts: Mapping[Path, str]) -> dict[Path, bytes]:
    return {name: text.encode() for name, text in texts.items()}


def _reports(project: Project, evidence: Evidence | Broken) -> dict[Path, str]:
    return {
        REPORTS / "train.md": pages.markdown(project, evidence),
        REPORTS / "train.html": pages.html(project, evidence),
    }


def _documents(root: Path, project: Project, evidence: Evidence | Broken, known: frozenset[str]) -> dict[Path, str]:
    """Return the documents with the sections in `known` made from the evidence, and the others as they are."""
    texts = {}
    for document, names in DOCUMENTS.items():
        path = Path("docs", document)
        try:
            text = (root / path).read_bytes().decode()
        except OSError as error:
            raise WrongInput(f"{path.as_posix()}: {error.strerror}; `git checkout` brings it back") from None
        except UnicodeDecodeError:
            raise WrongInput(f"{path.as_posix()}: is not UTF-8 text") from None
        fresh = {name: pages.section(name, project, evidence) if name in known else None for name in names}
        texts[path] = sections.refresh(text, fresh, path.as_posix())
    return texts


def _unchanged(root: Path, stamp: dict[str, str]) -> bool:
    """Tell whether the last files were made from this evidence and nobody has touched them since."""
    try:
        last = json.loads((root / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    made = last.pop("files", {})
    return last == stamp and all(
        (root / name).is_file() and files.sha256_of(root / name) == digest for name, digest in made.items()
    )
