"""Soft light, computed once for each piece: a sky, a pale floor, a low sun behind thin cloud.

Many weak lamps all around replace the sky. Embree finds out which of them a point of the surface
sees. The lamps are the same for every point, so shadows are soft and free of noise.
"""

from typing import NamedTuple

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from trimesh.remesh import subdivide_to_size

from data_scripts.furniture.render.materials import Material, Part

Array = np.ndarray

SKY_LAMPS, SUN_LAMPS = 96, 7
SUN = np.array([-0.42, -0.58, 0.70])
SUN_SPREAD = 0.12  # radians: a sun as wide as this has shadows with soft edges
SUN_COLOR = np.array([1.0, 0.95, 0.87]) * 0.75
ZENITH = np.array([0.70, 0.75, 0.84])
HORIZON = np.array([0.62, 0.63, 0.65])
FLOOR = np.array([0.40, 0.385, 0.37])
FINEST, FINEST_SHARE = 0.07, 0.048  # metres, and of the diagonal
# A sharper edge is a crease; a flatter one is part of a round surface.
CREASE = np.cos(np.radians(38))
VOTES = 16  # rays that decide whether a point is inside a solid
DIM = 0.15  # points with less light are inside, or nearly
STEP_OFF = 2e-4  # metres from the surface, so that a ray does not hit where it starts


class Surface(NamedTuple):
    """A piece of furniture, lit: what a camera needs."""

    scene: EmbreeScene
    vertices: Array  # (V, 3) float64
    light: Array  # (F, 3, 3) float32, linear RGB that falls on each corner of each face
    normal: Array  # (F, 3, 3) float32, unit normals there
    part: Array  # (F,) which material each face has
    materials: list[Material]


def lit(parts: list[Part], finest: float | None = None) -> Surface:
    """Put the parts together and let the light fall on them.

    finest   metres: faces are cut until no side is longer, as light is known at their corners only;
             by default in proportion to the whole
    """
    vertices, faces, part = _joined(parts, finest)
    scene = EmbreeScene()
    TriangleMesh(scene, vertices.astype(np.float32), faces.astype(np.int32))
    at, normal, corner = _corners(vertices, faces)
    light, buried = _fallen_light(scene, vertices[at], normal)
    light = _spread(light, buried, corner)
    return Surface(
        scene=scene,
        vertices=vertices,
        light=light.astype(np.float32)[corner],
        normal=normal.astype(np.float32)[corner],
        part=part,
        materials=[p.material for p in parts],
    )


def _joined(parts: list[Part], finest: float | None) -> tuple[Array, Array, Array]:
    """All parts as one mesh of small faces.

    returns  (V, 3) vertices, (F, 3) faces, (F,) part of each face
    """
    vertices = np.concatenate([p.solid.vertices for p in parts])
    if not np.isfinite(vertices).all():
        raise ValueError("A solid has vertices that are no numbers.")
    offsets = np.cumsum([0] + [len(p.solid.vertices) for p in parts[:-1]])
    faces = np.concatenate([p.solid.faces + o for p, o in zip(parts, offsets, strict=True)])
    part = np.repeat(np.arange(len(parts)), [len(p.solid.faces) for p in parts])
    diagonal = float(np.linalg.norm(np.ptp(vertices, axis=0)))
    finest = finest or max(FINEST, FINEST_SHARE * diagonal)
    vertices, faces, origin = subdivide_to_size(
        vertices, faces, finest, max_iter=20, return_index=True
    )
    return vertices, faces, part[origin]


def _corners(vertices: Array, faces: Array) -> tuple[Array, Array, Array]:
    """Split each vertex into one corner for each smooth surface that meets there.

    returns  (C,) vertex of each corner, (C, 3) its normal, (F, 3) the corners of each face
    """
    a, b, c = vertices[faces].swapaxes(0, 1)
    weighted = np.cross(b - a, c - a)  # as long as the face is large: large faces count for more
    unit = weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-12)
    # Each use of a vertex by a face, with all uses of that vertex.
    use, other = _pairs_at_a_vertex(faces.ravel())
    smooth = np.einsum("ij,ij->i", unit[use // 3], unit[other // 3]) > CREASE
    normal = np.zeros((faces.size, 3))
    for axis in range(3):
        weights = weighted[other[smooth] // 3, axis]
        normal[:, axis] = np.bincount(use[smooth], weights=weights, minlength=faces.size)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    key = np.column_stack([faces.ravel(), np.round(normal * 50)]).astype(np.int64)
    number = key @ (1 << 24, 1 << 16, 1 << 8, 1)
    _, first, corner = np.unique(number, return_index=True, return_inverse=True)
    return faces.ravel()[first], normal[first], corner.reshape(faces.shape)


def _pairs_at_a_vertex(uses: Array) -> tuple[Array, Array]:
    """All ordered pairs (i, j) with uses[i] == uses[j]."""
    order = np.argsort(uses, kind="stable")
    count = np.bincount(uses)
    start = np.cumsum(count) - count
    many = count[uses[order]]
    left = np.repeat(order, many)
    within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    return left, order[np.repeat(start[uses[order]], many) + within]


def _lamps() -> tuple[Array, Array]:
    """(K, 3) directions of all lamps, and the (K, 3) linear RGB that each sends."""
    sphere = _evenly_spread(SKY_LAMPS)
    up = sphere[:, 2:]
    sky = np.where(up > 0, HORIZON + (ZENITH - HORIZON) * up, FLOOR)
    sky *= 4 / SKY_LAMPS  # under an even sky of brightness 1, a level surface gets 1
    sun = SUN + SUN_SPREAD * _evenly_spread(SUN_LAMPS)
    directions = np.concatenate([sphere, sun / np.linalg.norm(sun, axis=1, keepdims=True)])
    return directions, np.concatenate([sky, np.tile(SUN_COLOR / SUN_LAMPS, (SUN_LAMPS, 1))])


def _evenly_spread(count: int) -> Array:
    """(count, 3) points of the unit sphere, on a Fibonacci spiral."""
    index = np.arange(count) + 0.5
    height = 1 - 2 * index / count
    angle = index * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=-1)


def _fallen_light(scene: EmbreeScene, points: Array, normals: Array) -> tuple[Array, Array]:
    """(C, 3) light at each corner, and (C,) whether it is inside another part, in the dark."""
    directions, colors = _lamps()
    facing = normals @ directions.T  # (C, K) cosines
    origins = (points + STEP_OFF * normals).astype(np.float32)
    corner, lamp = np.nonzero(facing > 0.02)
    # Whether anything is in the way is quicker to ask than what.
    free = scene.run(origins[corner], directions.astype(np.float32)[lamp], query="OCCLUDED") < 0
    corner, lamp = corner[free], lamp[free]
    given = facing[corner, lamp]
    light = np.zeros((len(points), 3))
    for channel in range(3):
        weights = given * colors[lamp, channel]
        light[:, channel] = np.bincount(corner, weights=weights, minlength=len(points))
    dark = np.flatnonzero(light.max(axis=1) < DIM)
    buried = np.zeros(len(points), bool)
    buried[dark] = _inside(scene, origins[dark], normals[dark])
    return light, buried


def _inside(scene: EmbreeScene, origins: Array, normals: Array) -> Array:
    """(n,) whether points are inside a solid.

    A ray that leaves through the back of a face began inside.
    """
    directions = _evenly_spread(VOTES)
    point, way = np.nonzero(normals @ directions.T > 0.02)
    towards = directions.astype(np.float32)[way]
    hit = scene.run(origins[point], towards, query="INTERSECT", output=1)
    backwards = np.einsum("ij,ij->i", hit["Ng"], towards) > 0
    at_once = hit["tfar"] < STEP_OFF  # the ray starts in a face
    out = (hit["primID"] >= 0) & (backwards | at_once)
    votes, voters = (np.bincount(point, weights=w, minlength=len(origins)) for w in (out, None))
    return votes > 0.5 * voters


def _spread(light: Array, buried: Array, corner: Array) -> Array:
    """Give buried corners their neighbours' light, or it would be dark around every joint."""
    known = ~buried
    edges = corner[:, [0, 1, 1, 2, 2, 0, 1, 0, 2, 1, 0, 2]].reshape(-1, 2)
    for _ in range(8):
        use = edges[known[edges[:, 0]] & ~known[edges[:, 1]]]
        if not len(use):
            break
        many = np.bincount(use[:, 1], minlength=len(light))
        reached = many > 0
        for channel in range(3):
            total = np.bincount(use[:, 1], weights=light[use[:, 0], channel], minlength=len(light))
            light[reached, channel] = total[reached] / many[reached]
        known = known | reached
    return light
