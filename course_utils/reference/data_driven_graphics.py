"""Pictures from stored examples: the functions of assignment 0.

The lecture's review: compare, look up, vote, blend; and computer vision before 2012, which
clustered descriptors to visual words and counted them (Sivic and Zisserman, *Video Google*, ICCV
2003; Csurka et al.,
*Visual Categorization with Bags of Keypoints*, 2004).
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def pairwise_squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """The squared Euclidean distance of every row of `a` to every row of `b`.

    Never negative, and as exact as its dtype allows also far from the origin: in float32, rows with
    a mean of 1000 that differ by 1 are told apart. The result has a's dtype. Differentiable by
    both.

    a        (N, D)  descriptors, of any size and sign
    b        (M, D)  others, of a's dtype
    returns  (N, M)  entry (i, j) is the sum over d of (a[i, d] - b[j, d])^2
    """
    # Differences first: |a|^2 - 2 ab + |b|^2 takes less memory, and loses all the digits that a and
    # b share.
    return (a[:, None] - b).square().sum(dim=-1)


def nearest_neighbors(squared_distances: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k nearest of M stored examples for each of N queries, the nearest first.

    Of examples at the same distance, the one with the lower index comes first.

    squared_distances  (N, M)  of each query to each stored example
    k                  how many, 1 <= k <= M
    returns            indices   (N, k)  int64, into the M stored examples
                       squared   (N, k)  their squared distances, in the dtype of squared_distances
    """
    nearest = torch.sort(squared_distances, dim=1, stable=True)
    return nearest.indices[:, :k], nearest.values[:, :k]


def vote(labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Elect a label: the class with the most votes, or with the largest sum of weights.

    Labels are names, not quantities. Of classes with equally many votes, the one that the nearest
    neighbour among their voters has wins.

    labels   (N, k)  int64, >= 0: the labels of each query's neighbours, the nearest first
    weights  (N, k)  floating point, >= 0: how much each vote counts; None for one vote each
    returns  (N,)    int64
    """
    weights = torch.ones(labels.shape) if weights is None else weights
    # (N, k, k): does neighbour j vote as neighbour i does?
    same = labels[:, :, None] == labels[:, None]
    votes = (same * weights[:, None]).sum(dim=-1)  # (N, k): for the class of neighbour i
    # The first of several largest is the nearest one's.
    return labels.gather(1, votes.argmax(dim=1, keepdim=True))[:, 0]


def blend(images: Tensor, weights: Tensor | None = None) -> Tensor:
    """The weighted mean of aligned images, of the numbers as they are stored (no gamma is undone).

    Weights count in proportion: they are divided by their sum. The result has the images' dtype.
    Differentiable by the images.

    images   (N, C, H, W)  floating point
    weights  (N,)          of the images' dtype, >= 0, not all 0; None for a plain average
    returns  (C, H, W)
    """
    weights = torch.ones(len(images)).to(images) if weights is None else weights
    return torch.einsum("n,nchw->chw", weights / weights.sum(), images)


def transfer_color(
    lightness: Tensor, stored_lightness: Tensor, stored_ab: Tensor, k: int
) -> Tensor:
    """Colour grey pictures with the average colour of their k nearest stored examples.

    Nearest by squared distance of the lightness, over all pixels; every neighbour counts the same.
    Where examples tie for the last place, any of them may have it. The result has stored_ab's
    dtype.

    lightness         (N, 1, H, W)  the grey queries
    stored_lightness  (M, 1, H, W)  of the stored examples
    stored_ab         (M, 2, h, w)  their colours, perhaps at another size, or of the middle pixel
                      alone
    k                 neighbours to average, 1 <= k <= M
    returns           (N, 2, h, w)
    """
    distances = pairwise_squared_distances(lightness.flatten(1), stored_lightness.flatten(1))
    indices, _ = nearest_neighbors(distances, k)
    return stored_ab[indices].mean(dim=1)  # (N, k, 2, h, w) -> (N, 2, h, w)


def kmeans(points: Tensor, centers: Tensor, steps: int = 10) -> tuple[Tensor, Tensor]:
    """Lloyd's algorithm (1982): `steps` times, assign every point, then move every centre.

    Assign: each point belongs to its nearest centre. Move: each centre goes to the mean of its
    points; a centre without points stays where it is. A point half-way between two centres may go
    to either.

    points   (N, D)  floating point
    centers  (K, D)  where the centres start, of the points' dtype
    steps    how often to assign and move, >= 0
    returns  centers     (K, D)  after the last move, in the points' dtype
             assignment  (N,)    int64: the centre, of those returned, that is nearest to each point
    """
    for _ in range(steps):
        nearest = pairwise_squared_distances(points, centers).argmin(dim=1)
        member = F.one_hot(nearest, len(centers)).to(points)  # (N, K)
        count = member.sum(dim=0)[:, None]  # (K, 1)
        centers = torch.where(count > 0, member.T @ points / count, centers)
    return centers, pairwise_squared_distances(points, centers).argmin(dim=1)


def bag_of_visual_words(descriptors: Tensor, words: Tensor) -> Tensor:
    """How often each visual word occurs in each image: where in the image is forgotten.

    Each descriptor counts for its nearest word alone; half-way between two words, for either of
    them. The result has the descriptors' dtype.

    descriptors  (B, P, D)  P descriptors of each of B images
    words        (K, D)     the vocabulary, of the descriptors' dtype
    returns      (B, K)     shares of the P descriptors: >= 0, and each image's sum to 1
    """
    nearest = pairwise_squared_distances(descriptors.flatten(0, 1), words).argmin(dim=1)
    return (
        F.one_hot(nearest, len(words))
        .to(descriptors)
        .unflatten(0, descriptors.shape[:2])
        .mean(dim=1)
    )
