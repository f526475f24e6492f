"""Write one of scikit-learn's real studies as a CSV file: the data a new project starts with.

python -m science.sample diabetes data/raw/diabetes.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes

from science import step


def diabetes() -> pd.DataFrame:
    """442 patients, ten measurements, and how far the disease went in a year (Efron et al. 2004)."""
    frame = load_diabetes(as_frame=True, scaled=False).frame.rename(columns={"target": "progression"})
    return frame.astype({"age": int, "sex": int, "progression": int})


def breast_cancer() -> pd.DataFrame:
    """569 tumours, thirty measurements of the cell nuclei, and the diagnosis (Street et al. 1993)."""
    study = load_breast_cancer(as_frame=True)
    frame = study.data.rename(columns=lambda name: name.replace(" ", "_"))
    return frame.assign(diagnosis=study.target_names[study.target])


STUDIES = {"diabetes": diabetes, "breast-cancer": breast_cancer}


def sample(name: Literal["diabetes", "breast-cancer"], file: Path) -> None:
    """Write the study as CSV.

    Args:
        name: Which study.
        file: Where to; an existing file is replaced.
    """
    step.write_text(file, STUDIES[name]().to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    step.run(sample, as_positional=True)
