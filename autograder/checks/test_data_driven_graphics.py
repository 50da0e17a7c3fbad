"""Hidden checks of assignment 0, data-driven graphics.

Oracles: SciPy's and scikit-learn's neighbours and k-means, a tally by Counter, NumPy's average,
closed forms worked by hand.

Every size differs from every other, so that a wrong axis shows. Checks of values take float32 and
accept float32 or float64; the dtype has a check of its own (`..._form`), so that a slip there costs
once. Indices and labels are int64 throughout, as torch needs them to look something up.
"""

from collections import Counter

import numpy as np
import torch
from scipy.cluster.vq import vq
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from torch import Tensor

from autograder.checks import Failure, check, expect, expect_inputs_unchanged
from autograder.checks.expect import describe, expect_value
from autograder.checks.inputs import draw, strided

# Tolerances, relative to the largest expected magnitude (at least 1); see TOLERANCE for the
# default.
# Of distances near 100 with rows near 1000: a rounded mean (1e-4) goes into differences of about 1.
FAR = 1e-4


def pair(result: object, what: str) -> tuple[object, object]:
    """Both parts. Raises Failure for anything but a pair."""
    if not isinstance(result, (tuple, list)):
        raise Failure("wrong type", f"the result is {describe(result)}, not {what}")
    if len(result) != 2:
        raise Failure("wrong type", f"the result is not a pair, {what}")
    return result[0], result[1]


# ---------------------------------------------------------------------------------------- distances


def squared(a: Tensor, b: Tensor) -> Tensor:
    """SciPy's squared distances, in double precision."""
    return torch.from_numpy(cdist(a.double().numpy(), b.double().numpy(), "sqeuclidean"))


@check("pairwise_squared_distances", points=1)
def test_distances_of_a_triangle(submission):
    """The sides of right-angled triangles, worked by hand, with negative coordinates."""
    a = torch.tensor([[0.0, 0.0], [-3.0, 4.0]])
    b = torch.tensor([[3.0, 4.0], [0.0, 0.0], [-3.0, -8.0]])
    expected = torch.tensor([[25.0, 0.0, 73.0], [36.0, 25.0, 144.0]])
    expect_value(submission.pairwise_squared_distances(a, b), expected)


@check("pairwise_squared_distances", points=1.5)
def test_distances_of_random_rows(submission):
    """Random rows, small and large: every row of the one with every row of the other."""
    for seed, scale, sizes in ((1, 1.0, (5, 7, 3)), (2, 1e4, (6, 4, 11)), (3, 5.0, (4, 9, 1))):
        n, m, d = sizes
        a, b = scale * draw(seed, n, d), scale * draw(seed + 100, m, d)
        expect_value(submission.pairwise_squared_distances(a, b), squared(a, b))


@check("pairwise_squared_distances", points=1.5)
def test_distances_far_from_the_origin(submission):
    """Rows of float32 whose coordinates are near 1000 or -1000, and differ by about 1, or not at
    all.
    """
    mean = torch.tensor([1000.0, -1000.0, 1000.0]).repeat(20)
    a = mean + draw(4, 30, 60)
    b = torch.cat([mean + draw(5, 40, 60), a[:20]])  # of a copy, what rounds is above or below zero
    expect_value(submission.pairwise_squared_distances(a, b), squared(a, b), FAR)


@check("pairwise_squared_distances", points=1)
def test_distances_are_never_negative(submission):
    """The distances of rows to themselves and to near copies: small, and never below zero."""
    a = draw(6, 40, 50, low=2, high=4)
    near = torch.cat([a, a + 1e-4 * draw(7, 40, 50)])
    result = submission.pairwise_squared_distances(a, near)
    expect_value(result, squared(a, near))
    if (result < 0).any():
        raise Failure("wrong value", "some squared distances are negative")


@check("pairwise_squared_distances", points=0.5)
def test_distances_gradient(submission):
    """The gradient by the rows of `a` is right."""
    a, b, cotangent = draw(8, 5, 3), draw(9, 7, 3), draw(10, 5, 7)
    expect_value(submission.pairwise_squared_distances(a, b), squared(a, b))
    slope = submission.gradient_of("pairwise_squared_distances", a, b, cotangent=cotangent)
    expect_value(
        slope, 2 * (a * cotangent.sum(1, keepdim=True) - cotangent @ b), what="the gradient"
    )


@check("pairwise_squared_distances", points=0.5)
def test_distances_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        a, b = strided(draw(11, 4, 6).to(dtype)), strided(draw(12, 3, 6).to(dtype))
        expect(submission.pairwise_squared_distances(a, b), close_to=squared(a, b).to(dtype))
        expect_inputs_unchanged(submission)


# --------------------------------------------------------------------------------------- neighbours

NEIGHBORS = "the indices and the squared distances"


def expect_neighbors(result: object, indices: Tensor, values: Tensor) -> None:
    """The right indices, and the right squared distances."""
    found, distances = pair(result, NEIGHBORS)
    expect(found, close_to=indices, what="the indices")
    expect_value(distances, values, what="the squared distances")


def by_hand(squared_distances: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Row by row, by Python's sort, which keeps the order of what is equal."""
    order = [sorted(range(len(row)), key=row.__getitem__)[:k] for row in squared_distances.tolist()]
    indices = torch.tensor(order)
    return indices, torch.stack([row[i] for row, i in zip(squared_distances, indices, strict=True)])


@check("nearest_neighbors", points=1)
def test_neighbors_of_two_queries(submission):
    """Two queries and four examples: the three nearest, the nearest first."""
    distances = torch.tensor([[9.0, 4.0, 100.0, 1.0], [0.0, 25.0, 16.0, 36.0]])
    indices, values = (
        torch.tensor([[3, 1, 0], [0, 2, 1]]),
        torch.tensor([[1.0, 4.0, 9.0], [0.0, 16.0, 25.0]]),
    )
    expect_neighbors(submission.nearest_neighbors(distances, 3), indices, values)


@check("nearest_neighbors", points=1)
def test_neighbors_by_tree(submission):
    """Random points: the neighbours that a k-d tree finds, few of them and all of them."""
    queries, stored = draw(21, 6, 3), draw(22, 9, 3)
    tree = cKDTree(stored.double().numpy())
    for k in (1, 4, 9):
        distances, indices = tree.query(queries.double().numpy(), k=[*range(1, k + 1)])
        result = submission.nearest_neighbors(squared(queries, stored).float(), k)
        expect_neighbors(result, torch.from_numpy(indices), torch.from_numpy(distances**2))


@check("nearest_neighbors", points=1)
def test_neighbors_at_the_same_distance(submission):
    """Many examples at the same few distances: the lower index comes first, and the k-th is no
    exception.
    """
    distances = draw(23, 5, 200, low=0, high=6).round()
    for k in (3, 70):
        expect_neighbors(submission.nearest_neighbors(distances, k), *by_hand(distances, k))


@check("nearest_neighbors", points=1)
def test_neighbors_form(submission):
    """float32 and float64, non-contiguous, huge and tiny: int64 indices, no input is changed."""
    for dtype in (torch.float32, torch.float64):
        distances = strided((10 ** draw(24, 4, 7, low=-6, high=6)).to(dtype))
        found, values = pair(submission.nearest_neighbors(distances, 5), NEIGHBORS)
        indices, expected = by_hand(distances, 5)
        expect(found, close_to=indices, what="the indices")
        expect(values, close_to=expected, what="the squared distances")
        expect_inputs_unchanged(submission)


# ------------------------------------------------------------------------------------------- voting


def elected(labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """A tally per query; a Counter's `max` keeps the first of equals: the nearest."""
    weights = torch.ones(labels.shape) if weights is None else weights
    winners = []
    for row, counts in zip(labels.tolist(), weights.tolist(), strict=True):
        tally: Counter[int] = Counter()
        for label, count in zip(row, counts, strict=True):
            tally[label] += count
        winners.append(max(tally, key=tally.__getitem__))
    return torch.tensor(winners)


@check("vote", points=1)
def test_vote_of_a_majority(submission):
    """A clear majority wins, also against the nearest neighbour; labels are names, not numbers."""
    labels = torch.tensor([[9, 0, 0, 3, 0], [2, 7, 7, 7, 1], [4, 4, 9, 9, 9]])
    expect(submission.vote(labels), close_to=torch.tensor([0, 7, 9]))


@check("vote", points=1)
def test_vote_with_ties(submission):
    """Of classes with equally many votes the nearest neighbour's wins, whether its number is low or
    high.
    """
    labels = torch.tensor(
        [[5, 2, 2, 5], [2, 5, 5, 2], [8, 3, 1, 6], [7, 0, 4, 0], [0, 7, 3, 7], [6, 9, 9, 6]]
    )
    expect(submission.vote(labels), close_to=torch.tensor([5, 2, 8, 0, 7, 6]))


@check("vote", points=1)
def test_vote_of_random_labels(submission):
    """Random labels, of one neighbour and of many, with ties among them."""
    for seed, n, k in ((31, 9, 1), (32, 17, 4), (33, 40, 11)):
        labels = draw(seed, n, k, low=0, high=5).long()
        expect(submission.vote(labels), close_to=elected(labels))


@check("vote", points=1.5)
def test_vote_with_weights(submission):
    """Weighted votes: a few that count much outvote many that count little; a weight may be
    zero.
    """
    labels = torch.tensor([[1, 0, 0, 0], [3, 2, 2, 5], [0, 4, 4, 6]])
    weights = torch.tensor([[10.0, 3.0, 2.0, 1.0], [0.5, 0.25, 0.25, 0.0], [0.0, 0.25, 0.5, 0.5]])
    expect(submission.vote(labels, weights), close_to=torch.tensor([1, 3, 4]))
    labels = draw(34, 30, 7, low=0, high=4).long()
    weights = 2.0 ** draw(35, 30, 7, low=-3, high=3).round()  # powers of two: sums without rounding
    expect(submission.vote(labels, weights), close_to=elected(labels, weights))


@check("vote", points=0.5)
def test_vote_form(submission):
    """Weights in float32 and float64, tiny and huge, non-contiguous: int64 labels, no input is
    changed.
    """
    # The sums decide, 1.6 against 1.2, and not how many votes there are, or what a rounding leaves
    # of them.
    labels, weights = torch.tensor([[0, 0, 1, 1]]), torch.tensor([[1.4e-4, 0.2e-4, 0.6e-4, 0.6e-4]])
    expect(submission.vote(labels, weights), close_to=elected(labels, weights))
    for dtype, scale in ((torch.float32, 1e-12), (torch.float64, 1e12)):
        labels = strided(draw(36, 12, 5, low=0, high=3).long())
        weights = strided(scale * draw(37, 12, 5, low=0.1).to(dtype))
        expect(submission.vote(labels, weights), close_to=elected(labels, weights))
        expect_inputs_unchanged(submission)


# ----------------------------------------------------------------------------------------- blending


def average(images: Tensor, weights: Tensor | None = None) -> Tensor:
    """NumPy's weighted average, in double precision."""
    shares = None if weights is None else weights.double().numpy()
    return torch.from_numpy(np.average(images.double().numpy(), axis=0, weights=shares))


@check("blend", points=1)
def test_blend_of_two_pixels(submission):
    """Two images of one pixel, weighted one to three: worked by hand."""
    images = torch.tensor([[8.0, -4.0], [0.0, 4.0]]).view(2, 2, 1, 1)
    expect_value(
        submission.blend(images, torch.tensor([1.0, 3.0])), torch.tensor([2.0, 2.0]).view(2, 1, 1)
    )
    expect_value(
        submission.blend(images, torch.tensor([0.5, 0.0])), torch.tensor([8.0, -4.0]).view(2, 1, 1)
    )


@check("blend", points=1)
def test_blend_with_random_weights(submission):
    """Random images and weights whose sum is not 1: far smaller, or far larger."""
    images = draw(41, 5, 3, 4, 7)
    for scale in (1.0, 1e-12, 1e12):
        weights = scale * draw(42, 5, low=0, high=1)
        expect_value(submission.blend(images, weights), average(images, weights))


@check("blend", points=1)
def test_blend_without_weights(submission):
    """Without weights, every image counts the same, and nothing is clipped."""
    images = draw(43, 6, 2, 5, 3, low=-300, high=500)
    expect_value(submission.blend(images), average(images))


@check("blend", points=0.5)
def test_blend_gradient(submission):
    """The gradient by the images: each gets its share of what arrives."""
    images, weights, cotangent = draw(44, 4, 2, 3, 5), draw(45, 4, low=1, high=3), draw(46, 2, 3, 5)
    expect_value(submission.blend(images, weights), average(images, weights))
    slope = submission.gradient_of("blend", images, weights, cotangent=cotangent)
    expect_value(slope, (weights / weights.sum()).view(4, 1, 1, 1) * cotangent, what="the gradient")


@check("blend", points=0.5)
def test_blend_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the images, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        images, weights = (
            strided(draw(47, 4, 3, 2, 5).to(dtype)),
            strided(draw(48, 4, low=0).to(dtype)),
        )
        expect(submission.blend(images, weights), close_to=average(images, weights).to(dtype))
        expect_inputs_unchanged(submission)
        expect(submission.blend(images), close_to=average(images).to(dtype))
        expect_inputs_unchanged(submission)


# ------------------------------------------------------------------------------------------- colour


def transferred(lightness: Tensor, stored_lightness: Tensor, stored_ab: Tensor, k: int) -> Tensor:
    """By a k-d tree, query by query, in double precision."""
    tree = cKDTree(stored_lightness.flatten(1).double().numpy())
    _, nearest = tree.query(lightness.flatten(1).double().numpy(), k=[*range(1, k + 1)])
    return torch.stack([stored_ab.double()[row].mean(dim=0) for row in torch.from_numpy(nearest)])


@check("transfer_color", points=1)
def test_color_of_one_pixel(submission):
    """A grey pixel among four stored ones: the colour of the nearest, and the mean of the nearest
    two.
    """
    stored = torch.tensor([-0.4, 0.3, 0.1, 0.5]).view(4, 1, 1, 1)
    ab = torch.tensor([[50.0, 60.0], [40.0, -30.0], [-20.0, 10.0], [5.0, 7.0]]).view(4, 2, 1, 1)
    grey = torch.tensor([0.25, -0.3]).view(2, 1, 1, 1)
    for k, colours in ((1, [[40.0, -30.0], [50.0, 60.0]]), (2, [[10.0, -10.0], [15.0, 35.0]])):
        expected = torch.tensor(colours).view(2, 2, 1, 1)
        expect_value(submission.transfer_color(grey, stored, ab, k), expected)


@check("transfer_color", points=1.5)
def test_color_of_random_pictures(submission):
    """Random pictures: nearest by all the pixels together, every neighbour counts the same."""
    lightness, stored, ab = draw(51, 5, 1, 4, 7), draw(52, 11, 1, 4, 7), 100 * draw(53, 11, 2, 4, 7)
    for k in (1, 3, 11):
        expect_value(
            submission.transfer_color(lightness, stored, ab, k),
            transferred(lightness, stored, ab, k),
        )


@check("transfer_color", points=1)
def test_color_at_another_size(submission):
    """Colours at half the size, or of the middle pixel alone; lightness from 0 to 90."""
    lightness, stored = draw(54, 3, 1, 8, 6, low=0, high=90), draw(55, 7, 1, 8, 6, low=0, high=90)
    for size in ((4, 3), (1, 1)):
        ab = draw(56, 7, 2, *size)
        expect_value(
            submission.transfer_color(lightness, stored, ab, 4),
            transferred(lightness, stored, ab, 4),
        )


@check("transfer_color", points=1)
def test_color_goes_to_the_expectation(submission):
    """Many examples that look alike, in two colours: all of them averaged give E[Y|x], near
    grey.
    """
    look = torch.cat([torch.full((10, 1, 2, 3), 0.3), torch.full((4, 1, 2, 3), -0.4)])
    ab = torch.tensor([[40.0, -40.0]] * 6 + [[-40.0, 40.0]] * 4 + [[70.0, 70.0]] * 4).view(
        14, 2, 1, 1
    )
    result = submission.transfer_color(torch.full((1, 1, 2, 3), 0.29), look, ab, 10)
    expect_value(result, torch.tensor([8.0, -8.0]).view(1, 2, 1, 1))


@check("transfer_color", points=0.5)
def test_color_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        lightness, stored = (
            strided(draw(57, 3, 1, 5, 2).to(dtype)),
            strided(draw(58, 6, 1, 5, 2).to(dtype)),
        )
        ab = strided(draw(59, 6, 2, 5, 2).to(dtype))
        expected = transferred(lightness, stored, ab, 2).to(dtype)
        expect(submission.transfer_color(lightness, stored, ab, 2), close_to=expected)
        expect_inputs_unchanged(submission)


# ------------------------------------------------------------------------------------------ k-means

CLUSTERS = "the centres and the assignment"


def lloyd(points: Tensor, centers: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Point by point, in double precision."""
    rows, means = points.double().numpy(), centers.double().numpy().copy()
    for _ in range(steps):
        nearest, _ = vq(rows, means)
        for number in set(nearest.tolist()):
            means[number] = rows[nearest == number].mean(axis=0)
    return torch.from_numpy(means), torch.from_numpy(vq(rows, means)[0]).long()


def expect_clusters(result: object, expected: tuple[Tensor, Tensor]) -> None:
    """The right centres, and the right assignment."""
    centers, assignment = pair(result, CLUSTERS)
    expect_value(centers, expected[0], what="the centres")
    expect(assignment, close_to=expected[1], what="the assignment")


@check("kmeans", points=1)
def test_kmeans_of_five_points(submission):
    """Five points on a line and two centres, for one step: worked by hand."""
    points = torch.tensor([[0.0], [1.0], [5.0], [6.0], [-10.0]])
    centers, assignment = torch.tensor([[6.0], [-9.0]]), torch.tensor([0, 0, 0, 0, 1])
    moved = torch.tensor([[3.0], [-10.0]])  # 0, 1, 5 and 6 are nearer to 6 than to -9
    expect_clusters(submission.kmeans(points, centers, 1), (moved, assignment))


@check("kmeans", points=1.5)
def test_kmeans_step_by_step(submission):
    """Random points: after no step, one, two and five, also far from the origin."""
    for offset in (0.0, 1000.0):
        points = draw(61, 40, 3, low=-8, high=8).round() + 0.25 * draw(62, 40, 3) + offset
        for steps in (0, 1, 2, 5):
            expected = lloyd(points, points[:4], steps)
            expect_clusters(submission.kmeans(points, points[:4], steps), expected)


@check("kmeans", points=1)
def test_kmeans_until_it_rests(submission):
    """Without a number of steps there are ten: enough to come to scikit-learn's resting place."""
    points = draw(63, 30, 2, low=-5, high=5) + torch.tensor(
        [[0.0, 0.0], [30.0, 5.0], [-7.0, 40.0]]
    ).repeat(10, 1)
    rest = KMeans(3, init=points[:3].double().numpy(), n_init=1, algorithm="lloyd").fit(
        points.double().numpy()
    )
    expected = torch.from_numpy(rest.cluster_centers_), torch.from_numpy(rest.labels_).long()
    expect_clusters(submission.kmeans(points, points[:3]), expected)


@check("kmeans", points=0.5)
def test_kmeans_takes_ten_steps(submission):
    """A chain of points along which the centres are still moving after ten steps."""
    points = (torch.arange(60.0) ** 1.5)[:, None]
    expect_clusters(submission.kmeans(points, points[:3]), lloyd(points, points[:3], 10))


@check("kmeans", points=1)
def test_kmeans_with_empty_clusters(submission):
    """Centres without points stay where they are, finite, and may win points later."""
    points = torch.tensor([[0.0, 1.0], [2.0, 1.0], [4.0, 7.0], [4.0, 9.0], [20.0, 8.0]])
    centers = torch.tensor([[1.0, 0.0], [-500.0, 300.0], [5.0, 8.0], [29.0, 9.0]])
    for steps in (1, 4):
        for start in (centers, centers[[2, 0, 3, 1]]):
            expect_clusters(submission.kmeans(points, start, steps), lloyd(points, start, steps))


@check("kmeans", points=0.5)
def test_kmeans_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        points = strided(draw(64, 15, 3).to(dtype))
        centers = strided(points[[2, 5, 9, 11]])
        expected, nearest = lloyd(points, centers, 3)
        found, assignment = pair(submission.kmeans(points, centers, 3), CLUSTERS)
        expect(found, close_to=expected.to(dtype), what="the centres")
        expect(assignment, close_to=nearest, what="the assignment")
        expect_inputs_unchanged(submission)


# ------------------------------------------------------------------------------------- visual words


def histogram(descriptors: Tensor, words: Tensor) -> Tensor:
    """Image by image, with SciPy's vector quantisation, in double precision."""
    counts = [
        np.bincount(vq(image, words.double().numpy())[0], minlength=len(words)) / len(image)
        for image in descriptors.double().numpy()
    ]
    return torch.from_numpy(np.stack(counts))


@check("bag_of_visual_words", points=1)
def test_words_of_four_descriptors(submission):
    """Two images of four descriptors, three words, one of which never occurs: worked by hand."""
    words = torch.tensor([[0.0], [10.0], [-50.0]])
    descriptors = torch.tensor([[1.0, 9.0, 2.0, -3.0], [30.0, 11.0, 12.0, 7.0]])[..., None]
    expected = torch.tensor([[0.75, 0.25, 0.0], [0.0, 1.0, 0.0]])
    expect_value(submission.bag_of_visual_words(descriptors, words), expected)


@check("bag_of_visual_words", points=1.5)
def test_words_of_random_images(submission):
    """Random descriptors, small and large: a histogram of shares for each image of its own."""
    for scale in (1.0, 1e4):
        descriptors, words = scale * draw(71, 4, 11, 3), scale * draw(72, 7, 3)
        expect_value(
            submission.bag_of_visual_words(descriptors, words), histogram(descriptors, words)
        )


@check("bag_of_visual_words", points=1)
def test_words_forget_the_place(submission):
    """Descriptors in another order give the same histogram, and images in another order follow
    suit.
    """
    descriptors, words = draw(73, 3, 9, 5), draw(74, 6, 5)
    expected = histogram(descriptors, words)
    expect_value(submission.bag_of_visual_words(descriptors, words), expected)
    shuffled = descriptors[[2, 0, 1]][:, [4, 0, 8, 2, 6, 1, 3, 7, 5]]
    expect_value(submission.bag_of_visual_words(shuffled, words), expected[[2, 0, 1]])


@check("bag_of_visual_words", points=0.5)
def test_words_form(submission):
    """float32 and float64, non-contiguous inputs: the dtype follows the input, and no input is
    changed.
    """
    for dtype in (torch.float32, torch.float64):
        descriptors, words = strided(draw(75, 2, 9, 4).to(dtype)), strided(draw(76, 5, 4).to(dtype))
        result = submission.bag_of_visual_words(descriptors, words)
        expect(result, close_to=histogram(descriptors, words).to(dtype))
        expect_inputs_unchanged(submission)
