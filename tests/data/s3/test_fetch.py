from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from dl_magics.data.s3 import access, fetch, index
from dl_magics.errors import (
    BadData,
    DamagedFile,
    DiskFull,
    DLMagicsError,
    NoAnswer,
    NoCredentials,
    NotAllowed,
    TooManyRequests,
)
from support.limits.disk import mount_small_disk

NUMBERS = count()
PETS = {"cats/1.jpg": b"one", "cats/2.jpg": b"two", "dogs/1.jpg": b"three"}


@pytest.fixture
def pets(s3):
    """The address of a new bucket with photos of pets below a prefix."""
    name = f"pets-{next(NUMBERS)}"
    s3.put(name, **{f"photos/{key}": value for key, value in PETS.items()}, other=b"not below it")
    return f"s3://{name}/photos"


def bucket_of(address):
    return address.split("/")[2]


def read(address, home, **options):
    """List and read an address; return its folder and what was listed."""
    listed = fetch.list_photos(address, str(home))
    while fetch.read_photos(address, str(home), **options)["missing"]:
        pass
    return Path(listed["path"]), listed


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_photos_below_a_prefix_are_read_into_a_folder_of_classes(pets, tmp_path):
    folder, listed = read(pets, tmp_path / "s3")

    assert contents(folder) == PETS
    assert (listed["photos"], listed["missing"], listed["bytes"]) == (3, 3, 11)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_this_user_can_read_what_was_read(pets, tmp_path):
    folder, _ = read(pets, tmp_path / "s3")

    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "s3").rglob("*")}
    assert modes == {0o700, 0o600}
    assert stat.S_IMODE((folder / "cats").stat().st_mode) == 0o700


def test_a_second_time_only_what_changed_is_read(s3, pets, tmp_path):
    folder, _ = read(pets, tmp_path)
    s3.put(bucket_of(pets), **{"photos/cats/2.jpg": b"new", "photos/dogs/2.jpg": b"four"})
    s3.delete(bucket_of(pets), "photos/cats/1.jpg")
    (folder / "dogs" / "1.jpg").write_bytes(b"cut")
    s3.read.clear()

    _, listed = read(pets, tmp_path)

    assert {path.rpartition("photos/")[2] for path in s3.read} == {
        *("cats/2.jpg", "dogs/1.jpg", "dogs/2.jpg")
    }
    assert contents(folder) == {"cats/2.jpg": b"new", "dogs/1.jpg": b"three", "dogs/2.jpg": b"four"}
    assert (listed["photos"], listed["missing"]) == (3, 3)


def test_a_bucket_is_listed_beyond_the_thousand_keys_of_a_page(s3, tmp_path):
    s3.put("many-photos", **{f"c{n % 2}/{n:04}.jpg": b"x" for n in range(1_050)})

    listed = fetch.list_photos("s3://many-photos", str(tmp_path))

    assert (listed["photos"], listed["missing"]) == (1_050, 1_050)


def test_what_was_read_stays_when_a_call_ends_early(s3, pets, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "_AT_ONCE", 1)
    fetch.list_photos(pets, str(tmp_path))

    left = [fetch.read_photos(pets, str(tmp_path), seconds=0)["missing"] for _ in range(3)]

    assert left == [2, 1, 0]
    assert fetch.list_photos(pets, str(tmp_path))["missing"] == 0


@pytest.mark.parametrize("where", ["/{bucket}", "/{bucket}/photos/cats/1.jpg"])
def test_throttled_requests_are_repeated(s3, pets, tmp_path, where):
    s3.refuse[where.format(bucket=bucket_of(pets))] = "SlowDown", 2

    folder, _ = read(pets, tmp_path)

    assert contents(folder) == PETS


def test_requests_that_stay_throttled_are_refused_in_two_lines(s3, pets, tmp_path, monkeypatch):
    monkeypatch.setattr(access, "_ATTEMPTS", 1)
    s3.refuse[f"/{bucket_of(pets)}"] = "SlowDown", 99

    with pytest.raises(TooManyRequests) as caught:
        fetch.list_photos(pets, str(tmp_path))

    assert "SlowDown" in str(caught.value)


@pytest.mark.parametrize("where", ["/{bucket}", "/{bucket}/photos/dogs/1.jpg"])
def test_a_missing_permission_names_what_the_role_needs(s3, pets, tmp_path, where):
    s3.refuse[where.format(bucket=bucket_of(pets))] = "AccessDenied", 99

    with pytest.raises(NotAllowed) as caught:
        read(pets, tmp_path)

    assert pets in str(caught.value)
    assert "s3:ListBucket" in caught.value.fix
    assert "s3:GetObject" in caught.value.fix


def test_a_body_that_ends_early_is_read_again(s3, pets, tmp_path):
    s3.cut[f"/{bucket_of(pets)}/photos/cats/2.jpg"] = 2

    folder, _ = read(pets, tmp_path)

    assert contents(folder) == PETS


def test_a_body_that_always_ends_early_leaves_no_file(s3, pets, tmp_path):
    s3.cut[f"/{bucket_of(pets)}/photos/cats/2.jpg"] = 99

    with pytest.raises(NoAnswer):
        read(pets, tmp_path)

    folder = Path(fetch.list_photos(pets, str(tmp_path))["path"])
    assert contents(folder) == {key: PETS[key] for key in contents(folder)}
    assert "cats/2.jpg" not in contents(folder)


def test_an_object_that_changed_after_it_was_listed_is_known_as_it_was_read(s3, pets, tmp_path):
    fetch.list_photos(pets, str(tmp_path))
    s3.put(bucket_of(pets), **{"photos/cats/1.jpg": b"longer than before"})
    s3.delete(bucket_of(pets), "photos/cats/2.jpg")
    fetch.read_photos(pets, str(tmp_path))

    again = fetch.list_photos(pets, str(tmp_path))

    assert contents(Path(again["path"])) == {
        "cats/1.jpg": b"longer than before",
        "dogs/1.jpg": b"three",
    }
    assert (again["photos"], again["missing"]) == (2, 0)


def test_keys_that_lead_out_of_the_folder_are_left_out_and_named(s3, tmp_path):
    keys = ["p/../../evil.jpg", "p//etc/evil.jpg", "p/a\nb.jpg", f"p/{'x' * 300}.jpg", "p/cats"]
    s3.put(
        "hostile-keys", **dict.fromkeys(keys, b"evil"), **{f"p/{key}": PETS[key] for key in PETS}
    )

    folder, listed = read("s3://hostile-keys/p", tmp_path / "s3")

    assert set(listed["left_out"]) == set(keys)
    assert contents(folder) == PETS
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name]


def test_a_file_may_become_a_folder_and_a_folder_a_file(s3, tmp_path):
    s3.put("turning", **{"a/cats": b"file", "a/dogs/1.jpg": b"1"})
    read("s3://turning", tmp_path)
    for key in ("a/cats", "a/dogs/1.jpg"):
        s3.delete("turning", key)
    s3.put("turning", **{"a/cats/1.jpg": b"1", "a/dogs": b"file"})

    folder, _ = read("s3://turning", tmp_path)

    assert contents(folder) == {"a/cats/1.jpg": b"1", "a/dogs": b"file"}


def test_names_that_differ_only_in_case_are_two_files_on_any_disk(s3, tmp_path):
    s3.put("two-cases", **{"cats/A.jpg": b"A", "cats/a.jpg": b"a", "dogs/1.jpg": b"1"})

    for _ in range(2):
        folder, _ = read("s3://two-cases", tmp_path)

    found = contents(folder)
    assert sorted(found.values()) == [b"1", b"A", b"a"]
    assert len({name.casefold() for name in found}) == 3


def test_classes_that_differ_only_in_case_are_refused_with_both_names(s3, tmp_path):
    s3.put("two-spellings", **{"Cats/1.jpg": b"1", "cats/2.jpg": b"2"})

    with pytest.raises(BadData, match=r"'Cats' and 'cats'"):
        fetch.list_photos("s3://two-spellings", str(tmp_path))


def test_a_missing_bucket_says_how_to_look(s3, tmp_path):
    with pytest.raises(BadData, match="no-such-bucket-here") as caught:
        fetch.list_photos("s3://no-such-bucket-here/x", str(tmp_path))

    assert "aws s3 ls" in caught.value.fix


@pytest.mark.parametrize(
    ("prefix", "fix"),
    [
        ("photo", "Did you mean s3://{bucket}/photos?"),
        ("photos/cat", "Did you mean s3://{bucket}/photos/cats?"),
        ("photos/x", "There are: s3://{bucket}/photos/cats, s3://{bucket}/photos/dogs"),
        ("other", "There are: s3://{bucket}/photos"),
        ("a/b", "aws s3 ls s3://{bucket}/a/b/ shows what it has: one folder per class."),
    ],
)
def test_an_address_without_photos_names_the_folders_beside_it(pets, tmp_path, prefix, fix):
    bucket = bucket_of(pets)

    with pytest.raises(BadData, match="has no photos") as caught:
        fetch.list_photos(f"s3://{bucket}/{prefix}", str(tmp_path))

    assert caught.value.fix == fix.format(bucket=bucket)


def test_more_photos_than_the_disk_has_room_for_are_refused_before_any_is_read(
    s3, pets, tmp_path, monkeypatch
):
    monkeypatch.setattr(fetch, "_LEFT_FREE", 10**18)

    with pytest.raises(DiskFull) as caught:
        fetch.list_photos(pets, str(tmp_path))

    assert "--disk" in caught.value.fix
    assert s3.read == []


def test_an_instance_without_a_role_is_told_how_to_get_one(pets, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(NoCredentials, match="i-0a1b2c3d has no IAM role") as caught:
        fetch.list_photos(pets, str(tmp_path), "i-0a1b2c3d")

    assert "associate-iam-instance-profile --instance-id i-0a1b2c3d" in caught.value.fix
    assert "--instance-profile NAME" in caught.value.fix


def test_a_host_that_is_no_instance_reads_with_what_boto3_finds_there(pets, tmp_path, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(NoCredentials, match="on this host"):
        fetch.list_photos(pets, str(tmp_path))


def test_an_instance_reads_with_its_role_and_not_with_keys_that_lie_there(
    s3, pets, tmp_path, monkeypatch
):
    credentials = tmp_path / "credentials"
    credentials.write_text("[mine]\naws_access_key_id = AKIAMINE\naws_secret_access_key = mine\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", s3.url)
    s3.signed_by.clear()

    listed = fetch.list_photos(pets, str(tmp_path / "s3"), "i-0a1b2c3d")
    while fetch.read_photos(pets, str(tmp_path / "s3"), "i-0a1b2c3d")["missing"]:
        pass

    assert contents(Path(listed["path"])) == PETS
    assert s3.signed_by == {"AKIAROLE"}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("PermanentRedirect", "in another region"),
        ("InvalidObjectState", "archived"),
        ("ExpiredToken", r"credentials that S3 refuses \(ExpiredToken\)"),
        ("NobodyKnows", "NobodyKnows"),
    ],
)
def test_other_refusals_of_s3_are_said_in_two_lines(s3, pets, tmp_path, code, words):
    s3.refuse[f"/{bucket_of(pets)}/photos/dogs/1.jpg"] = code, 99

    with pytest.raises(DLMagicsError, match=words) as caught:
        read(pets, tmp_path)

    assert caught.value.fix
    assert "\n" not in str(caught.value) + caught.value.fix


def test_a_refusal_without_a_reason_may_be_that_requesters_pay(s3, pets, tmp_path):
    s3.refuse[f"/{bucket_of(pets)}"] = "AccessDenied", 99

    with pytest.raises(NotAllowed) as caught:
        read(pets, tmp_path)

    assert "--request-payer requester" in caught.value.fix


@pytest.mark.parametrize("damage", [b"\0garbage" * 1000, b""], ids=["overwritten", "empty"])
def test_a_folder_with_a_damaged_index_is_set_aside_and_read_anew(s3, pets, tmp_path, damage):
    folder, _ = read(pets, tmp_path)
    (folder.parent / index.FILE_NAME).write_bytes(damage)

    with pytest.raises(DamagedFile, match="was renamed to") as refused:
        fetch.list_photos(pets, str(tmp_path))
    again, listed = read(pets, tmp_path)

    assert "The same line reads all photos again." in refused.value.fix
    assert (again, contents(again), listed["missing"]) == (folder, PETS, 3)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_bucket_that_was_empty_for_a_time_is_read_again(s3, pets, tmp_path):
    read(pets, tmp_path)
    for key in PETS:
        s3.delete(bucket_of(pets), f"photos/{key}")
    with pytest.raises(BadData, match="has no photos"):
        fetch.list_photos(pets, str(tmp_path))

    s3.put(bucket_of(pets), **{f"photos/{key}": value for key, value in PETS.items()})

    assert contents(read(pets, tmp_path)[0]) == PETS


def test_a_run_can_list_a_bucket_while_another_one_reads_it(s3, pets, tmp_path):
    fetch.list_photos(pets, str(tmp_path))
    reading, listed = threading.Event(), threading.Event()

    def hold(path):
        if path.endswith(".jpg"):
            reading.set()
            listed.wait()

    s3.before = hold
    with ThreadPoolExecutor(1) as other:
        read_there = other.submit(fetch.read_photos, pets, str(tmp_path))
        reading.wait()
        again = fetch.list_photos(pets, str(tmp_path))
        listed.set()

    assert (again["missing"], read_there.result()["missing"]) == (3, 0)
    assert fetch.list_photos(pets, str(tmp_path))["missing"] == 0


def test_a_killed_reader_leaves_nothing_among_the_photos(s3, pets, tmp_path):
    folder = Path(fetch.list_photos(pets, str(tmp_path))["path"])
    reading = threading.Event()

    def hold(path):
        if path.endswith(".jpg"):
            reading.set()
            time.sleep(60)

    s3.before = hold
    program = "import sys; from dl_magics.data.s3 import fetch; fetch.read_photos(*sys.argv[1:])"
    with subprocess.Popen([sys.executable, "-c", program, pets, str(tmp_path)]) as reader:
        reading.wait()
        reader.kill()
    s3.before = lambda _: None
    (left,) = folder.parent.glob("unfinished-*")

    assert contents(folder) == {}
    assert contents(read(pets, tmp_path)[0]) == PETS
    assert left.exists()  # another process may be using it
    os.utime(left, (0, 0))
    fetch.list_photos(pets, str(tmp_path))
    assert not left.exists()


@pytest.mark.parametrize("settings", [None, {"valid": 0.2, "sample": 2, "seed": 1}])
def test_a_full_disk_is_said_in_two_lines(s3, tmp_path, settings):
    names = [f"photos/{name}/{n:04}.jpg" for name in ("cats", "dogs") for n in range(800)]
    s3.put("many", **dict.fromkeys(names, b"x"))

    with mount_small_disk(tmp_path / "disk", "200k"), pytest.raises(DiskFull) as refused:
        fetch.list_photos("s3://many/photos", str(tmp_path / "disk/s3"), settings=settings)

    assert "%aws_launch --disk GB" in refused.value.fix
