"""What every training shares: the loop, its curve and progress, metrics with intervals, several GPUs (`ddp`)."""
