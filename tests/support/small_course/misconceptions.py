"""Wrong answers to the small assignment."""

from autograder.misconceptions import misconception


@misconception("gray", hint="Green looks too dark: are the three weighted alike?")
def plain_mean(images):
    return images.mean(dim=1, keepdim=True)


@misconception(
    "standardize", hint="The channels differ in contrast afterwards: over what is the mean taken?"
)
def over_everything(images):
    return (images - images.mean()) / images.std()


@misconception("softmax", hint="Large scores give NaN: what is exp(1000)?")
def without_the_maximum(logits):
    return logits.exp() / logits.exp().sum(dim=1, keepdim=True)


@misconception(
    "enlarge", hint="The picture is there several times: are pixels repeated, or pictures?"
)
def tiled(images, factor):
    return images.repeat(1, 1, factor, factor)


@misconception("total_variation", hint="Falling ramps count for nothing: is a sign missing?")
def without_the_absolute(images):
    down = (images[:, :, 1:] - images[:, :, :-1]).mean()
    return down + (images[..., 1:] - images[..., :-1]).mean()
