"""Every command block of the README and of `docs/` is run, in the order of the page, by a reader in an empty folder."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from baking import Kitchen
from console import Reader, commands

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
README, TUTORIAL = [page for page in PAGES if commands(page.read_text(encoding="utf-8"))]
SALES = "day,shop,price,revenue\n" + "".join(
    f"2026-01-{1 + i % 28:02},{'abc'[i % 3]},{5 + i % 7},{40 + 9 * (i % 7) + i % 5}\n" for i in range(300)
)

# What a page says -> what it means on this machine.
MEANS = {
    "make test": "make --dry-run test",  # this test is part of it
    "gh:your-organisation/cookiecutter-tdsp-azureml": "{template}",
    'cookiecutter-tdsp-azureml"': 'cookiecutter-tdsp-azureml" --no-input',
    "data add sales.csv": "data add {sales}",
}


def names(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.slow
@pytest.mark.parametrize("page", [README, pytest.param(TUTORIAL, marks=pytest.mark.nightly)], ids=names)
def test_the_commands_of_a_page_do_what_it_says(page, kitchen: Kitchen, tmp_path):
    sales = tmp_path / "sales.csv"
    sales.write_text(SALES)
    folder = tmp_path / "a folder"
    folder.mkdir()
    if page.name == "README.md":
        folder = clone(kitchen, folder / "cookiecutter-tdsp-azureml")
    means = {text: value.format(template=f"'{kitchen.template}'", sales=f"'{sales}'") for text, value in MEANS.items()}
    reader = Reader(folder, readers_variables(tmp_path), means)
    try:
        for command in commands(page.read_text(encoding="utf-8")):
            command.check(reader.type(command.text))
    finally:
        unstoppable = list(reader.stop())
    assert not unstoppable, "Ctrl-C did not stop them"
    if page.name == "README.md":
        demo = folder / "build" / "disease-progression"
        assert (demo / "docs" / "reports" / "train.html").is_file()
        commit = git("rev-parse", "HEAD", at=demo)
        assert commit[:7] in (demo / "docs" / "reports" / "train.md").read_text(encoding="utf-8")
        assert git("status", "--porcelain", at=folder) == ""


def clone(kitchen: Kitchen, folder: Path) -> Path:
    """What a reader has who cloned this repository: the files that its commands need, committed."""
    folder.mkdir(parents=True)
    for name in (".gitignore", "Makefile", "make.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    for part in kitchen.template.iterdir():
        (shutil.copytree if part.is_dir() else shutil.copy)(part, folder / part.name)
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    for command in (("init", "-q"), ("add", "-A"), (*who, "commit", "-q", "-m", "Publish")):
        git(*command, at=folder)
    return folder


def git(*arguments: str, at: Path) -> str:
    return subprocess.run(["git", *arguments], cwd=at, check=True, capture_output=True, text=True).stdout.strip()


def readers_variables(home: Path) -> dict[str, str]:
    """A reader's own shell: not this test's virtual environment; cookiecutter keeps its clones in `home`."""
    hidden = {"VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}
    config = home / "cookiecutter.yml"
    config.write_text(f"cookiecutters_dir: {home / 'clones'}\nreplay_dir: {home / 'replay'}\n", encoding="utf-8")
    kept = {key: value for key, value in os.environ.items() if key not in hidden}
    return kept | {"COOKIECUTTER_CONFIG": str(config)}


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_link_to_a_file_leads_somewhere(page):
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_all_commands_are_in_blocks_that_are_run():
    for page in PAGES:
        fences = set(re.findall(r"^```(\w+)", page.read_text(encoding="utf-8"), re.MULTILINE))
        assert fences <= {"console", "yaml", "json", "text", "mermaid"}, f"{names(page)}: use `console` for commands"
