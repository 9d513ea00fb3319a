"""Direct writes give the same bytes as zarr-python."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, ZstdCodec

from tests.testing.products import tree
from uflux_kedro.products.zarr_writes import DirectShards, with_direct_writes

SHAPE, SHARD, CHUNK = (3, 12, 30), (1, 6, 20), (1, 2, 5)


def arrays_in(folder, dtype, fill, **settings):
    """An array with shards that do not divide its last axis evenly."""
    return zarr.open_group(folder, mode="w").create_array(
        "GPP",
        shape=settings.pop("shape", SHAPE),
        dtype=dtype,
        shards=settings.pop("shards", SHARD),
        chunks=settings.pop("chunks", CHUNK),
        fill_value=fill,
        compressors=settings.pop("compressors", ZstdCodec(level=1)),
        **settings,
    )


def values_of(dtype, fill, shape=SHAPE):
    """Values with empty chunks, an empty shard, and zeros of both signs."""
    values = np.random.default_rng(0).integers(-2, 3, shape).astype(dtype)
    if np.dtype(dtype).kind == "f":
        values[values == 1] = -0.0
        values[..., 1::7] = np.nan
    values[..., :4, :10] = fill
    values[1] = fill
    return values


@pytest.mark.parametrize(
    ("dtype", "fill"), [("float32", np.nan), ("float32", 0.0), ("int8", 8), ("int16", 0)]
)
def test_shards_have_the_same_bytes(tmp_path, dtype, fill, monkeypatch):
    values = values_of(dtype, fill)
    plain, ours = (arrays_in(tmp_path / name, dtype, fill) for name in ("plain", "ours"))
    direct = with_direct_writes(ours, str(tmp_path / "ours"))
    assert isinstance(direct, DirectShards)
    written = []
    encoded = DirectShards._encoded
    monkeypatch.setattr(
        DirectShards, "_encoded", lambda self, v: written.append(v) or encoded(self, v)
    )
    for t in range(3):
        for y in (0, 6):
            for x in (slice(0, 20), slice(20, 30)):
                where = (slice(t, t + 1), slice(y, y + 6), x)
                plain[where] = values[where]
                direct[where] = values[where]
    assert len(written) == 6, "the other shards reach over the edge"
    assert tree(tmp_path / "ours") == tree(tmp_path / "plain")
    np.testing.assert_array_equal(ours[:], values)


def test_members_have_a_shard_together(tmp_path):
    shape, settings = (4, *SHAPE), {"shards": (4, *SHARD), "chunks": CHUNK[:1] + CHUNK}
    values = values_of("float32", np.nan, shape)
    plain, ours = (
        arrays_in(tmp_path / name, "float32", np.nan, shape=shape, **settings)
        for name in ("plain", "ours")
    )
    where = (slice(None), slice(2, 3), slice(6, 12), slice(0, 20))
    plain[where] = values[where]
    with_direct_writes(ours, str(tmp_path / "ours"))[where] = values[where]
    assert tree(tmp_path / "ours") == tree(tmp_path / "plain")
    assert any("/c/" in name for name in tree(tmp_path / "ours"))


def test_a_shard_that_became_empty_is_removed(tmp_path):
    array = arrays_in(tmp_path / "one", "float32", np.nan)
    direct = with_direct_writes(array, str(tmp_path / "one"))
    where = (slice(0, 1), slice(0, 6), slice(0, 20))
    direct[where] = np.ones(SHARD, "float32")
    assert np.isfinite(array[where]).all()
    direct[where] = np.full(SHARD, np.nan, "float32")
    assert np.isnan(array[where]).all()
    assert not (tmp_path / "one/GPP/c/0/0/0").exists()


@pytest.mark.parametrize(
    "settings",
    [{"compressors": BloscCodec()}, {"shards": None}, {"config": {"write_empty_chunks": True}}],
)
def test_other_arrays_are_left_to_zarr(tmp_path, settings):
    array = arrays_in(tmp_path / "one", "float32", np.nan, **settings)
    assert with_direct_writes(array, str(tmp_path / "one")) is array
    assert with_direct_writes(array, "s3://bucket/one") is array
