"""What a model answers on this machine, for comparison with what its endpoint answers.

Run as a script with `scoring/` on its path; it imports nothing of `tdsp`. It prints a list of `{"request":
..., "answer": ...}`: one for the sample request, one for rows of the held-out data if they are given.
"""

import json
import sys
from pathlib import Path


def main(scoring: str, model: str, sample: str, held_out: str = "", limit: int = 50) -> None:
    """Print requests and answers.

    Args:
        scoring: folder with `model_folder.py` and `request.py`.
        model: the registered model's folder.
        sample: file with the sample request.
        held_out: folder with `test.parquet`, empty for none.
        limit: rows of it.
    """
    sys.path.insert(0, scoring)
    from model_folder import load
    from request import rows_of

    served = load(Path(model))
    requests = [json.loads(Path(sample).read_text(encoding="utf-8"))]
    if held_out:
        import pandas as pd

        names = [feature["name"] for feature in served.contract["features"]]
        rows = pd.read_parquet(Path(held_out) / "test.parquet")[names].head(limit)
        requests.append({"data": json.loads(rows.to_json(orient="records", date_format="iso", double_precision=15))})
    exchanges = [
        {"request": request, "answer": served.predict(rows_of(json.dumps(request).encode(), served.contract))}
        for request in requests
    ]
    print(json.dumps(exchanges))


if __name__ == "__main__":
    main(*sys.argv[1:])
