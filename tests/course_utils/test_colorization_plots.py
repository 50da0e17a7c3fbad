"""Every figure of a colorizer draws, and shows the numbers that it was given."""

import numpy as np
import pytest
import torch
from figures import assert_drawn
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from skimage.color import rgb2lab

import course_utils.plots.colorization_plots as plots

BINS = torch.tensor([[0.0, 0], [50, 30], [-40, 40], [10, -40]])
SHARES = torch.tensor([[0.1, 0.7, 0.2, 0.0], [0.8, 0.0, 0.0, 0.2]])
SCENE = torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(0))
MAP = torch.arange(12.0).view(3, 4)
COLOURS = torch.tensor([[50.0, 30], [50, 30], [-40, 40], [0, 0]])
STEPS = range(100)
FALLING = [5 * 0.9**step + 1.5 for step in STEPS]
RATIOS = {"L2": (torch.tensor([0.7, 0.6]), torch.tensor([0.75, 0.5]))}
RATIOS |= {"rebalanced": (torch.tensor([0.5, 3.6]), torch.tensor([1.2, 3.8]))}


def losses(floor: float = 1.5) -> Figure:
    return plots.losses({"L2": (STEPS, FALLING), "multinomial": (STEPS, FALLING)}, {"L2": floor})


def window_needed(floors: dict[str, float] | float) -> Figure:
    return plots.window_needed(
        [1, 4, 16], {"chair": [3, 2.5, 2.1], "sofa": [3.2, 2.4, 2.09]}, floors
    )


def patch_by_patch(
    at_once: torch.Tensor = MAP, seconds: tuple[float, float] = (5.0, 0.1)
) -> Figure:
    return plots.patch_by_patch(SCENE, MAP, at_once, seconds)


def one_pixel(shares: torch.Tensor = SHARES) -> Figure:
    return plots.one_pixel(
        SCENE, [(3, 5), (20, 30)], BINS, shares, shares @ BINS, ["chair", "sofa"]
    )


def scores_table(psnr: float = 23.14) -> Figure:
    rows = {"ours": (), "L2": (0.955, psnr), "published": (), " L2 ": (0.912, "–")}
    return plots.scores_table(rows, ["AuC", "PSNR, dB"], "A note.")


KINDS = (
    ["chair", "sofa"],
    [BINS[1:], BINS[:2]],
    [torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.8, 0.2])],
)


def predicted_answers(l2: torch.Tensor = BINS[:2]) -> Figure:
    return plots.predicted_answers(*KINDS, {"L2": l2, "rebalanced": BINS[2:]})


INDICES = torch.tensor([[1, 0, 3], [2, 1, 0]])
TWO_SHARES = torch.tensor([[0.3, 0.5, 0.9], [0.7, 0.5, 0.1]])


def dense_and_sparse(indices: torch.Tensor = INDICES, shares: torch.Tensor = TWO_SHARES) -> Figure:
    dense = torch.zeros(4, 3).scatter(0, indices, shares)
    return plots.dense_and_sparse(dense, indices, shares, BINS)


GRADIENTS = {"A": torch.tensor([0.1, -0.4, 0.3, 0.0]), "B": torch.tensor([-0.2, 0.05, 0.05, 0.1])}


def pushes() -> Figure:
    return plots.pushes(BINS, GRADIENTS, {"A": BINS[1], "B": torch.tensor([3.0, -5])})


def field(rows: slice, columns: slice) -> torch.Tensor:
    depends = torch.zeros(24, 32)
    depends[rows, columns] = -0.5
    return depends


FIELDS = {
    "one block": field(slice(2, 9), slice(4, 17)),
    "three blocks": field(slice(0, 20), slice(1, 30)),
}


def receptive_fields(fields: dict[str, torch.Tensor] = FIELDS) -> Figure:
    return plots.receptive_fields(SCENE, fields, (5, 10))


def memory_and_time(megabytes: float = 64.0) -> Figure:
    return plots.memory_and_time({"dense": (1284.3, 412.26), "without zeros": (megabytes, 9.642)})


NEAR = {
    name: 1 - torch.exp(-torch.arange(151.0) / scale)
    for name, scale in (("L2", 5), ("multinomial", 5.2))
}
AREAS = {"L2": (0.9534, 0.8366), "multinomial": (0.952, 0.841)}


def right_within(
    curves: dict[str, torch.Tensor] = NEAR, areas: dict[str, tuple[float, float]] = AREAS
) -> Figure:
    return plots.right_within(curves, areas)


FIGURES = {
    "losses": losses,
    "window_needed": lambda: window_needed({"chair": 2.0, "sofa": 1.9}),
    "window_needed, one floor": lambda: window_needed(1.6),
    "patch_by_patch": patch_by_patch,
    "patch_by_patch, grey": lambda: plots.patch_by_patch(SCENE[0], MAP, MAP, (1.0, 2.0)),
    "one_pixel": one_pixel,
    "ab_histograms": lambda: plots.ab_histograms({"truth": COLOURS, "L2": COLOURS[3:]}),
    "measured_beside_possible": lambda: plots.measured_beside_possible(RATIOS, ["chair", "sofa"]),
    "scores_table": scores_table,
    "predicted_answers": predicted_answers,
    "predicted_answers, long names": lambda: plots.predicted_answers(
        *KINDS, dict.fromkeys(["the mode of the distribution", "L2", "L1", "T = 0.38"], BINS[:2])
    ),
    "dense_and_sparse": dense_and_sparse,
    "pushes": pushes,
    "pushes, one pixel": lambda: plots.pushes(BINS, {"A": GRADIENTS["A"]}, {"A": BINS[1]}),
    "receptive_fields": receptive_fields,
    "receptive_fields, one": lambda: receptive_fields(
        {"a network of one block": FIELDS["one block"]}
    ),
    "memory_and_time": memory_and_time,
    "right_within": right_within,
    "right_within, six": lambda: right_within(dict.fromkeys("abcdef", NEAR["L2"]), {}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_it_draws_without_a_warning(name, recwarn):
    assert_drawn(FIGURES[name]())
    assert [
        str(each.message) for each in recwarn if each.category in (UserWarning, RuntimeWarning)
    ] == []


def texts(figure: Figure) -> list[str]:
    return [text.get_text().strip() for axes in figure.axes for text in axes.texts]


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


def drawn(figure: Figure) -> bytes:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return bytes(canvas.buffer_rgba())


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_leaves_the_page(name):
    figure = FIGURES[name]()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = canvas.get_width_height()
    for text in [
        text for axes in figure.axes for text in (*axes.texts, axes._left_title) if text.get_text()
    ]:
        box = text.get_window_extent()
        assert min(box.x0, box.y0) > -3, text
        assert max(box.x1 - width, box.y1 - height) < 3, text


def test_only_a_training_with_a_floor_has_a_line_for_it():
    figure = losses()
    assert titles(figure) == ["L2", "multinomial"]
    assert texts(figure) == ["the least possible"]
    assert [len(axes.lines) for axes in figure.axes] == [3, 2]
    assert set(figure.axes[0].lines[-1].get_ydata()) == {1.5}


def test_a_floor_far_below_is_within_the_panel():
    low, high = losses(floor=-4.0).axes[0].get_ylim()
    assert low < -4 < FALLING[-1] < high


def test_the_smooth_curve_follows_the_loss_without_lagging():
    line = [float(step) for step in STEPS]
    smooth = plots._smoothed(line, 11)
    assert smooth[5:-5] == pytest.approx(line[5:-5])
    assert plots._smoothed([2.0] * 30, 6) == pytest.approx([2.0] * 30)


def test_each_kind_has_its_name_and_its_floor_in_its_own_colour():
    axes = window_needed({"chair": 2.0, "sofa": 1.9}).axes[0]
    lines, floors = axes.lines[::2], axes.lines[1::2]
    assert [line.get_ydata()[0] for line in floors] == [2.0, 1.9]
    assert [line.get_color() for line in lines] == [line.get_color() for line in floors]
    places = {text.get_text(): text.xy[1] for text in axes.texts}
    assert places["chair"] - places["sofa"] > 0.03  # their curves end closer together


def test_no_kind_is_left_out_for_want_of_a_colour():
    kinds = {name: [2.0, 1.0] for name in "abcdefgh"}
    assert sorted(texts(plots.window_needed([1, 2], kinds, 0.9))) == list("abcdefgh")


def test_both_maps_are_shown_on_one_scale_with_how_much_faster():
    figure = patch_by_patch(at_once=MAP + 5)
    assert titles(figure) == ["the picture", "patch by patch", "at once: 50 times faster"]
    assert [axes.images[0].get_clim() for axes in figure.axes[1:]] == [(0, 16), (0, 16)]
    assert np.array_equal(figure.axes[2].images[0].get_array(), MAP + 5)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ((3.0, 2.0), "1.5 times faster"),
        ((1.0, 2.0), "2.0 times slower"),
        ((40.0, 1.0), "40 times faster"),
    ],
)
def test_times_are_told_as_a_ratio(seconds, words):
    assert titles(patch_by_patch(seconds=seconds))[-1] == f"at once: {words}"


def test_each_pixel_is_marked_and_has_its_distribution():
    figure = one_pixel()
    assert titles(figure) == ["black and white", "A, chair", "B, sofa"]
    assert texts(figure) == ["A", "B"]
    assert figure.axes[0].lines[0].get_xydata().tolist() == [[5, 3]]  # x, y
    widths = [axes.collections[0]._widths * 2 for axes in figure.axes[1:]]
    assert widths[0][1] ** 2 / widths[0][2] ** 2 == pytest.approx(3.5)  # areas as 0.7 to 0.2
    # And of all on one scale.
    assert widths[0][1] ** 2 / widths[1][0] ** 2 == pytest.approx(0.7 / 0.8)
    answers = [axes.lines[-1].get_xydata()[0].tolist() for axes in figure.axes[1:]]
    assert answers == [pytest.approx(colour) for colour in (SHARES @ BINS).tolist()]
    assert drawn(one_pixel(SHARES.flip(1))) != drawn(figure)


def test_histograms_count_shares_on_one_scale():
    figure = FIGURES["ab_histograms"]()
    first, second = (axes.collections[0] for axes in figure.axes[:2])
    shares = 10 ** np.ma.compressed(first.get_array())
    assert sorted(shares) == pytest.approx([0.25, 0.25, 0.5])
    assert 10 ** np.ma.compressed(second.get_array()) == pytest.approx([1])
    assert first.get_clim() == second.get_clim()


def test_a_colour_is_counted_at_its_place():
    mesh = plots.ab_histograms({"truth": torch.tensor([[50.0, -30.0]])}).axes[0].collections[0]
    counts, corners = mesh.get_array(), mesh.get_coordinates()
    row, column = np.argwhere(~np.ma.getmaskarray(counts))[0]
    middle = (corners[row, column] + corners[row + 1, column + 1]) / 2
    assert abs(middle - [50, -30]).max() <= 2


def test_the_gamuts_outline_goes_through_the_purest_colours():
    outline = plots._gamut_outline()
    for a, b in ((80.1, 67.2), (-86.2, 83.2), (79.2, -107.9)):  # red, green, blue
        assert np.hypot(*(outline - [a, b]).T).min() < 0.2


def test_bars_leave_from_the_truth_and_end_at_measured_and_possible():
    figure = FIGURES["measured_beside_possible"]()
    reached = [[1 + box.get_width() for box in bars] for bars in figure.axes[0].containers]
    expected = [each.tolist() for pair in RATIOS.values() for each in pair]
    assert reached == [pytest.approx(each) for each in expected]
    assert texts(figure) == ["0.70", "L2", "0.60", "L2", "0.50", "rebalanced", "3.60", "rebalanced"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["chair", "sofa"]


def test_a_measure_of_nothing_is_drawn_too(recwarn):
    rows = {"grey": (torch.zeros(2), torch.ones(2))}
    figure = plots.measured_beside_possible(rows, ["chair", "sofa"])
    assert_drawn(figure)
    assert texts(figure) == ["0.00", "grey"] * 2
    assert not recwarn


def test_a_network_that_knows_nothing_is_drawn_too():
    assert_drawn(one_pixel(torch.full((2, 4), 0.25)))
    many = torch.cartesian_prod(torch.arange(-50.0, 50, 5), torch.arange(-50.0, 50, 5))
    flat = torch.full((1, 400), 1 / 400)
    assert_drawn(plots.one_pixel(SCENE, [(1, 1)], many, flat, flat @ many))


def test_the_table_shows_every_number_with_its_columns_digits():
    found = texts(scores_table())
    assert found == [
        *(
            "AuC",
            "PSNR, dB",
            "ours",
            "L2",
            "0.955",
            "23.1",
            "published",
            "L2",
            "0.912",
            "–",
            "A note.",
        )
    ]
    assert drawn(scores_table()) != drawn(scores_table(psnr=23.9))


def test_each_kinds_colours_stand_with_their_odds_before_the_answers():
    figure = predicted_answers()
    odds = ["70%", "20%", "10%", "80%", "20%"]
    assert texts(figure) == ["chair", *odds[:3], "sofa", *odds[3:], "may be", "L2", "rebalanced"]
    images = figure.axes[0].images
    assert len(images) == 5 + 4
    lefts = [image.get_extent()[0] for image in images]
    assert max(lefts[:3]) + 1 < min(lefts[3:5])
    assert lefts[3:5] == lefts[7:]  # the answers stand in columns
    balls = [image.get_array() for image in images]
    for one, same in ((0, 7), (1, 4), (3, 5)):  # of BINS[1], of BINS[2] and of BINS[0]
        assert np.array_equal(balls[one], balls[same])


def test_all_balls_have_one_lightness():
    balls = [rgb2lab(image.get_array())[80, 80, 0] for image in predicted_answers().axes[0].images]
    assert balls == pytest.approx([balls[0]] * len(balls), abs=0.5)


def test_another_answer_is_another_ball():
    assert drawn(predicted_answers(BINS[1:3])) != drawn(predicted_answers())


def test_a_code_without_zeros_keeps_every_share_of_the_dense_one():
    figure = dense_and_sparse()
    assert titles(figure)[:2] == ["4 × 3 = 12 numbers", "2 × 3 shares, and as many indices"]
    dense, sparse = (axes.images[0].get_array().data for axes in figure.axes[:2])
    assert (dense.shape, sparse.shape) == ((4, 3, 3), (2, 3, 3))
    assert ((dense < 1).any(axis=2) == np.array([[0, 1, 1], [1, 1, 0], [1, 0, 0], [0, 0, 1]])).all()
    assert sparse[0, 0] == pytest.approx(dense[2, 0])  # the larger share first
    assert sparse[1, 0] == pytest.approx(dense[1, 0])
    # The largest of all is not faint.
    assert sparse[0, 2] == pytest.approx(plots.own_colours(BINS)[3])


def test_the_order_of_the_bins_that_share_a_pixel_makes_no_difference():
    apart = [0, 2]  # at the other pixel the shares tie
    swapped = dense_and_sparse(INDICES.flip(0), TWO_SHARES.flip(0)).axes[1].images[0].get_array()
    assert np.array_equal(
        swapped[:, apart], dense_and_sparse().axes[1].images[0].get_array()[:, apart]
    )


def test_areas_tell_how_far_a_score_is_raised_or_lowered():
    figure = pushes()
    assert titles(figure) == ["A", "B"]
    lowered, raised = figure.axes[0].collections
    places = {tuple(place): number for number, place in enumerate(raised.get_offsets().tolist())}
    down, up = ((2 * each._widths) ** 2 for each in (lowered, raised))
    bins = [places[tuple(each)] for each in BINS.tolist()]
    assert up[bins] / up.max() == pytest.approx([0, 1, 0, 0])
    assert down[bins] / up.max() == pytest.approx([0.25, 0, 0.75, 0])
    assert (2 * figure.axes[1].collections[1]._widths).max() ** 2 / up.max() == pytest.approx(0.5)
    assert len(lowered.get_facecolor()) == 0
    assert raised.get_facecolor()[bins[1], :3] == pytest.approx(plots.own_colours(BINS[1:2])[0])


def test_the_true_colour_is_marked_and_the_legend_tells_what_is_what():
    figure = pushes()
    assert figure.axes[1].lines[-1].get_xydata().tolist() == [[3, -5]]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["raised: the larger, the more", "lowered", "the true colour"]


def test_nothing_is_pushed_where_the_gradient_is_zero(recwarn):
    figure = plots.pushes(BINS, {"A": torch.zeros(4)}, {"A": BINS[1]})
    assert_drawn(figure)
    assert max(each._widths.max() for each in figure.axes[0].collections) == 0
    assert not recwarn


def test_the_box_holds_all_that_an_answer_depends_on():
    figure = receptive_fields()
    expected = [
        "one place is asked",
        "one block: 13 × 7 pixels",
        "three blocks: 29 × 20 pixels or more",
    ]
    assert titles(figure)[:3] == expected
    assert figure.axes[1].patches[0].get_bbox().extents.tolist() == [3.5, 1.5, 16.5, 8.5]
    assert figure.axes[0].lines[0].get_xydata().tolist() == [[10, 5]]  # x, y


def test_a_gradient_is_shown_as_a_part_of_its_largest_and_zeros_are_not():
    fields = {"one": FIELDS["one block"].clone()}
    fields["one"][2, 4] = 5
    shown = receptive_fields(fields).axes[1].images[1].get_array()
    assert (shown.mask == (fields["one"] == 0).numpy()).all()
    assert shown.data[2, 4:6] == pytest.approx([1, 0.1])


def test_an_answer_that_depends_on_nothing_is_drawn_too(recwarn):
    figure = receptive_fields({"a constant": torch.zeros(24, 32)})
    assert_drawn(figure)
    assert titles(figure)[1] == "a constant: no pixel"
    assert not recwarn


def test_bars_are_as_long_as_their_numbers_and_the_first_is_at_the_top():
    figure = memory_and_time()
    widths = [[bar.get_width() for bar in axes.patches] for axes in figure.axes]
    assert widths == [[1284.3, 64.0], [412.26, 9.642]]
    assert texts(figure) == ["1,284 MB", "64 MB", "412 ms", "9.64 ms"]
    bottom, top = figure.axes[0].get_ylim()
    assert bottom > top
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "dense",
        "without zeros",
    ]
    assert drawn(memory_and_time(640.0)) != drawn(figure)


def test_curves_go_through_their_shares_at_each_tolerance():
    axes = right_within().axes[0]
    for line, curve in zip(axes.lines, NEAR.values(), strict=True):
        assert line.get_xdata().tolist() == list(range(151))
        assert line.get_ydata() == pytest.approx(100 * curve.numpy())
    assert axes.get_xlim() == (0, 150)
    assert axes.get_ylim()[0] == 0
    assert [label.get_text() for label in axes.get_yticklabels()][-1] == "100 %"
    assert drawn(right_within(NEAR | {"L2": NEAR["L2"] / 2})) != drawn(right_within())


def test_small_tolerances_have_more_room():
    axes = right_within().axes[0]
    places = axes.transData.transform([(t, 0) for t in (0, 30, 150)])[:, 0]
    assert places[1] - places[0] > 0.4 * (places[2] - places[0])


def test_each_curve_is_named_with_its_areas_inside_the_axes():
    figure = right_within()
    drawn(figure)
    axes = figure.axes[0]
    names = axes.get_legend().get_texts()
    assert [name.get_text() for name in names] == [
        "L2: AuC 0.953, rebalanced 0.837",
        "multinomial: AuC 0.952, rebalanced 0.841",
    ]
    assert [name.get_color() for name in names] == [line.get_color() for line in axes.lines]
    box = axes.get_window_extent()
    assert all(
        box.x0 < name.get_window_extent().x0 < name.get_window_extent().x1 < box.x1
        for name in names
    )


def test_a_curve_without_areas_has_its_name_alone():
    legend = right_within(areas={"L2": (0.9, 0.8)}).axes[0].get_legend()
    assert [name.get_text() for name in legend.get_texts()] == [
        "L2: AuC 0.900, rebalanced 0.800",
        "multinomial",
    ]


def test_curves_that_are_equal_are_all_seen():
    """Each leaves gaps for those below: the colour of every curve is on the page."""
    figure = right_within(dict.fromkeys(["a", "b", "c", "d"], torch.full((151,), 0.5)), {})
    figure.axes[0].get_legend().remove()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    page = np.asarray(canvas.buffer_rgba())[..., :3].reshape(-1, 3)
    for line in figure.axes[0].lines:
        own = np.round(255 * np.array(to_rgb(line.get_color())))
        assert (abs(page - own).max(axis=1) <= 1).sum() > 100, line.get_label()


def test_curves_may_need_gradients():
    assert_drawn(right_within({"L2": NEAR["L2"].double().requires_grad_()}))
