"""What hypothesis draws: calls of any window, planes, seeds. Expects no result."""

import os

import hypothesis
import reference
from cases import Case
from hypothesis import strategies as st

# Continuous integration draws the same examples every time.
IN_CI = os.environ.get("KERAS_POOLING_REQUIRE_COMPILED") == "1"
bounded = hypothesis.settings(
    max_examples=60,
    deadline=None,
    derandomize=IN_CI or bool(os.environ.get("CI")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
AXES = {1: 24, 2: 9, 3: 5}  # the largest size drawn, by rank


@st.composite
def cases(draw) -> Case:
    """Draws a call; about one in eight is wrong."""
    rank = draw(st.integers(1, 3))

    def per_axis(low: int, high: int):
        return draw(st.tuples(*[st.integers(low, high)] * rank))

    sizes = per_axis(1, AXES[rank])
    batch, channels = draw(st.integers(0, 3)), draw(st.integers(1, 40))
    data_format = draw(st.sampled_from(["channels_last", "channels_first"]))
    shape = (batch, *sizes, channels)
    if data_format == "channels_first":
        shape = (batch, channels, *sizes)
    pool_size, dilation_rate = per_axis(1, 4), per_axis(1, 3)
    if draw(st.booleans()):
        dilation_rate = 1
    padding = draw(st.sampled_from(["valid", "same", "explicit"]))
    if padding == "explicit":
        rates = reference.per_axis(dilation_rate, rank)
        most = [(k - 1) * d for k, d in zip(pool_size, rates, strict=True)]
        padding = tuple(
            draw(st.tuples(st.integers(0, m), st.integers(0, m))) for m in most
        )
    return Case(
        "drawn",
        shape,
        pool_size,
        draw(st.sampled_from([None, per_axis(1, 4)])),
        padding,
        dilation_rate,
        draw(st.booleans()),
        data_format,
    )


seeds = st.integers(0, 2**32 - 1)


@st.composite
def planes(draw) -> tuple[tuple[int, ...], tuple[int, ...], str]:
    """Draws the shape of an input, its spatial sizes and its layout."""
    rank = draw(st.integers(1, 3))
    sizes = tuple(draw(st.integers(1, AXES[rank])) for _ in range(rank))
    batch, channels = draw(st.integers(0, 3)), draw(st.integers(1, 40))
    if draw(st.booleans()):
        return (batch, *sizes, channels), sizes, "channels_last"
    return (batch, channels, *sizes), sizes, "channels_first"
