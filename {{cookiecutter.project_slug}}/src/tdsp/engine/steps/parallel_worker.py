"""Runs an entry script's `init`, `run` and `shutdown` over mini-batches, as Azure ML's parallel step does.

A script of its own, started with the path of a JSON file and the step's program arguments; standard library
only, except pandas for tabular data.
"""

# A script of plain strings.
# ruff: noqa: PTH100, PTH112, PTH113, PTH118, PTH120, PTH123, PTH207

from __future__ import annotations

import csv
import glob
import importlib.util
import inspect
import io
import json
import multiprocessing
import os
import sys
import traceback


class Context:
    """The second argument of `run(mini_batch, context)`."""

    def __init__(self, number: int, key_value: dict | None):
        self.mini_batch_id = number
        self.minibatch_index = number
        self.partition_key_value = key_value or {}


def mini_batches(spec: dict) -> list[tuple[dict, list]]:
    """Return (partition, items) for each mini-batch; items are paths, or row numbers of the table."""
    table = read_table(spec["data"])
    if table is None:
        files = sorted(
            path for path in glob.glob(os.path.join(spec["data"], "**"), recursive=True) if os.path.isfile(path)
        )
        files = [spec["data"]] if os.path.isfile(spec["data"]) else files
        size = spec["size"] or 1
        return [({}, files[start : start + size]) for start in range(0, len(files), size)]
    if spec["partition_keys"]:
        groups = table.groupby(spec["partition_keys"], sort=True).indices
        return [
            (
                dict(zip(spec["partition_keys"], key if isinstance(key, tuple) else (key,), strict=True)),
                [int(i) for i in rows],
            )
            for key, rows in groups.items()
        ]
    bytes_per_row = max(1, int(table.memory_usage(deep=True).sum()) // max(1, len(table)))
    rows = max(1, (spec["size"] or 1024 * 1024) // bytes_per_row)
    return [({}, list(range(start, min(start + rows, len(table))))) for start in range(0, len(table), rows)]


def read_table(path: str):
    """Return an MLTable folder's data as a DataFrame, or None if `path` is plain files."""
    description = os.path.join(path, "MLTable")
    if not os.path.isfile(description):
        return None
    import pandas
    import yaml

    with open(description, encoding="utf-8") as stream:
        table = yaml.safe_load(stream) or {}
    steps = {
        next(iter(step)): next(iter(step.values()))
        for step in table.get("transformations") or []
        if isinstance(step, dict)
    }
    steps.update({step: {} for step in table.get("transformations") or [] if isinstance(step, str)})
    options = steps.get("read_delimited") or {}
    frames = []
    for entry in table.get("paths") or []:
        pattern = next(iter(entry.values()))
        for file in sorted(glob.glob(os.path.join(path, pattern), recursive=True)):
            for inner in sorted(glob.glob(os.path.join(file, "**"), recursive=True)) if os.path.isdir(file) else [file]:
                frames += [_read(pandas, inner, steps, options)] if os.path.isfile(inner) else []
    if not frames:
        raise SystemExit(f"{description}: its paths hold no files")
    return pandas.concat(frames, ignore_index=True)


def _read(pandas, file: str, steps: dict, options: dict):
    if "read_parquet" in steps or file.endswith(".parquet"):
        return pandas.read_parquet(file)
    if "read_json_lines" in steps:
        return pandas.read_json(file, lines=True)
    header = None if options.get("header") == "no_header" else 0
    encoding = {"utf8": "utf-8"}.get(options.get("encoding", "utf8"), options.get("encoding"))
    return pandas.read_csv(file, sep=options.get("delimiter", ","), header=header, encoding=encoding)


def work(spec: dict, arguments: list[str], pipe) -> None:
    """Load the entry script in a process of its own and answer (number, partition, items) with (ok.

    Rows or text).
    """
    script = os.path.abspath(spec["entry_script"])
    sys.argv = [script, *arguments]
    sys.path.insert(0, os.path.dirname(script))
    table = read_table(spec["data"])
    module_spec = importlib.util.spec_from_file_location("entry_script", script)
    module = importlib.util.module_from_spec(module_spec)
    sys.modules["entry_script"] = module
    try:
        module_spec.loader.exec_module(module)
        if hasattr(module, "init"):
            module.init()
        wants_context = len(inspect.signature(module.run).parameters) > 1
    except BaseException:
        traceback.print_exc()
        pipe.send((False, "the entry script could not start"))
        return
    pipe.send((True, None))
    while (task := pipe.recv()) is not None:
        number, key_value, items = task
        batch = items if table is None else table.iloc[items]
        try:
            result = module.run(batch, Context(number, key_value)) if wants_context else module.run(batch)
            pipe.send((True, rows_of(result)))
        except BaseException:
            traceback.print_exc()
            pipe.send((False, traceback.format_exc(limit=-1).strip().splitlines()[-1]))
    if hasattr(module, "shutdown"):
        module.shutdown()
    pipe.send((True, None))


def rows_of(result) -> list[str]:
    """Return what `run` returned as lines of text.

    A DataFrame's rows are separated by spaces, without header.
    """
    if result is None:
        return []
    if hasattr(result, "to_csv"):
        return result.to_csv(sep=" ", header=False, index=False).splitlines()
    lines = []
    for row in result:
        if isinstance(row, (list, tuple)):
            text = io.StringIO()
            csv.writer(text, delimiter=" ").writerow(row)
            lines.append(text.getvalue().strip())
        else:
            lines.append(str(row))
    return lines


class Worker:
    """One process with the entry script loaded; replaced after a timeout."""

    def __init__(self, spec: dict, arguments: list[str]):
        self.spec, self.arguments = spec, arguments
        self.process = self.pipe = None

    def start(self, how: str = "spawn") -> None:
        """Start the process; ends everything if the script cannot start.

        Args:
            how: `fork` is faster, and only safe before any thread exists.
        """
        self.pipe, other = multiprocessing.Pipe()
        # Not a daemon: the entry script may start processes of its own.
        context = multiprocessing.get_context(how)
        self.process = context.Process(target=work, args=(self.spec, self.arguments, other), daemon=False)
        self.process.start()
        other.close()
        try:
            ok, said = self.pipe.recv()
        except EOFError:
            ok, said = False, "the entry script ended the process"
        if not ok:
            raise SystemExit(f"[tdsp] {said}")

    def give(self, task: tuple) -> tuple[bool, object]:
        """Return (ok, rows or reason) for one try of one mini-batch."""
        if self.process is None or not self.process.is_alive():
            self.start()
        self.pipe.send(task)
        if not self.pipe.poll(self.spec["timeout"]):
            self.process.kill()
            self.process.join()
            return False, f"no answer within {self.spec['timeout']:g} s"
        try:
            return self.pipe.recv()
        except EOFError:
            self.process.join()
            return False, f"the process ended with code {self.process.exitcode}"

    def end(self) -> None:
        """Let the script shut down."""
        if self.process is not None and self.process.is_alive():
            self.pipe.send(None)
            self.pipe.poll(self.spec["timeout"])
            self.process.join(self.spec["timeout"])

    def kill(self) -> None:
        """End the process, if it is still there: at exit Python would wait for it."""
        if self.process is not None:
            self.process.kill()


def run_all(spec: dict, arguments: list[str]) -> int:
    """Run every mini-batch; returns the exit code."""
    batches = mini_batches(spec)
    if not batches:
        print(f"[tdsp] no mini-batches: {spec['data']} holds no files", flush=True)
        return 1
    workers = [Worker(spec, arguments) for _ in range(min(spec["workers"], len(batches)))]
    try:
        return _judge(spec, batches, _results(spec, batches, workers))
    finally:
        for worker in workers:
            worker.kill()


def _results(spec: dict, batches: list, workers: list[Worker]) -> list:
    from concurrent.futures import ThreadPoolExecutor
    from queue import SimpleQueue

    free: SimpleQueue = SimpleQueue()
    for worker in workers:
        worker.start("fork" if sys.platform == "linux" else "spawn")
        free.put(worker)

    def one(task: tuple) -> tuple[bool, object]:
        worker = free.get()
        try:
            for attempt in range(spec["retries"] + 1):
                ok, said = worker.give(task)
                if ok:
                    return True, said
                print(f"[tdsp] mini-batch {task[0]}, attempt {attempt + 1}: {said}", flush=True)
            return False, said
        finally:
            free.put(worker)

    with ThreadPoolExecutor(len(workers)) as pool:
        results = list(pool.map(one, [(number, key, items) for number, (key, items) in enumerate(batches)]))
    for worker in workers:
        worker.end()
    return results


def _judge(spec: dict, batches: list, results: list) -> int:
    rows = [row for ok, said in results if ok for row in said]
    failed = [number for number, (ok, _) in enumerate(results) if not ok]
    lost = sum(
        len(items) - len(said)
        for (_, items), (ok, said) in zip(batches, results, strict=True)
        if ok and len(said) < len(items)
    )
    lost += sum(len(batches[number][1]) for number in failed)
    print(f"[tdsp] {len(batches)} mini-batches, {len(failed)} failed, {len(rows)} rows", flush=True)
    if spec["target"]:
        path = os.path.join(spec["target"], "parallel_run_step.txt") if spec["target_is_folder"] else spec["target"]
        with open(path, "w", encoding="utf-8") as stream:
            stream.writelines(f"{row}\n" for row in rows)
    if 0 <= spec["mini_batch_error_threshold"] < len(failed):
        print(f"[tdsp] more than {spec['mini_batch_error_threshold']} failed mini-batches", flush=True)
        return 1
    if 0 <= spec["error_threshold"] < lost:
        print(f"[tdsp] more than {spec['error_threshold']} items without a result", flush=True)
        return 1
    if len(failed) == len(batches):
        print("[tdsp] every mini-batch failed", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        chosen = json.load(file)
    sys.exit(run_all(chosen, sys.argv[2:]))
