"""Misconceptions about data-driven graphics.

A hint says what is seen, what often causes it and where to look; it never gives the answer.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.misconceptions import misconception

# ---------------------------------------------------------------------------------------- distances


def _squared(a: Tensor, b: Tensor) -> Tensor:
    return (a[:, None] - b).square().sum(dim=-1)


@misconception(
    "pairwise_squared_distances",
    hint="Near copies come out at a distance below zero, and rows around 1000 lose all their digits: in "
    "float32, large numbers that nearly cancel leave mostly rounding. Look at the size of what you subtract.",
)
def expanded_without_centring(a, b):
    """|a|^2 - 2 ab + |b|^2, as it stands in books."""
    return a.square().sum(1, keepdim=True) - 2 * a @ b.T + b.square().sum(1)


@misconception(
    "pairwise_squared_distances",
    hint="Nothing is negative any more, and rows around 1000 are still wrong: a clamp hides a rounding error "
    "and does not undo it. Look at the size of what you subtract.",
)
def clamped_without_centring(a, b):
    """The sign is mended, the digits are lost."""
    return expanded_without_centring(a, b).clamp(min=0)


@misconception(
    "pairwise_squared_distances",
    hint="A triangle with the sides 3 and 4 gives 5 where 25 is asked for: the task wants squared distances.",
)
def square_root_taken(a, b):
    """Distances, not squared."""
    return (a[:, None] - b).norm(dim=-1)


@misconception(
    "pairwise_squared_distances",
    hint="All distances are too small, by the number of coordinates: sum them or average them?",
)
def mean_over_coordinates(a, b):
    """The mean squared difference."""
    return (a[:, None] - b).square().mean(dim=-1)


@misconception(
    "pairwise_squared_distances",
    hint="A triangle with the sides 3 and 4 gives 7: which distance is the sum of the sides?",
)
def city_block_distance(a, b):
    """Absolute differences."""
    return (a[:, None] - b).abs().sum(dim=-1)


@misconception(
    "pairwise_squared_distances",
    hint="The table lies on its side: which input do the docstring's rows belong to?",
)
def rows_and_columns_exchanged(a, b):
    """(M, N) instead of (N, M)."""
    return _squared(b, a)


@misconception(
    "pairwise_squared_distances",
    hint="Rows far from the origin have large distances even to their copies: work out the square of a "
    "difference by hand and count its products.",
)
def factor_two_forgotten(a, b):
    """a^2 - ab + b^2."""
    return a.square().sum(1, keepdim=True) - a @ b.T + b.square().sum(1)


@misconception(
    "pairwise_squared_distances",
    hint="The values are right, and the inputs have moved: an operation that ends in an underscore, or -=, "
    "writes into the tensor that it was given.",
)
def centred_in_place(a, b):
    """The mean is taken off the caller's own rows."""
    mean = b.mean(dim=0)
    with torch.no_grad():
        a.sub_(mean)
    return _squared(a, b - mean)


@misconception(
    "pairwise_squared_distances",
    hint="The values are right, and no gradient flows: something on the way leaves torch or is detached.",
)
def gradient_cut(a, b):
    """Computed with NumPy."""
    return _squared(a.detach(), b.detach())


@misconception(
    "pairwise_squared_distances",
    hint="A double goes in and a float comes out: in which dtype does the docstring want the result?",
)
def always_single_precision(a, b):
    """.float() at the end."""
    return _squared(a, b).float()


# --------------------------------------------------------------------------------------- neighbours


def _sorted(squared_distances: Tensor, k: int) -> tuple[Tensor, Tensor]:
    nearest = squared_distances.sort(dim=1, stable=True)
    return nearest.indices[:, :k], nearest.values[:, :k]


@misconception(
    "nearest_neighbors",
    hint="The neighbours are those that resemble the query least: which end of the sorted row is near?",
)
def the_farthest(squared_distances, k):
    """topk, which takes the largest."""
    nearest = squared_distances.sort(dim=1, descending=True, stable=True)
    return nearest.indices[:, :k], nearest.values[:, :k]


@misconception(
    "nearest_neighbors",
    hint="The right neighbours in the wrong order: the docstring says which of them comes first.",
)
def the_nearest_last(squared_distances, k):
    """Sorted the other way round."""
    indices, values = _sorted(squared_distances, k)
    return indices.flip(1), values.flip(1)


@misconception(
    "nearest_neighbors",
    hint="Where several examples are equally far, the later one comes first. Look for a sort that is stable.",
)
def ties_to_the_higher_index(squared_distances, k):
    """The order of equals is reversed."""
    nearest = squared_distances.flip(1).sort(dim=1, stable=True)
    return squared_distances.shape[1] - 1 - nearest.indices[:, :k], nearest.values[:, :k]


@misconception(
    "nearest_neighbors",
    hint="Right, but where several examples are equally far: topk promises nothing about their order. "
    "Look for a sort that is stable.",
)
def ties_as_topk_leaves_them(squared_distances, k):
    """torch.topk."""
    nearest = squared_distances.topk(k, dim=1, largest=False)
    return nearest.indices, nearest.values


@misconception(
    "nearest_neighbors",
    hint="The very nearest is missing. A query that is stored itself would find itself first; these are not.",
)
def the_first_left_out(squared_distances, k):
    """One skips oneself, out of habit."""
    nearest = squared_distances.sort(dim=1, stable=True)
    return nearest.indices[:, 1 : k + 1], nearest.values[:, 1 : k + 1]


@misconception(
    "nearest_neighbors",
    hint="Each stored example finds its neighbours among the queries: along which dimension do you sort?",
)
def sorted_along_the_queries(squared_distances, k):
    """dim=0."""
    nearest = squared_distances.sort(dim=0, stable=True)
    return nearest.indices[:k].T, nearest.values[:k].T


@misconception(
    "nearest_neighbors",
    hint="The indices are right, the distances are too small: squared ones go in, and squared ones come out.",
)
def distances_under_the_root(squared_distances, k):
    """A square root nobody asked for."""
    indices, values = _sorted(squared_distances, k)
    return indices, values.sqrt()


@misconception(
    "nearest_neighbors",
    hint="Indices and distances have changed places: in which order does the docstring name them?",
)
def parts_exchanged(squared_distances, k):
    """The order in which torch.sort has them."""
    return _sorted(squared_distances, k)[::-1]


@misconception(
    "nearest_neighbors",
    hint="The indices come as floating-point numbers, and no tensor can be looked into with those.",
)
def indices_as_floats(squared_distances, k):
    """Both parts in one dtype."""
    indices, values = _sorted(squared_distances, k)
    return indices.to(values), values


# ------------------------------------------------------------------------------------------- voting


def _tally(labels: Tensor, weights: Tensor | None) -> Tensor:
    """(N, k): the votes for the class of each neighbour."""
    weights = torch.ones(labels.shape) if weights is None else weights
    return ((labels[:, :, None] == labels[:, None]) * weights[:, None]).sum(dim=-1)


def _first(labels: Tensor, votes: Tensor) -> Tensor:
    return labels.gather(1, votes.argmax(dim=1, keepdim=True))[:, 0]


@misconception(
    "vote",
    hint="Ties go to the class with the lowest number, which means nothing: who of the voters is nearest?",
)
def ties_to_the_lowest_class(labels, weights=None):
    """argmax over the classes, or torch.mode."""
    votes = _tally(labels, weights)
    wins = votes == votes.amax(dim=1, keepdim=True)
    return torch.where(wins, labels, labels.max() + 1).amin(dim=1)


@misconception(
    "vote",
    hint="Ties go to the class that is met last: who of the voters is nearest?",
)
def ties_to_the_farthest(labels, weights=None):
    """>= where > is meant."""
    return _first(labels.flip(1), _tally(labels, weights).flip(1))


@misconception(
    "vote",
    hint="A label comes out that no neighbour has. Labels are names: what is the mean of two names?",
)
def average_of_labels(labels, weights=None):
    """Labels taken for quantities."""
    weights = torch.ones(labels.shape) if weights is None else weights
    return ((labels * weights).sum(dim=1) / weights.sum(dim=1)).round().long()


@misconception(
    "vote",
    hint="The nearest neighbour decides alone: what do the others have a vote for?",
)
def the_nearest_decides(labels, weights=None):
    """k = 1, whatever k is."""
    return labels[:, 0].clone()


@misconception(
    "vote",
    hint="Right without weights; with them, the count still decides. What is added up for each class?",
)
def weights_ignored(labels, weights=None):
    """One vote each."""
    return _first(labels, _tally(labels, None))


@misconception(
    "vote",
    hint="With weights, the single heaviest vote wins: do the votes of a class add up?",
)
def heaviest_vote_alone(labels, weights=None):
    """The largest weight instead of the largest sum."""
    return _first(labels, _tally(labels, None) if weights is None else weights)


@misconception(
    "vote",
    hint="With weights, a class of many is at a disadvantage: are a class's votes added up, or averaged?",
)
def mean_weight_of_a_class(labels, weights=None):
    """The sum is divided by the number of votes."""
    count = _tally(labels, None)
    return _first(labels, count if weights is None else _tally(labels, weights) / count)


@misconception(
    "vote",
    hint="What comes out is the position of the winner, not its label.",
)
def position_instead_of_label(labels, weights=None):
    """argmax, not looked up."""
    return _tally(labels, weights).argmax(dim=1)


@misconception(
    "vote",
    hint="With weights, those who count the least win: is the weight a distance, for you?",
)
def weights_taken_for_distances(labels, weights=None):
    """The reciprocal is taken once more."""
    return _first(labels, _tally(labels, None if weights is None else 1 / (weights + 1e-8)))


@misconception(
    "vote",
    hint="Very small weights lose their differences: something like 1e-8 is added to the votes or weights. "
    "Nothing here is divided by them.",
)
def weights_rounded_away(labels, weights=None):
    """Guarded against a division that does not take place."""
    return _first(labels, _tally(labels, None if weights is None else (weights * 1e4).round()))


# ----------------------------------------------------------------------------------------- blending


def _blended(images: Tensor, shares: Tensor) -> Tensor:
    return torch.einsum("n,nchw->chw", shares.to(images), images)


def _weights(images: Tensor, weights: Tensor | None) -> Tensor:
    return torch.ones(len(images)).to(images) if weights is None else weights


@misconception(
    "blend",
    hint="Ten images give a picture ten times too bright: what do the weights have to sum to?",
)
def weights_not_normalised(images, weights=None):
    """A weighted sum."""
    return _blended(images, _weights(images, weights))


@misconception(
    "blend",
    hint="Right without weights; with them it is too dark or too bright: do you divide by the number of the "
    "images, or by the sum of what they count?",
)
def divided_by_the_number_of_images(images, weights=None):
    """The mean of weight times image."""
    weights = _weights(images, weights)
    return _blended(images, weights / len(weights))


@misconception(
    "blend",
    hint="With weights, the result is a plain average. Look at where the weights come in.",
)
def weights_ignored_in_blending(images, weights=None):
    """mean(dim=0)."""
    return images.mean(dim=0)


@misconception(
    "blend",
    hint="An image with weight 0 still shows, and twice the weight is not twice the share: weights count in "
    "proportion. A softmax is for scores.",
)
def softmax_of_the_weights(images, weights=None):
    """It also sums to 1."""
    return _blended(images, torch.softmax(_weights(images, weights), dim=0))


@misconception(
    "blend",
    hint="Values outside [0, 1] are cut off: the docstring says nothing of a range.",
)
def clipped_to_one(images, weights=None):
    """Images are taken to be in [0, 1]."""
    weights = _weights(images, weights)
    return _blended(images, weights / weights.sum()).clamp(0, 1)


@misconception(
    "blend",
    hint="Too dark where the weights are tiny: a small number in the denominator is not small beside them.",
)
def guarded_denominator(images, weights=None):
    """+ 1e-8."""
    weights = _weights(images, weights)
    return _blended(images, weights / (weights.sum() + 1e-8))


@misconception(
    "blend",
    hint="The blend keeps only the most important image: what becomes of the others?",
)
def the_heaviest_alone(images, weights=None):
    """A choice, not a blend."""
    return images[_weights(images, weights).argmax()].clone()


@misconception(
    "blend",
    hint="The result keeps a first dimension of 1: one image is asked for.",
)
def batch_of_one(images, weights=None):
    """keepdim=True."""
    weights = _weights(images, weights)
    return _blended(images, weights / weights.sum())[None]


@misconception(
    "blend",
    hint="The values are right, and the weights have changed: /= writes into the tensor that it was given.",
)
def weights_normalised_in_place(images, weights=None):
    """The caller's weights are divided."""
    weights = _weights(images, weights)
    weights /= weights.sum()
    return _blended(images, weights)


@misconception(
    "blend",
    hint="The values are right, and no gradient flows: something on the way leaves torch or is detached.",
)
def blended_without_gradient(images, weights=None):
    """Computed with NumPy."""
    weights = _weights(images, weights)
    return _blended(images.detach(), weights / weights.sum())


# ------------------------------------------------------------------------------------------- colour


def _neighbours(lightness: Tensor, stored: Tensor, k: int) -> Tensor:
    return _sorted(_squared(lightness.flatten(1), stored.flatten(1)), k)[0]


@misconception(
    "transfer_color",
    hint="More neighbours change nothing: the colour is that of the nearest alone.",
)
def color_of_the_nearest_alone(lightness, stored_lightness, stored_ab, k):
    """k = 1, whatever k is."""
    return stored_ab[_neighbours(lightness, stored_lightness, 1)[:, 0]]


@misconception(
    "transfer_color",
    hint="The colours are k times too strong: are the neighbours averaged, or added up?",
)
def color_of_the_sum(lightness, stored_lightness, stored_ab, k):
    """Not divided by k."""
    return stored_ab[_neighbours(lightness, stored_lightness, k)].sum(dim=1)


@misconception(
    "transfer_color",
    hint="A colour comes out, though less grey than the mean: the task asks for the mean of the neighbours. "
    "Look at what you take over them.",
)
def color_of_the_median(lightness, stored_lightness, stored_ab, k):
    """The L1 optimum, channel by channel."""
    return stored_ab[_neighbours(lightness, stored_lightness, k)].median(dim=1).values


@misconception(
    "transfer_color",
    hint="With one neighbour right, with several not: nearer ones count more for you, and the docstring says "
    "how much each counts.",
)
def nearer_neighbours_count_more(lightness, stored_lightness, stored_ab, k):
    """Weights 1 / d."""
    squared = _squared(lightness.flatten(1), stored_lightness.flatten(1))
    indices, values = _sorted(squared, k)
    weights = 1 / (values.sqrt() + 1e-6)
    shares = weights / weights.sum(dim=1, keepdim=True)
    return torch.einsum("nk,nkchw->nchw", shares, stored_ab[indices])


@misconception(
    "transfer_color",
    hint="Pictures are found that are as bright as the query on the whole, whatever they show: compare pixel "
    "with pixel.",
)
def compared_by_mean_lightness(lightness, stored_lightness, stored_ab, k):
    """One number for each picture."""
    mean = lightness.flatten(1).mean(dim=1, keepdim=True)
    stored_mean = stored_lightness.flatten(1).mean(dim=1, keepdim=True)
    return stored_ab[_neighbours(mean, stored_mean, k)].mean(dim=1)


@misconception(
    "transfer_color",
    hint="Those that resemble the query least lend their colours: which end of the sorted row is near?",
)
def color_of_the_farthest(lightness, stored_lightness, stored_ab, k):
    """topk, which takes the largest."""
    squared = _squared(lightness.flatten(1), stored_lightness.flatten(1))
    return stored_ab[the_farthest(squared, k)[0]].mean(dim=1)


@misconception(
    "transfer_color",
    hint="Reds and yellows, greens and blues are exchanged: a comes first, then b.",
)
def a_and_b_exchanged(lightness, stored_lightness, stored_ab, k):
    """The channels in the other order."""
    return stored_ab[_neighbours(lightness, stored_lightness, k)].mean(dim=1).flip(1)


@misconception(
    "transfer_color",
    hint="Each picture comes out in a single colour: over which dimensions do you average?",
)
def averaged_over_the_pixels(lightness, stored_lightness, stored_ab, k):
    """The mean over too many dimensions."""
    mean = stored_ab[_neighbours(lightness, stored_lightness, k)].mean(dim=(1, 3, 4), keepdim=True)[
        :, 0
    ]
    return mean.expand(-1, -1, *stored_ab.shape[2:]).clone()


@misconception(
    "transfer_color",
    hint="A double goes in and a float comes out: in which dtype does the docstring want the result?",
)
def color_in_single_precision(lightness, stored_lightness, stored_ab, k):
    """.float() at the end."""
    return stored_ab[_neighbours(lightness, stored_lightness, k)].mean(dim=1).float()


# ------------------------------------------------------------------------------------------ k-means


def _assigned(points: Tensor, centers: Tensor) -> Tensor:
    return _squared(points, centers).argmin(dim=1)


def _moved(points: Tensor, centers: Tensor, nearest: Tensor) -> Tensor:
    member = F.one_hot(nearest, len(centers)).to(points)
    count = member.sum(dim=0)[:, None]
    return torch.where(count > 0, member.T @ points / count.clamp(min=1), centers)


def _lloyd(points: Tensor, centers: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    for _ in range(steps):
        centers = _moved(points, centers, _assigned(points, centers))
    return centers, _assigned(points, centers)


@misconception(
    "kmeans",
    hint="A centre without points turns into nan: a mean over nothing divides by zero. "
    "What does the docstring say of such a centre?",
)
def empty_cluster_is_nan(points, centers, steps=10):
    """0 / 0."""
    for _ in range(steps):
        member = F.one_hot(_assigned(points, centers), len(centers)).to(points)
        centers = member.T @ points / member.sum(dim=0)[:, None]
    return centers, _assigned(points, centers)


@misconception(
    "kmeans",
    hint="A centre without points jumps to the origin: what does the docstring say of such a centre?",
)
def empty_cluster_to_the_origin(points, centers, steps=10):
    """0 / 1."""
    for _ in range(steps):
        member = F.one_hot(_assigned(points, centers), len(centers)).to(points)
        centers = member.T @ points / member.sum(dim=0)[:, None].clamp(min=1)
    return centers, _assigned(points, centers)


@misconception(
    "kmeans",
    hint="A centre without points jumps to a point: that is a remedy too, but the docstring names another.",
)
def empty_cluster_to_a_point(points, centers, steps=10):
    """Started anew at the first point."""
    for _ in range(steps):
        nearest = _assigned(points, centers)
        empty = torch.bincount(nearest, minlength=len(centers)) == 0
        centers = torch.where(empty[:, None], points[:1], _moved(points, centers, nearest))
    return centers, _assigned(points, centers)


@misconception(
    "kmeans",
    hint="Centres and assignment do not belong together: the assignment is one move behind. "
    "To which centres does the docstring assign the points?",
)
def assignment_one_move_behind(points, centers, steps=10):
    """The last move is not followed by an assignment."""
    nearest = _assigned(points, centers)
    for _ in range(steps):
        nearest = _assigned(points, centers)
        centers = _moved(points, centers, nearest)
    return centers, nearest


@misconception(
    "kmeans",
    hint="After one step it is right, after several it is not: are the points assigned anew in each step?",
)
def assigned_only_once(points, centers, steps=10):
    """The assignment is made before the loop."""
    nearest = _assigned(points, centers)
    for _ in range(steps):
        centers = _moved(points, centers, nearest)
    return centers, _assigned(points, centers)


@misconception(
    "kmeans",
    hint="One move too many or too few: count them for steps = 1, and for steps = 0.",
)
def one_step_too_many(points, centers, steps=10):
    """range(steps + 1)."""
    return _lloyd(points, centers, steps + 1)


@misconception(
    "kmeans",
    hint="One move too many or too few: count them for steps = 1, and for steps = 0.",
)
def one_step_too_few(points, centers, steps=10):
    """The last move is left out."""
    return _lloyd(points, centers, max(steps - 1, 0))


@misconception(
    "kmeans",
    hint="Right where a number of steps is given; without one, it goes on for too long: see the docstring.",
)
def until_nothing_moves(points, centers, steps=100):
    """Another default."""
    return _lloyd(points, centers, steps)


@misconception(
    "kmeans",
    hint="Centres come to lie where few points are: a centre goes to the mean of its points. "
    "Which of them do you take?",
)
def centers_at_the_median(points, centers, steps=10):
    """k-medians."""
    for _ in range(steps):
        nearest = _assigned(points, centers)
        groups = [points[nearest == number] for number in range(len(centers))]
        moved = [
            g.median(dim=0).values if len(g) else c for g, c in zip(groups, centers, strict=True)
        ]
        centers = torch.stack(moved)
    return centers, _assigned(points, centers)


@misconception(
    "kmeans",
    hint="The values are right, and the centres that you were given have moved: writing into a slice changes "
    "the caller's tensor.",
)
def centers_moved_in_place(points, centers, steps=10):
    """No copy is made."""
    for _ in range(steps):
        centers.copy_(_moved(points, centers, _assigned(points, centers)))
    return centers.clone(), _assigned(points, centers)


# ------------------------------------------------------------------------------------- visual words


def _words(descriptors: Tensor, words: Tensor) -> Tensor:
    """(B, P, K) one-hot codes."""
    squared = (descriptors[:, :, None] - words).square().sum(dim=-1)
    return F.one_hot(squared.argmin(dim=-1), len(words)).to(descriptors)


@misconception(
    "bag_of_visual_words",
    hint="The entries are whole numbers: an image with more patches has a longer histogram. "
    "What does the docstring say of an image's sum?",
)
def histogram_not_normalised(descriptors, words):
    """Counts."""
    return _words(descriptors, words).sum(dim=1)


@misconception(
    "bag_of_visual_words",
    hint="Each image's entries have length 1 and not sum 1: look at which norm the docstring divides by.",
)
def normalised_to_length_one(descriptors, words):
    """L2 instead of L1."""
    return F.normalize(_words(descriptors, words).sum(dim=1), dim=1)


@misconception(
    "bag_of_visual_words",
    hint="Each image has one single word: the descriptors are averaged before they are looked up. "
    "First a word for each, then the pooling.",
)
def pooled_before_assigned(descriptors, words):
    """The word of the mean descriptor."""
    return _words(descriptors.mean(dim=1, keepdim=True), words)[:, 0]


@misconception(
    "bag_of_visual_words",
    hint="Every entry is 0 or the same share: a word that occurs five times should count five times.",
)
def presence_instead_of_frequency(descriptors, words):
    """Does a word occur at all?"""
    present = _words(descriptors, words).amax(dim=1)
    return present / present.sum(dim=1, keepdim=True)


@misconception(
    "bag_of_visual_words",
    hint="The shares sum to 1 over the images, or over everything, and not for each image: along which "
    "dimension do you divide?",
)
def normalised_over_everything(descriptors, words):
    """Divided by the sum over the batch."""
    counts = _words(descriptors, words).sum(dim=1)
    return counts / counts.sum()


@misconception(
    "bag_of_visual_words",
    hint="Every word has a share in every image: a descriptor votes for its nearest word alone.",
)
def soft_assignment(descriptors, words):
    """A softmax over the words."""
    return torch.softmax(-(descriptors[:, :, None] - words).square().sum(dim=-1), dim=-1).mean(
        dim=1
    )


@misconception(
    "bag_of_visual_words",
    hint="The words that resemble the patches least are counted: which end of the distances is near?",
)
def farthest_word(descriptors, words):
    """argmax."""
    squared = (descriptors[:, :, None] - words).square().sum(dim=-1)
    return F.one_hot(squared.argmax(dim=-1), len(words)).to(descriptors).mean(dim=1)


@misconception(
    "bag_of_visual_words",
    hint="All images have the same histogram: count each image's descriptors on their own.",
)
def one_histogram_for_all(descriptors, words):
    """The batch is flattened, and never taken apart again."""
    return _words(descriptors, words).mean(dim=(0, 1)).expand(len(descriptors), -1).clone()


@misconception(
    "bag_of_visual_words",
    hint="A double goes in and a float comes out: in which dtype does the docstring want the result?",
)
def histogram_in_single_precision(descriptors, words):
    """.float()."""
    return _words(descriptors, words).float().mean(dim=1)
