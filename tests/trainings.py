"""What tests of trainings watch them with."""

from transformers import TrainerCallback


class Losses(TrainerCallback):
    """Remembers the loss of every step, and may stop behind one as a kill would."""

    def __init__(self, last=None):
        self.seen, self.last = {}, last

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "loss" in logs:
            self.seen[state.global_step] = logs["loss"]

    def on_step_end(self, args, state, control, **kwargs):
        control.should_log = True
        control.should_training_stop |= state.global_step == self.last
