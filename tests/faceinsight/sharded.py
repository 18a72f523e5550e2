"""`python -m tests.faceinsight.sharded`: the command line with FSDP2 on CPUs, run by a test under torchrun.

accelerate shards only over accelerators, and takes processes on CPUs for DDP whatever it is told. Here it is made to
believe that they are GPUs; everything behind that, torch's fully_shard over gloo included, is what runs on real ones.
"""

import sys
from typing import Any

from accelerate.state import DistributedType, PartialState
from torch.distributed.tensor import DTensor
from transformers import Trainer

from faceinsight import trainer
from harness.__main__ import main

_started = PartialState.__init__


def _start(self: PartialState, *words: Any, **named: Any) -> None:
    _started(self, *words, **named)
    if self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type = DistributedType.MULTI_GPU


def _step(self: trainer.LeanTrainer, model: Any, *words: Any, **named: Any) -> Any:
    """Says whether the weights really are sharded."""
    if self.state.global_step == 0:
        kinds = {isinstance(weight, DTensor) for weight in model.parameters()}
        sys.stdout.write(f"sharded: {self.is_fsdp_enabled and kinds == {True}}\n")
    return Trainer.training_step(self, model, *words, **named)


if __name__ == "__main__":
    PartialState.__init__ = _start
    trainer.LeanTrainer.training_step = _step
    main()
