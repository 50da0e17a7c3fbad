"""The training loop, its checkpoints, and how good what was trained is."""

from course_utils.training.loop import History, fit, plot_history, predict, shuffled_batches

__all__ = ["History", "fit", "plot_history", "predict", "shuffled_batches"]
