"""Makes photos/: small JPEGs of the kinds that are decoded at a part of their size, and of some that are not, as libjpeg writes them.

    python tests/reference/photos.py

All show the same: waves of colour, 61 columns and 45 rows, so that neither fills whole blocks. In the names, the samples of
luminance to one of colour (`420`: two by two), and what is special: `restart`, restart markers; `optimised`, tables for this
picture; `turned`, EXIF orientation 6; `progressive`. `draft.txt` holds what Pillow's Image.draft gives for the plain 420
at half, a quarter and an eighth: mode, size, and the mean of red, green and blue.
"""

import pathlib

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent / "photos"
HERE.mkdir(exist_ok=True)
y, x = np.mgrid[0:45, 0:61]
waves = [
    128 + 100 * np.sin(x / 5) * np.cos(y / 9),
    120 + 90 * np.sin((x + 2 * y) / 11),
    110 + 4 * np.abs((x + y) % 50 - 25),
]
photo = Image.fromarray(np.stack(waves, axis=-1).round().astype(np.uint8))

photo.save(HERE / "444.jpg", quality=80, subsampling="4:4:4")
photo.save(HERE / "422.jpg", quality=80, subsampling="4:2:2")
photo.save(HERE / "420.jpg", quality=80, subsampling="4:2:0")
photo.convert("L").save(HERE / "grey.jpg", quality=80)
photo.save(HERE / "420-restart.jpg", quality=80, subsampling="4:2:0", restart_marker_blocks=3)
photo.save(HERE / "420-optimised.jpg", quality=95, subsampling="4:2:0", optimize=True)
photo.save(HERE / "progressive.jpg", quality=80, progressive=True)
exif = Image.Exif()
exif[0x0112] = 6
photo.save(HERE / "420-turned.jpg", quality=80, subsampling="4:2:0", exif=exif)

lines = []
for factor in (2, 4, 8):
    with Image.open(HERE / "420.jpg") as image:
        image.draft("RGB", (61 // factor, 45 // factor))
        means = np.asarray(image, dtype=float).mean(axis=(0, 1))
        lines.append(f"{factor} {image.width} {image.height} " + " ".join(f"{mean:.3f}" for mean in means))
(HERE / "draft.txt").write_text("\n".join(lines) + "\n")
