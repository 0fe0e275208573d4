from __future__ import annotations

import importlib.util
import io
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dl_magics.data import images
from dl_magics.data.deep_gray import GrayRange, join_ranges
from dl_magics.data.images import (
    BrokenImage,
    check_header,
    decode,
    detect_format,
    read_gray_range,
)
from dl_magics.data.kinds import HEAD

# pytest resets the filter of images.py, which test_pillow_prints_no_warnings checks.
pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")

RED, GREEN, BLUE, WHITE = (250, 20, 20), (20, 200, 20), (20, 20, 250), (250, 250, 250)


def quarters(width=96, height=80):
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(GREEN, (width // 2, 0, width, height // 2))
    picture.paste(BLUE, (0, height // 2, width // 2, height))
    picture.paste(WHITE, (width // 2, height // 2, width, height))
    return picture


def noise():
    pixels = np.random.default_rng(0).integers(0, 256, (80, 96, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def saved(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def reason(data):
    with pytest.raises(BrokenImage) as caught:
        decode(data, 32)
    assert str(caught.value) == caught.value.reason
    return caught.value.reason


def corners(pixels):
    n = len(pixels)
    return [pixels[y, x].astype(int) for y in (n // 4, -n // 4) for x in (n // 4, -n // 4)]


def assert_upright(pixels, tolerance=40):
    assert np.abs(np.array(corners(pixels)) - (RED, GREEN, BLUE, WHITE)).max() <= tolerance


def photoshop(picture):
    """Return a PSD file of the merged picture: Pillow reads the format, but does not write it."""
    planes = b"".join(band.tobytes() for band in picture.split())
    header = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, picture.height, picture.width, 8, 3)
    return header + bytes(4 * 3) + struct.pack(">H", 0) + planes


JPEG = saved(noise(), "JPEG")
PHOTOS = {
    "jpeg": saved(quarters(), "JPEG"),
    "jpeg, large": saved(quarters(2000, 1500), "JPEG"),
    "jpeg, narrow": saved(quarters(4, 700), "JPEG", quality=100, subsampling=0),
    "jpeg, progressive": saved(quarters(), "JPEG", progressive=True),
    "jpeg, cmyk": saved(quarters().convert("CMYK"), "JPEG"),
    "jpeg, two in one": saved(quarters(), "MPO", save_all=True, append_images=[noise()]),
    "png": saved(quarters(), "PNG"),
    "png, palette": saved(quarters().quantize(8), "PNG"),
    "png, alpha": saved(quarters().convert("RGBA"), "PNG"),
    "gif": saved(quarters(), "GIF"),
    "gif, moving": saved(quarters(), "GIF", save_all=True, append_images=[noise()]),
    "webp": saved(quarters(), "WEBP"),
    "webp, moving": saved(quarters(), "WEBP", save_all=True, append_images=[noise()]),
    "bmp": saved(quarters(), "BMP"),
    "tiff": saved(quarters(), "TIFF"),
    "tiff, packed": saved(quarters(), "TIFF", compression="tiff_lzw"),
    "avif": saved(quarters(), "AVIF"),
    "ppm": saved(quarters(), "PPM"),
    "jpeg2000": saved(quarters(), "JPEG2000"),
    "jpeg2000, bare": saved(quarters(), "JPEG2000", no_jp2=True),
    "ico": saved(quarters(96, 96), "ICO", sizes=[(96, 96)]),
    "tga": saved(quarters(), "TGA"),
    "tga, packed": saved(quarters(), "TGA", compression="tga_rle"),
    "psd": photoshop(quarters()),
    "heif": saved(quarters(), "HEIF"),
}


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("size", [32, 224])
def test_every_format_is_decoded_to_the_same_square(name, size):
    pixels = decode(PHOTOS[name], size)

    assert pixels.shape == (size, size, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert_upright(pixels)


@pytest.mark.parametrize("name", PHOTOS)
def test_the_format_is_detected_from_the_first_bytes(name):
    check_header(PHOTOS[name])

    assert detect_format(PHOTOS[name][:HEAD]) == name.split(",")[0]


def test_a_jpeg_scaled_while_decoding_resembles_one_scaled_afterwards():
    photo = noise().resize((10, 9)).resize((1000, 900), Image.Resampling.BICUBIC)

    fast = decode(saved(photo, "JPEG", quality=95), 100).astype(int)

    slow = np.asarray(photo.resize((100, 100), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(fast - slow).mean() < 4


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("WEBP", "RGB"), ("TIFF", "RGB")],
)
def test_the_exif_orientation_is_applied(turn, kind, mode):
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = quarters() if turn == 1 else quarters().transpose(Image.Transpose(undo[turn]))
    exif = Image.Exif()
    exif[0x0112] = turn

    pixels = decode(saved(stored.convert(mode), kind, exif=exif), 64)

    assert_upright(pixels)


@pytest.mark.parametrize("note", [b"MM\0*" + b"\xff" * 40, b"no more than a text"])
def test_damaged_exif_data_of_a_jpeg_is_ignored(note):
    pixels = decode(saved(quarters(), "JPEG", exif=b"Exif\0\0" + note), 64)

    assert_upright(pixels)


def test_damaged_exif_data_of_a_png_is_ignored():
    note = PngInfo()
    note.add_text("Raw profile type exif", "\nexif\n4\nnot hexadecimal")

    pixels = decode(saved(quarters(), "PNG", pnginfo=note), 64)

    assert_upright(pixels)


@pytest.mark.parametrize("transparent", ["RGBA", "LA", "L", "palette", "gif"])
def test_transparent_pixels_become_white(transparent):
    if transparent == "palette":
        photo = Image.new("P", (8, 8), 3)
        photo.putpalette(bytes(12))
        data = saved(photo, "PNG", transparency=bytes([255, 255, 255, 0]))
    elif transparent == "L":
        data = saved(Image.new("L", (8, 8), 9), "PNG", transparency=9)
    elif transparent == "gif":
        data = saved(Image.new("RGBA", (8, 8), (9, 9, 9, 0)), "GIF")
    else:
        data = saved(Image.new(transparent, (8, 8)), "PNG")

    assert (decode(data, 4) == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(("stored", "seen"), [(0, 0), (65535, 255), (32768, 128), (257 * 9, 9)])
def test_grayscale_of_16_bits_is_scaled_by_a_range_and_not_clipped(kind, stored, seen):
    photo = Image.fromarray(np.full((20, 30), stored, np.uint16))

    assert (decode(saved(photo, kind), 8, GrayRange(0, 65535)) == seen).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_values_of_12_bits_in_a_file_of_16_are_not_nearly_black(kind):
    photo = Image.fromarray(np.array([[0, 4095], [2048, 1024]], np.uint16))

    assert decode(saved(photo, kind), 2)[..., 0].tolist() == [[0, 255], [128, 64]]
    assert read_gray_range(saved(photo, kind)) == GrayRange(0, 4095)


def test_one_range_keeps_the_brightness_of_images_relative_to_each_other():
    dark, bright = (Image.fromarray(np.full((4, 4), n, np.uint16)) for n in (100, 300))
    data = [saved(each, "PNG") for each in (dark, bright)]

    gray = join_ranges(map(read_gray_range, data))

    assert [decode(each, 2, gray).max() for each in data] == [0, 255]
    assert [decode(saved(dark, "PNG"), 2, GrayRange(0, 200)).max()] == [128]


@pytest.mark.parametrize("name", sorted(PHOTOS))
def test_an_image_of_8_bits_has_no_range_of_gray(name):
    assert read_gray_range(PHOTOS[name]) is None


def test_a_damaged_image_of_16_bits_has_a_reason_in_place_of_a_range():
    data = saved(Image.fromarray(np.asarray(noise().convert("L"), np.uint16)), "PNG")

    assert read_gray_range(data)
    with pytest.raises(BrokenImage, match="PNG"):
        read_gray_range(data[: len(data) // 2])


def test_grayscale_of_16_bits_in_the_other_byte_order_is_the_same():
    photo = Image.frombytes("I;16B", (4, 4), struct.pack(">16H", *[0, 0, 65535, 65535] * 4))

    pixels = decode(saved(photo, "TIFF"), 4)

    assert pixels[0, :, 0].tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_int32_and_float_grayscale_is_scaled_from_its_minimum_to_its_maximum(kind):
    photo = Image.fromarray(np.array([[-1000, 0], [0, 1000]], kind))

    assert decode(saved(photo, "TIFF"), 2)[..., 0].tolist() == [[0, 128], [128, 255]]


def test_nan_values_are_black():
    photo = Image.fromarray(np.array([[np.nan, 5], [10, 10]], np.float32))

    assert decode(saved(photo, "TIFF"), 2)[0, 0].tolist() == [0, 0, 0]
    assert "no value is a number" in reason(saved(Image.new("F", (2, 2), float("nan")), "TIFF"))


@pytest.mark.parametrize(("mode", "kind"), [("1", "PNG"), ("1", "TIFF"), ("L", "JPEG")])
def test_grayscale_becomes_three_equal_channels(mode, kind):
    pixels = decode(saved(quarters().convert("L").convert(mode), kind), 32)

    assert (pixels[..., 0] == pixels[..., 2]).all()
    assert np.ptp(pixels) > 150


def test_extra_bytes_after_and_within_an_image_are_ignored():
    tables = PHOTOS["jpeg"].index(b"\xff\xdb")
    stray = PHOTOS["jpeg"][:tables] + b"\0\0\0" + PHOTOS["jpeg"][tables:]

    assert_upright(decode(stray, 64))
    assert_upright(decode(PHOTOS["jpeg"] + b"more", 64))


@pytest.mark.parametrize("size", [64, 224])
def test_a_jpeg_that_lacks_only_its_end_mark_is_used(size):
    whole = saved(noise(), "JPEG")

    assert np.array_equal(decode(whole[:-2], size), decode(whole, size))


@pytest.mark.parametrize("part", [0.9999, 0.9, 0.5])
@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
def test_a_truncated_jpeg_is_broken(part, end):
    assert reason(JPEG[: int(len(JPEG) * part) - 20] + end) == "JPEG is cut short"


@pytest.mark.parametrize("name", sorted(PHOTOS.keys() - {"jpeg, two in one", "gif, moving"}))
def test_half_an_image_is_broken(name):
    kind = detect_format(PHOTOS[name]).upper()

    assert reason(PHOTOS[name][: len(PHOTOS[name]) // 2]).startswith((kind, f"damaged {kind}"))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty file"),
        (bytes(1000), "not an image (zeros)"),
        (b"\n <!DOCTYPE html><title>404</title>", "not an image (web page)"),
        (b'<?xml version="1.0"?>\n<svg>', "not an image (SVG drawing)"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "not an image (video)"),
        (bytes(128) + b"DICM\2\0", "not an image (DICOM)"),
        (b"%PDF-1.7", "not an image (PDF)"),
        (b"PK\x03\x04", "not an image (zip archive)"),
        (b"version https://git-lfs.github.com/spec/v1\n", "not an image (Git LFS pointer)"),
        (b"BMW is a make of cars, and so is Mercedes", "not an image (text)"),
        (b"\x01\x02\x03\x04", "not an image (unknown bytes)"),
        (b"\xff\xd8\xff\xe0 and no more", "JPEG is cut short"),
    ],
)
def test_a_file_of_another_format_has_a_reason(data, why):
    assert reason(data) == why


def test_without_pillow_heif_a_heic_photo_is_named_with_how_to_convert_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    found = importlib.util.find_spec("dl_magics.data.kinds")
    kinds = importlib.util.module_from_spec(found)
    found.loader.exec_module(kinds)

    assert kinds.detect_format(PHOTOS["heif"][:HEAD]) is None
    assert kinds.describe_other_format(PHOTOS["heif"][:HEAD]) == "HEIC photo"
    assert "mogrify -format jpg" in kinds.describe_conversion("not an image (HEIC photo)")


def test_check_header_does_not_decode():
    check_header(JPEG[:100])

    with pytest.raises(BrokenImage, match="empty file"):
        check_header(b"")


def test_an_unsupported_variant_of_a_format_has_a_reason():
    frame = JPEG.index(b"\xff\xc0")

    twelve_bits = JPEG[: frame + 4] + bytes([12]) + JPEG[frame + 5 :]

    assert reason(twelve_bits) == "damaged JPEG"


def test_a_decompression_bomb_has_a_reason():
    frame = JPEG.index(b"\xff\xc0")
    sides = struct.pack(">HH", 65000, 65000)

    # It is scaled while it is decoded, so its size alone is no reason.
    assert reason(JPEG[: frame + 5] + sides + JPEG[frame + 9 :]) == "JPEG is cut short"
    assert reason(b"GIF89a" + b"\xff" * 4 + PHOTOS["gif"][10:]) == "GIF with too many pixels"


MANY = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from dl_magics.data import images
data = Path(sys.argv[1]).read_bytes()
images.decode(data, 32)
with ThreadPoolExecutor(5) as pool:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    list(pool.map(lambda _: images.decode(data, 32), range(5)))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere ru_maxrss has another unit")
def test_threads_that_decode_large_images_do_not_need_the_sum_of_their_memory(tmp_path):
    file = tmp_path / "large.png"
    Image.new("RGB", (8000, 7000), RED).save(file, compress_level=1)  # 224 MB of pixels

    grown = subprocess.run(
        [sys.executable, "-c", MANY, str(file)], capture_output=True, text=True, check=True
    ).stdout

    assert int(grown) < 450  # of 1,100 MB


def test_a_jpeg_larger_than_what_pillow_opens_is_scaled_while_it_is_decoded(monkeypatch):
    large = quarters(1600, 1200)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900_000)

    pixels = decode(saved(large, "jpeg"), 64)

    assert pixels.shape == (64, 64, 3)
    assert_upright(pixels, tolerance=8)
    assert reason(saved(large, "jpeg", progressive=True)) == "JPEG with too many pixels"
    assert reason(saved(large.convert("CMYK"), "jpeg")) == "JPEG with too many pixels"
    assert reason(saved(large, "png")) == "PNG with too many pixels"


def test_pillow_prints_no_warnings(tmp_path):
    exif = b"Exif\0\0" + b"MM\0*\0\0\0\x08\0\x03" + b"\x01\x0f\0\x02\0\0\xff\xff\0\0\xff\xff" * 2
    (tmp_path / "exif.jpg").write_bytes(saved(quarters(), "JPEG", exif=exif))
    (tmp_path / "large.png").write_bytes(saved(Image.new("1", (10_000, 9_500)), "PNG"))
    program = (
        "import pathlib, sys; from dl_magics.data.images import decode;"
        "[decode(each.read_bytes(), 8) for each in pathlib.Path(sys.argv[1]).iterdir()]"
    )

    told = subprocess.run(
        [sys.executable, "-W", "always", "-c", program, tmp_path],
        capture_output=True,
        check=False,
        text=True,
    )

    assert (told.stderr, told.returncode) == ("", 0)


def test_decode_is_thread_safe():
    with ThreadPoolExecutor(4) as pool:
        squares = list(pool.map(decode, [JPEG] * 100, [48] * 100))

    assert all(np.array_equal(each, squares[0]) for each in squares)


def outcome(data):
    try:
        pixels = decode(data, 16)
    except BrokenImage as broken:
        return bool(broken.reason)
    return pixels.shape == (16, 16, 3) and pixels.dtype == np.uint8


@given(st.binary(max_size=300), st.sampled_from([b"", *{each[:16] for each in PHOTOS.values()}]))
def test_arbitrary_bytes_give_pixels_or_a_reason(data, head):
    assert outcome(head + data)


@settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([name for name in PHOTOS if "large" not in name]), st.data())
def test_damaged_images_give_pixels_or_a_reason(name, data):
    damaged = bytearray(PHOTOS[name])
    places = st.integers(0, len(damaged) - 1)

    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=20)):
        damaged[place] = byte
    cut = data.draw(st.sampled_from([None, data.draw(places)]))

    assert outcome(bytes(damaged[:cut]))


@pytest.fixture
def without_simplejpeg(monkeypatch):
    """The module `images` as imported where simplejpeg is not installed."""
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    found = importlib.util.find_spec("dl_magics.data.images")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.parametrize("size", [(96, 80), (1000, 700)])
@pytest.mark.parametrize("orientation", [1, 6])
def test_without_simplejpeg_images_are_decoded_almost_identically(
    without_simplejpeg, size, orientation
):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(quarters(*size), "JPEG", quality=95, exif=exif)

    pixels = without_simplejpeg.decode(data, 32)

    assert pixels.shape == (32, 32, 3)
    np.testing.assert_allclose(np.mean(pixels), np.mean(decode(data, 32)), atol=3)
    if orientation == 1:
        assert_upright(pixels)


def test_without_simplejpeg_damage_is_reported_too(without_simplejpeg):
    with pytest.raises(without_simplejpeg.BrokenImage) as caught:
        without_simplejpeg.decode(JPEG[:-500], 32)

    assert caught.value.reason == "JPEG is cut short"


def test_the_decoder_constant_depends_on_the_installed_decoder(without_simplejpeg):
    assert images.DECODER == images.VERSION
    assert without_simplejpeg.DECODER != images.DECODER
