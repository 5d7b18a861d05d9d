"""Calls of functions and layers that must be refused: CVEs of other frameworks.

Each says by which reference it is known, and what the error must name.
"""

import keras_pooling as kp

INF = float("inf")
PLANE = (1, 4, 4, 1)


class Refused:
    """A call of a function, or of its layer, that must name what it was given."""

    def __init__(self, references, function, shape, arguments, *words):
        self.references = references.split()
        self.function, self.shape, self.arguments = function, shape, arguments
        # By default the last argument is the wrong one.
        self.words = words or (
            *list(arguments)[-1:],
            str([*arguments.values(), ""][-2]),
        )
        self.id = f"{'+'.join(self.references)}-{function}"

    @property
    def layer(self):
        """The layer of the same name."""
        return getattr(kp, "".join(map(str.capitalize, self.function.split("_"))))


def everywhere(references, shape, arguments, *words):
    """The same of a selecting and of a blending function."""
    functions = ("max_pool", "avg_pool")
    return [Refused(references, f, shape, arguments, *words) for f in functions]


REFUSED = [
    # Fractional: nothing comes out, or more than goes in.
    Refused(
        "CVE-2021-29550 CVE-2022-21735",
        *("fractional_max_pool", (1, 1, 1, 1), {"pooling_ratio": 1.0000014}),
    ),
    Refused(
        "CVE-2021-29550 CVE-2022-21735",
        *("fractional_avg_pool", (1, 1, 1, 4), {"pooling_ratio": (1.44, 1.73)}),
        *("pooling_ratio", "1.44"),
    ),
    Refused("CVE-2022-41900", "fractional_max_pool", PLANE, {"pooling_ratio": 0.5}),
    Refused("CVE-2022-41900", "fractional_avg_pool", PLANE, {"output_size": 5}),
    Refused(
        *("CVE-2023-25801", "fractional_max_pool", PLANE),
        *({"pooling_ratio": (2, 3, 1, 1)}, "pooling_ratio", "(2, 3, 1, 1)"),
    ),
    # Fractional: regions that are none.
    *[
        Refused(
            "CVE-2021-29580 CVE-2022-35981 CVE-2022-41897",
            *("fractional_max_pool", PLANE, {"regions": regions}, "regions", *words),
        )
        for regions, *words in (
            ([[0, 0, 0]] * 2, "[0, 0, 0]"),
            ([[-0x4000000, 1, 1]] * 2, str(-0x4000000)),
            ([[]] * 2,),
            ([0, 2, 4],),
        )
    ],
    *[
        Refused(
            "CVE-2021-29578 CVE-2021-37651 CVE-2022-21730 CVE-2022-35963",
            *("fractional_avg_pool", PLANE, {"regions": regions}, "regions", *words),
        )
        for regions, *words in (
            ([[0]] * 2, "[0]"),
            ([[0, -2, 4]] * 2, "-2"),
            ([[0, 3, 1, 4]] * 2, "[0, 3, 1, 4]"),
            ([[0, 2, 4]] * 4,),
        )
    ],
    Refused("pytorch#50967", "fractional_max_pool", PLANE, {"output_size": ()}),
    Refused("pytorch#50967", "fractional_max_pool", PLANE, {"pooling_ratio": ()}),
    Refused("pytorch#73624", "fractional_max_pool", PLANE, {"output_size": 0}),
    Refused("pytorch#73624", "fractional_avg_pool", PLANE, {"output_size": (2, -1)}),
    Refused("pytorch#91659", "fractional_max_pool", PLANE, {"regions": []}, "regions"),
    *everywhere("pytorch#50967", PLANE, {"pool_size": ()}),
    # Windows that reach too far, or nowhere.
    *everywhere(
        *("CVE-2021-37674", (1, 1, 1, 1)),
        *({"pool_size": 2, "padding": ((2, 2), (2, 2))},),
    ),
    *everywhere("CVE-2022-35968", (1, 11, 9, 1), {"pool_size": (40, 128)}),
    *everywhere("CVE-2022-35989", PLANE, {"pool_size": (5, 2)}),
    *everywhere("CVE-2022-35941", PLANE, {"pool_size": 10**20}),
    *everywhere("CVE-2022-35941", PLANE, {"pool_size": 1e20}),
    *everywhere("tensorflow#61601", PLANE, {"pool_size": 1e38}),
    *everywhere("tensorflow#61601", PLANE, {"pool_size": 2, "strides": 10**20}),
    *everywhere("tensorflow#61601", PLANE, {"pool_size": 2, "dilation_rate": 2**31}),
    *everywhere(
        *("tensorflow#61601", PLANE, {"pool_size": 2**30, "dilation_rate": 2**30}),
        *("pool_size", str(2**30)),
    ),
    *everywhere("tensorflow#61601", PLANE, {"pool_size": 2, "padding": 10**20}),
    *everywhere("CVE-2021-41196", PLANE, {"pool_size": (0, 2)}),
    *everywhere("CVE-2021-41196", PLANE, {"pool_size": -1}),
    *everywhere("CVE-2025-2953", PLANE, {"pool_size": 2, "strides": (0, 1)}),
    *everywhere("CVE-2023-25669", PLANE, {"strides": 1, "pool_size": (2, 0)}),
    *everywhere("CVE-2023-25669", PLANE, {"pool_size": 2, "strides": 0}),
    Refused("pytorch#50960", "adaptive_max_pool", PLANE, {"output_size": (2, 0)}),
    Refused("pytorch#50960", "adaptive_avg_pool", PLANE, {"output_size": -1}),
    Refused("pytorch#91553", "adaptive_avg_pool", PLANE, {"output_size": 2**31}),
    Refused("pytorch#91553", "adaptive_max_pool", PLANE, {"output_size": 1e38}),
    *[
        Refused("keras#16491", function, (2, 0, 4, 3), arguments, "(2, 0, 4, 3)")
        for function, arguments in {
            "max_pool": {"pool_size": 2},
            "avg_pool": {"pool_size": 2, "padding": "same"},
            "global_max_pool": {},
            "global_avg_pool": {},
            "global_lp_pool": {},
            "adaptive_max_pool": {"output_size": 2},
        }.items()
    ],
    # No tap in a window.
    *everywhere(
        *("CVE-2021-41196", (1, 1, 4, 1)),
        *({"pool_size": 2, "dilation_rate": 3, "padding": "same"}, "(1, 1, 4, 1)"),
    ),
    *everywhere(
        *("CVE-2021-41196", (1, 2, 2, 1)),
        *({"pool_size": 2, "dilation_rate": 3, "padding": 1}, "(1, 2, 2, 1)"),
    ),
    # What is no number, or of no kind.
    *everywhere("CVE-2025-2953", PLANE, {"pool_size": None}),
    *everywhere("CVE-2025-2953", PLANE, {"pool_size": "two"}),
    *everywhere("CVE-2025-2953", PLANE, {"pool_size": (2, None)}),
    *everywhere("CVE-2025-2953", PLANE, {"pool_size": float("nan")}),
    *everywhere("CVE-2025-2953", PLANE, {"pool_size": 2, "padding": None}),
    *everywhere(
        *("CVE-2025-2953", PLANE, {"pool_size": 2, "padding": ((1, 0, 0), (1, 0))}),
        *("padding", "(1, 0, 0)"),
    ),
    *everywhere("CVE-2021-29580", (4, 4), {"pool_size": 2}, "(4, 4)"),
    *everywhere("CVE-2021-29580", (1, 1, 4, 4, 4, 1), {"pool_size": 2}, "spatial"),
    # Our own: once silently wrong.
    *[
        Refused("own:powers", "lp_pool", PLANE, {"pool_size": 2, "p": p}, "`p`", str(p))
        for p in (0, -1, float("nan"))
    ],
    *[
        Refused(
            *("own:divisors", "avg_pool", PLANE),
            *({"pool_size": 2, "divisor_override": divisor}, "divisor_override"),
            str(divisor),
        )
        for divisor in (0, -3, 2.5, "three", INF, float("nan"))
    ],
]
