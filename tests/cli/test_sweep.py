"""perfbench sweep: rows with a status, a journal that survives faults, filters, and what is refused."""

import csv
import fcntl
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import time

import pytest

HEADER = (
    "task,model,size,system,dtype,num_gpus,seq_len,tp_size,pp_size,cp_size,ep_size,vp_size,mbs,gbs,etp_size,"
    "cuda_graphs,use_mcore_fsdp,recompute_layers,activation_offload_layers,recompute_modules\n"
)
GOOD = "pre_train,llama3,8b,h100,bf16,8,{seq},1,1,1,1,1,1,128\n"
IMPOSSIBLE = "lora,llama31,405b,h100,fp8,32,2048,8,6,1,1,7,1,32\n"
BROKEN = "pre_train,llama3,8b,h100,bf16,eight,8192,1,1,2,1,1,1,128\n"


def make_table(path, rows):
    """`rows` rows that can be simulated, and one that breaks a rule."""
    lines = [GOOD.format(seq=256 * (i + 1)) for i in range(rows)]
    path.write_text(HEADER + "".join(lines[:3]) + IMPOSSIBLE + "".join(lines[3:]))
    return path


def read_rows(folder):
    with (folder / "rows.csv").open() as file:
        return list(csv.DictReader(file))


def outputs(folder):
    return {name: (folder / name).read_bytes() for name in ("rows.csv", "rows.json", "rows.md")}


@pytest.fixture
def table(tmp_path):
    return make_table(tmp_path / "table.csv", 12)


@pytest.fixture
def finished(perfbench, table, tmp_path):
    """The folder of a sweep that nothing interrupted."""
    answer = perfbench("sweep", table, "--out", "whole")
    assert (answer.code, answer.err) == (0, "")
    return tmp_path / "whole"


def test_own_table(perfbench, source, tmp_path):
    table = source / "model_configs/model_configs_h100.csv"
    answer = perfbench("sweep", table, "--out", "out", "--json")
    assert (answer.code, answer.err) == (0, "")
    summary = answer.json
    rows = read_rows(tmp_path / "out")
    with table.open() as file:
        assert len(rows) == summary["rows"] == sum(1 for _ in csv.DictReader(file))
    for status, count in summary["counts"].items():
        assert count == sum(row["status"] == status for row in rows)
    assert all(row["reason"] and row["feature"] for row in rows if row["status"] != "ok")
    assert len(json.loads((tmp_path / "out/rows.json").read_text())) == len(rows)
    assert (tmp_path / "out/rows.md").read_text().count("\n") == len(rows) + 2
    assert "date" in json.loads((tmp_path / "out/run.json").read_text())


def test_summary_and_strict(perfbench, table):
    answer = perfbench("sweep", table, "--out", "out", "--strict")
    assert answer.code == 1
    assert "failed, table.csv:5: table.csv:5: num_gpus=32: " in answer.out
    assert "\n13 rows: 12 ok, 0 oom, 0 unsupported, 1 failed\n0 done before, 12 run now\n" in answer.out
    again = perfbench("sweep", table, "--out", "out", "--strict", "--where", "task=pre_train")
    assert again.code == 0
    assert "12 done before, 0 run now" in again.out


def test_cut_at_50_places_the_result_is_the_same(perfbench, table, finished, tmp_path):
    journal = (finished / "journal.jsonl").read_bytes()
    expected = outputs(finished)
    choose = random.Random(4)
    for size in sorted(choose.randrange(len(journal)) for _ in range(50)):
        folder = tmp_path / "cut"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "journal.jsonl").write_bytes(journal[:size])
        answer = perfbench("sweep", table, "--out", folder, "--json")
        assert answer.code == 0, answer
        assert outputs(folder) == expected, size
        assert (folder / "journal.jsonl").read_bytes() == journal, size
        assert answer.json["done_before"] == max(journal[:size].count(b"\n") - 1, 0)
        assert answer.json["done_before"] + answer.json["run_now"] == 12
        whole = size == 0 or journal[:size].endswith(b"\n")
        assert answer.err.count("perfbench: warning: ") == (0 if whole else 1), answer.err


MANY = []


@pytest.fixture
def many(binary, tmp_path_factory):
    """A table of so many rows that a signal comes in time, and the results of a sweep that nothing interrupted."""
    if not MANY:
        folder = tmp_path_factory.mktemp("many")
        table = make_table(folder / "many.csv", 500)
        subprocess.run([binary, "sweep", table, "--out", folder / "whole"], check=True, capture_output=True)
        size = (folder / "whole/journal.jsonl").stat().st_size
        MANY.extend((table, outputs(folder / "whole"), size))
    return MANY


@pytest.mark.parametrize(
    "sign, lines", [(signal.SIGKILL, 2), (signal.SIGKILL, 60), (signal.SIGTERM, 20), (signal.SIGINT, 100)]
)
def test_ended_by_a_signal(binary, perfbench, many, tmp_path, sign, lines):
    table, expected, _ = many
    journal = tmp_path / "out/journal.jsonl"
    sweep = subprocess.Popen(
        [binary, "sweep", table, "--out", tmp_path / "out"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    until = time.monotonic() + 30
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= lines) and time.monotonic() < until:
        pass
    sweep.send_signal(sign)
    out, err = sweep.communicate(timeout=30)
    done = journal.read_bytes().count(b"\n") - 1
    assert lines - 1 <= done < 500
    if sign == signal.SIGKILL:
        assert sweep.returncode == -sign
    else:
        assert (sweep.returncode, out) == (128 + sign, b"")
        assert b"run the same command again to go on" in err
    assert not (tmp_path / "out/rows.csv").exists()

    answer = perfbench("sweep", table, "--out", "out", "--json").json
    assert (answer["done_before"], answer["run_now"]) == (done, 500 - done)
    assert outputs(tmp_path / "out") == expected


def test_killed_50_times_the_result_is_the_same(binary, perfbench, many, tmp_path):
    """One sweep, killed and started again at 50 seeded sizes of its journal."""
    table, expected, size = many
    journal = tmp_path / "out/journal.jsonl"
    choose = random.Random(5)
    for point in sorted(choose.randrange(size * 9 // 10) for _ in range(50)):
        sweep = subprocess.Popen([binary, "sweep", table, "--out", tmp_path / "out"], stderr=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while not (journal.exists() and journal.stat().st_size > point) and time.monotonic() < until:
            pass
        sweep.kill()
        assert sweep.wait(timeout=30) == -signal.SIGKILL
        assert not (tmp_path / "out/rows.csv").exists()

    before = journal.read_bytes().count(b"\n") - 1
    answer = perfbench("sweep", table, "--out", "out", "--json").json
    assert (answer["done_before"], answer["run_now"]) == (before, 500 - before)
    assert outputs(tmp_path / "out") == expected


@pytest.mark.parametrize("other", [False, True], ids=["moved away", "another sweep's"])
def test_the_folder_is_replaced_meanwhile(binary, perfbench, many, finished, tmp_path, other):
    table, expected, _ = many
    out, journal = tmp_path / "out", tmp_path / "out/journal.jsonl"
    sweep = subprocess.Popen([binary, "sweep", table, "--out", out], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until = time.monotonic() + 30
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= 20) and time.monotonic() < until:
        pass
    sweep.send_signal(signal.SIGSTOP)
    os.waitpid(sweep.pid, os.WUNTRACED)
    rows = journal.read_bytes().count(b"\n") - 1
    assert 19 <= rows < 500
    out.rename(tmp_path / "moved")
    if other:
        shutil.copytree(finished, out)
    before = {f.name: f.read_bytes() for f in out.iterdir()} if other else {}
    sweep.send_signal(signal.SIGCONT)
    said, error = sweep.communicate(timeout=30)
    assert (sweep.returncode, said) == (3, b""), error
    assert (b"another file took its place" if other else b"the file was removed") in error

    after = {f.name: f.read_bytes() for f in out.iterdir()}
    kept = after.pop("journal.jsonl.kept-1" if other else "journal.jsonl")
    assert after == before
    assert kept == (tmp_path / "moved/journal.jsonl").read_bytes() and kept.count(b"\n") - 1 >= rows
    journal.write_bytes(kept)
    answer = perfbench("sweep", table, "--out", out, "--json").json
    assert answer["done_before"] == kept.count(b"\n") - 1
    assert outputs(out) == expected


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_disk_full_while_rows_run(binary, perfbench, table, finished, tmp_path, part):
    limit = int((finished / "journal.jsonl").stat().st_size * part)

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [binary, "sweep", table, "--out", tmp_path / "full"], capture_output=True, text=True, preexec_fn=small_files
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "full/journal.jsonl: could not write " in done.stderr
    assert "run the same command again" in done.stderr
    kept = (tmp_path / "full/journal.jsonl").read_bytes()
    assert kept.endswith(b"\n")
    answer = perfbench("sweep", table, "--out", "full", "--json")
    assert answer.err == ""
    assert answer.json["done_before"] == kept.count(b"\n") - 1
    assert outputs(tmp_path / "full") == outputs(finished)


def test_disk_full_while_results_are_written(binary, table, finished, tmp_path):
    before = outputs(finished)
    limit = (finished / "rows.json").stat().st_size - 1  # of the four files the largest

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [binary, "sweep", table, "--out", finished], capture_output=True, text=True, preexec_fn=small_files
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "rows.json: could not write " in done.stderr
    assert outputs(finished) == before
    assert not list(finished.glob(".*"))


def test_as_many_microbatches_as_a_job_may_have(binary, tmp_path):
    row = "pre_train,llama3,8b,h100,bf16,4,8192,1,4,1,1,1,1,{gbs},,,0,0,0,\n"
    counts = [2**13, 2**14, 2**24, 2**30]
    (tmp_path / "table.csv").write_text(HEADER + "".join(row.format(gbs=n) for n in counts))
    sweep = subprocess.Popen([binary, "sweep", tmp_path / "table.csv", "--out", tmp_path / "out"])
    _, status, usage = os.wait4(sweep.pid, 0)
    sweep.returncode = os.waitstatus_to_exitcode(status)
    assert sweep.returncode == 0
    assert usage.ru_maxrss < 512 * 1024  # KiB; 2.6 GB where the slots of 2^24 are stored
    rows = read_rows(tmp_path / "out")
    assert [row["status"] for row in rows] == ["ok"] * 4
    assert not any("no period" in row["notes"] for row in rows)
    some, twice, many, most = (float(row["step_time_s"]) for row in rows)
    for count, seconds in ((2**24, many), (2**30, most)):
        assert seconds == pytest.approx(some + (twice - some) * (count - 2**13) / 2**13, rel=1e-9)
    assert len({row["peak_memory_gib"] for row in rows}) == 1


def test_small_tmpfs(binary, table, tmp_path):
    """A file system that is full, in a mount namespace of its own."""
    (tmp_path / "disk").mkdir()
    script = f'mount -t tmpfs -o size=16k none {tmp_path}/disk && "$@"; code=$?; ls -A {tmp_path}/disk; exit $code'
    mount = f"mount -t tmpfs none {tmp_path}/disk"
    mountable = subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True)
    if mountable.returncode != 0:
        pytest.skip("NOT TESTED: this machine permits no mount namespace: " + mountable.stderr.decode())
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", binary, "sweep", table, "--out", tmp_path / "disk"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3, done
    assert "No space left on device" in done.stderr
    assert done.stdout == "journal.jsonl\n"


def test_out_is_a_file(refused, table, tmp_path):
    (tmp_path / "file").write_text("a file")
    assert "file: " in refused("sweep", table, "--out", "file")
    assert (tmp_path / "file").read_text() == "a file"


def test_read_only_folder(binary, table, tmp_path):
    folder = tmp_path / "fixed"
    folder.mkdir()
    mount = f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}"
    if os.geteuid() != 0:
        folder.chmod(0o555)
        command = []
    elif subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True).returncode == 0:
        command = ["unshare", "-m", "sh", "-c", mount + ' && exec "$@"', "sh"]
    else:
        pytest.skip("NOT TESTED: root may write everywhere, and this machine permits no mount namespace")
    done = subprocess.run([*command, binary, "sweep", table, "--out", folder], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "fixed: cannot write into the directory" in done.stderr
    assert not list(folder.iterdir())


def test_two_sweeps_at_once(refused, table, finished):
    before = outputs(finished)
    with (finished / "journal.jsonl").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "another sweep is writing into this folder" in refused("sweep", table, "--out", finished)
    assert outputs(finished) == before


def test_one_broken_row_among_good_ones(perfbench, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text(HEADER + GOOD.format(seq=512) + BROKEN + GOOD.format(seq=1024))
    answer = perfbench("sweep", table, "--out", "out")
    assert answer.code == 2
    assert "table.csv:3: num_gpus=eight: " in answer.err
    assert "2 rows: 2 ok, 0 oom, 0 unsupported, 0 failed; 1 broken, left out" in answer.out
    assert [row["seq_len"] for row in read_rows(tmp_path / "out")] == ["512", "1024"]


def test_broken_line_in_the_journal(refused, table, finished):
    journal = finished / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([*lines[:3], "no record\n", *lines[3:]]))
    assert "journal.jsonl:4: this line is no record" in refused("sweep", table, "--out", finished)


def test_a_changed_record_is_named_and_run_again(perfbench, table, finished):
    expected = outputs(finished)
    journal = finished / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    lines[3] = re.sub(r'("step_time_s":\d*\.?)\d', r"\g<1>7", lines[3], count=1)
    lines[5], lines[6] = (re.sub('"row":.*', re.search('"row":.*', lines[i])[0], lines[11 - i]) for i in (6, 5))
    journal.write_text("".join(lines))
    answer = perfbench("sweep", table, "--out", finished, "--json")
    assert answer.code == 0
    assert re.findall(r"warning: \S+/journal.jsonl:(\d+): this record does not count: ", answer.err) == ["4", "6", "7"]
    assert (answer.json["done_before"], answer.json["run_now"]) == (9, 3)
    assert outputs(finished) == expected


def test_a_journal_without_digests_is_refused(refused, table, finished):
    journal = finished / "journal.jsonl"
    journal.write_text(journal.read_text().replace('{"journal":2,', '{"journal":1,'))
    assert "journal.jsonl:1: this is a journal of another format than 2" in refused("sweep", table, "--out", finished)


def test_rows_run_again_when_the_data_changed(perfbench, source, table, finished, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(source / "model_configs", data)
    same = perfbench("sweep", table, "--out", finished, "--json", env={"PERFBENCH_DATA": str(data)})
    assert same.json["run_now"] == 0
    kernels = data / "kernels/h100.json"
    kernels.write_text(kernels.read_text() + "\n")
    other = perfbench("sweep", table, "--out", finished, "--json", env={"PERFBENCH_DATA": str(data)})
    assert other.json["run_now"] == 12


def test_dry_run_runs_and_writes_nothing(perfbench, table, tmp_path):
    answer = perfbench("sweep", table, "--dry-run", "--where", "seq_len=256,seq_len=2048")
    assert (answer.code, answer.err) == (0, "")
    asked = "llama3_8b pretrain bf16 on 8 x h100, tp 1 pp 1 cp 1 vp 1 ep 1, gbs 128 mbs 1 seq_len"
    assert answer.out.startswith(f"table.csv:2: {asked} 256, stack megatron_2504\ntable.csv:")
    assert "\ntable.csv:5: failed, rule: table.csv:5: num_gpus=32: " in answer.out
    assert answer.out.endswith(f"table.csv:10: {asked} 2048, stack megatron_2504\n")
    planned = perfbench("sweep", table, "--dry-run", "--json").json["rows"]
    assert [row["status"] for row in planned].count("planned") == 12
    assert planned[0]["job"]["tp"] == 1
    assert list(tmp_path.iterdir()) == [table]


@pytest.mark.skipif(
    pathlib.Path("/proc/driver/nvidia/version").exists(), reason="NOT TESTED: this machine has an NVIDIA driver"
)
def test_a_sweep_measures_on_gpus_or_not_at_all(perfbench, table, tmp_path):
    for mode in ("measure", "slice"):
        answer = perfbench("sweep", table, "--out", "out", "--mode", mode, "--json")
        assert (answer.code, answer.out) == (4, "")
        assert answer.err.startswith("perfbench: error: --device cuda: CUDA ")
    assert not (tmp_path / "out" / "rows.csv").exists()


def test_stack_and_repeats_and_markdown(perfbench, table, tmp_path):
    answer = perfbench("sweep", table, "--out", "out", "--stack", "perfbench", "--repeats", "2", "--markdown")
    assert answer.code == 0
    assert answer.out == (tmp_path / "out/rows.md").read_text()
    ok = [row for row in read_rows(tmp_path / "out") if row["status"] == "ok"]
    assert {row["stack"] for row in ok} == {"perfbench"}
    assert all(json.loads(row["repeats_s"]) == [float(row["step_time_s"])] * 2 for row in ok)
    assert (tmp_path / "out/journal.jsonl").read_text().count("\n") == 1 + 2 * 12


def test_default_folder(perfbench, refused, table, tmp_path):
    assert "--out: " in refused("sweep", table)
    answer = perfbench("sweep", table, "--json", env={"NEMORUN_HOME": str(tmp_path / "home")})
    assert answer.json["rows_csv"] == str(tmp_path / "home/perfbench-sweep/rows.csv")


@pytest.mark.parametrize(
    "args, part",
    [
        (("--where", "modl=llama3_8b"), "did you mean model"),
        (("--where", "model"), "NAME=VALUE"),
        (("--where", "model=llama3_8b", "--where", "tp=64"), "none of the 13 rows agrees"),
        (("--repeats", "0"), "--repeats: "),
        (("--stack", "megatrn"), "did you mean megatron"),
        (("-tp", "4"), "-tp: has no meaning for sweep"),
    ],
)
def test_refused(refused, table, args, part):
    assert part in refused("sweep", table, "--out", "out", *args)


def test_tables_that_are_refused(refused, table, tmp_path):
    (tmp_path / "empty.csv").write_text(HEADER)
    error = refused("sweep", table, "empty.csv", "none.csv", "--out", "out")
    assert "empty.csv: the table has a header and no rows" in error
    assert "none.csv: " in error
    assert not (tmp_path / "out").exists()
    assert "--where: has no meaning for" in refused("--model", "llama3_8b", "--gpu", "h100", "--where", "tp=4")
