"""Files in an object store, lists of them, and the table as Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import cv2
import pyarrow as pa
import pytest
from media import portrait
from models import write_models
from moto.server import ThreadedMotoServer
from pyarrow import parquet
from truefeed.stream.cli import main
from truefeed.stream.scan.object_store import bring, is_store


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return ["--engine", "cpu", "--model", str(write_models(tmp_path_factory.mktemp("models")))]


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """Yield the address of a folder in an S3 store on loopback: a picture, a hidden file, a broken one, no media."""
    patch = pytest.MonkeyPatch()
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    known = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    for key, value in (known | {"AWS_DEFAULT_REGION": "us-east-1"}).items():
        patch.setenv(key, value)
    store = boto3.client("s3")
    store.create_bucket(Bucket="archive")
    picture = cv2.imencode(".png", portrait())[1].tobytes()
    for name, data in (
        ("in/0123456789abcdef0123456789abcdef.png", picture),
        ("in/.hidden.png", picture),
        ("in/broken.mp4", b"\0\0\0\x18ftypmp42"),
        ("in/notes.txt", b"hello"),
    ):
        store.put_object(Bucket="archive", Key=name, Body=data)
    store.close()
    yield "s3://archive/in"
    server.stop()
    patch.undo()


def scan(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, dict[str, object]], str]:
    """Return the exit code, the results by path, and what was said."""
    code = main(["scan", "--json", *words])
    out, err = capsys.readouterr()
    return code, {(told := json.loads(line))["path"]: told for line in out.splitlines()}, err


def test_a_folder_in_s3_is_judged_and_its_names_are_kept(
    bucket: str, models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"{bucket}/0123456789abcdef0123456789abcdef.png"
    kept = ["--resume", str(tmp_path / "results.jsonl")]
    code, found, _ = scan(capsys, bucket, *models, *kept)
    assert (code, set(found)) == (1, {name, f"{bucket}/broken.mp4"})
    cv2.imwrite(str(tmp_path / "face.png"), portrait())
    _, plain, _ = scan(capsys, str(tmp_path / "face.png"), *models)
    assert found[name] | {"path": ""} == plain[str(tmp_path / "face.png")] | {"path": ""}
    _, again, err = scan(capsys, f"{bucket}/*.png", *models, *kept)
    assert again == {}
    assert "1 judged before" in err
    _, absent, _ = scan(capsys, "s3://archive/in/absent.png", "s3://nowhere/a.png", *models)
    assert absent["s3://archive/in/absent.png"]["error"] == "s3://archive/in/absent.png: there is no such object"
    assert absent["s3://nowhere/a.png"]["status"] == "error"


@pytest.mark.parametrize("kind", ["list.txt", "list.parquet", "list.parquet#where"])
def test_what_a_list_names_is_judged_once(
    kind: str, bucket: str, models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "face.png"), portrait())
    entries = [str(tmp_path / "face.png"), f"{bucket}/0123456789abcdef0123456789abcdef.png", str(tmp_path / "face.png")]
    file = tmp_path / kind.partition("#")[0]
    if kind == "list.txt":
        file.write_text("# what to judge\n\n" + "\n".join(entries))
    else:
        column = "where" if "#" in kind else "url"
        parquet.write_table(pa.table({"id": [1, 2, 3], column: entries}), file)
    code, found, _ = scan(capsys, "--list", str(tmp_path / kind), *models)
    assert (code, set(found)) == (0, set(entries))


def test_a_list_that_is_none_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parquet.write_table(pa.table({"a": ["x"], "b": ["y"]}), tmp_path / "two.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    for name, why in (
        ("absent.txt", "no such file"),
        ("two.parquet", "none of path, url, uri, address, file; name one: FILE.parquet#COLUMN (it has a, b)"),
        ("two.parquet#c", "no column 'c' (it has a, b)"),
        ("broken.parquet", "parquet"),
    ):
        code, _, err = scan(capsys, "--list", str(tmp_path / name))
        assert code == 2
        assert why in err, err
    assert scan(capsys)[0] == 2


def test_the_table_as_parquet_holds_what_the_lines_hold(
    models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "face.png"), portrait())
    (tmp_path / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    table = tmp_path / "out.parquet"
    _, found, _ = scan(capsys, str(tmp_path), *models, "--parquet", str(table))
    rows = parquet.read_table(table).to_pylist()
    assert {row["path"]: json.loads(row["json"]) for row in rows} == found
    for row in rows:
        told = found[row["path"]]
        assert [row[key] for key in ("status", "fake_probability", "reasons")] == [
            told[key] for key in ("status", "fake_probability", "reasons")
        ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.mp4", "face.png", "out.parquet"]
    assert scan(capsys, str(tmp_path), "--parquet", str(tmp_path))[0] == 2


def test_what_is_an_address_of_a_store_and_what_reads_it(tmp_path: Path) -> None:
    assert is_store("s3://a/b")
    assert not is_store("https://a/b")
    assert not is_store("a/b")
    (tmp_path / "a.bin").write_bytes(b"x" * 10)
    from truefeed.stream.errors import SourceError

    with pytest.raises(SourceError, match="more than the"):
        bring(f"file://{tmp_path}/a.bin", tmp_path, 9)
    with pytest.raises(SourceError, match=r"gs://.*pip install gcsfs"):
        bring("gs://bucket/a.png", tmp_path, 9)
