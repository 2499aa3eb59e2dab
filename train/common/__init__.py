"""What every training shares: the loop, its curve, metrics with intervals, and training on several GPUs (`ddp`)."""
