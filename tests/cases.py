"""The shape catalogue: each case says why it is there. Holds no expected result.

Every good case also names calls near it that must raise (`Case.wrong_calls`), with
words that the message must contain.
"""

import dataclasses
from collections.abc import Iterator

import reference


@dataclasses.dataclass(frozen=True)
class Wrong:
    """A change to a good call after which it must raise, saying each of `words`."""

    words: tuple[str, ...]
    changes: dict

    def __str__(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.changes.items())


def wrong(*words: str, **changes) -> Wrong:
    """Shortens a line of the table."""
    return Wrong(words, changes)


@dataclasses.dataclass(frozen=True)
class Case:
    """One good call of a sliding pooling function."""

    reason: str
    shape: tuple[int, ...]
    pool_size: int | tuple[int, ...] = 2
    strides: int | tuple[int, ...] | None = None
    padding: str | int | tuple = "valid"
    dilation_rate: int | tuple[int, ...] = 1
    ceil_mode: bool = False
    data_format: str = "channels_last"
    wrong: tuple[Wrong, ...] = ()

    def __str__(self) -> str:
        return self.reason.replace(" ", "-")

    @property
    def rank(self) -> int:
        """The number of spatial axes."""
        return len(self.shape) - 2

    @property
    def sizes(self) -> tuple[int, ...]:
        """The input along its spatial axes."""
        first = 2 if self.data_format == "channels_first" else 1
        return self.shape[first : first + self.rank]

    @property
    def arguments(self) -> dict:
        """The arguments of the pooling call, after the input."""
        names = [field.name for field in dataclasses.fields(self)]
        passed = (name for name in names if name not in ("reason", "shape", "wrong"))
        return {name: getattr(self, name) for name in passed}

    @property
    def windows(self) -> list[reference.Axis]:
        """The same windows as the oracle lays them."""
        arguments = self.arguments
        del arguments["data_format"]
        return reference.sliding(self.sizes, **arguments)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        out = reference.output_sizes(self.windows)
        if self.data_format == "channels_first":
            return (*self.shape[:2], *out)
        return (self.shape[0], *out, self.shape[-1])

    @property
    def divides_by_padding(self) -> bool:
        """Whether `count_include_pad` changes anything."""
        return any(axis.before or axis.after for axis in self.windows)

    def wrong_calls(self) -> Iterator[Wrong]:
        """Yields this case's own wrong inputs, then those that lie near every case."""
        yield from self.wrong
        pool_size = reference.per_axis(self.pool_size, self.rank)
        dilation = reference.per_axis(self.dilation_rate, self.rank)
        reach = tuple((k - 1) * d + 1 for k, d in zip(pool_size, dilation, strict=True))
        head = pool_size[:-1]
        yield wrong("pool_size", "0", pool_size=(*head, 0))
        yield wrong("pool_size", "-2", pool_size=(*head, -2))
        yield wrong("pool_size", "2.5", pool_size=(*head, 2.5))
        yield wrong("pool_size", pool_size=(*pool_size, 2))
        yield wrong("pool_size", str(2**31), pool_size=2**31)
        yield wrong("strides", "0", strides=0)
        yield wrong("strides", "-1", strides=(1,) * (self.rank - 1) + (-1,))
        yield wrong("strides", strides=(1,) * (self.rank + 1))
        yield wrong("dilation_rate", "0", dilation_rate=0)
        yield wrong("padding", "diagonal", padding="diagonal")
        yield wrong("padding", "-1", padding=-1)
        yield wrong("padding", padding=(0,) * (self.rank - 1) + (reach[-1],))
        yield wrong("padding", padding=((0, 0),) * self.rank + ((0, 0),))
        yield wrong("data_format", "channels_middle", data_format="channels_middle")
        too_large = tuple(size + 1 for size in self.sizes)
        yield wrong(
            "pool_size",
            pool_size=too_large,
            padding="valid",
            dilation_rate=1,
            ceil_mode=False,
        )


FIRST = "channels_first"

CASES = [
    # The plainest first, so that a broken build fails where it is easy to read.
    Case("one element", shape=(1, 1, 1, 1), pool_size=1),
    Case("the classic 2x2/2", shape=(2, 4, 6, 8)),
    Case("the classic, channels first", shape=(2, 8, 4, 6), data_format=FIRST),
    Case("the documented model", shape=(2, 20, 20, 32), pool_size=(2, 2), strides=2),
    Case("padding in capitals", shape=(1, 5, 5, 3), pool_size=3, padding="SAME"),
    # Windows and strides.
    Case("window 1 copies", shape=(2, 3, 4, 5), pool_size=1),
    Case("window 1, stride 2 subsamples", shape=(1, 5, 6, 3), pool_size=1, strides=2),
    Case("overlapping windows", shape=(2, 7, 9, 16), pool_size=3, strides=2),
    Case("overlap at stride 1", shape=(1, 6, 8, 17), pool_size=3, strides=1),
    Case(
        "overlap at stride 1, channels first",
        shape=(2, 3, 7, 33),
        pool_size=3,
        strides=1,
        data_format=FIRST,
    ),
    Case("stride beyond window leaves gaps", shape=(1, 9, 11, 4), strides=3),
    Case(
        "gaps, channels first",
        shape=(1, 3, 9, 23),
        pool_size=2,
        strides=3,
        data_format=FIRST,
    ),
    Case("stride beyond input", shape=(1, 5, 5, 3), pool_size=2, strides=7),
    Case("another window per axis", shape=(2, 8, 9, 3), pool_size=(2, 3)),
    Case("another stride per axis", shape=(1, 8, 9, 5), pool_size=3, strides=(1, 2)),
    Case("a row of a window", shape=(1, 6, 9, 7), pool_size=(1, 4), strides=(1, 2)),
    Case("a column of a window", shape=(1, 9, 6, 7), pool_size=(4, 1), strides=(2, 1)),
    Case(
        "window = input",
        shape=(2, 5, 4, 9),
        pool_size=(5, 4),
        wrong=(wrong("pool_size", "6", pool_size=(6, 4)),),
    ),
    Case(
        "window = input, channels first",
        shape=(2, 9, 5, 4),
        pool_size=(5, 4),
        data_format=FIRST,
    ),
    Case("window one less than input", shape=(1, 5, 4, 3), pool_size=(4, 3), strides=1),
    Case("odd size, the rest is dropped", shape=(1, 7, 5, 6)),
    # "same".
    Case("same on odd sizes", shape=(2, 7, 5, 6), padding="same"),
    Case("same, stride 1", shape=(1, 6, 7, 19), pool_size=3, strides=1, padding="same"),
    Case(
        "same pads more after than before",
        shape=(1, 6, 6, 4),
        pool_size=(2, 4),
        strides=1,
        padding="same",
    ),
    Case("same, window > input", shape=(1, 3, 2, 5), pool_size=5, padding="same"),
    Case(
        "same, stride > window",
        shape=(1, 8, 7, 3),
        pool_size=2,
        strides=3,
        padding="same",
    ),
    Case(
        "same, channels first",
        shape=(2, 5, 7, 21),
        pool_size=3,
        strides=2,
        padding="same",
        data_format=FIRST,
    ),
    # Explicit padding.
    Case(
        "one pad for all",
        shape=(1, 5, 6, 8),
        pool_size=3,
        strides=2,
        padding=1,
        wrong=(wrong("padding", "3", padding=3),),
    ),
    Case("a pad per axis", shape=(1, 5, 6, 3), pool_size=3, padding=(2, 1)),
    Case(
        "asymmetric pads",
        shape=(2, 6, 5, 7),
        pool_size=(3, 4),
        strides=(2, 1),
        padding=((0, 2), (3, 1)),
        wrong=(
            wrong("padding", padding=((0, 3), (3, 1))),
            wrong("padding", "-1", padding=((0, -1), (3, 1))),
        ),
    ),
    Case(
        "asymmetric pads, channels first",
        shape=(2, 3, 6, 18),
        pool_size=(3, 4),
        strides=(2, 1),
        padding=((2, 0), (1, 3)),
        data_format=FIRST,
    ),
    Case(
        "first and last window with one tap inside",
        shape=(1, 5, 5, 3),
        pool_size=3,
        strides=1,
        padding=2,
    ),
    Case("input smaller than its padding", shape=(1, 1, 2, 3), pool_size=5, padding=4),
    Case("zero written out is valid", shape=(1, 5, 4, 3), padding=0),
    # ceil_mode.
    Case("ceil keeps the rest", shape=(2, 5, 7, 9), pool_size=2, ceil_mode=True),
    Case("ceil with nothing left over", shape=(1, 4, 6, 3), ceil_mode=True),
    Case(
        "ceil drops a window that starts in the padding",
        shape=(1, 4, 5, 3),
        pool_size=2,
        strides=3,
        padding=1,
        ceil_mode=True,
    ),
    Case(
        "ceil, window runs past the padding",
        shape=(1, 6, 6, 4),
        pool_size=3,
        strides=2,
        padding=((1, 1), (0, 1)),
        ceil_mode=True,
    ),
    Case(
        "ceil, channels first",
        shape=(1, 2, 6, 20),
        pool_size=3,
        strides=2,
        padding=(0, 1),
        ceil_mode=True,
        data_format=FIRST,
    ),
    # Dilation.
    Case("dilated", shape=(1, 9, 10, 5), pool_size=3, strides=1, dilation_rate=2),
    Case(
        "dilation coprime to the stride",
        shape=(2, 12, 11, 17),
        pool_size=(3, 2),
        strides=2,
        dilation_rate=(3, 5),
        wrong=(wrong("pool_size", dilation_rate=(6, 5)),),
    ),
    Case(
        "dilated, same",
        shape=(1, 8, 9, 4),
        pool_size=3,
        strides=1,
        padding="same",
        dilation_rate=2,
    ),
    Case(
        "dilated, first taps all in the padding",
        shape=(1, 7, 7, 3),
        pool_size=3,
        strides=2,
        padding=((4, 3), (2, 4)),
        dilation_rate=2,
        wrong=(wrong("padding", padding=5),),
    ),
    Case(
        "dilated, ceil, channels first",
        shape=(1, 3, 8, 19),
        pool_size=2,
        strides=(2, 3),
        padding=1,
        dilation_rate=2,
        ceil_mode=True,
        data_format=FIRST,
    ),
    # Rank 1 and 3.
    Case("1D", shape=(3, 11, 6), pool_size=3, strides=2),
    Case("1D, channels first", shape=(2, 5, 37), pool_size=2, data_format=FIRST),
    Case("1D, same, one channel", shape=(1, 10, 1), pool_size=4, padding="same"),
    Case("1D, a pair of pads", shape=(1, 9, 2), pool_size=3, padding=((2, 1),)),
    Case("1D, dilated", shape=(2, 13, 5), pool_size=4, strides=3, dilation_rate=3),
    Case("3D", shape=(2, 4, 6, 5, 3), pool_size=2),
    Case("3D, overlapping", shape=(1, 5, 5, 6, 9), pool_size=(2, 3, 3), strides=2),
    Case(
        "3D, channels first",
        shape=(1, 2, 4, 5, 18),
        pool_size=(2, 2, 3),
        strides=(1, 2, 2),
        padding="same",
        data_format=FIRST,
    ),
    Case(
        "3D, everything differs per axis",
        shape=(1, 6, 7, 8, 2),
        pool_size=(2, 3, 2),
        strides=(3, 1, 2),
        padding=((1, 0), (0, 2), (1, 1)),
        dilation_rate=(1, 2, 3),
        ceil_mode=True,
    ),
    # Batch, tall and wide.
    Case("batch 1", shape=(1, 8, 8, 20), pool_size=3, strides=2, padding=1),
    Case("odd batch", shape=(5, 4, 4, 3)),
    Case("empty batch", shape=(0, 4, 6, 3), pool_size=3, strides=2),
    Case("no channels", shape=(2, 4, 6, 0)),
    Case("tall", shape=(1, 67, 1, 2), pool_size=(3, 1), strides=(2, 1)),
    Case("wide", shape=(1, 1, 131, 2), pool_size=(1, 2)),
    Case(
        "wide, channels first",
        shape=(1, 1, 1, 131),
        pool_size=(1, 2),
        data_format=FIRST,
    ),
    # Tap numbers: up to 256 fit in a byte.
    Case("exactly 256 taps", shape=(1, 17, 18, 5), pool_size=16, strides=1),
    Case("257 taps", shape=(1, 260, 2), pool_size=257, strides=1),
    Case(
        "too many taps for a byte", shape=(1, 23, 21, 4), pool_size=(18, 17), strides=2
    ),
    Case(
        "too many taps for a byte, channels first",
        shape=(1, 2, 20, 40),
        pool_size=(17, 19),
        strides=(1, 2),
        padding="same",
        data_format=FIRST,
    ),
    # Work to divide: more than one piece for each thread.
    Case("many rows", shape=(2, 96, 40, 16)),
    Case("many rows of one image", shape=(1, 130, 66, 24), pool_size=3, strides=2),
    Case(
        "many channels", shape=(1, 6, 6, 1030), pool_size=3, strides=1, padding="same"
    ),
    Case("many images", shape=(65, 4, 4, 8)),
    Case(
        "many planes", shape=(3, 70, 9, 11), pool_size=3, strides=2, data_format=FIRST
    ),
    Case("one large plane", shape=(1, 1, 120, 130), strides=2, data_format=FIRST),
]

# Every remainder of a vector: of 4 to 64 lanes, over 1 to 3 blocks.
CHANNEL_CASES = [
    Case(
        f"{c} channels", shape=(1, 5, 5, c), pool_size=3, strides=2, padding=((1, 0), 1)
    )
    for c in range(1, 71)
]
# The same where the lanes are neighbouring columns of the output.
COLUMN_CASES = [
    Case(
        f"{columns} columns at stride {stride}",
        shape=(1, 2, 4, (columns - 1) * stride + 3),
        pool_size=3,
        strides=stride,
        padding=((0, 1), 0),
        data_format=FIRST,
    )
    for stride in (1, 2)
    for columns in range(1, 36)
]
EVERY_CASE = CASES + CHANNEL_CASES + COLUMN_CASES


def named(*reasons: str) -> list[Case]:
    """Picks cases by their reasons."""
    by_reason = {case.reason: case for case in EVERY_CASE}
    return [by_reason[reason] for reason in reasons]
